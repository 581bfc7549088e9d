use std::time::Duration;

use super::super::words::{at, ended, list, span};
use super::time;

#[test]
fn times_are_followed_by_how_long_ago_they_were() {
    for (then, shown) in [
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z (0 s ago)"),
        ("2026-03-01T12:00:09Z", "2026-03-01T12:00:09.000Z (0 s ago)"),
        ("2026-03-01T11:59:01Z", "2026-03-01T11:59:01.000Z (59 s ago)"),
        ("2026-03-01T11:57:58.5Z", "2026-03-01T11:57:58.500Z (2 min 2 s ago)"),
        ("2026-03-01T09:55:00Z", "2026-03-01T09:55:00.000Z (2 h 5 min ago)"),
        ("2026-02-28T09:00:00Z", "2026-02-28T09:00:00.000Z (1 day 3 h ago)"),
        ("2026-02-01T12:00:00Z", "2026-02-01T12:00:00.000Z (28 days 0 h ago)"),
    ] {
        assert_eq!(at(time(then), time("2026-03-01T12:00:00Z")), shown);
    }
}

#[test]
fn lists_end_in_and_and_long_ones_in_how_many_more() {
    assert_eq!(list([""; 0]), "");
    assert_eq!(list(["a"]), "a");
    assert_eq!(list(["a", "b"]), "a and b");
    assert_eq!(list(["a", "b", "c"]), "a, b and c");
    assert_eq!(list(1..=9), "1, 2, 3, 4, 5, 6, 7, 8 and 9");
    assert_eq!(list(1..=12), "1, 2, 3, 4, 5, 6, 7, 8 and 4 more");
}

#[test]
fn sentences_of_others_end_in_one_full_stop() {
    for text in ["no route to host", "no route to host.", "no route to host. ", "no route to host...\n"] {
        assert_eq!(ended(text), "no route to host.");
    }
    assert_eq!(span(Duration::from_secs(90)), "1m 30s");
}
