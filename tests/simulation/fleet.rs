//! The fleet: hosts, VMs and the fabric on one clock, and what happens to them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::case::{Case, Setting, local_as};
use crate::clock::{Clock, MS, SECOND, Time};
use crate::event::{Event, part_of};
use crate::fabric::{Fabric, Message, Path, Speaker};
use crate::guests::{Script, Stage};
use crate::host::{Host, Part};
use crate::invariants::{Broken, Watch};
use crate::random::Random;
use crate::sabotage::Sabotage;

/// BGP's hold time, and for how long a switch keeps the routes of a host that restarts.
pub(crate) const HOLD: Time = 9 * SECOND;
pub(crate) const RESTART: Time = 20 * SECOND;

/// How long after the last operation a case goes on: in it everything comes right again.
const REST: Time = 150 * SECOND;

/// How often every host is held against a fresh core.
pub(crate) const AUDIT: Time = 7 * SECOND;

/// A VM as it really is.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) stage: Stage,
    pub(crate) runs: Option<usize>,
    /// Since when this is so, of both.
    pub(crate) since: Time,
    pub(crate) job: u64,
    /// Hosts that stand still with an older incarnation of it.
    pub(crate) fenced: Vec<usize>,
}

/// Everything.
pub(crate) struct Fleet {
    pub(crate) case: Case,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) clock: Clock<Event>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) guests: Vec<Guest>,
    pub(crate) fabric: Fabric,
    /// Each prefix with its VM; those of hosts' loopbacks have none.
    pub(crate) prefixes: Vec<(String, Option<usize>)>,
    pub(crate) index: BTreeMap<String, usize>,
    pub(crate) random: Random,
    pub(crate) links: u64,
    pub(crate) arrivals: BTreeMap<(Speaker, Speaker), Time>,
    pub(crate) watch: Watch,
    pub(crate) steps: u64,
    /// A hash of everything that was said (FNV-1a), and the lines themselves where they are wanted.
    pub(crate) hash: u64,
    pub(crate) lines: Option<Vec<String>>,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) virtual_time: Time,
    pub(crate) hash: u64,
    pub(crate) broken: Option<Broken>,
    pub(crate) lines: Vec<String>,
}

impl Fleet {
    pub(crate) fn new(case: Case, keep_lines: bool) -> Self {
        let setting = case.setting;
        let racks = (0..setting.hosts).map(|host| host / setting.rack).collect();
        let mut prefixes: Vec<(String, Option<usize>)> = (0..setting.vms)
            .flat_map(|vm| Setting::prefixes(vm).into_iter().map(move |prefix| (prefix, Some(vm))))
            .collect();
        prefixes.extend((0..setting.hosts).map(|host| (crate::host::loopback(host), None)));
        let index = prefixes.iter().enumerate().map(|(index, (text, _))| (text.clone(), index)).collect();
        let guest = || Guest { stage: Stage::Off, runs: None, since: 0, job: 0, fenced: Vec::new() };
        let mut fleet = Self {
            clock: Clock::new(),
            hosts: (0..setting.hosts).map(|host| Host::new(host, &setting)).collect(),
            guests: (0..setting.vms + 2).map(|_| guest()).collect(),
            fabric: Fabric::new(racks),
            watch: Watch::new(&setting),
            random: Random::new(setting.seed, 1),
            prefixes,
            index,
            links: 0,
            arrivals: BTreeMap::new(),
            steps: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            lines: keep_lines.then(Vec::new),
            case,
            sabotage: None,
        };
        for host in 0..setting.hosts {
            for part in [Part::Exabgp, Part::Agent] {
                let after = fleet.random.between(0, 2 * SECOND);
                fleet.clock.after(after, Event::Starts { host, part });
            }
            fleet.hosts[host].is_ill_until(2 * SECOND, false);
        }
        for (number, operation) in fleet.case.operations.iter().enumerate() {
            fleet.clock.at(operation.at, Event::Operate(number));
        }
        fleet.clock.after(AUDIT, Event::Audit);
        fleet
    }

    pub(crate) const fn setting(&self) -> Setting {
        self.case.setting
    }

    /// Runs until long after the last operation, or until an invariant is broken.
    pub(crate) fn run(mut self) -> Outcome {
        let end = self.case.operations.last().map_or(0, |operation| operation.at) + REST;
        let mut broken = None;
        while let Some(at) = self.clock.next_at().filter(|at| *at <= end) {
            broken = self.check_before(at);
            if broken.is_some() {
                break;
            }
            let Some(event) = self.clock.next() else { break };
            self.happen(event);
            self.steps += 1;
            broken = self.check();
            if broken.is_some() {
                break;
            }
        }
        Outcome {
            steps: self.steps,
            virtual_time: self.clock.now(),
            hash: self.hash,
            broken,
            lines: self.lines.unwrap_or_default(),
        }
    }

    /// A line of the trace.
    pub(crate) fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let mut text = String::new();
        write!(text, "{:>12} {line}", self.clock.now()).unwrap();
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(text);
        }
    }

    fn happen(&mut self, event: Event) {
        // What stands still takes nothing in; what was sent to it waits in its order.
        if let Some((host, part)) = part_of(&event)
            && self.hosts[host].hangs_until[part as usize] > self.clock.now()
        {
            let until = self.hosts[host].hangs_until[part as usize];
            self.clock.at(until, event);
            return;
        }
        match event {
            Event::Operate(number) => self.operate(number),
            Event::Acts { vm, job, acts } => self.act(vm, job, acts),
            Event::Told { host, agent, connection, vm, uuid, kind } => {
                self.told((host, agent, connection), vm, uuid, kind);
            }
            Event::Connects { host, agent } => self.connects(host, agent),
            Event::Lists { host, agent, connection, asked_at } => {
                self.lists((host, agent, connection), asked_at);
            }
            Event::Looks { host, agent, connection, asked_at, uuid } => {
                self.looks((host, agent, connection), asked_at, uuid);
            }
            Event::ListIsDue { host, agent, connection } => self.list_is_due((host, agent, connection)),
            Event::Libvirt { host, agent, report } => self.reports(host, agent, *report),
            Event::Disconnects { host, agent, connection } => self.disconnects((host, agent, connection)),
            Event::AgentHears { host, agent, input } => {
                if self.hosts[host].life(Part::Agent) == agent {
                    self.feed(host, *input);
                }
            }
            Event::AgentWakes { host, agent } => self.agent_wakes(host, agent),
            Event::RelayWakes { host, relay } => self.relay_wakes(host, relay),
            Event::RelayConnects { host, relay } => self.relay_connects(host, relay),
            Event::AgentAccepts { host, agent, link } => self.agent_accepts(host, agent, link),
            Event::ToAgent { host, link, bytes } => self.agent_reads(host, link, &bytes),
            Event::ToRelay { host, link, bytes } => self.relay_reads(host, link, &bytes),
            Event::AgentSeesEnd { host, link } => self.agent_sees_end(host, link),
            Event::RelaySeesEnd { host, link } => self.relay_sees_end(host, link),
            Event::ToExabgp { host, exabgp, bytes } => self.exabgp_reads(host, exabgp, &bytes),
            Event::FromExabgp { host, relay, exabgp, bytes } => {
                self.relay_hears(host, (relay, exabgp), &bytes);
            }
            Event::ExabgpTurns { host, exabgp } => self.exabgp_turns(host, exabgp),
            Event::SessionTries { host, exabgp } => self.session_tries(host, exabgp),
            Event::HoldEnds { host, session, since } => self.hold_ends(host, session, since),
            Event::RestartTimeEnds { host, session } => {
                if self.hosts[host].session == session {
                    let messages = self.fabric.flush_stale(host, |_| true);
                    self.spread(messages);
                    self.watch.everything();
                }
            }
            Event::Bgp { session, message } => self.bgp(session, message),
            Event::EndOfRib { host, session, ipv6 } => self.end_of_rib(host, session, ipv6),
            Event::RelayHasHung { host, relay, since } => self.relay_has_hung(host, relay, since),
            Event::Starts { host, part } => self.starts(host, part),
            Event::Thaws { host } => self.thaws(host),
            Event::Audit => {
                self.sabotage_at_times();
                self.audit();
            }
        }
    }

    /// A word of BGP's arrives at a router.
    fn bgp(&mut self, session: Option<(usize, u64)>, message: Message) {
        if let Some((host, number)) = session {
            let Host { session, cut_until, .. } = self.hosts[host];
            if session != number {
                return;
            }
            if cut_until > self.clock.now() {
                self.clock.at(cut_until, Event::Bgp { session: Some((host, number)), message });
                return;
            }
            self.note(format_args!("{host} says {} {:?}", message.prefix, rung(message.path)));
            self.watch_for_flaps(host, message.prefix, message.path.is_none());
        }
        self.watch.prefix(self.prefixes[message.prefix].1);
        let more = self.fabric.hear(message);
        self.spread(more);
    }

    fn end_of_rib(&mut self, host: usize, session: u64, ipv6: bool) {
        let Host { session: present, cut_until, .. } = self.hosts[host];
        if present != session {
            return;
        }
        if cut_until > self.clock.now() {
            self.clock.at(cut_until, Event::EndOfRib { host, session, ipv6 });
            return;
        }
        self.note(format_args!("{host} ends its RIB, IPv6 {ipv6}"));
        let prefixes: Vec<usize> = (0..self.prefixes.len())
            .filter(|prefix| self.prefixes[*prefix].0.contains(':') == ipv6)
            .collect();
        let before: Vec<usize> =
            prefixes.iter().copied().filter(|prefix| self.fabric.heard_of(host, *prefix).is_some()).collect();
        let messages = self.fabric.flush_stale(host, |prefix| prefixes.contains(&prefix));
        for prefix in before {
            if self.fabric.heard_of(host, prefix).is_none() {
                self.watch_for_flaps(host, prefix, true);
                self.watch.prefix(self.prefixes[prefix].1);
            }
        }
        self.spread(messages);
    }

    /// Sends a router's words on their way, each pair's in order.
    pub(crate) fn spread(&mut self, messages: Vec<Message>) {
        let now = self.clock.now();
        for message in messages {
            if self.is_lost(&message) {
                continue;
            }
            let delay = self.random.delay(MS, 40 * MS);
            let last = self.arrivals.entry((message.from, message.to)).or_default();
            *last = (now + delay).max(*last);
            self.clock.at(*last, Event::Bgp { session: None, message });
        }
    }

    /// Has a VM follow a script from now on; what it was about to do it does not do.
    pub(crate) fn follow(&mut self, vm: usize, script: Script) {
        let guest = &mut self.guests[vm];
        guest.job += 1;
        if let Some((after, _)) = script.first() {
            self.clock.after(*after, Event::Acts { vm, job: guest.job, acts: script.into() });
        }
    }

    /// The number of the AS of a host's switch.
    pub(crate) fn tor_as(&self, host: usize) -> u32 {
        65_001 + u32::try_from(self.fabric.tor_of(host)).unwrap()
    }

    /// A host's words as the fabric has them.
    pub(crate) fn path(host: usize, told: Option<&crate::command::Told>) -> Option<Path> {
        debug_assert!(local_as(host) > 0);
        told.map(|told| Path {
            origin: host,
            length: told.path_length(),
            med: told.med(),
            rung: told.rung("82"),
        })
    }
}

pub(crate) fn rung(path: Option<Path>) -> Option<u32> {
    path.map(|path| path.rung.unwrap_or(9))
}
