use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::snapshot::{MigrationView, Millis, PhaseView, sample};
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase, VmName};

const BOUNDS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

#[test]
fn a_duration_counts_up_to_its_bound_and_not_beyond() {
    let mut histogram = Histogram::new(&BOUNDS);
    for micros in [0, 999, 1_000, 1_001, 10_000, 10_001] {
        histogram.observe(Duration::from_micros(micros));
    }
    let cumulative: Vec<u64> = histogram.cumulative().map(|(_, count)| count).collect();
    assert_eq!(cumulative, [3, 5]);
    assert_eq!((histogram.count(), histogram.sum()), (6, Duration::from_micros(23_001)));
}

#[test]
fn bounds_grow() {
    let tally = Tally::default();
    let ExabgpTally { acknowledgement, by_event, by_look, .. } = &tally.exabgp;
    for histogram in [acknowledgement, by_event, by_look].into_iter().chain(tally.migrations.phases.values())
    {
        let bounds: Vec<Duration> = histogram.cumulative().map(|(bound, _)| bound).collect();
        assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
    }
}

#[test]
fn what_has_not_happened_is_there_with_0() {
    let tally = Tally::default();
    assert_eq!(tally.presences, Presence::ALL.map(|presence| (presence, 0)).into());
    assert_eq!(tally.exabgp.announcements, Rung::ALL.map(|rung| (rung, 0)).into());
    assert_eq!(tally.libvirt.events.len(), LifecycleKind::EVENTS.len());
}

/// A migration with these phases, each after so many milliseconds.
fn migration(
    direction: MigrationDirection,
    outcome: MigrationOutcome,
    phases: &[(MigrationPhase, u64)],
) -> MigrationView {
    let at = sample::time("2026-03-01T10:00:00Z");
    let phase = |(name, millis): &(MigrationPhase, u64)| PhaseView {
        name: *name,
        at,
        after_ms: Millis(Duration::from_millis(*millis)),
    };
    let ended_at = (outcome != MigrationOutcome::Running).then_some(at);
    let phases = phases.iter().map(phase).collect();
    MigrationView { id: 1, vm: VmName::new("a"), direction, started_at: at, ended_at, outcome, phases }
}

/// How often each phase came, and after how many milliseconds in all; those that never did are left out.
fn timed(tally: &MigrationTally) -> Vec<(&'static str, &'static str, u64, u128)> {
    let seen = tally.phases.iter().filter(|(_, histogram)| histogram.count() > 0);
    seen.map(|((direction, phase), histogram)| {
        (direction.name(), phase.name(), histogram.count(), histogram.sum().as_millis())
    })
    .collect()
}

#[test]
fn phases_are_timed_from_what_they_follow_and_once() {
    use MigrationDirection::{In, Out};
    use MigrationOutcome::{Completed, Failed, Running};
    use MigrationPhase as Phase;
    let mut tally = MigrationTally::default();
    let begun = migration(In, Running, &[(Phase::IncomingSeen, 0), (Phase::StandbyAnnounced, 4)]);
    tally.count(None, &begun);
    let arrived = [
        (Phase::IncomingSeen, 0),
        (Phase::StandbyAnnounced, 4),
        (Phase::Resumed, 60_000),
        (Phase::ArrivedAnnounced, 60_001),
        (Phase::Acknowledged, 60_003),
    ];
    let arrived = migration(In, Completed, &arrived);
    tally.count(Some(&begun), &arrived);
    tally.count(Some(&arrived), &arrived);
    let arrived_ones = [
        ("in", "standby_announced", 1, 4),
        ("in", "resumed", 1, 60_000),
        ("in", "arrived_announced", 1, 1),
        ("in", "acknowledged", 1, 3),
    ];
    assert_eq!(timed(&tally), arrived_ones);

    let mut tally = MigrationTally::default();
    let left = [
        (Phase::Paused, 0),
        (Phase::Demoted, 1),
        (Phase::Acknowledged, 3),
        (Phase::ConfirmedOnTheWire, 5),
        (Phase::Stopped, 900),
        (Phase::Withdrawn, 904),
    ];
    tally.count(None, &migration(Out, Completed, &left));
    tally.count(None, &migration(Out, Failed, &[(Phase::Paused, 0), (Phase::Resumed, 70)]));
    // A paused guest gives no sign before it is gone.
    tally.count(None, &migration(Out, Completed, &[(Phase::Stopped, 0), (Phase::Withdrawn, 2)]));
    let expected = [
        ("out", "demoted", 1, 1),
        ("out", "resumed", 1, 70),
        ("out", "acknowledged", 1, 3),
        ("out", "confirmed_on_the_wire", 1, 5),
        ("out", "stopped", 1, 900),
        ("out", "withdrawn", 2, 6),
    ];
    assert_eq!(timed(&tally), expected);
}

#[test]
fn a_migration_ends_once() {
    use MigrationDirection::{In, Out};
    use MigrationOutcome::{Completed, Failed, Running};
    let mut tally = MigrationTally::default();
    let [runs, completed] = [Running, Completed].map(|outcome| migration(In, outcome, &[]));
    tally.count(None, &runs);
    assert_eq!(tally.ended.values().sum::<u64>(), 0);
    tally.count(Some(&runs), &completed);
    tally.count(Some(&completed), &completed);
    tally.count(None, &migration(Out, Failed, &[]));
    let expected = [((In, Completed), 1), ((In, Failed), 0), ((Out, Completed), 0), ((Out, Failed), 1)];
    assert_eq!(tally.ended, expected.into());
}

proptest! {
    #[test]
    fn each_bucket_has_what_is_at_most_its_bound(micros in vec(0_u64..20_000, 0..50)) {
        let mut histogram = Histogram::new(&BOUNDS);
        for micros in &micros {
            histogram.observe(Duration::from_micros(*micros));
        }
        for (bound, count) in histogram.cumulative() {
            let within = micros.iter().filter(|micros| Duration::from_micros(**micros) <= bound).count();
            prop_assert_eq!(count, u64::try_from(within).unwrap());
        }
        prop_assert_eq!(histogram.count(), u64::try_from(micros.len()).unwrap());
        prop_assert_eq!(histogram.sum(), Duration::from_micros(micros.iter().sum()));
    }
}
