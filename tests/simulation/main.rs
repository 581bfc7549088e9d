//! A simulation of a fleet: the real agents and relays of many hosts, between models of libvirtd, ExaBGP and a BGP fabric, on
//! a virtual clock. Everything that happens is determined by a seed and a list of operations.
//!
//! `case` says how large a fleet is and what is done to it (`operations`), `fleet` lets it happen, `invariants` looks at it
//! after every step. `host` holds the code under test; `libvirtd`, `wires` and `doing` are what is around it, `guests`,
//! `exabgp` and `fabric` the models. `replay` holds the first two against recordings, and `replay_fabric` the third. `storm` is
//! fifty migrations at once each way; `batches` has no fleet, but the plan and ExaBGP alone. What was found once is in `found`.
//!
//! `ROAMD_SIMULATION_SEED` is the first seed, `ROAMD_SIMULATION_SECONDS` for how long new ones are tried, however many they
//! are; see `run` beside this file. `sabotage` proves of every rule that it can be broken.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::similar_names,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod batch;
mod batches;
mod bounds;
mod breaks;
mod case;
mod clock;
mod command;
mod doing;
mod event;
mod exabgp;
mod fabric;
mod fleet;
mod guests;
mod host;
mod invariants;
mod libvirtd;
mod operations;
mod random;
mod recorded;
mod replay;
mod replay_fabric;
mod router;
mod sabotage;
mod session;
mod shrink;
mod starts;
mod storm;
mod wires;
mod writer;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use case::Case;
use fleet::{Fleet, Outcome};

/// As many steps are made in a test run, or as many as there is time for.
const STEPS: u64 = 1_000_000;
const SECONDS: u64 = 90;

/// And so many seeds at most: all of them have been tried, so that a faster machine does not come to new ones, and fails
/// where nothing was changed. New ones are for `run`.
const SEEDS: u64 = 100;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Fails with a case that is as short as it gets, ready to be kept in `found`.
fn fail(case: &Case, outcome: &Outcome, patience: Duration) -> ! {
    let broken = outcome.broken.as_ref().unwrap();
    println!("seed {}: {} at {}: {}", case.setting.seed, broken.rule, broken.at, broken.words);
    let short = shrink::shrink(case, broken.rule, patience);
    let again = Fleet::new(short.clone(), true).run();
    let from = again.lines.len().saturating_sub(200);
    again.lines[from..].iter().for_each(|line| println!("{line}"));
    let words = again.broken.map(|broken| format!("{} at {}: {}", broken.rule, broken.at, broken.words));
    panic!("\n# {}\n{}", words.unwrap_or_default(), short.text());
}

#[test]
fn fleets_keep_the_invariants_whatever_is_done_to_them() {
    let first = variable("ROAMD_SIMULATION_SEED").unwrap_or(1);
    let seconds = variable("ROAMD_SIMULATION_SECONDS");
    let goes_on = |seed, steps| seconds.is_some() || (seed < first + SEEDS && steps < STEPS);
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS));
    let (mut steps, mut operations, mut hours, mut seed) = (0, 0, 0, first);
    while Instant::now() < until && goes_on(seed, steps) {
        let case = Case::of_seed(seed);
        operations += case.operations.len();
        let outcome = Fleet::new(case.clone(), false).run();
        if outcome.broken.is_some() {
            fail(&case, &outcome, Duration::from_secs(seconds.map_or(60, |_| 600)));
        }
        steps += outcome.steps;
        hours += outcome.virtual_time / 1_000_000;
        seed += 1;
    }
    println!(
        "seeds {first} to {}: {steps} steps, {operations} operations, {} hours of virtual time",
        seed - 1,
        hours / 3_600
    );
}

#[test]
fn what_was_found_once_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/found");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let case = Case::read(&fs::read_to_string(&file).unwrap());
        assert_eq!(Case::read(&case.text()), case);
        let outcome = Fleet::new(case, false).run();
        assert_eq!(outcome.broken, None, "{}", file.display());
    }
}

#[test]
fn the_same_seed_has_the_same_trace() {
    for seed in [2, 3] {
        let [first, second] = [0, 1].map(|_| Fleet::new(Case::of_seed(seed), false).run());
        assert_eq!((first.hash, first.steps), (second.hash, second.steps));
        let other = Fleet::new(Case::of_seed(seed + 10), false).run();
        assert_ne!(first.hash, other.hash);
    }
}
