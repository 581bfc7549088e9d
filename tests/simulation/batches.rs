//! The plan against the model of ExaBGP alone, without a fleet around them: whatever is wanted, and whenever the session comes
//! and goes, the neighbor ends with what is wanted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use roamd::plan::{FoundRoute, Outcome, Plan, Step};
use roamd::route::{Asn, AttributeOverrides, Ladder, Mark, NextHop, Prefix, Route, Rung};
use roamd::vm::VmName;

use crate::command::Told;
use crate::exabgp::{Exabgp, Update, Version};
use crate::replay;

/// After so long a change is told once more.
const REPEAT: Duration = Duration::from_millis(600);

#[derive(Debug, Clone, Copy)]
enum Happening {
    Want(u8, Option<Rung>),
    /// ExaBGP takes a turn of so many ms.
    Turn(u8),
    /// The session ends, or an attempt to have one fails.
    Down,
    /// After so many turns of ExaBGP its first batch is sent.
    Up(u8),
    /// Nothing is done for so many ms, if ExaBGP has nothing to do.
    Pass(u16),
    /// Another agent takes over, by the table and the ledger, while there is no session.
    Succeed,
    /// ExaBGP is started anew.
    Restart,
    /// The agent has lost count of what was acknowledged, and reads the table.
    Doubt,
}

fn prefix(number: u8) -> Prefix {
    format!("198.51.100.{number}").parse().unwrap()
}

fn route(number: u8, rung: Rung) -> Route {
    let mark = Mark { local_as: Asn::new(65_101).unwrap(), mark: 82 };
    let none = AttributeOverrides::default();
    let ladder = Ladder::new(mark, 0, &Default::default()).unwrap();
    Route {
        prefix: prefix(number),
        vm: VmName::new("web-1"),
        rung,
        next_hop: NextHop::Own,
        attributes: Arc::new(ladder.attributes(rung, &none, &none)),
        unsure: None,
        settled: None,
    }
}

/// As much of a route as tells one from another.
fn words(route: &Route) -> String {
    format!("next-hop self med {} large-community [ 65101:82:{} ]", route.attributes.med, route.rung.number())
}

struct World {
    version: Version,
    plan: Plan,
    exabgp: Exabgp,
    /// What the neighbor has been sent.
    sent: BTreeMap<String, Told>,
    wanted: BTreeMap<Prefix, Route>,
    /// Every route that was ever told, by its prefix and words.
    told: BTreeMap<(String, u32), Route>,
    open: Vec<Prefix>,
    ledger: BTreeMap<Prefix, Option<Rung>>,
    away_since: Option<Instant>,
    now: Instant,
}

impl World {
    fn new(version: Version) -> Self {
        let now = Instant::now();
        let mut plan = Plan::new(Some(REPEAT));
        plan.ready(Vec::new(), &BTreeMap::new(), now);
        plan.away_since(Some(now));
        Self {
            version,
            plan,
            exabgp: replay::without_session(version, false),
            sent: BTreeMap::new(),
            wanted: BTreeMap::new(),
            told: BTreeMap::new(),
            open: Vec::new(),
            ledger: BTreeMap::new(),
            away_since: Some(now),
            now,
        }
    }

    /// Writes the steps that are due.
    fn write(&mut self) {
        for step in self.plan.next(self.now) {
            let rung = match &step {
                Step::Announce(route) => Some(route.rung),
                Step::Withdraw { .. } => None,
            };
            self.ledger.insert(step.prefix(), rung);
            self.open.push(step.prefix());
            let line = match step {
                Step::Announce(route) => {
                    let line = format!("announce route {} {}\n", route.prefix, words(&route));
                    self.told.insert((route.prefix.to_string(), route.attributes.med), route);
                    line
                }
                Step::Withdraw { prefix, last: Some(last) } => {
                    format!("withdraw route {prefix} {}\n", words(&last))
                }
                Step::Withdraw { prefix, last: None } => format!("withdraw route {prefix}\n"),
            };
            self.exabgp.read(line.as_bytes());
        }
        for prefix in self.plan.take_done() {
            self.ledger.remove(&prefix);
        }
    }

    fn turn(&mut self) {
        for update in self.exabgp.turn() {
            match update {
                Update::Announce(prefix, told) => _ = self.sent.insert(prefix, told),
                Update::Withdraw(prefix) => _ = self.sent.remove(&prefix),
                Update::EndOfRib(_) => {}
            }
        }
        let answers = std::mem::take(&mut self.exabgp.replies).lines().filter(|line| *line == "done").count();
        for prefix in self.open.drain(..answers.min(self.open.len())) {
            self.plan.settled(prefix, Outcome::Acknowledged, self.now);
        }
    }

    /// What ExaBGP shows.
    fn table(&self) -> Vec<FoundRoute> {
        let found = |(prefix, told): (&String, &Told)| {
            let route = &self.told[&(prefix.clone(), told.med())];
            FoundRoute {
                prefix: route.prefix,
                rung: route.rung,
                next_hop: route.next_hop,
                attributes: (*route.attributes).clone(),
                prepended: true,
            }
        };
        self.exabgp.rib.iter().map(found).collect()
    }

    fn end_session(&mut self) {
        self.exabgp.session_down();
        self.sent.clear();
        self.away_since.get_or_insert(self.now);
        self.plan.away_since(self.away_since);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Want(number, rung) => {
                let wanted = rung.map(|rung| route(number, rung));
                self.plan.want([prefix(number)], wanted.clone().into_iter().collect());
                match wanted {
                    Some(route) => self.wanted.insert(route.prefix, route),
                    None => self.wanted.remove(&prefix(number)),
                };
            }
            Happening::Turn(millis) => {
                self.now += Duration::from_millis(millis.into());
                self.turn();
            }
            Happening::Down => self.end_session(),
            Happening::Up(opening) if !self.exabgp.up => {
                self.exabgp.session_up(opening);
                self.plan.session_up(self.now, self.away_since);
                self.away_since = None;
                self.plan.away_since(None);
            }
            Happening::Pass(millis) if !self.exabgp.is_busy() => {
                self.now += Duration::from_millis(millis.into());
            }
            Happening::Succeed if !self.exabgp.up => {
                while self.exabgp.is_busy() {
                    self.turn();
                }
                self.open.clear();
                self.plan = Plan::new(Some(REPEAT));
                let wanted: Vec<Route> = self.wanted.values().cloned().collect();
                self.plan.want([], wanted);
                self.plan.ready(self.table(), &self.ledger, self.now);
                self.away_since = Some(self.now);
                self.plan.away_since(self.away_since);
            }
            Happening::Restart => {
                self.exabgp = replay::without_session(self.version, false);
                self.open.clear();
                self.end_session();
                self.plan.in_doubt();
                self.plan.new_exabgp();
                self.plan.ready(Vec::new(), &self.ledger, self.now);
            }
            Happening::Doubt => {
                let open = std::mem::take(&mut self.open);
                if !open.is_empty() {
                    self.turn();
                }
                self.plan.in_doubt();
                self.plan.ready(self.table(), &self.ledger, self.now);
            }
            Happening::Up(_) | Happening::Pass(_) | Happening::Succeed => {}
        }
        self.write();
    }

    /// The session stays, and time passes.
    fn settle(&mut self) {
        self.happens(Happening::Up(0));
        for _ in 0..8 {
            while self.exabgp.is_busy() || !self.open.is_empty() {
                self.turn();
                self.write();
            }
            self.now += Duration::from_secs(1);
            self.write();
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let rung = prop::option::weighted(0.7, prop::sample::select(Rung::ALL.as_slice()));
    prop_oneof![
        8 => (1..5_u8, rung).prop_map(|(number, rung)| Happening::Want(number, rung)),
        8 => (0..100_u8).prop_map(Happening::Turn),
        1 => Just(Happening::Down),
        1 => (0..4_u8).prop_map(Happening::Up),
        2 => (0..1_000_u16).prop_map(Happening::Pass),
        1 => Just(Happening::Succeed),
        1 => Just(Happening::Restart),
        1 => Just(Happening::Doubt),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_neighbor_ends_with_what_is_wanted_whatever_lies_in_one_batch(
        of_5_0: bool,
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let mut world = World::new(if of_5_0 { Version::V5 } else { Version::V4 });
        for happening in happenings {
            world.happens(happening);
        }
        world.settle();
        let sent: BTreeMap<_, _> = world.sent.iter().map(|(prefix, told)| (prefix.clone(), told.med())).collect();
        let wanted: BTreeMap<_, _> =
            world.wanted.iter().map(|(prefix, route)| (prefix.to_string(), route.attributes.med)).collect();
        prop_assert_eq!(sent, wanted);
        prop_assert!(world.plan.is_settled());
        let done = world.ledger.keys().all(|prefix| world.wanted.contains_key(prefix));
        prop_assert!(done, "{:?} is kept for ever", world.ledger);
    }
}
