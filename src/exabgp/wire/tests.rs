use super::*;
use crate::exabgp::sample;
use crate::route::Attributes;

const PEER: &str = "10.0.0.1";
const OTHER: &str = "10.0.0.2";

/// The wire of one prefix, on a clock of its own.
struct Bench {
    wire: Wire,
    start: Instant,
}

fn prefix() -> Prefix {
    "198.51.100.10".parse().unwrap()
}

fn peer(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn route(med: u32) -> Route {
    sample::route(prefix(), Attributes { med, ..Attributes::default() })
}

fn active(med: u32) -> Word {
    Word::Announced { rung: Some(Rung::Active), med }
}

const FOREIGN: Word = Word::Announced { rung: None, med: 7 };

impl Bench {
    fn new() -> Self {
        Self { wire: Wire::default(), start: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn step(&mut self, step: &Step, ms: u64) {
        self.wire.write(step);
        self.wire.acknowledged(prefix(), self.at(ms));
    }

    fn announce(&mut self, med: u32, ms: u64) {
        self.step(&Step::Announce(route(med)), ms);
    }

    fn withdraw(&mut self, ms: u64) {
        self.step(&Step::Withdraw { prefix: prefix(), last: None }, ms);
    }

    fn told(&mut self, neighbor: &str, word: Word, ms: u64) {
        self.wire.told(peer(neighbor), prefix(), word, self.at(ms));
    }

    fn confirms(&mut self, listeners: &[&str]) -> bool {
        let listeners: Vec<IpAddr> = listeners.iter().map(|text| peer(text)).collect();
        self.wire.confirms(prefix(), &listeners)
    }

    /// What is found until `ms`: when, who was told what, and whether again.
    fn found(&mut self, ms: u64) -> Vec<(u64, Word, bool)> {
        let mut found = Vec::new();
        while let Some(at) = self.wire.deadline().filter(|at| *at <= self.at(ms)) {
            let millis = u64::try_from((at - self.start).as_millis()).unwrap();
            found.extend(self.wire.judge(at).into_iter().map(|one| (millis, one.told, one.again)));
        }
        found
    }
}

#[test]
fn a_step_is_confirmed_once_every_neighbor_was_told() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    assert!(!bench.confirms(&[PEER, OTHER]));
    bench.told(PEER, active(100), 5);
    assert!(!bench.confirms(&[PEER, OTHER]));
    bench.told(OTHER, active(100), 6);
    assert!(bench.confirms(&[PEER, OTHER]));
    assert!(!bench.confirms(&[PEER, OTHER]), "it is said once");
    assert_eq!(bench.found(60_000), []);
}

#[test]
fn nobody_to_tell_confirms_nothing() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    assert!(!bench.confirms(&[]));
}

#[test]
fn a_withdraw_is_confirmed_if_what_it_follows_has_long_been_on_the_wire() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, active(100), 1);
    assert_eq!(bench.found(1_000), []);
    bench.withdraw(1_001);
    assert!(!bench.confirms(&[PEER]));
    bench.told(PEER, Word::Withdrawn, 1_002);
    assert!(bench.confirms(&[PEER]));
}

#[test]
fn a_late_echo_of_an_older_withdraw_confirms_no_later_one() {
    for late in [15, 25] {
        let mut bench = Bench::new();
        bench.withdraw(0);
        bench.announce(100, 10);
        if late == 15 {
            bench.told(PEER, Word::Withdrawn, 15);
        }
        bench.withdraw(20);
        if late == 25 {
            bench.told(PEER, Word::Withdrawn, 25);
        }
        assert!(!bench.confirms(&[PEER]), "{late}");
    }
}

#[test]
fn an_identical_announce_is_confirmed_by_what_was_told_before() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, active(100), 1);
    assert!(bench.confirms(&[PEER]));
    bench.announce(100, 10);
    assert!(bench.confirms(&[PEER]), "ExaBGP doesn't send it again");
}

#[test]
fn an_echo_that_lags_behind_its_acknowledgement_is_no_contradiction() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.announce(50, 10);
    bench.told(PEER, active(100), 300);
    bench.told(PEER, active(50), 900);
    assert_eq!(bench.found(60_000), []);
}

#[test]
fn a_contradiction_that_lasts_is_found_and_again_at_growing_intervals() {
    for (asked, told) in
        [(Some(100), Word::Withdrawn), (Some(100), FOREIGN), (Some(100), active(50)), (None, active(100))]
    {
        let mut bench = Bench::new();
        match asked {
            Some(med) => bench.announce(med, 0),
            None => bench.withdraw(0),
        }
        bench.told(PEER, told, 100);
        let expected = [(1_100, told, false), (2_100, told, true), (4_100, told, true), (8_100, told, true)];
        assert_eq!(bench.found(8_100), expected);
    }
}

#[test]
fn nothing_is_judged_while_a_step_is_open() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, Word::Withdrawn, 10);
    bench.wire.write(&Step::Announce(route(50)));
    bench.told(PEER, Word::Withdrawn, 20);
    assert_eq!(bench.found(60_000), []);
    bench.wire.acknowledged(prefix(), bench.at(60_000));
    assert_eq!(bench.found(61_000), [(61_000, Word::Withdrawn, false)]);
}

#[test]
fn a_refused_step_is_no_measure_of_what_is_told() {
    let mut bench = Bench::new();
    bench.wire.write(&Step::Announce(route(100)));
    bench.wire.refused(prefix());
    bench.told(PEER, Word::Withdrawn, 1);
    assert_eq!(bench.found(60_000), []);
}

/// A session that has just come up is told what stood then, in a stream that lasts, and only then what came after.
#[test]
fn a_neighbor_that_is_still_being_told_is_not_judged() {
    let mut bench = Bench::new();
    bench.announce(300, 1_000);
    bench.told(PEER, active(300), 1_005);
    bench.told(OTHER, active(100), 2_000);
    let elsewhere: Prefix = "198.51.100.77".parse().unwrap();
    for ms in [2_900, 3_800, 4_700] {
        bench.wire.told(peer(OTHER), elsewhere, FOREIGN, bench.at(ms));
        assert_eq!(bench.found(ms), []);
    }
    bench.told(OTHER, active(300), 5_000);
    assert_eq!(bench.found(60_000), []);
}

#[test]
fn somebody_who_never_stops_is_judged_all_the_same() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    let mut found = Vec::new();
    for n in 0..60 {
        let ms = 100 + n * 900;
        bench.told(PEER, if n % 2 == 0 { Word::Withdrawn } else { FOREIGN }, ms);
        found.extend(bench.found(ms));
    }
    assert_eq!(found.first().map(|(ms, ..)| *ms), Some(15_100));
}

#[test]
fn what_was_told_is_void_when_some_of_it_was_missed() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, Word::Withdrawn, 1);
    bench.wire.missed();
    assert_eq!(bench.found(60_000), []);
    bench.announce(50, 60_000);
    assert!(!bench.confirms(&[PEER]));
}

#[test]
fn a_withdrawn_prefix_that_somebody_else_announces_is_not_ours_to_judge() {
    let mut bench = Bench::new();
    bench.withdraw(0);
    bench.told(PEER, FOREIGN, 10);
    assert_eq!(bench.found(60_000), []);
    bench.told(PEER, FOREIGN, 60_001);
    assert_eq!(bench.found(120_000), []);
}

#[test]
fn a_route_with_our_mark_that_nobody_asked_for_is_found() {
    let mut bench = Bench::new();
    bench.told(PEER, active(100), 0);
    assert_eq!(bench.found(1_000), [(1_000, active(100), false)]);
}

#[test]
fn after_a_doubt_only_what_is_said_to_stand_is_held_against_the_wire() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, active(100), 1);
    bench.wire.doubt();
    assert_eq!(bench.wire.deadline(), None);
    bench.wire.ready(bench.at(5_000));
    bench.wire.stands(&route(100));
    assert_eq!(bench.found(60_000), []);
    bench.told(PEER, Word::Withdrawn, 60_000);
    assert_eq!(bench.found(61_000), [(61_000, Word::Withdrawn, false)]);
}

#[test]
fn what_a_neighbor_was_told_ends_with_its_session() {
    let mut bench = Bench::new();
    bench.announce(100, 0);
    bench.told(PEER, FOREIGN, 1);
    bench.wire.down(peer(PEER));
    assert_eq!(bench.found(60_000), []);
    assert!(!bench.confirms(&[PEER]));
}

#[test]
fn what_is_done_with_is_forgotten() {
    let mut bench = Bench::new();
    bench.withdraw(0);
    bench.told(PEER, Word::Withdrawn, 1);
    bench.told(OTHER, FOREIGN, 2);
    assert_eq!(bench.found(60_000), []);
    assert!(bench.wire.prefixes.is_empty() && bench.wire.due.is_empty());
}
