//! What a table that is read anew, by the same agent or by another, leaves to be said again.

use super::sessions::{AWAY, replaced};
use super::*;

#[test]
fn a_route_that_is_to_be_announced_once_more_is_also_when_the_table_is_read_anew() {
    let now = Instant::now();
    let up = later(now, 160_100);
    // Before it was due, when it waited to be sent, and when it was on its way.
    for (doubt, taken) in [(100, false), (601, false), (601, true)] {
        let mut plan = replaced(now, Rung::Leaving);
        plan.session_up(up, Some(later(now, AWAY)));
        if taken {
            assert_eq!(plan.next(later(up, doubt)).len(), 1);
        }
        plan.in_doubt();
        plan.ready(vec![found(1, Rung::Leaving)], &BTreeMap::new(), later(up, doubt));
        let due = if doubt == 100 { 700 } else { 1_201 };
        assert_eq!(plan.next(later(up, due - 1)), [], "{doubt} {taken}");
        let steps = plan.next(later(up, due + 1));
        assert_eq!(steps, [Step::Announce(route(1, Rung::Leaving).nudged())], "{doubt} {taken}");
    }
}

#[test]
fn what_is_in_doubt_as_a_session_comes_up_is_announced_once_more() {
    let now = Instant::now();
    let mut plan = replaced(now, Rung::Leaving);
    plan.want([], vec![route(1, Rung::Arrived)]);
    assert_eq!(plan.next(later(now, 160_050)).len(), 1);
    plan.in_doubt();
    plan.session_up(later(now, 160_100), Some(later(now, AWAY)));
    plan.ready(vec![found(1, Rung::Arrived)], &BTreeMap::new(), later(now, 160_200));
    assert_eq!(plan.next(later(now, 160_799)), []);
    assert_eq!(plan.next(later(now, 160_801)), [Step::Announce(route(1, Rung::Arrived).nudged())]);
}

/// A plan that is in doubt, where a step for its route was `open` half a second after `now` or none was, and the rung on which
/// ExaBGP has it.
fn doubted(open: bool, now: Instant) -> (Plan, Rung) {
    let mut plan = announced(now);
    if open {
        plan.want([], vec![route(1, Rung::Leaving)]);
        assert_eq!(plan.next(later(now, 500)).len(), 1);
    }
    plan.in_doubt();
    (plan, if open { Rung::Leaving } else { Rung::Active })
}

/// Of the route, what it took the place of was told long before.
#[test]
fn what_comes_out_of_a_doubt_while_a_session_sends_its_first_batch_is_announced_once_more() {
    let now = Instant::now();
    for (open, up, repeats) in [(true, true, 1), (false, true, 0), (true, false, 0)] {
        let (mut plan, held) = doubted(open, now);
        if up {
            plan.session_up(later(now, 1_000), Some(later(now, 900)));
        }
        plan.ready(vec![found(1, held)], &BTreeMap::new(), later(now, 1_100));
        assert_eq!(plan.next(later(now, 99_999)).len(), repeats, "{open} {up}");
    }
}

/// What it took the place of, and when, is known of a route that was not.
#[test]
fn what_was_in_doubt_while_a_neighbor_was_away_is_announced_once_more() {
    let now = Instant::now();
    for (open, repeats) in [(true, 1), (false, 0)] {
        let (mut plan, held) = doubted(open, now);
        plan.ready(vec![found(1, held)], &BTreeMap::new(), later(now, 600));
        plan.session_up(later(now, 10_000), Some(later(now, 400)));
        assert_eq!(plan.next(later(now, 99_999)).len(), repeats, "{open}");
    }
}

#[test]
fn a_route_that_an_agent_found_while_a_neighbor_was_away_may_have_replaced_another() {
    let now = Instant::now();
    for (away_since, steps) in [(Some(now), 1), (Some(later(now, 1)), 0), (None, 0)] {
        let mut plan = Plan::new(Some(REPEAT));
        plan.want([], vec![route(1, Rung::Active)]);
        plan.ready(vec![found(1, Rung::Active)], &BTreeMap::new(), now);
        plan.session_up(later(now, 1), away_since);
        assert_eq!(plan.next(later(now, 99_999)).len(), steps, "{away_since:?}");
    }
}

#[test]
fn nothing_new_is_sent_while_steps_are_in_doubt() {
    let now = Instant::now();
    let mut plan = ready();
    plan.in_doubt();
    plan.want([], vec![route(1, Rung::Active)]);
    assert_eq!(plan.next(now), []);
    plan.ready(Vec::new(), &BTreeMap::new(), now);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
}

#[test]
fn a_prefix_that_an_agent_has_just_withdrawn_is_announced_twice_by_the_next_one() {
    let now = Instant::now();
    for (rung, steps) in [(None, 1), (Some(Rung::Active), 0)] {
        let mut plan = Plan::new(Some(REPEAT));
        plan.want([], vec![route(1, Rung::Arrived)]);
        plan.ready(Vec::new(), &[(prefix(1), rung)].into(), now);
        assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Arrived)]);
        plan.session_up(later(now, 100), Some(now));
        assert_eq!(plan.next(later(now, 99_999)).len(), steps, "{rung:?}");
    }
}
