//! What is sent, in which order, and what is believed of it.

mod convergence;
mod doubts;
mod sessions;
mod urgency;
mod wire;

use std::sync::Arc;

use super::*;
use crate::route::{Asn, AttributeOverrides, Attributes, Ladder, Mark, NextHop};
use crate::vm::VmName;

fn prefix(number: u8) -> Prefix {
    format!("198.51.100.{number}").parse().unwrap()
}

fn route(number: u8, rung: Rung) -> Route {
    let mark = Mark { local_as: Asn::new(65_101).unwrap(), mark: 82 };
    let none = AttributeOverrides::default();
    let ladder = Ladder::new(mark, 3, &Default::default()).unwrap();
    Route {
        prefix: prefix(number),
        vm: VmName::new("web-1"),
        rung,
        next_hop: NextHop::Own,
        attributes: Arc::new(ladder.attributes(rung, &none, &none)),
        unsure: None,
        settled: None,
    }
}

/// The route as ExaBGP shows it in its table.
fn found(number: u8, rung: Rung) -> FoundRoute {
    let route = route(number, rung);
    FoundRoute {
        prefix: route.prefix,
        rung,
        next_hop: NextHop::Own,
        attributes: (*route.attributes).clone(),
        prepended: true,
    }
}

fn announce(number: u8, rung: Rung) -> Step {
    Step::Announce(route(number, rung))
}

fn withdraw(number: u8, last: Option<Rung>) -> Step {
    Step::Withdraw { prefix: prefix(number), last: last.map(|rung| route(number, rung)) }
}

const REPEAT: Duration = Duration::from_millis(600);

fn later(now: Instant, millis: u64) -> Instant {
    now + Duration::from_millis(millis)
}

/// A plan that ExaBGP has answered with an empty table.
fn ready() -> Plan {
    let mut plan = Plan::new(Some(REPEAT));
    plan.ready(Vec::new(), &BTreeMap::new(), Instant::now());
    plan
}

fn acknowledge(plan: &mut Plan, now: Instant) -> Vec<Step> {
    let steps = plan.next(now);
    for step in &steps {
        plan.settled(step.prefix(), Outcome::Acknowledged, now);
    }
    steps
}

/// A plan of which one route is announced.
fn announced(now: Instant) -> Plan {
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active)]);
    acknowledge(&mut plan, now);
    plan
}

/// A plan of which so many routes are announced.
fn announced_many(number: u8, now: Instant) -> Plan {
    let mut plan = ready();
    plan.want([], (1..=number).map(|number| route(number, Rung::Active)).collect());
    while !acknowledge(&mut plan, now).is_empty() {}
    plan
}

#[test]
fn nothing_is_sent_before_exabgp_has_said_what_it_holds() {
    let now = Instant::now();
    let mut plan = Plan::new(Some(REPEAT));
    plan.want([], vec![route(1, Rung::Active)]);
    assert_eq!((plan.next(now), plan.is_settled()), (Vec::new(), false));
    plan.ready(Vec::new(), &BTreeMap::new(), now);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
}

#[test]
fn what_the_table_shows_as_wanted_is_not_sent_again() {
    let now = Instant::now();
    let mut plan = Plan::new(Some(REPEAT));
    plan.want([], vec![route(1, Rung::Active), route(2, Rung::Active), route(3, Rung::Active)]);
    let uneven = FoundRoute { attributes: Attributes::default(), ..found(3, Rung::Active) };
    plan.ready(vec![found(1, Rung::Active), found(2, Rung::Unsure), uneven], &BTreeMap::new(), now);
    let steps = acknowledge(&mut plan, now);
    assert_eq!(steps, [announce(2, Rung::Active), announce(3, Rung::Active)]);
    assert_eq!((plan.next(now), plan.is_settled()), (Vec::new(), true));
}

#[test]
fn prepends_that_no_neighbor_is_sent_are_not_missed_in_the_table() {
    let now = Instant::now();
    for (prepended, steps) in [(true, vec![announce(1, Rung::Active)]), (false, vec![])] {
        let mut plan = Plan::new(Some(REPEAT));
        plan.want([], vec![route(1, Rung::Active)]);
        let shown = found(1, Rung::Active);
        let attributes = Attributes { as_path_prepend: 0, ..shown.attributes.clone() };
        plan.ready(vec![FoundRoute { attributes, prepended, ..shown }], &BTreeMap::new(), now);
        assert_eq!(plan.next(now), steps, "{prepended}");
    }
}

#[test]
fn a_route_of_ours_that_nobody_wants_is_withdrawn() {
    let mut plan = Plan::new(Some(REPEAT));
    let now = Instant::now();
    plan.ready(vec![found(9, Rung::Active)], &BTreeMap::new(), now);
    assert_eq!(acknowledge(&mut plan, now), [withdraw(9, None)]);
    let shown = Progress::Withdrawing { last: None, found: Some(&found(9, Rung::Active)), failure: None };
    assert_eq!(plan.progress(prefix(9)), Some(shown), "until the withdraw is repeated");
    assert_eq!(acknowledge(&mut plan, later(now, 600)), [withdraw(9, None)]);
    assert_eq!(plan.progress(prefix(9)), None);
}

#[test]
fn a_change_of_rung_is_one_announce() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Standby)]);
    acknowledge(&mut plan, now);
    plan.want([prefix(1)], vec![route(1, Rung::Arrived)]);
    assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Arrived)]);
    assert!(plan.is_settled());
}

#[test]
fn one_step_a_prefix_is_open_and_newer_intents_replace_one_another() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Standby)]);
    assert_eq!(plan.next(now), [announce(1, Rung::Standby)]);
    assert_eq!(plan.open(prefix(1)), Some(&announce(1, Rung::Standby)));
    plan.want([prefix(1)], vec![route(1, Rung::Arrived)]);
    plan.want([prefix(1)], vec![]);
    plan.want([prefix(1)], vec![route(1, Rung::Active)]);
    assert_eq!(plan.next(now), []);
    plan.settled(prefix(1), Outcome::Acknowledged, now);
    assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
}

#[test]
fn an_intent_that_is_taken_back_before_it_was_sent_sends_nothing() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active)]);
    plan.want([prefix(1)], vec![]);
    assert_eq!((plan.next(now), plan.prefixes().count()), (Vec::new(), 0));
}

#[test]
fn a_withdraw_is_repeated_once_with_the_attributes_last_announced() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    assert_eq!(acknowledge(&mut plan, now), [withdraw(1, Some(Rung::Active))]);
    assert_eq!((plan.next(later(now, 599)), plan.deadline()), (Vec::new(), Some(later(now, 600))));
    assert!(plan.is_settled(), "a repeat that waits does not make a host unready");
    assert_eq!(acknowledge(&mut plan, later(now, 600)), [withdraw(1, Some(Rung::Active))]);
    assert_eq!((plan.next(later(now, 9_999)), plan.prefixes().count()), (Vec::new(), 0));
}

#[test]
fn a_route_that_is_wanted_again_does_not_wait_for_the_repeat() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    plan.want([prefix(1)], vec![route(1, Rung::Arrived)]);
    assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Arrived)]);
    assert_eq!(plan.next(later(now, 9_999)), []);
    assert!(plan.is_settled());
}

#[test]
fn without_a_peer_behind_the_pipe_a_withdraw_is_not_repeated() {
    let now = Instant::now();
    let mut plan = Plan::new(None);
    plan.ready(Vec::new(), &BTreeMap::new(), now);
    plan.want([], vec![route(1, Rung::Active)]);
    acknowledge(&mut plan, now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    assert_eq!((plan.next(later(now, 9_999)), plan.prefixes().count()), (Vec::new(), 0));
}

#[test]
fn a_refused_step_is_shown_and_tried_again_with_growing_patience() {
    let mut now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active)]);
    for wait in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        assert_eq!(plan.next(now), [announce(1, Rung::Active)]);
        plan.settled(prefix(1), Outcome::Refused("error".to_owned()), now);
        assert!(matches!(plan.progress(prefix(1)), Some(Progress::Failed(_, "error"))));
        assert_eq!((plan.next(later(now, wait - 1)), plan.is_settled()), (Vec::new(), false));
        now = later(now, wait);
    }
    acknowledge(&mut plan, now);
    assert_eq!(plan.progress(prefix(1)), Some(Progress::Announced(&route(1, Rung::Active))));
}

#[test]
fn a_step_that_was_refused_by_some_may_have_been_taken_by_others() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active)]);
    plan.next(now);
    plan.settled(prefix(1), Outcome::Refused("the second of two lines".to_owned()), now);
    plan.want([prefix(1)], vec![]);
    assert_eq!(plan.next(now), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn a_withdraw_that_is_refused_is_shown_as_failed_and_tried_again() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    plan.next(now);
    plan.settled(prefix(1), Outcome::Refused("error".to_owned()), now);
    let progress = plan.progress(prefix(1));
    assert!(matches!(progress, Some(Progress::Withdrawing { failure: Some("error"), .. })), "{progress:?}");
    assert_eq!(acknowledge(&mut plan, later(now, 1_000)), [withdraw(1, Some(Rung::Active))]);
    assert_eq!(acknowledge(&mut plan, later(now, 1_600)).len(), 1);
    assert_eq!(plan.prefixes().count(), 0);
}

#[test]
fn a_refusal_of_an_older_intent_does_not_hold_back_the_present_one() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Standby)]);
    plan.next(now);
    plan.want([prefix(1)], vec![route(1, Rung::Arrived)]);
    plan.settled(prefix(1), Outcome::Refused("error".to_owned()), now);
    assert_eq!(acknowledge(&mut plan, now), [announce(1, Rung::Arrived)]);
    assert_eq!(plan.progress(prefix(1)), Some(Progress::Announced(&route(1, Rung::Arrived))));
}

#[test]
fn a_repeat_waits_for_its_own_time_and_not_for_that_of_an_older_withdraw() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    plan.want([prefix(1)], vec![route(1, Rung::Active)]);
    acknowledge(&mut plan, later(now, 100));
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, later(now, 550));
    assert_eq!(plan.next(later(now, 1_149)), []);
    assert_eq!(plan.next(later(now, 1_150)).len(), 1);
}

#[test]
fn a_new_intent_does_not_wait_for_an_older_ones_refusal() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active)]);
    plan.next(now);
    plan.settled(prefix(1), Outcome::Refused("error".to_owned()), now);
    plan.want([prefix(1)], vec![route(1, Rung::Leaving)]);
    assert_eq!(plan.next(now), [announce(1, Rung::Leaving)]);
}

#[test]
fn nothing_is_believed_of_steps_in_doubt_until_the_table_is_read() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active), route(2, Rung::Active)]);
    acknowledge(&mut plan, now);
    plan.want([prefix(1), prefix(2)], vec![route(2, Rung::Leaving)]);
    assert_eq!(plan.next(now).len(), 2);
    plan.in_doubt();
    assert_eq!((plan.next(now), plan.is_settled()), (Vec::new(), false));
    // The announce went through. The withdraw seems to have, but may have met a session's first batch.
    plan.ready(vec![found(2, Rung::Leaving)], &BTreeMap::new(), now);
    assert_eq!(acknowledge(&mut plan, now), [withdraw(1, Some(Rung::Active))]);
}

#[test]
fn what_stands_only_in_the_ledger_is_withdrawn_unless_it_is_wanted() {
    let now = Instant::now();
    let mut plan = Plan::new(Some(REPEAT));
    plan.want([], vec![route(1, Rung::Active)]);
    plan.ready(
        vec![found(2, Rung::Active)],
        &[1, 2, 3].map(|number| (prefix(number), Some(Rung::Active))).into(),
        now,
    );
    let mut steps = acknowledge(&mut plan, now);
    steps.sort_by_key(Step::prefix);
    assert_eq!(steps, [announce(1, Rung::Active), withdraw(2, None), withdraw(3, None)]);
    assert_eq!(plan.announced().cloned().collect::<Vec<_>>(), [route(1, Rung::Active)]);
}

#[test]
fn a_withdrawn_prefix_is_done_with_only_when_its_repeat_is_acknowledged() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([prefix(1)], vec![]);
    acknowledge(&mut plan, now);
    assert_eq!((plan.take_done(), plan.prefixes().collect()), (vec![], vec![prefix(1)]));
    acknowledge(&mut plan, later(now, 600));
    assert_eq!(plan.take_done(), [prefix(1)]);
    assert_eq!(plan.take_done(), []);
}

#[test]
fn a_changed_last_will_is_announced_for_the_relay_to_hear() {
    let now = Instant::now();
    let mut plan = announced(now);
    let unsure = Some(Arc::clone(&route(1, Rung::Unsure).attributes));
    let changed = Route { unsure, ..route(1, Rung::Active) };
    plan.want([], vec![changed.clone()]);
    assert_eq!(acknowledge(&mut plan, now), [Step::Announce(changed)]);
    assert_eq!(acknowledge(&mut plan, now), []);
}

#[test]
fn a_route_that_is_held_back_is_announced_when_it_is_let_go_and_not_before() {
    let mut plan = Plan::new(None);
    plan.ready(Vec::new(), &BTreeMap::new(), Instant::now());
    let wanted = route(10, Rung::Active);
    let prefix = wanted.prefix;
    plan.want([prefix], vec![wanted.clone()]);
    plan.hold(prefix, Hold::Waits);
    let now = Instant::now();
    assert_eq!(plan.next(now), []);
    assert!(!plan.is_settled(), "everything waits for it");
    plan.hold(prefix, Hold::Stuck);
    assert_eq!(plan.next(now), []);
    assert!(plan.is_settled(), "nothing else waits for it");
    assert_eq!(plan.progress(prefix), Some(Progress::Pending(&wanted)));
    plan.hold(prefix, Hold::Free);
    assert_eq!(plan.next(now), [Step::Announce(wanted)]);
}

#[test]
fn a_route_that_stands_is_neither_withdrawn_nor_kept_from_another_rung_when_it_is_held_back() {
    let mut plan = Plan::new(None);
    plan.ready(Vec::new(), &BTreeMap::new(), Instant::now());
    let now = Instant::now();
    let standby = route(10, Rung::Standby);
    let prefix = standby.prefix;
    plan.want([prefix], vec![standby.clone()]);
    assert_eq!(plan.next(now), [Step::Announce(standby)]);
    plan.settled(prefix, Outcome::Acknowledged, now);
    plan.hold(prefix, Hold::Stuck);
    assert_eq!(plan.next(now), []);
    let arrived = route(10, Rung::Arrived);
    plan.want([prefix], vec![arrived.clone()]);
    assert_eq!(plan.next(now), [Step::Announce(arrived)]);
    assert!(!plan.is_told(prefix));
    plan.settled(prefix, Outcome::Acknowledged, now);
    assert!(plan.is_told(prefix));
    plan.want([prefix], Vec::new());
    assert!(matches!(plan.next(now)[..], [Step::Withdraw { .. }]));
}
