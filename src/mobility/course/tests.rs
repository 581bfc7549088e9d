//! Phases, from facts given by hand.

use proptest::prelude::*;

use super::*;
use crate::vm::MigrationDirection::{In, Out};
use crate::vm::MigrationOutcome::{Completed, Failed, Running};
use crate::vm::MigrationPhase::{
    Acknowledged, ArrivedAnnounced, ConfirmedOnTheWire, Demoted, IncomingSeen, Paused, Resumed,
    StandbyAnnounced, Stopped, Withdrawn,
};

const VM: Uuid = Uuid::from_u128(1);
const V4: &str = "198.51.100.10";
const V6: &str = "2001:db8:5::10";
const STANDBY: Stand = Some(Rung::Standby);
const ARRIVED: Stand = Some(Rung::Arrived);
const LEAVING: Stand = Some(Rung::Leaving);

const INCOMING: Turn = Turn::Begins(In, IncomingSeen);
const ARRIVES: Turn = Turn::Ends(Completed, Some(Resumed));
const PAUSES: Turn = Turn::Begins(Out, Paused);
const LEFT: Turn = Turn::Ends(Completed, Some(Stopped));

/// The migrations of `web-1`, whose facts come at so many milliseconds.
struct Host {
    courses: Courses,
    start: Instant,
    prefixes: Vec<Prefix>,
    last: Option<Course>,
}

impl Host {
    fn new(prefixes: &[&str]) -> Self {
        let prefixes = prefixes.iter().map(|text| text.parse().unwrap()).collect();
        Self { courses: Courses::default(), start: Instant::now(), prefixes, last: None }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn told(&mut self, millis: u64, turn: Turn) -> usize {
        let (name, vm) = (VmName::new("web-1"), Some(VmName::new("web-1")));
        let told = Move { uuid: VM, name, vm, turn, at: self.at(millis) };
        let news = self.courses.told(&told, &self.prefixes);
        let count = news.len();
        self.last = news.into_iter().last().or(self.last.take());
        count
    }

    /// Written one millisecond before it is acknowledged.
    fn settled(&mut self, millis: u64, prefix: &str, stand: Stand) {
        let (written_at, at) = (self.at(millis - 1), self.at(millis));
        let news = self.courses.settled(prefix.parse().unwrap(), stand, written_at, at);
        self.last = news.or(self.last.take());
    }

    fn confirmed(&mut self, millis: u64, prefix: &str) {
        let news = self.courses.confirmed(prefix.parse().unwrap(), self.at(millis));
        self.last = news.or(self.last.take());
    }

    /// The last migration: how it went, and its phases by the milliseconds since the first fact of all.
    fn shown(&self) -> (MigrationOutcome, Vec<(MigrationPhase, u128)>) {
        let course = self.last.as_ref().unwrap();
        let phase = |(phase, at): &(MigrationPhase, Instant)| (*phase, (*at - self.start).as_millis());
        (course.outcome, course.phases.iter().map(phase).collect())
    }
}

#[test]
fn the_last_prefix_makes_the_phase() {
    let mut host = Host::new(&[V4, V6]);
    host.told(0, INCOMING);
    host.settled(5, V6, STANDBY);
    assert_eq!(host.shown(), (Running, vec![(IncomingSeen, 0)]));
    host.settled(9, V4, STANDBY);
    host.told(300, ARRIVES);
    host.settled(303, V4, ARRIVED);
    host.confirmed(304, V4);
    assert_eq!(host.shown().1.len(), 3, "IPv6 is still announced as standby: {:?}", host.shown());
    host.settled(310, V6, ARRIVED);
    host.confirmed(312, V6);
    let phases = vec![
        (IncomingSeen, 0),
        (StandbyAnnounced, 9),
        (Resumed, 300),
        (ArrivedAnnounced, 309),
        (Acknowledged, 310),
        (ConfirmedOnTheWire, 312),
    ];
    assert_eq!(host.shown(), (Completed, phases));
}

#[test]
fn a_source_is_demoted_confirmed_stopped_and_withdrawn() {
    let mut host = Host::new(&[V4]);
    host.told(0, PAUSES);
    host.settled(2, V4, LEAVING);
    host.confirmed(3, V4);
    host.told(1_500, LEFT);
    host.settled(1_502, V4, None);
    // The repeat of the withdraw, and what the wire shows of it.
    host.settled(2_102, V4, None);
    host.confirmed(2_103, V4);
    let phases = vec![
        (Paused, 0),
        (Demoted, 1),
        (Acknowledged, 2),
        (ConfirmedOnTheWire, 3),
        (Stopped, 1_500),
        (Withdrawn, 1_502),
    ];
    assert_eq!(host.shown(), (Completed, phases));
}

#[test]
fn the_wire_s_word_for_a_withdraw_is_none_for_the_demotion() {
    let mut host = Host::new(&[V4]);
    host.told(0, PAUSES);
    host.settled(2, V4, LEAVING);
    host.told(10, LEFT);
    host.settled(12, V4, None);
    host.confirmed(13, V4);
    let phases = vec![(Paused, 0), (Demoted, 1), (Acknowledged, 2), (Stopped, 10), (Withdrawn, 12)];
    assert_eq!(host.shown(), (Completed, phases));
}

#[test]
fn phases_stand_in_order_of_time_whatever_became_known_first() {
    let mut host = Host::new(&[V4]);
    host.told(0, INCOMING);
    host.told(20, ARRIVES);
    host.settled(15, V4, STANDBY);
    assert_eq!(host.shown(), (Completed, vec![(IncomingSeen, 0), (StandbyAnnounced, 15), (Resumed, 20)]));
}

#[test]
fn a_step_that_was_on_its_way_before_is_no_part_of_it() {
    let mut host = Host::new(&[V4]);
    host.told(10, INCOMING);
    host.settled(10, V4, STANDBY);
    assert_eq!(host.shown().1, [(IncomingSeen, 10)]);
    // Written at the very moment.
    host.settled(11, V4, STANDBY);
    assert_eq!(host.shown().1, [(IncomingSeen, 10), (StandbyAnnounced, 11)]);
}

#[test]
fn what_is_acknowledged_twice_is_no_news() {
    let mut host = Host::new(&[V4]);
    host.told(0, INCOMING);
    host.settled(5, V4, STANDBY);
    let (prefix, at) = (V4.parse().unwrap(), host.at(9));
    assert_eq!(host.courses.settled(prefix, STANDBY, at, at), None);
}

#[test]
fn what_becomes_of_the_vm_afterwards_is_no_part_of_it() {
    let mut host = Host::new(&[V4]);
    host.told(0, INCOMING);
    host.told(300, ARRIVES);
    // It is paused and goes on before ExaBGP has answered at all.
    assert_eq!(host.told(900, Turn::Behind), 0);
    host.settled(1_000, V4, ARRIVED);
    host.confirmed(1_001, V4);
    assert_eq!(host.shown(), (Completed, vec![(IncomingSeen, 0), (Resumed, 300)]));
}

#[test]
fn an_acknowledgement_counts_however_late_and_a_confirmation_for_a_minute() {
    for (confirmed, phases) in [(660_000, 5), (660_001, 4)] {
        let mut host = Host::new(&[V4]);
        host.told(0, INCOMING);
        host.told(300, ARRIVES);
        host.settled(600_000, V4, ARRIVED);
        host.confirmed(confirmed, V4);
        assert_eq!(host.shown().1.len(), phases, "{:?}", host.shown());
    }
}

#[test]
fn one_that_begins_while_another_runs_ends_it_as_failed() {
    let mut host = Host::new(&[V4]);
    host.told(0, INCOMING);
    assert_eq!(host.told(500, INCOMING), 2);
    host.settled(502, V4, STANDBY);
    assert_eq!(host.shown(), (Running, vec![(IncomingSeen, 500), (StandbyAnnounced, 502)]));
    assert_eq!(host.last.as_ref().unwrap().id, 2);
}

#[test]
fn a_vm_without_addresses_has_the_phases_that_libvirt_tells() {
    let mut host = Host::new(&[]);
    host.told(0, INCOMING);
    host.told(300, ARRIVES);
    host.settled(301, V4, ARRIVED);
    assert_eq!(host.shown(), (Completed, vec![(IncomingSeen, 0), (Resumed, 300)]));
}

#[test]
fn one_of_which_only_the_end_was_seen_begins_with_it() {
    let mut host = Host::new(&[V4]);
    assert_eq!(host.told(0, Turn::Passed(Out, Stopped)), 1);
    host.settled(2, V4, None);
    assert_eq!(host.shown(), (Completed, vec![(Stopped, 0), (Withdrawn, 2)]));
}

#[test]
fn an_end_without_a_beginning_says_nothing() {
    let mut host = Host::new(&[V4]);
    assert_eq!(host.told(0, LEFT), 0);
    host.told(1, INCOMING);
    host.told(2, ARRIVES);
    assert_eq!(host.told(3, Turn::Ends(Failed, Some(Stopped))), 0, "it is over already");
}

#[test]
fn one_that_still_runs_outlives_a_thousand_that_are_over() {
    let mut courses = Courses::default();
    let at = Instant::now();
    let mut tell = |number: u32, turn| {
        let prefix: Prefix = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string().parse().unwrap();
        let uuid = Uuid::from_u128(number.into());
        courses.told(&Move { uuid, name: VmName::new("vm"), vm: None, turn, at }, &[prefix])
    };
    tell(0, INCOMING);
    for number in 1..=1_500 {
        tell(number, PAUSES);
        tell(number, LEFT);
    }
    let ended = tell(0, ARRIVES);
    assert_eq!((ended.len(), ended[0].id, ended[0].outcome), (1, 1, Completed));
}

#[test]
fn no_more_than_a_thousand_are_waited_for() {
    let mut courses = Courses::default();
    let at = Instant::now();
    for number in 0..3_000_u32 {
        let prefix: Prefix = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string().parse().unwrap();
        let uuid = Uuid::from_u128(number.into());
        let told = Move { uuid, name: VmName::new("vm"), vm: None, turn: INCOMING, at };
        assert_eq!(courses.told(&told, &[prefix]).len(), 1);
        assert!(courses.open.len() <= Courses::OPEN && courses.owners.len() <= Courses::OPEN);
    }
    let first_kept = courses.open.values().map(|course| course.id).min();
    assert_eq!(first_kept, Some(2_001));
}

#[derive(Debug, Clone)]
enum Fact {
    Told(usize, Turn),
    Settled(usize, Stand),
    Confirmed(usize),
}

fn fact() -> impl Strategy<Value = Fact> {
    let turn = prop_oneof![
        Just(INCOMING),
        Just(PAUSES),
        Just(ARRIVES),
        Just(LEFT),
        Just(Turn::Ends(Failed, Some(Stopped))),
        Just(Turn::Ends(Failed, Some(Resumed))),
        Just(Turn::Ends(Completed, None)),
        Just(Turn::Passed(Out, Stopped)),
        Just(Turn::Passed(In, Resumed)),
        Just(Turn::Behind),
    ];
    let stand =
        prop_oneof![Just(STANDBY), Just(ARRIVED), Just(LEAVING), Just(Some(Rung::Active)), Just(None)];
    prop_oneof![
        (0..3_usize, turn).prop_map(|(vm, turn)| Fact::Told(vm, turn)),
        (0..6_usize, stand).prop_map(|(prefix, stand)| Fact::Settled(prefix, stand)),
        (0..6_usize).prop_map(Fact::Confirmed),
    ]
}

fn assert_sane(course: &Course) {
    let phases: Vec<MigrationPhase> = course.phases.iter().map(|(phase, _)| *phase).collect();
    let times: Vec<Instant> = course.phases.iter().map(|(_, at)| *at).collect();
    assert!(times.is_sorted() && times[0] == course.started_at, "{course:?}");
    assert_eq!(phases.iter().collect::<BTreeSet<_>>().len(), phases.len(), "each once: {course:?}");
    assert_eq!(course.ended_at.is_some(), course.outcome != Running, "{course:?}");
    let of_other_side = match course.direction {
        In => [Paused, Demoted],
        Out => [IncomingSeen, StandbyAnnounced],
    };
    assert!(!of_other_side.iter().any(|phase| phases.contains(phase)), "{course:?}");
    let place = |wanted| phases.iter().position(|phase| *phase == wanted);
    for (later, earlier) in [
        (ConfirmedOnTheWire, Acknowledged),
        (Acknowledged, if course.direction == In { ArrivedAnnounced } else { Demoted }),
    ] {
        assert!(
            place(later).is_none() || place(earlier).is_some_and(|at| Some(at) < place(later)),
            "{course:?}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_comes_in_whatever_order_a_migration_stays_sane(
        facts in prop::collection::vec((fact(), 0..2_000_u64), 0..200),
    ) {
        let mut courses = Courses::default();
        let start = Instant::now();
        let mut now = start;
        let mut shown: BTreeMap<u64, Course> = BTreeMap::new();
        let prefix = |number: usize| format!("10.0.0.{number}").parse::<Prefix>().unwrap();
        for (fact, millis) in facts {
            let before = now;
            now += Duration::from_millis(millis);
            let news = match fact {
                Fact::Told(vm, turn) => {
                    let (uuid, name) = (Uuid::from_u128(vm as u128), VmName::new("vm"));
                    let told = Move { uuid, name, vm: None, turn, at: now };
                    courses.told(&told, &[prefix(2 * vm), prefix(2 * vm + 1)])
                }
                Fact::Settled(number, stand) => {
                    courses.settled(prefix(number), stand, before, now).into_iter().collect()
                }
                Fact::Confirmed(number) => courses.confirmed(prefix(number), now).into_iter().collect(),
            };
            for course in news {
                assert_sane(&course);
                let last = shown.insert(course.id, course.clone());
                if let Some(last) = last {
                    prop_assert!(last.phases.iter().all(|phase| course.phases.contains(phase)), "none is taken back");
                    prop_assert!(last.outcome == Running || last.outcome == course.outcome);
                }
            }
            prop_assert!(courses.open.len() <= 3 && courses.owners.len() <= 6);
        }
        prop_assert_eq!(shown.keys().copied().collect::<Vec<_>>(), (1..=shown.len() as u64).collect::<Vec<_>>());
    }
}
