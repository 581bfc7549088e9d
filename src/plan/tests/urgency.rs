//! What goes out before what.

use super::*;

#[test]
fn switch_overs_and_withdraws_overtake_the_mass() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], vec![route(1, Rung::Active), route(2, Rung::Active)]);
    acknowledge(&mut plan, now);
    plan.want([], (10..=250).map(|number| route(number, Rung::Active)).collect());
    assert_eq!(plan.next(now).len(), WINDOW);
    plan.want([prefix(1)], vec![]);
    plan.want([prefix(2)], vec![route(2, Rung::Leaving)]);
    plan.want([prefix(3)], vec![route(3, Rung::Arrived)]);
    for number in 10..14 {
        plan.settled(prefix(number), Outcome::Acknowledged, now);
    }
    // Withdraws and switch-overs take turns.
    let expected = [announce(2, Rung::Leaving), withdraw(1, Some(Rung::Active)), announce(3, Rung::Arrived)];
    assert_eq!(plan.next(now)[..3], expected);
}

#[test]
fn a_vm_of_the_mass_that_arrives_overtakes_it() {
    let (mut told, mut restarted) = (ready(), Plan::new(Some(REPEAT)));
    for plan in [&mut told, &mut restarted] {
        plan.want([], (1..=100).map(|number| route(number, Rung::Active)).collect());
    }
    restarted.ready(Vec::new(), &BTreeMap::new(), Instant::now());
    for plan in [&mut told, &mut restarted] {
        plan.want([], vec![route(100, Rung::Arrived)]);
        assert_eq!(plan.next(Instant::now()).first(), Some(&announce(100, Rung::Arrived)));
    }
}

#[test]
fn a_vm_that_arrives_overtakes_a_mass_that_stays_on_its_rung() {
    let now = Instant::now();
    let mut plan = ready();
    let of_all = || (1..=100).map(|number| route(number, Rung::Active));
    plan.want([], of_all().collect());
    while !acknowledge(&mut plan, now).is_empty() {}
    let next_hop = NextHop::Address([192, 0, 2, 1].into());
    plan.want([], of_all().map(|route| Route { next_hop, ..route }).collect());
    plan.want([], vec![route(101, Rung::Arrived)]);
    assert_eq!(plan.next(now).first(), Some(&announce(101, Rung::Arrived)));
}

#[test]
fn a_vm_that_has_overtaken_a_mass_stands_behind_it_afterwards() {
    let now = Instant::now();
    let mut plan = ready();
    plan.want([], (1..=25).map(|number| route(number, Rung::Active)).collect());
    assert_eq!(plan.next(now).len(), WINDOW);
    plan.want([], (26..=30).map(|number| route(number, Rung::Active)).collect());
    plan.want([], vec![route(26, Rung::Arrived)]);
    plan.settled(prefix(1), Outcome::Acknowledged, now);
    assert_eq!(plan.next(now), [announce(26, Rung::Arrived)]);
    plan.settled(prefix(26), Outcome::Acknowledged, now);
    let next_hop = NextHop::Address([192, 0, 2, 1].into());
    plan.want([], vec![Route { next_hop, ..route(26, Rung::Arrived) }]);
    assert_eq!(plan.next(now), [announce(27, Rung::Active)]);
}

#[test]
fn a_withdraw_overtakes_the_repeats_of_a_mass() {
    let now = Instant::now();
    let mut plan = ready();
    let last = 2 * u8::try_from(WINDOW).unwrap();
    plan.want([], (1..=last).map(|number| route(number, Rung::Active)).collect());
    let settle = |plan: &mut Plan, now| while !acknowledge(plan, now).is_empty() {};
    settle(&mut plan, now);
    plan.want((1..last).map(prefix), Vec::new());
    settle(&mut plan, now);
    let due = later(now, 600);
    // So many repeats are queued and open that the next ones wait.
    assert_eq!(plan.next(due).len(), WINDOW);
    plan.want([prefix(last)], Vec::new());
    plan.settled(prefix(1), Outcome::Acknowledged, due);
    assert_eq!(plan.next(due), [withdraw(last, Some(Rung::Active))]);
}

#[test]
fn a_withdraw_takes_turns_with_a_mass_of_vms_that_arrive() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([], (2..=200).map(|number| route(number, Rung::Arrived)).collect());
    plan.want([prefix(1)], Vec::new());
    let steps = plan.next(now);
    assert_eq!(steps.iter().position(|step| step.prefix() == prefix(1)), Some(1));
    assert_eq!(steps.len(), WINDOW);
}

#[test]
fn an_urgent_step_goes_out_at_once_while_a_mass_waits_for_a_slow_exabgp() {
    let now = Instant::now();
    let mut plan = announced(now);
    plan.want([], (2..=200).map(|number| route(number, Rung::Active)).collect());
    // A second a line.
    let mut open: Vec<Step> = plan.next(now);
    for second in 1..120 {
        let now = later(now, second * 1_000);
        plan.settled(open.remove(0).prefix(), Outcome::Acknowledged, now);
        open.extend(plan.next(now));
    }
    assert!(open.len() < 5, "{} are open", open.len());
    plan.want([prefix(1)], Vec::new());
    assert_eq!(plan.next(later(now, 120_000)), [withdraw(1, Some(Rung::Active))]);
}
