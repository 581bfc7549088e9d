//! The reconciler against a model of the kernel, through whatever others do to it.

mod model;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::host_routes::Standing;
use crate::host_routes::entries::Rule;
use model::{Act, World};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// A reconciler that has looked at this world, and wants `web` behind the tap there.
fn placed(world: &mut World) -> Reconciler {
    let mut reconciler = world.reconciler();
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Executes);
    world.complete(&mut reconciler);
    world.settle(&mut reconciler);
    reconciler
}

#[test]
fn what_leads_packets_on_is_set_before_what_drops_them_and_before_packets_are_led_there() {
    let world = World::new();
    let mut reconciler = world.reconciler();
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Executes);
    world.complete(&mut reconciler);
    world.look(&mut reconciler);
    let kinds: Vec<&str> = reconciler
        .operations(100)
        .iter()
        .map(|operation| match operation {
            Operation::SetNeighbor(..) => "neighbor",
            Operation::AddRoute(_, Target::Device { .. }) => "route",
            Operation::AddRoute(_, Target::Blackhole | Target::Other) => "blackhole",
            Operation::AddRule(_) => "rule",
            Operation::RemoveRule(_) | Operation::RemoveRoute(..) | Operation::RemoveNeighbor(_) => "removal",
        })
        .collect();
    assert_eq!(kinds, ["neighbor", "route", "route", "blackhole", "rule"]);
}

#[test]
fn nothing_is_done_before_the_kernel_was_looked_at() {
    let world = World::new();
    let mut reconciler = world.reconciler();
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Executes);
    assert_eq!(reconciler.operations(100), []);
    assert_eq!(reconciler.news()[0].1.as_ref().map(|stand| stand.state), Some(StandState::Pending));
}

#[test]
fn a_second_look_finds_nothing_to_do_and_has_nothing_to_tell() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    reconciler.news();
    world.look(&mut reconciler);
    assert_eq!(reconciler.operations(100), []);
    assert_eq!(reconciler.news(), []);
}

#[test]
fn the_first_address_of_a_family_is_led_to_like_all_others() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    let rule = Rule { uplink: World::uplink(), ipv6: true, table: 82, priority: 82 };
    assert!(!world.rules.contains(&rule));
    world.order(&mut reconciler, "2001:db8::10", "vnet1", Standing::Executes);
    assert!(reconciler.look_at() <= world.now, "nothing of the family has been looked at");
    assert_eq!(reconciler.extent(world.now), Extent::Whole);
    world.settle(&mut reconciler);
    assert!(world.rules.contains(&rule));
    assert_eq!(reconciler.operations(100), []);
}

#[test]
fn a_vm_that_waits_stands_in_the_transit_table_only_and_loses_no_packet_on_its_way_there() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Waits);
    let main = RouteKey { table: 254, prefix: prefix("198.51.100.10").network() };
    assert_eq!(reconciler.operations(100), [Operation::RemoveRoute(main, 0)]);
    world.settle(&mut reconciler);
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Executes);
    let target = Target::Device { index: World::BRIDGE, gateway: None };
    assert_eq!(reconciler.operations(100), [Operation::AddRoute(main, target)]);
}

#[test]
fn a_vm_that_waits_is_not_in_place_before_packets_are_led_to_it() {
    let mut world = World::new();
    let mut reconciler = world.reconciler();
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Waits);
    world.settle(&mut reconciler);
    let state =
        |reconciler: &mut Reconciler| reconciler.news().pop().and_then(|(_, stand)| Some(stand?.state));
    assert_eq!(state(&mut reconciler), Some(StandState::Pending), "there is no rule yet");
    world.complete(&mut reconciler);
    world.settle(&mut reconciler);
    assert_eq!(state(&mut reconciler), Some(StandState::Transit));
}

#[test]
fn what_fails_is_tried_again_later_and_ever_more_seldom() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    let rule = Rule { uplink: World::uplink(), ipv6: false, table: 82, priority: 82 };
    world.rules.clear();
    world.look(&mut reconciler);
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(reconciler.operations(100), [Operation::AddRule(rule.clone())]);
        let refusal = Refusal { words: "Operation not permitted".to_owned(), is_gone: false };
        reconciler.done(&Operation::AddRule(rule.clone()), Err(refusal), world.now);
        assert_eq!(reconciler.operations(100), [], "not at once");
        waits.push(reconciler.look_at() - world.now);
        world.now = reconciler.look_at();
        world.look(&mut reconciler);
    }
    assert!(
        waits.is_sorted() && waits[0] <= RETRY && *waits.last().unwrap() == PERIOD.min(RETRY_MAX),
        "{waits:?}"
    );
    assert!(reconciler.failure().is_none(), "it is tried again just now");
}

#[test]
fn the_kernel_is_looked_at_after_a_rest_however_often_it_changes() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    for _ in 0..3 {
        let began = world.now;
        world.now += Duration::from_millis(20);
        reconciler.looked(world.kernel(), Extent::Whole, began, world.now);
        reconciler.changed(Change::Missed, world.now);
        assert_eq!(reconciler.look_at(), world.now + Duration::from_millis(180), "nine times what it took");
        world.now = reconciler.look_at();
    }
}

#[test]
fn changes_that_are_none_of_ours_are_not_looked_at() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    world.look(&mut reconciler);
    let before = reconciler.look_at();
    let elsewhere = RouteKey { table: 254, prefix: "203.0.113.0/24".parse().unwrap() };
    reconciler.changed(Change::Route(elsewhere, 12), world.now);
    reconciler.changed(Change::Neighbor((World::BRIDGE, [203, 0, 113, 1].into()), 0), world.now);
    reconciler.changed(Change::LinkGone(77), world.now);
    assert_eq!(reconciler.look_at(), before);
    let ours = RouteKey { table: 254, prefix: prefix("198.51.100.10").network() };
    reconciler.changed(Change::Route(ours, 12), world.now);
    assert!(reconciler.look_at() < before);
}

#[test]
fn what_others_take_away_is_counted_once_and_what_is_ordered_is_not() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    reconciler.news();
    world.look(&mut reconciler);
    assert_eq!(reconciler.repairs(), 0, "nothing was taken away");
    for times in [1, 2] {
        world.act(&Act::Remove(0, 0), &mut reconciler, &mut BTreeMap::new());
        world.settle(&mut reconciler);
        reconciler.news();
        world.look(&mut reconciler);
        assert_eq!(reconciler.repairs(), times);
    }
    world.order(&mut reconciler, "198.51.100.10", "vnet0", Standing::Waits);
    world.settle(&mut reconciler);
    reconciler.news();
    world.look(&mut reconciler);
    assert_eq!(reconciler.repairs(), 2, "it is to wait now");
}

#[test]
fn each_order_is_answered_though_nothing_changes_by_it() {
    let mut world = World::new();
    let mut reconciler = placed(&mut world);
    reconciler.news();
    for want in [Want::Nothing, World::want("vnet0", Standing::Executes)] {
        let changes = vec![(prefix("198.51.100.10"), want)];
        reconciler.order(Order::Want { changes, complete: false }, world.now);
    }
    let news = reconciler.news();
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].1.as_ref().map(|stand| stand.state), Some(StandState::Placed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever others do, in whatever order it is noticed: what is theirs is never touched, and in the end what is wanted
    /// stands, nothing of ours beside it, and nothing is left to do.
    #[test]
    fn it_ends_as_wanted_and_never_touches_what_is_not_ours(acts in vec(Act::any(), 0..60)) {
        let mut world = World::new();
        let mut reconciler = world.reconciler();
        let mut wants = BTreeMap::new();
        for act in acts {
            world.act(&act, &mut reconciler, &mut wants);
            prop_assert!(world.theirs_is_untouched());
        }
        world.complete(&mut reconciler);
        world.settle(&mut reconciler);
        prop_assert!(world.theirs_is_untouched());
        let surplus = world.difference_to(&wants);
        prop_assert!(surplus.is_empty(), "{:?}", surplus);
        world.look(&mut reconciler);
        prop_assert_eq!(reconciler.operations(usize::MAX), []);
    }
}
