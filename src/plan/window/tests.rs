use super::*;

/// Sends a mass to an ExaBGP that takes so many microseconds a line; the window's sizes after each line.
fn sizes(window: &mut Window, from: Instant, line_us: u64, lines: usize) -> Vec<usize> {
    let mut open = std::collections::VecDeque::new();
    let (mut at, mut sizes) = (from, Vec::new());
    for _ in 0..lines {
        while open.len() < window.size() {
            open.push_back(at);
        }
        at += Duration::from_micros(line_us);
        window.acknowledged(open.pop_front().unwrap(), at);
        sizes.push(window.size());
    }
    sizes
}

#[test]
fn an_exabgp_at_its_usual_pace_has_the_whole_window() {
    for line_us in [100, 500, 1_000, 1_500] {
        let mut window = Window::new();
        assert_eq!(sizes(&mut window, Instant::now(), line_us, 1_000), [WINDOW; 1_000], "{line_us} us");
    }
}

#[test]
fn a_slow_exabgp_has_as_much_open_as_it_does_in_the_time_that_an_urgent_step_may_wait() {
    // (what a line takes, what it does in 40 ms)
    for (line_us, expected) in [(2_000, 20), (4_000, 10), (100_000, LEAST)] {
        let mut window = Window::new();
        let sizes = sizes(&mut window, Instant::now(), line_us, 1_000);
        let settled = &sizes[200..];
        assert!(
            settled.iter().all(|size| *size <= expected && *size * 2 >= expected),
            "{line_us} us: {settled:?}"
        );
    }
}

#[test]
fn the_window_opens_again_when_exabgp_is_quick_again() {
    let (mut window, start) = (Window::new(), Instant::now());
    sizes(&mut window, start, 50_000, 100);
    assert_eq!(window.size(), LEAST);
    let later = start + Duration::from_secs(60);
    assert_eq!(sizes(&mut window, later, 500, 1_000).last(), Some(&WINDOW));
}

#[test]
fn the_window_stays_where_a_line_takes_half_the_time_that_an_urgent_step_may_wait_or_all_of_it() {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let moment = Duration::from_nanos(1);
    for (took, expected) in [
        ((PATIENCE / 2).saturating_sub(moment), Greater),
        (PATIENCE / 2, Equal),
        (PATIENCE, Equal),
        (PATIENCE + moment, Less),
    ] {
        let (mut window, start) = (Window::new(), Instant::now());
        let slow = start + PATIENCE * 2;
        window.acknowledged(start, slow);
        let size = window.size();
        window.acknowledged(slow, slow + took);
        assert_eq!(window.size().cmp(&size), expected, "{took:?}");
    }
}

#[test]
fn one_slow_line_takes_a_part_of_the_window_and_what_was_open_then_no_more() {
    let (mut window, start) = (Window::new(), Instant::now());
    let slow = start + PATIENCE * 2;
    window.acknowledged(start, slow);
    let size = window.size();
    assert!((WINDOW / 2..WINDOW).contains(&size), "{size}");
    window.acknowledged(start + PATIENCE / 2, slow + PATIENCE);
    assert_eq!(window.size(), size);
    // What was opened at that moment is of the new size.
    window.acknowledged(slow, slow + PATIENCE * 2);
    assert!(window.size() < size, "{}", window.size());
}
