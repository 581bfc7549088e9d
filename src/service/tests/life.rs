//! What is due when.

use std::time::{Duration, Instant};

use super::super::life::{Life, Phase};

fn due(life: &Life) -> Vec<String> {
    life.due().iter().map(ToString::to_string).collect()
}

/// What the beats of so many seconds have told, second by second.
fn told_in(life: &mut Life, seconds: u64) -> Vec<(u64, Vec<String>)> {
    let start = Instant::now();
    let mut told = Vec::new();
    for second in 0..seconds {
        life.beat(start + Duration::from_secs(second));
        let words = due(life);
        life.told();
        if !words.is_empty() {
            told.push((second, words));
        }
    }
    told
}

#[test]
fn the_watchdog_is_fed_three_times_in_its_time_and_by_beats_only() {
    let mut life = Life::new(Some(Duration::from_secs(30)));
    life.ready();
    life.told();
    assert_eq!(due(&life), Vec::<String>::new());
    let fed = told_in(&mut life, 30);
    let word = vec!["WATCHDOG=1".to_owned()];
    assert_eq!(fed, [(0, word.clone()), (10, word.clone()), (20, word)]);
}

#[test]
fn without_a_watchdog_a_service_that_is_ready_says_nothing_by_itself() {
    for watchdog in [None, Some(Duration::ZERO)] {
        let mut life = Life::new(watchdog);
        assert_eq!(life.watchdog(), None);
        life.ready();
        life.told();
        assert_eq!(told_in(&mut life, 100), []);
    }
}

#[test]
fn a_start_that_waits_asks_for_time_by_its_beats() {
    let extended = |watchdog: Option<u64>| {
        let mut life = Life::new(watchdog.map(Duration::from_secs));
        told_in(&mut life, 11)
            .into_iter()
            .map(|(second, words)| (second, words.join(" ")))
            .collect::<Vec<_>>()
    };
    let word = "EXTEND_TIMEOUT_USEC=30000000".to_owned();
    assert_eq!(extended(None), [(0, word.clone()), (10, word)]);
    let word = "EXTEND_TIMEOUT_USEC=30000000 WATCHDOG=1".to_owned();
    assert_eq!(extended(Some(30)), [(0, word.clone()), (10, word)]);
}

#[test]
fn every_change_leads_from_each_phase_to_where_it_should() {
    use Phase::{Reloading, Serving, Starting, Stopping};
    type Change = fn(&mut Life);

    let changes: [(&str, Change); 4] = [
        ("ready", Life::ready),
        ("reloading", Life::reloading),
        ("reloaded", Life::reloaded),
        ("stopping", Life::stopping),
    ];
    let table = [
        (Starting, [Serving, Starting, Starting, Stopping]),
        (Serving, [Serving, Reloading, Serving, Stopping]),
        (Reloading, [Reloading, Reloading, Serving, Stopping]),
        (Stopping, [Stopping; 4]),
    ];
    for (from, to) in table {
        for ((name, change), to) in changes.iter().zip(to) {
            let mut life = Life::default();
            match from {
                Starting => {}
                Serving => life.ready(),
                Reloading => {
                    life.ready();
                    life.reloading();
                }
                Stopping => life.stopping(),
            }
            assert_eq!(life.phase(), from);
            change(&mut life);
            assert_eq!(life.phase(), to, "{from:?} {name}");
        }
    }
}
