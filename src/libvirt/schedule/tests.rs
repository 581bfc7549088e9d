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

/// When the first lists are due, each done at once, in milliseconds after the connect.
fn due<const COUNT: usize>(mut schedule: Schedule, start: Instant) -> [u128; COUNT] {
    std::array::from_fn(|_| {
        let due = schedule.due();
        schedule.listed(due);
        (due - start).as_millis()
    })
}

#[test]
fn the_first_list_is_due_at_once_then_some_until_settled_then_one_each_resync() {
    let start = Instant::now();
    assert_eq!(
        due(Schedule::new(start, RESYNC, SETTLE), start),
        [0, 250, 500, 1000, 2000, 4000, 5000, 35_000, 65_000]
    );
}

#[test]
fn where_it_settles_at_once_there_is_one_list_and_then_one_each_resync() {
    let start = Instant::now();
    assert_eq!(due(Schedule::new(start, RESYNC, seconds(0)), start), [0, 30_000, 60_000]);
}

#[test]
fn a_list_that_was_asked_for_before_it_had_settled_does_not_count_as_the_settled_one() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, RESYNC, SETTLE);
    schedule.listed(start + seconds(4));
    assert_eq!(schedule.due(), start + SETTLE);
}

#[test]
fn a_list_that_took_long_stands_for_those_that_were_due_meanwhile() {
    let start = Instant::now();
    let mut schedule = Schedule::new(start, RESYNC, SETTLE);
    schedule.listed(start + Duration::from_millis(1100));
    assert_eq!(schedule.due(), start + seconds(2));
}

#[test]
fn a_short_resync_goes_on_before_and_after_it_has_settled() {
    let start = Instant::now();
    assert_eq!(
        due(Schedule::new(start, seconds(2), SETTLE), start),
        [0, 250, 500, 1000, 2000, 4000, 5000, 7000, 9000]
    );
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
