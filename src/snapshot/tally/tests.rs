use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

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
    assert!(ACKNOWLEDGEMENT.is_sorted_by(|a, b| a < b));
    assert!(EVENT_TO_COMMAND.is_sorted_by(|a, b| a < b));
}

#[test]
fn what_has_not_happened_is_there_with_0() {
    let tally = Tally::default();
    assert_eq!(tally.presences, Presence::ALL.map(|presence| (presence, 0)).into());
    assert_eq!(tally.exabgp.announcements, Rung::ALL.map(|rung| (rung, 0)).into());
    assert_eq!(tally.libvirt.events.len(), LifecycleKind::EVENTS.len());
}

proptest! {
    #[test]
    fn each_bucket_has_what_is_at_most_its_bound(micros in vec(0_u64..20_000, 0..50)) {
        let mut histogram = Histogram::new(&BOUNDS);
        micros.iter().for_each(|micros| histogram.observe(Duration::from_micros(*micros)));
        for (bound, count) in histogram.cumulative() {
            let within = micros.iter().filter(|micros| Duration::from_micros(**micros) <= bound).count();
            prop_assert_eq!(count, u64::try_from(within).unwrap());
        }
        prop_assert_eq!(histogram.count(), u64::try_from(micros.len()).unwrap());
        prop_assert_eq!(histogram.sum(), Duration::from_micros(micros.iter().sum()));
    }
}
