use super::*;

const RESYNC: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(5);

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn back_off_doubles_up_to_5_s_and_starts_over_after_a_success() {
    let mut backoff = Backoff::new(Duration::from_millis(100));
    let waits: Vec<u128> = (0..9).map(|_| backoff.after_failure().as_millis()).collect();
    assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    backoff.reset();
    assert_eq!(backoff.after_failure(), Duration::from_millis(100));
}

#[test]
fn the_first_list_is_due_at_once_then_one_when_settled_then_one_each_resync() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, RESYNC, SETTLE);
    assert_eq!(schedule.due(), start);
    schedule.listed(start);
    assert_eq!(schedule.due(), start + SETTLE);
    schedule.listed(start + SETTLE);
    assert_eq!(schedule.due(), start + SETTLE + RESYNC);
    schedule.listed(start + SETTLE + RESYNC);
    assert_eq!(schedule.due(), start + SETTLE + RESYNC * 2);
}

#[test]
fn a_list_that_was_asked_for_before_it_had_settled_does_not_count_as_the_settled_one() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, RESYNC, SETTLE);
    schedule.listed(start + seconds(4));
    assert_eq!(schedule.due(), start + SETTLE);
}

#[test]
fn a_short_resync_goes_on_before_and_after_it_has_settled() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, seconds(2), SETTLE);
    let mut due = Vec::new();
    for _ in 0..6 {
        due.push((schedule.due() - start).as_secs());
        schedule.listed(schedule.due());
    }
    assert_eq!(due, [0, 2, 4, 5, 7, 9]);
}

#[test]
fn a_failed_list_is_tried_again_with_back_off_until_one_comes() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, RESYNC, seconds(0));
    schedule.failed(start);
    assert_eq!(schedule.due(), start + Duration::from_millis(100));
    schedule.failed(start);
    assert_eq!(schedule.due(), start + Duration::from_millis(200));
    schedule.listed(start);
    assert_eq!(schedule.due(), start + RESYNC);
    schedule.failed(start);
    assert_eq!(schedule.due(), start + Duration::from_millis(100));
}

#[test]
fn an_endless_resync_is_no_overflow_of_time() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, Duration::MAX, SETTLE);
    schedule.listed(start + SETTLE);
    assert!(schedule.due() > start + seconds(300 * 24 * 60 * 60));
}
