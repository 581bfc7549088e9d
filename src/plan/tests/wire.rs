//! What follows from the wire echo.

use super::*;

/// The route with the MED that makes ExaBGP send it again.
fn nudged(number: u8, rung: Rung, med: u32) -> Step {
    let mut route = route(number, rung);
    let attributes = Attributes { med, ..(*route.attributes).clone() };
    route.attributes = Arc::new(attributes);
    Step::Announce(route)
}

#[test]
fn a_withdraw_that_the_wire_has_shown_is_not_repeated() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    assert_eq!(acknowledge(&mut plan, now).len(), 1);
    assert_eq!(plan.deadline(), Some(later(now, 600)));
    plan.confirmed(prefix(1), later(now, 5));
    assert_eq!(plan.take_done(), [prefix(1)]);
    assert_eq!(acknowledge(&mut plan, later(now, 600)), []);
    assert_eq!(plan.prefixes().count(), 0);
    // A neighbor that was down then may have been told the route in its first batch.
    plan.session_up(later(now, 1_000), None);
    assert_eq!(acknowledge(&mut plan, later(now, 1_600)), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_withdraw_whose_route_is_wanted_again_is_not_ended_by_its_echo() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    plan.want([], vec![route(1, Rung::Arrived)]);
    plan.confirmed(prefix(1), now);
    assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Arrived)]);
    assert_eq!(plan.progress(prefix(1)), Some(Progress::Announced(&route(1, Rung::Arrived))));
}

#[test]
fn a_withdraw_that_waits_to_be_sent_is_not_ended_by_the_echo_of_the_announce() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    plan.confirmed(prefix(1), now);
    assert_eq!(acknowledge(&mut plan, now), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_confirmation_counts_until_the_next_step() {
    let now = Instant::now();
    let mut plan = announced(now);
    assert_eq!(plan.confirmed_at(prefix(1)), None);
    plan.confirmed(prefix(1), later(now, 3));
    plan.confirmed(prefix(1), later(now, 9));
    assert_eq!(plan.confirmed_at(prefix(1)), Some(later(now, 3)));
    plan.want([], vec![route(1, Rung::Leaving)]);
    acknowledge(&mut plan, now);
    assert_eq!(plan.confirmed_at(prefix(1)), None);
}

#[test]
fn a_contradicted_route_is_said_again() {
    let now = Instant::now();
    let mut plan = announced(now);
    assert!(plan.contradicted(prefix(1), false));
    assert!(!plan.is_settled());
    assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Active)]);
    assert!(plan.is_settled());
}

#[test]
fn what_is_contradicted_again_is_said_in_a_way_that_is_not_suppressed() {
    let now = Instant::now();
    let mut plan = announced(now);
    assert!(plan.contradicted(prefix(1), true));
    // An active route has MED 100; the one before it is preferred no less.
    assert_eq!(acknowledge(&mut plan, now), [nudged(1, Rung::Active, 99)]);
    assert_eq!(acknowledge(&mut plan, later(now, 599)), [], "not in the same batch");
    assert_eq!(acknowledge(&mut plan, later(now, 600)), [announce(1, Rung::Active)]);
    assert!(plan.is_settled());
    assert_eq!(plan.progress(prefix(1)), Some(Progress::Announced(&route(1, Rung::Active))));
}

#[test]
fn a_vm_that_leaves_does_not_wait_for_a_repair() {
    let now = Instant::now();
    for wanted in [None, Some(Rung::Leaving)] {
        let mut plan = announced(now);
        plan.contradicted(prefix(1), true);
        assert_eq!(plan.next(now), [nudged(1, Rung::Active, 99)]);
        plan.want([prefix(1)], wanted.map(|rung| route(1, rung)).into_iter().collect());
        plan.settled(prefix(1), Outcome::Acknowledged, now);
        let steps = plan.next(now);
        assert_eq!(steps.len(), 1);
        assert_eq!(matches!(steps[0], Step::Withdraw { .. }), wanted.is_none());
    }
}

#[test]
fn a_repair_stands_before_the_mass() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.contradicted(prefix(1), true);
    acknowledge(&mut plan, now);
    plan.want([], (2..=60).map(|number| route(number, Rung::Active)).collect());
    assert_eq!(plan.next(later(now, 600)).first(), Some(&announce(1, Rung::Active)));
}

#[test]
fn a_repair_that_is_refused_is_tried_again_after_a_wait() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.contradicted(prefix(1), true);
    assert_eq!(plan.next(now).len(), 1);
    plan.settled(prefix(1), Outcome::Refused("no".to_owned()), now);
    assert_eq!(plan.next(now), []);
    assert!(matches!(plan.progress(prefix(1)), Some(Progress::Failed(..))));
    assert_eq!(plan.next(later(now, 1_000)), [nudged(1, Rung::Active, 99)]);
}

#[test]
fn a_route_of_ours_that_nobody_wants_is_withdrawn() {
    let now = Instant::now();
    let mut plan = ready();
    assert!(plan.contradicted(prefix(9), false));
    assert_eq!(acknowledge(&mut plan, now), [withdraw(9, None)]);
    plan.confirmed(prefix(9), now);
    assert_eq!(plan.prefixes().count(), 0);
}

#[test]
fn what_is_under_way_is_left_to_end_before_it_is_contradicted() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([], vec![route(1, Rung::Leaving)]);
    assert!(!plan.contradicted(prefix(1), false), "it waits to be sent");
    let steps = plan.next(now);
    assert_eq!(steps, [announce(1, Rung::Leaving)]);
    assert!(!plan.contradicted(prefix(1), false), "it is open");
    plan.settled(prefix(1), Outcome::Refused("no".to_owned()), now);
    assert!(!plan.contradicted(prefix(1), false), "it is tried again");
}
