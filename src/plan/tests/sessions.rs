//! What is repeated for a session that comes up, and what that must not hold up.

use super::*;

/// A plan of which one route was announced, withdrawn, and withdrawn once more 600 ms after `now`.
fn withdrawn(now: Instant) -> Plan {
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    acknowledge(&mut plan, later(now, 600));
    plan
}

#[test]
fn a_withdraw_is_recent_for_two_minutes() {
    let now = Instant::now();
    for (millis, repeats) in [(119_999, 1), (120_000, 0)] {
        let mut plan = withdrawn(now);
        let up = later(now, 600 + millis);
        plan.session_up(up);
        assert_eq!(plan.next(later(up, 599)), []);
        assert_eq!(plan.next(later(up, 600)).len(), repeats, "{millis}");
    }
}

#[test]
fn a_route_that_is_wanted_again_does_not_wait_for_the_repeat_of_its_withdraw() {
    let now = Instant::now();
    let mut plan = withdrawn(now);
    plan.want([], vec![route(1, Rung::Arrived)]);
    plan.session_up(later(now, 700));
    assert_eq!(plan.next(later(now, 700)), [announce(1, Rung::Arrived)]);
}

#[test]
fn a_withdraw_that_follows_an_open_announce_does_not_wait_for_a_repeat() {
    let now = later(Instant::now(), 700);
    let mut plan = withdrawn(now);
    plan.want([], vec![route(1, Rung::Active)]);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
    plan.want([prefix(1)], vec![]);
    plan.session_up(now);
    plan.settled(prefix(1), Outcome::Acknowledged, now);
    assert_eq!(plan.next(now), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_false_route_that_a_new_table_shows_is_withdrawn_at_once() {
    let now = Instant::now();
    let mut plan = withdrawn(now);
    plan.ready(vec![found(1, Rung::Active)], &[]);
    plan.session_up(later(now, 700));
    assert_eq!(plan.next(later(now, 700)), [withdraw(1, None)]);
}

#[test]
fn nothing_new_is_sent_while_steps_are_in_doubt() {
    let now = Instant::now();
    let mut plan = ready();
    plan.in_doubt();
    plan.want([], vec![route(1, Rung::Active)]);
    assert_eq!(plan.next(now), []);
    plan.ready(Vec::new(), &[]);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
}
