//! How long what is broken may stay so, and where each of these bounds comes from.

use crate::case::Setting;
use crate::clock::{MS, SECOND, Time};
use crate::doing::RELAY_HANGS;
use crate::fleet::{Fleet, Guest, HOLD, RESTART};
use crate::host::Part;
use crate::invariants::{Key, Rule};
use crate::session::AGAIN;

/// How often libvirt is listed, as every host is configured.
pub(crate) const RESYNC: Time = 10 * SECOND;

/// The bounds of one setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) fast: Time,
    pub(crate) spread: Time,
    pub(crate) recover: Time,
    pub(crate) lower: Time,
    pub(crate) cut: Time,
    pub(crate) lease: Time,
}

impl Bounds {
    pub(crate) fn new(setting: &Setting) -> Self {
        // An event takes at most 40 ms to the agent's process and 0.2 ms within it; a word from there over the relay to
        // ExaBGP 10 ms, a turn of its reactor 25 ms, an UPDATE 20 ms. A step that is open for the same prefix has to be
        // acknowledged first (another 25 + 10 ms, and up to 25 lines of others in the same turns), and a look, where an
        // event tells too little, waits for 800 ms, twice where one was on its way. A withdraw that met a session's first
        // batch is repeated after 600 ms.
        let fast = 40 * MS + MS + 2 * (10 + 25 + 20 + 25 + 10) * MS + 2 * 800 * MS + 600 * MS;
        // Three hops of at most 40 ms, and what was better before is explored once.
        let spread = 2 * 3 * 40 * MS;
        // All parts are back: the back-off of a connection to libvirt (5 s), a list that libvirt stalls (1.6 s) behind
        // another one; a session's next attempt (3 s, where a host was cut off); an agent that stood still waits for 5 s.
        let recover = (5 + 2 * 2 + 5) * SECOND + AGAIN - SECOND;
        let lease = setting.lease * SECOND;
        Self {
            fast,
            spread,
            recover,
            // An agent that hangs is given up after 3 s, waited for another 1 s, the fence and ExaBGP's turns.
            lower: 3 * SECOND + SECOND + SECOND,
            // The switch gives a session up after the hold time. When the host is back its speaker tries again, and with
            // graceful restart what it does not tell at once is kept for the restart time. Its turns and the UPDATEs take
            // less than a second.
            cut: HOLD + if setting.graceful { RESTART } else { 0 } + AGAIN + SECOND,
            lease,
        }
    }
}

impl Bounds {
    /// The same where so many prefixes of a host change at once, and a turn of ExaBGP's takes so long: 25 lines are out at a
    /// time, and what is the most urgent may have been decided last. Each batch is two turns, and the ways there and back.
    pub(crate) fn crowded(self, prefixes: u64, turn: Time) -> Self {
        let more = prefixes.div_ceil(25) * (2 * turn + 2 * (10 + 10) * MS);
        Self { fast: self.fast + more, lower: self.lower + more, recover: self.recover + more, ..self }
    }
}

impl Fleet {
    /// When a broken condition has no excuse any more, by what is the case when its bound ends.
    pub(crate) fn excuse(&self, (rule, vm, host): Key, since: Time) -> Option<Time> {
        let others = (0..self.hosts.len()).filter(|other| self.guests[vm].runs != Some(*other));
        let prefixes: Vec<usize> = self.prefixes_of(vm).collect();
        match rule {
            Rule::Preferred => {
                let draws =
                    |other: &usize| prefixes.iter().any(|prefix| self.fabric.leads_to(*other, *prefix));
                let spread = self.watch.bounds.spread;
                others
                    .filter(draws)
                    .filter_map(|other| self.goes_on(vm, other, since))
                    .max()
                    .map(|end| end + spread)
            }
            Rule::Tied => {
                let alike = |other: &usize| self.stand_alike(&prefixes, host, *other);
                others.filter(alike).filter_map(|other| self.goes_on(vm, other, since)).max()
            }
            Rule::False => Some(self.lapses(&prefixes, host, since)),
            Rule::Announced
            | Rule::Above
            | Rule::Gone
            | Rule::Forbidden
            | Rule::Restart
            | Rule::Repeated
            | Rule::Flap => None,
        }
    }

    /// Until when another host, on which something is wrong, may still have a good route.
    fn goes_on(&self, vm: usize, other: usize, since: Time) -> Option<Time> {
        let Bounds { fast, lower, cut, lease, .. } = self.watch.bounds;
        let one = &self.hosts[other];
        let Guest { since: began, runs, .. } = self.guests[vm];
        let fault = since.max(began);
        let prefixes: Vec<usize> = self.prefixes_of(vm).collect();
        let is_stale = || prefixes.iter().any(|prefix| self.fabric.is_stale(other, *prefix));
        let end = if one.reached_from + cut > fault {
            // Cut off, or with an agent that hangs: for the hold time; it may lie within its lease.
            fault + cut.max(lease) + fast
        } else if !one.session_up && is_stale() {
            // Its ExaBGP is away, and nobody can lower what the switch keeps for it, for the restart time.
            fault + cut + fast
        } else if one.well_from + lower > fault {
            fault + lower + self.lingers(other, fault) + fast
        } else {
            return None;
        };
        // An agent that was away as the VM began sees it in a list, which does not tell when: it does not beat a host that can't
        // tell either, before that one's lease ends.
        let unseen = runs.is_some_and(|host| self.hosts[host].agent_since > began);
        Some(if unseen { end.max(self.lapses(&prefixes, other, fault)) } else { end })
    }

    /// When a host that has a false route since then must have lowered it, by its lease at the latest.
    fn lapses(&self, prefixes: &[usize], host: usize, since: Time) -> Time {
        let Bounds { fast, cut, lease, .. } = self.watch.bounds;
        let one = &self.hosts[host];
        let hung = |part: Part| one.hung_until[part as usize] > since;
        // The lease counts from when the agent last knew: with a libvirtd that hangs, two lists are missed before.
        let unaware = if hung(Part::Libvirtd) { 2 * RESYNC } else { 0 };
        // Just then nothing comes through to the switch, or it keeps what it had over a restart.
        let kept = prefixes.iter().any(|prefix| self.fabric.is_stale(host, *prefix));
        let away = one.reached_from > since || hung(Part::Exabgp) || !one.session_up || kept;
        since + lease + unaware + self.lingers(host, since) + if away { cut } else { 0 } + fast
    }

    /// How much later it is where the relay that is to lower a route, or to pass on that it was lowered, hangs just then: until
    /// its watchdog ends it, and it is the next one that will.
    fn lingers(&self, host: usize, since: Time) -> Time {
        if self.hosts[host].hung_until[Part::Relay as usize] > since { RELAY_HANGS + SECOND } else { 0 }
    }

    /// Whether two hosts have the same rung for one of these prefixes.
    pub(crate) fn stand_alike(&self, prefixes: &[usize], host: usize, other: usize) -> bool {
        let rung = |host, prefix| self.fabric.heard_of(host, prefix).map(|path| path.rung);
        prefixes.iter().any(|prefix| {
            rung(host, *prefix).is_some_and(|here| rung(other, *prefix).is_some_and(|there| here == there))
        })
    }
}
