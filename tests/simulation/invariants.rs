//! What must hold after every step (the invariants of the design), as bounds in virtual time.
//!
//! A condition that is broken must be mended before its bound ends; the time begins anew when the host that it is asked of
//! has only just become well. Checked exactly: before anything happens, every bound that ended earlier is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::case::Setting;
use crate::clock::{MS, SECOND, Time};
use crate::command::Command;
use crate::event::Event;
use crate::fabric::Path;
use crate::fleet::{AUDIT, Fleet, HOLD, RESTART};
use crate::guests::Stage;
use crate::host::Part;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// 1. A VM that executes on a host is announced by it, on `arrived` or `active`.
    Announced,
    /// 2. A host on which it does not execute has it at most on `standby`.
    Above,
    /// 2. A host on which it is not at all announces nothing of it.
    Gone,
    /// 3. Every router prefers the host on which it executes.
    Preferred,
    /// 4. Nothing is announced that is not this host's to announce, and nothing of others is touched.
    Forbidden,
    /// 5. An agent that has only just begun, and lists, wants what stands.
    Restart,
    /// 6. What stands as it is wanted is not said again.
    Repeated,
    /// 7. A false route is `unsure` or gone within the lease, whatever has died.
    False,
    /// 7. The route of a VM that stays does not go away.
    Flap,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// An invariant that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) at: Time,
    pub(crate) words: String,
}

type Key = (Rule, usize, usize);

/// The bounds of one setting.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    fast: Time,
    spread: Time,
    recover: Time,
    lower: Time,
    cut: Time,
    lease: Time,
}

impl Bounds {
    fn new(setting: &Setting) -> Self {
        // An event takes at most 40 ms to the agent's process and 0.2 ms within it; a word from there over the relay to
        // ExaBGP 10 ms, a turn of its reactor 25 ms, an UPDATE 20 ms. A step that is open for the same prefix has to be
        // acknowledged first (another 25 + 10 ms, and up to 25 lines of others in the same turns), and a look, where an
        // event tells too little, waits for 800 ms, twice where one was on its way. A withdraw that met a session's first
        // batch is repeated after 600 ms.
        let fast = 40 * MS + MS + 2 * (10 + 25 + 20 + 25 + 10) * MS + 2 * 800 * MS + 600 * MS;
        // Three hops of at most 40 ms, and what was better before is explored once.
        let spread = 2 * 3 * 40 * MS;
        // All parts are back: the back-off of a connection to libvirt (5 s), a list that libvirt stalls (1.6 s) behind
        // another one; a session's next attempt (3 s); an agent that stood still waits for 5 s.
        let recover = (5 + 2 * 2 + 3 + 5) * SECOND;
        let lease = setting.lease * SECOND;
        Self {
            fast,
            spread,
            recover,
            // An agent that hangs is given up after 3 s, waited for another 1 s, the fence and ExaBGP's turns.
            lower: 3 * SECOND + SECOND + SECOND,
            cut: HOLD + if setting.graceful { RESTART } else { 0 } + 5 * SECOND,
            lease,
        }
    }
}

/// What is broken since when, and what is to be looked at again.
#[derive(Debug)]
pub(crate) struct Watch {
    bounds: Bounds,
    since: BTreeMap<Key, (Time, Time)>,
    ends: BTreeSet<(Time, Key)>,
    touched: BTreeSet<usize>,
    all: bool,
    found: Option<Broken>,
}

impl Watch {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            bounds: Bounds::new(setting),
            since: BTreeMap::new(),
            ends: BTreeSet::new(),
            touched: BTreeSet::new(),
            all: true,
            found: None,
        }
    }

    /// Something about a VM has changed.
    pub(crate) fn vm(&mut self, vm: usize) {
        self.touched.insert(vm);
    }

    /// Something about a prefix of a VM has changed.
    pub(crate) fn prefix(&mut self, vm: Option<usize>) {
        self.touched.extend(vm);
    }

    /// Something about a host has changed.
    pub(crate) const fn everything(&mut self) {
        self.all = true;
    }

    fn report(&mut self, rule: Rule, at: Time, words: String) {
        self.found.get_or_insert(Broken { rule, at, words });
    }

    fn set(&mut self, key: Key, bad: bool, end: Time, now: Time) {
        match (self.since.get(&key).copied(), bad) {
            (None, true) => {
                self.since.insert(key, (now, end));
                self.ends.insert((end, key));
            }
            (Some((_, end)), false) => {
                self.since.remove(&key);
                self.ends.remove(&(end, key));
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

impl Fleet {
    /// Looks at what the last step has changed.
    pub(crate) fn check(&mut self) -> Option<Broken> {
        let all = std::mem::take(&mut self.watch.all);
        let touched = std::mem::take(&mut self.watch.touched);
        if all {
            for vm in 0..self.guests.len() {
                self.check_vm(vm);
            }
        } else {
            for vm in touched {
                self.check_vm(vm);
            }
        }
        self.watch.found.take()
    }

    /// Whether a bound ends before something that is due at `at`.
    pub(crate) fn check_before(&mut self, at: Time) -> Option<Broken> {
        while let Some((end, key)) = self.watch.ends.first().copied().filter(|(end, _)| *end < at) {
            let (rule, vm, host) = key;
            self.watch.ends.remove(&(end, key));
            let since = self.watch.since.remove(&key).map_or(0, |(since, _)| since);
            if let Some(later) = self.excuse(key, since).filter(|later| *later > end) {
                self.watch.since.insert(key, (since, later));
                self.watch.ends.insert((later, key));
                continue;
            }
            let told = self.announced(vm);
            let words = format!(
                "vm {vm} on host {host} since {since}: it is {:?} and runs on {:?}; announced {told:?}",
                self.guests[vm].stage, self.guests[vm].runs
            );
            return Some(Broken { rule, at: end, words });
        }
        None
    }

    /// Who announces a VM, in words.
    fn announced(&self, vm: usize) -> Vec<String> {
        let mut told = Vec::new();
        for prefix in self.prefixes_of(vm) {
            for host in 0..self.hosts.len() {
                if let Some(path) = self.fabric.heard_of(host, prefix) {
                    told.push(format!("{host}: {} on {:?}", self.prefixes[prefix].0, path.rung));
                }
            }
        }
        told
    }

    /// When a broken condition has no excuse any more, by what is the case when its bound ends.
    fn excuse(&self, (rule, vm, _): Key, since: Time) -> Option<Time> {
        let Bounds { fast, spread, lower, cut, lease, .. } = self.watch.bounds;
        match rule {
            Rule::Preferred => {
                // Another host, on which something is wrong, still has a good route.
                let runs = self.guests[vm].runs;
                let others = self.prefixes_of(vm).flat_map(|prefix| self.fabric.best(prefix));
                let others = others.map(|(_, path)| path.origin).filter(|host| Some(*host) != runs);
                others
                    .filter_map(|host| {
                        let one = &self.hosts[host];
                        let fault = since.max(self.guests[vm].since);
                        if one.reached_from + cut > fault {
                            // Cut off, or without an agent that runs: for the hold time; it may lie within its lease.
                            Some(fault + cut.max(lease) + fast + spread)
                        } else if one.well_from + lower > fault {
                            Some(fault + lower + fast + spread)
                        } else {
                            None
                        }
                    })
                    .max()
            }
            Rule::Announced
            | Rule::Above
            | Rule::Gone
            | Rule::Forbidden
            | Rule::Restart
            | Rule::Repeated
            | Rule::False
            | Rule::Flap => None,
        }
    }

    pub(crate) fn prefixes_of(&self, vm: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.prefixes.len()).filter(move |prefix| self.prefixes[*prefix].1 == Some(vm))
    }

    fn check_vm(&mut self, vm: usize) {
        if vm >= self.setting().vms {
            return;
        }
        let now = self.clock.now();
        let Bounds { fast, spread, recover, cut, lease, .. } = self.watch.bounds;
        let (stage, runs) = (self.guests[vm].stage, self.guests[vm].runs);
        let prefixes: Vec<usize> = self.prefixes_of(vm).collect();
        for host in 0..self.hosts.len() {
            let one = &self.hosts[host];
            let well = one.well_from <= now;
            // What has become well a moment ago is given its time.
            let (quick, again) = (now + fast, one.well_from.max(one.reloaded_at) + recover);
            let end = if again > quick && well && one.well_from.max(one.reloaded_at) + recover > now {
                again
            } else {
                quick
            };
            let managed = !one.held.contains(&vm) && !one.without.contains(&vm);
            let rungs: Vec<Option<u32>> = prefixes
                .iter()
                .map(|prefix| self.fabric.heard_of(host, *prefix).map(|path: Path| path.rung.unwrap_or(9)))
                .collect();
            let here = runs == Some(host);
            let none = rungs.iter().all(Option::is_none);
            let good = rungs.iter().any(|rung| rung.is_some_and(|rung| rung <= 1));
            let sure = rungs.iter().any(|rung| rung.is_some_and(|rung| rung <= 2));
            let announced = rungs.iter().all(|rung| rung.is_some_and(|rung| rung <= 1));
            let was_fenced = self.guests[vm].fenced.contains(&host);
            let mut set = |rule, bad, end| self.watch.set((rule, vm, host), bad, end, now);
            set(Rule::Announced, well && managed && here && !announced, end);
            set(Rule::Above, well && !here && sure, end);
            let is_there = stage.involves(host) || was_fenced;
            set(Rule::Gone, well && !is_there && !none, end);
            let longest = lease.max(if one.reached_from > now { cut } else { 0 }) + 10 * SECOND;
            set(Rule::False, !here && good, now + longest);
            let preferred = prefixes.iter().all(|prefix| {
                let mut best = self.fabric.best(*prefix);
                let (count, right) = best
                    .by_ref()
                    .fold((0, true), |(count, right), (_, path)| (count + 1, right && path.origin == host));
                right && count == self.fabric.count()
            });
            let quick = if end == now + fast { end + spread } else { end };
            self.watch.set((Rule::Preferred, vm, host), well && managed && here && !preferred, quick, now);
        }
    }

    /// A command that ExaBGP took.
    pub(crate) fn judge_command(&mut self, host: usize, command: &Command) {
        let now = self.clock.now();
        let one = &self.hosts[host];
        let (prefix, announced) = match command {
            Command::Announce(prefix, told) => (prefix, Some(told)),
            Command::Withdraw(prefix, _) => (prefix, None),
            Command::EndOfRib(_)
            | Command::Summary
            | Command::Configuration
            | Command::Table
            | Command::Nobody => return,
        };
        let owner = self.index.get(prefix).and_then(|index| self.prefixes[*index].1);
        let Some(vm) = owner else {
            let words = format!("host {host} is told about {prefix}, which is no VM's: {command:?}");
            return self.watch.report(Rule::Forbidden, now, words);
        };
        let Some(told) = announced else { return };
        // What the relay has left to do is of the time before.
        let agent_speaks = one.agent.is_some() && one.relay.as_ref().is_some_and(|run| run.link.is_some());
        let unwanted = one.held.contains(&vm) || one.without.contains(&vm);
        let settled = one.well_from.max(one.reloaded_at) + self.watch.bounds.recover < now;
        let same = one.exabgp.as_ref().is_some_and(|exabgp| exabgp.rib.get(prefix) == Some(told));
        if unwanted && agent_speaks && settled {
            self.watch.report(
                Rule::Forbidden,
                now,
                format!("host {host} announces the held vm {vm}: {command:?}"),
            );
        } else if told.rung("82").is_none() {
            self.watch.report(
                Rule::Forbidden,
                now,
                format!("host {host} announces without its mark: {command:?}"),
            );
        } else if same && settled {
            self.watch.report(
                Rule::Repeated,
                now,
                format!("host {host} says again what stands: {command:?}"),
            );
        }
    }

    /// A host's route is gone at its switch.
    pub(crate) fn watch_for_flaps(&mut self, host: usize, prefix: usize, gone: bool) {
        let now = self.clock.now();
        let Some(vm) = self.prefixes[prefix].1.filter(|_| gone) else { return };
        let (one, guest) = (&self.hosts[host], &self.guests[vm]);
        let managed = !one.held.contains(&vm) && !one.without.contains(&vm);
        let long = guest.since.max(one.reloaded_at) + self.watch.bounds.recover < now;
        if guest.runs == Some(host) && managed && long && self.fabric.heard_of(host, prefix).is_some() {
            let words = format!(
                "host {host} takes the route of vm {vm} away, which runs there since {}",
                guest.since
            );
            self.watch.report(Rule::Flap, now, words);
        }
    }

    /// Holds every host on which nothing goes on against a core that has only just begun.
    pub(crate) fn audit(&mut self) {
        let now = self.clock.now();
        self.clock.after(AUDIT, Event::Audit);
        let calm = 2 * self.watch.bounds.recover;
        for host in 0..self.hosts.len() {
            let one = &self.hosts[host];
            if one.well_from.max(one.reloaded_at) + calm > now || one.life(Part::Agent) == 0 {
                continue;
            }
            let quiet = |vm: usize| {
                let guest = &self.guests[vm];
                guest.since + calm < now && matches!(guest.stage, Stage::Off | Stage::Here(_))
            };
            if !(0..self.guests.len()).all(quiet) {
                continue;
            }
            if let Some(words) = self.restarted_differs(host) {
                self.watch.report(Rule::Restart, now, words);
            }
        }
    }

    /// What a fresh core would want otherwise than it stands in ExaBGP.
    fn restarted_differs(&self, host: usize) -> Option<String> {
        let one = &self.hosts[host];
        let now = self.clock.instant();
        let rib = &one.exabgp.as_ref()?.rib;
        let stands: BTreeMap<roamd::route::Prefix, roamd::route::Rung> = rib
            .iter()
            .filter_map(|(prefix, told)| {
                Some((prefix.parse().ok()?, roamd::route::Rung::from_number(told.rung("82")?)?))
            })
            .collect();
        let mut core = roamd::mobility::Mobility::new(std::sync::Arc::clone(&one.config), now);
        core.found(stands.clone(), now);
        core.listed(now, &one.sightings(true));
        let wanted: BTreeMap<_, _> = one
            .config
            .vms
            .keys()
            .flat_map(|vm| core.routes(vm))
            .map(|route| (route.prefix, route.rung))
            .collect();
        (wanted != stands)
            .then(|| format!("host {host} has {stands:?}, and after a restart would want {wanted:?}"))
    }
}
