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

/// When a neighbor is away from on in [`replaced`], in milliseconds.
pub(super) const AWAY: u64 = 150_000;

/// A plan of which one route, while a neighbor was away, was announced on `Standby`, and then on `rung`.
pub(super) fn replaced(now: Instant, rung: Rung) -> Plan {
    let mut plan = announced(now);
    plan.away_since(Some(later(now, AWAY)));
    for (rung, at) in [(Rung::Standby, AWAY), (rung, AWAY + 10_000)] {
        plan.want([], vec![route(1, rung)]);
        assert_eq!(acknowledge(&mut plan, later(now, at)), [announce(1, rung)]);
    }
    plan
}

#[test]
fn a_withdraw_is_repeated_when_a_session_comes_up() {
    let now = Instant::now();
    let mut plan = withdrawn(now);
    plan.want([], vec![route(2, Rung::Active)]);
    acknowledge(&mut plan, later(now, 700));
    plan.session_up(later(now, 60_000), None);
    // The other route is sent before it, in a millisecond.
    assert_eq!(plan.next(later(now, 60_600)), []);
    assert_eq!(acknowledge(&mut plan, later(now, 60_601)), [withdraw(1, Some(Rung::Active))]);
    plan.session_up(later(now, 600_000), None);
    assert_eq!(plan.next(later(now, 601_000)), [], "long ago: no session's first batch can hold it");
}

#[test]
fn a_session_that_comes_up_does_not_keep_a_prefix_that_nobody_wants_any_more() {
    let now = Instant::now();
    let mut plan = Plan::new(Some(REPEAT));
    plan.ready(vec![found(1, Rung::Arrived)], &BTreeMap::new(), now);
    acknowledge(&mut plan, now);
    acknowledge(&mut plan, later(now, 600));
    plan.want([], vec![route(1, Rung::Arrived)]);
    plan.want([prefix(1)], vec![]);
    plan.session_up(later(now, 700), None);
    acknowledge(&mut plan, later(now, 700));
    acknowledge(&mut plan, later(now, 1_301));
    assert_eq!((plan.prefixes().count(), plan.deadline()), (0, None));
}

#[test]
fn what_was_withdrawn_while_a_neighbor_was_away_is_repeated_however_long_it_was() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.away_since(Some(later(now, 1)));
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, later(now, 2));
    acknowledge(&mut plan, later(now, 602));
    assert_eq!((plan.prefixes().count(), plan.deadline()), (0, None));
    plan.session_up(later(now, 3_600_000), None);
    plan.away_since(None);
    assert_eq!(plan.next(later(now, 3_600_599)), []);
    assert_eq!(acknowledge(&mut plan, later(now, 3_600_600)), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_prefix_is_not_done_with_as_long_as_a_neighbor_is_away() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.away_since(Some(now));
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    acknowledge(&mut plan, later(now, 600));
    assert_eq!(plan.take_done(), []);
    plan.session_up(later(now, 1_000), None);
    // Of two neighbors one is still away.
    acknowledge(&mut plan, later(now, 1_600));
    assert_eq!(plan.take_done(), []);
    plan.session_up(later(now, 2_000), None);
    plan.away_since(None);
    assert_eq!(plan.take_done(), []);
    acknowledge(&mut plan, later(now, 2_600));
    assert_eq!(plan.take_done(), [prefix(1)]);
}

#[test]
fn a_route_that_was_replaced_while_a_neighbor_was_away_is_announced_once_more() {
    let now = Instant::now();
    let mut plan = replaced(now, Rung::Leaving);
    let up = later(now, 900_000);
    let stands = |plan: &Plan| {
        plan.is_settled() && plan.progress(prefix(1)) == Some(Progress::Announced(&route(1, Rung::Leaving)))
    };
    assert_eq!(plan.take_again(), []);
    plan.session_up(up, Some(later(now, AWAY)));
    plan.away_since(None);
    assert_eq!((plan.take_again(), plan.take_again()), (vec![prefix(1)], vec![]));
    assert_eq!(plan.next(later(up, 600)), []);
    let nudged = Step::Announce(route(1, Rung::Leaving).nudged());
    assert_eq!(plan.next(later(up, 601)), [nudged]);
    assert_eq!(plan.progress(prefix(1)), Some(Progress::Announced(&route(1, Rung::Leaving))));
    plan.settled(prefix(1), Outcome::Acknowledged, later(up, 601));
    assert!(stands(&plan), "all the while");
    assert_eq!(plan.next(later(up, 1_200)), [], "not in the same batch");
    assert_eq!(acknowledge(&mut plan, later(up, 1_201)), [announce(1, Rung::Leaving)]);
    assert_eq!((plan.next(later(up, 99_999)), stands(&plan)), (vec![], true));
}

#[test]
fn a_route_of_which_the_one_before_was_told_before_that_is_not_announced_once_more() {
    let now = Instant::now();
    for (away, steps) in [(AWAY, 1), (AWAY + 1, 0)] {
        let mut plan = replaced(now, Rung::Leaving);
        plan.session_up(later(now, 200_000), Some(later(now, away)));
        assert_eq!(plan.next(later(now, 299_999)).len(), steps, "{away}");
    }
}

#[test]
fn a_route_takes_the_place_of_its_withdraw_too() {
    let now = Instant::now();
    for (away, steps) in [(600, 1), (601, 0)] {
        let mut plan = withdrawn(now);
        plan.want([], vec![route(1, Rung::Active)]);
        acknowledge(&mut plan, later(now, 700));
        plan.session_up(later(now, 900), Some(later(now, away)));
        assert_eq!(plan.next(later(now, 1_501)).len(), steps, "{away}");
    }
}

#[test]
fn a_route_that_is_wanted_again_takes_the_place_of_a_withdraw_that_was_not_repeated_yet() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, later(now, 10));
    plan.want([], vec![route(1, Rung::Active)]);
    acknowledge(&mut plan, later(now, 20));
    plan.session_up(later(now, 30), Some(later(now, 10)));
    assert_eq!(plan.next(later(now, 999)).len(), 1);
}

#[test]
fn a_route_that_is_another_by_then_is_not_announced_once_more() {
    let now = Instant::now();
    let mut plan = replaced(now, Rung::Leaving);
    let up = later(now, 160_100);
    plan.session_up(up, Some(later(now, AWAY)));
    plan.want([prefix(1)], vec![route(1, Rung::Unsure)]);
    assert_eq!(plan.next(later(up, 601)), [announce(1, Rung::Unsure)], "the other, and as it is");
    plan.settled(prefix(1), Outcome::Acknowledged, later(up, 610));
    assert_eq!(plan.next(later(up, 99_999)), []);
}

/// It waits its turn in a full window, and then another is wanted.
#[test]
fn a_switch_over_is_not_told_with_the_med_of_what_was_to_be_announced_once_more() {
    let now = Instant::now();
    let mut plan = replaced(now, Rung::Leaving);
    let up = later(now, 160_100);
    plan.session_up(up, Some(later(now, AWAY)));
    plan.want([], (2..=60).map(|number| route(number, Rung::Active)).collect());
    let open = plan.next(later(up, 100));
    assert_eq!(plan.next(later(up, 601)), []);
    plan.want([], vec![route(1, Rung::Arrived)]);
    plan.settled(open[0].prefix(), Outcome::Acknowledged, later(up, 610));
    assert_eq!(plan.next(later(up, 610)).first(), Some(&announce(1, Rung::Arrived)));
}

#[test]
fn a_route_that_every_neighbor_was_seen_to_be_told_is_not_announced_once_more() {
    let now = Instant::now();
    let mut plan = replaced(now, Rung::Leaving);
    let up = later(now, 160_100);
    plan.session_up(up, Some(later(now, AWAY)));
    plan.confirmed(prefix(1), later(up, 50));
    assert_eq!(plan.next(later(up, 99_999)), []);
}

/// What is told while the first batch of a session is being sent lies in the second.
#[test]
fn what_is_changed_while_a_sessions_first_batch_is_sent_is_said_again_behind_it() {
    let now = Instant::now();
    let mut plan = announced_many(200, now);
    let up = later(now, 10_000);
    plan.session_up(up, None);
    plan.want([prefix(1)], vec![]);
    let new = [201, 202].map(|number| route(number, Rung::Arrived));
    plan.want([], [route(2, Rung::Leaving), route(3, Rung::Leaving)].into_iter().chain(new).collect());
    assert_eq!(acknowledge(&mut plan, later(up, 100)).len(), 5);
    plan.want([], vec![route(2, Rung::Standby), route(201, Rung::Active)]);
    assert_eq!(acknowledge(&mut plan, later(up, 250)).len(), 2);
    assert_eq!(plan.take_again(), [2, 3, 2, 201].map(prefix), "as it was found");
    assert_eq!(plan.next(later(up, 799)), [], "200 routes take 200 ms, and the machine may be slow");
    let due = |plan: &mut Plan, at| plan.next(later(up, at)).iter().map(Step::prefix).collect::<Vec<_>>();
    assert_eq!(due(&mut plan, 800), [1, 3].map(prefix));
    assert_eq!(due(&mut plan, 849), []);
    assert_eq!(due(&mut plan, 850), [2, 201].map(prefix));
}

#[test]
fn what_is_changed_when_a_sessions_first_batch_is_sent_is_told_once() {
    let now = Instant::now();
    for (changed, repeats) in [(600, 1), (601, 0)] {
        let mut plan = announced(now);
        let up = later(now, 10_000);
        plan.session_up(up, None);
        plan.want([], vec![route(1, Rung::Leaving)]);
        assert_eq!(acknowledge(&mut plan, later(up, changed)), [announce(1, Rung::Leaving)]);
        assert_eq!(plan.next(later(up, 99_999)).len(), repeats, "{changed}");
    }
}

/// Its first batch may be the second of the other.
#[test]
fn a_session_that_comes_up_does_not_shorten_the_time_of_another() {
    let now = Instant::now();
    let mut plan = announced_many(200, now);
    let up = later(now, 10_000);
    plan.session_up(up, None);
    plan.want((3..=200).map(prefix), vec![]);
    while !acknowledge(&mut plan, later(up, 1)).is_empty() {}
    plan.session_up(later(up, 10), None);
    assert!(plan.next(later(up, 799)).is_empty());
    assert!(!plan.next(later(up, 810)).is_empty());
}

#[test]
fn a_withdraw_is_recent_for_two_minutes() {
    let now = Instant::now();
    for (millis, repeats) in [(119_999, 1), (120_000, 0)] {
        let mut plan = withdrawn(now);
        let up = later(now, 600 + millis);
        plan.session_up(up, None);
        assert_eq!(plan.next(later(up, 599)), []);
        assert_eq!(plan.next(later(up, 600)).len(), repeats, "{millis}");
    }
}

#[test]
fn a_route_that_is_wanted_again_does_not_wait_for_the_repeat_of_its_withdraw() {
    let now = Instant::now();
    let mut plan = withdrawn(now);
    plan.want([], vec![route(1, Rung::Arrived)]);
    plan.session_up(later(now, 700), None);
    assert_eq!(plan.next(later(now, 700)), [announce(1, Rung::Arrived)]);
}

#[test]
fn a_withdraw_that_follows_an_open_announce_does_not_wait_for_a_repeat() {
    let now = later(Instant::now(), 700);
    let mut plan = withdrawn(now);
    plan.want([], vec![route(1, Rung::Active)]);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
    plan.want([prefix(1)], vec![]);
    plan.session_up(now, None);
    plan.settled(prefix(1), Outcome::Acknowledged, now);
    assert_eq!(plan.next(now), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_false_route_that_a_new_table_shows_is_withdrawn_at_once() {
    let now = Instant::now();
    let mut plan = withdrawn(now);
    plan.ready(vec![found(1, Rung::Active)], &BTreeMap::new(), now);
    plan.session_up(later(now, 700), None);
    assert_eq!(plan.next(later(now, 700)), [withdraw(1, None)]);
}

#[test]
fn a_new_exabgp_has_nothing_to_send_in_another_order() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([], vec![route(2, Rung::Active)]);
    acknowledge(&mut plan, now);
    plan.away_since(Some(now));
    plan.want([prefix(1), prefix(2)], vec![route(2, Rung::Leaving)]);
    acknowledge(&mut plan, now);
    acknowledge(&mut plan, later(now, 600));
    assert_eq!(plan.take_done(), [], "a neighbor is away");
    plan.new_exabgp();
    assert_eq!(plan.take_done(), [prefix(1)]);
    plan.ready(Vec::new(), &BTreeMap::new(), later(now, 700));
    assert_eq!(acknowledge(&mut plan, later(now, 700)), [announce(2, Rung::Leaving)]);
    plan.session_up(later(now, 800), Some(now));
    assert_eq!(plan.next(later(now, 99_999)), []);
}

#[test]
fn a_withdraw_that_is_repeated_for_a_session_shows_what_it_takes_back() {
    let now = Instant::now();
    let mut plan = Plan::new(Some(REPEAT));
    plan.ready(vec![found(1, Rung::Active)], &BTreeMap::new(), now);
    acknowledge(&mut plan, now);
    acknowledge(&mut plan, later(now, 600));
    assert_eq!(plan.progress(prefix(1)), None);
    plan.session_up(later(now, 700), None);
    let shown = Progress::Withdrawing { last: None, found: Some(&found(1, Rung::Active)), failure: None };
    assert_eq!(plan.progress(prefix(1)), Some(shown));
}
