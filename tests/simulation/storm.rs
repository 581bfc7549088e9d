//! A storm: fifty VMs of each of two hosts migrate to the other one, all at once, and what is told of it takes its turn.

use std::collections::BTreeMap;

use crate::case::{Case, Setting};
use crate::clock::{MS, SECOND, Time};
use crate::fleet::{Fleet, TURN};
use crate::guests::Stage;
use crate::operations::{Fate, Mode, Operation, Verb};

/// VMs on each of the two hosts.
const EACH: usize = 50;

/// When all of them begin to migrate: every one has settled. The copies take a second or two.
const BEGINS: Time = 100 * SECOND;

fn operation(at: Time, verb: Verb, (who, to): (usize, usize), ms: u64) -> Operation {
    Operation { at, verb, who, to, ms, mode: Mode::Precopy, fate: Fate::Done }
}

/// Every VM with its route, from when its vCPUs stood still until every router led to its new host alone.
#[derive(Debug, Default)]
struct Turned {
    still: BTreeMap<usize, (Time, usize)>,
    took: BTreeMap<usize, Time>,
}

impl Turned {
    fn look(&mut self, fleet: &Fleet) {
        let now = fleet.clock.now();
        for (vm, guest) in fleet.guests.iter().enumerate() {
            if let Stage::Frozen { to, .. } = guest.stage {
                self.still.entry(vm).or_insert((now, to));
            }
        }
        let leads = |vm, to| fleet.prefixes_of(vm).all(|prefix| fleet.fabric.leads_to_none_but(to, prefix));
        let turned: Vec<(usize, Time)> = self
            .still
            .iter()
            .filter(|(vm, (_, to))| !self.took.contains_key(vm) && leads(**vm, *to))
            .map(|(vm, (since, _))| (*vm, now - since))
            .collect();
        self.took.extend(turned);
    }
}

/// Lets a storm rage while something else is done; prints how long the routes took, in milliseconds of virtual time.
fn storm(name: &str, seed: u64, turn: (Time, Time), harm: &[Operation]) {
    let setting = Setting {
        seed,
        hosts: 2,
        vms: 2 * EACH,
        rack: 1,
        graceful: true,
        echo: seed.is_multiple_of(2),
        v5: seed.is_multiple_of(3),
        all_paths: seed.is_multiple_of(2),
        lease: 10,
        settle: 30,
    };
    let there = |vm: usize| (vm + 1) % 2;
    let begun =
        (0..2 * EACH).map(|vm| operation(2 * SECOND + vm as u64 * 20 * MS, Verb::Start, (vm, vm % 2), 0));
    let moved = (0..2 * EACH)
        .map(|vm| operation(BEGINS, Verb::Migrate, (vm, there(vm)), 1_000 + vm as u64 % 7 * 100));
    let mut operations: Vec<Operation> = begun.chain(moved).chain(harm.iter().copied()).collect();
    operations.sort_by_key(|operation| operation.at);
    let mut fleet = Fleet::new(Case { setting, operations }, false);
    fleet.turn = turn;
    // Each VM leaves one host and comes to the other: both tell of all prefixes.
    let prefixes = fleet.prefixes.iter().filter(|(_, vm)| vm.is_some()).count() as u64;
    fleet.watch.bounds = fleet.watch.bounds.crowded(prefixes, turn.1);
    let (mut turned, mut ends) = (Turned::default(), Vec::new());
    let outcome = fleet.run_watched(|fleet| {
        turned.look(fleet);
        ends = (0..2 * EACH).map(|vm| fleet.guests[vm].stage).collect();
    });
    assert_eq!(outcome.broken, None, "{name}, seed {seed}");
    let expected: Vec<Stage> = (0..2 * EACH).map(|vm| Stage::Here(there(vm))).collect();
    assert_eq!(ends, expected, "{name}, seed {seed}");
    let mut took: Vec<Time> = turned.took.into_values().collect();
    took.sort_unstable();
    assert_eq!(took.len(), 2 * EACH, "{name}, seed {seed}: every route has turned");
    let at = |part: usize| took[(took.len() - 1) * part / 100] / MS;
    println!(
        "{name}, seed {seed}: routes turned after {} ms (median), {} (90 %), {} (all)",
        at(50),
        at(90),
        at(100)
    );
}

#[test]
fn a_storm_of_migrations_loses_nothing() {
    for seed in 1..=2 {
        storm("a storm", seed, TURN, &[]);
        storm("a storm with slow ExaBGPs", seed, (50 * MS, 300 * MS), &[]);
    }
}

#[test]
fn a_storm_loses_nothing_when_an_agent_and_a_relay_are_killed_in_it() {
    let middle = BEGINS + 1_500 * MS;
    let agent = operation(middle, Verb::KillAgent, (0, 0), 2_000);
    let relay = operation(middle + 100 * MS, Verb::KillRelay, (1, 0), 0);
    for seed in 1..=2 {
        storm("a storm, an agent killed", seed, TURN, &[agent]);
        storm("a storm, a relay killed", seed, TURN, &[relay]);
        storm(
            "a storm with slow ExaBGPs, agent and relay killed",
            seed,
            (50 * MS, 300 * MS),
            &[agent, relay],
        );
    }
}
