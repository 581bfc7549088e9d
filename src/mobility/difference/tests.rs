//! Tables: two configurations, the domains of a host, and what the one changes in the place of the other.

use std::slice;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::config::{Frozen, sample};
use crate::route::{AttributeOverrides, Ladder};

fn config(vms: &[(&str, &[&str])]) -> Config {
    sample::config(vms.iter().map(|(name, service_ips)| sample::configured(name, service_ips)))
}

/// A VM that is configured by name and address only, but for this.
fn edit(config: &mut Config, name: &str, change: impl FnOnce(&mut Vm)) {
    let vm = config.vms.get_mut(&VmName::new(name)).unwrap();
    change(Arc::make_mut(vm));
}

fn communities(texts: &[&str]) -> AttributeOverrides {
    let communities = texts.iter().map(|text| text.parse().unwrap()).collect();
    AttributeOverrides { communities, ..AttributeOverrides::default() }
}

fn resident(number: u128, name: &str, presence: Presence) -> Resident {
    Resident { uuid: Uuid::from_u128(number), name: VmName::new(name), presence, best: Rung::Arrived }
}

/// Action, prefix, VM and rung before, VM and rung after, the other VM; a blank where there is none.
type Row = (Action, String, String, String, String);

fn rows(difference: &Difference) -> Vec<Row> {
    let side = |side: &Option<Side>| {
        side.as_ref().map_or(String::new(), |side| match side.preference {
            Some(rung) => format!("{} {rung}", side.vm),
            None => side.vm.to_string(),
        })
    };
    let row = |change: &Change| {
        let other = change.other.as_ref().map(ToString::to_string).unwrap_or_default();
        (change.action, change.prefix.to_string(), side(&change.before), side(&change.after), other)
    };
    difference.changes.iter().map(row).collect()
}

fn row(action: Action, prefix: &str, before: &str, after: &str, other: &str) -> Row {
    (action, prefix.to_owned(), before.to_owned(), after.to_owned(), other.to_owned())
}

#[test]
fn what_is_new_gone_and_moved_shows_for_the_vms_that_are_here_and_is_counted_for_others() {
    let running = config(&[
        ("gone", &["198.51.100.1"]),
        ("elsewhere", &["198.51.100.2"]),
        ("one", &["198.51.100.3", "198.51.100.4"]),
        ("other", &["198.51.100.5"]),
        ("same", &["198.51.100.6"]),
    ]);
    let next = config(&[
        ("new", &["198.51.100.9"]),
        ("elsewhere", &["198.51.100.2", "198.51.100.7"]),
        ("one", &["198.51.100.3"]),
        ("other", &["198.51.100.4", "198.51.100.5"]),
        ("same", &["198.51.100.6"]),
        ("far", &["198.51.100.8"]),
    ]);
    let here = [
        resident(1, "gone", Presence::Present),
        resident(2, "one", Presence::Present),
        resident(3, "other", Presence::Frozen),
        resident(4, "same", Presence::Present),
        resident(5, "new", Presence::Arrived),
        resident(6, "far", Presence::Absent),
        resident(7, "nobody", Presence::Present),
    ];
    let told = difference(&running, &next, Scope::Here(&here));
    let expected = [
        row(Action::Withdraw, "198.51.100.1/32", "gone active", "", ""),
        row(Action::Move, "198.51.100.4/32", "one active", "other standby", ""),
        row(Action::Announce, "198.51.100.9/32", "", "new arrived", ""),
    ];
    assert_eq!(rows(&told), expected);
    assert_eq!((told.unmoved, told.elsewhere, told.rules), (0, 2, vec![]));

    let without_other = [here[1].clone()];
    let told = difference(&running, &next, Scope::Here(&without_other));
    assert_eq!(rows(&told), [row(Action::Withdraw, "198.51.100.4/32", "one active", "", "other")]);
    let only_other = [here[2].clone()];
    let told = difference(&running, &next, Scope::Here(&only_other));
    assert_eq!(rows(&told), [row(Action::Announce, "198.51.100.4/32", "", "other standby", "one")]);

    let told = difference(&running, &next, Scope::Anywhere);
    let expected = [
        row(Action::Withdraw, "198.51.100.1/32", "gone", "", ""),
        row(Action::Move, "198.51.100.4/32", "one", "other", ""),
        row(Action::Announce, "198.51.100.7/32", "", "elsewhere", ""),
        row(Action::Announce, "198.51.100.8/32", "", "far", ""),
        row(Action::Announce, "198.51.100.9/32", "", "new", ""),
    ];
    assert_eq!(rows(&told), expected);
}

#[test]
fn attributes_that_differ_are_named_once_or_for_each_rung() {
    let mut running = config(&[("web", &["198.51.100.1"])]);
    running.bgp.attributes = communities(&["65101:1"]);
    edit(&mut running, "web", |vm| vm.attributes = communities(&["65101:10"]));
    let mut next = running.clone();
    edit(&mut next, "web", |vm| vm.attributes = communities(&["65101:20"]));
    let here = [resident(1, "web", Presence::Present)];
    let change = |preference, attribute: &str, before, after| AttributeChange {
        preference,
        attribute: attribute.to_owned(),
        before,
        after,
    };
    let all = change(None, "communities", json!(["65101:10"]), json!(["65101:20"]));
    for scope in [Scope::Anywhere, Scope::Here(&here)] {
        let told = difference(&running, &next, scope);
        assert_eq!(told.changes.len(), 1);
        assert_eq!(told.changes[0].action, Action::Change);
        assert_eq!(told.changes[0].attributes, slice::from_ref(&all));
    }

    let mut rungs = <[AttributeOverrides; 5]>::default();
    rungs[1].med = Some(90);
    rungs[4].local_preference = Some(7);
    let mut next = running.clone();
    next.bgp.ladder = Ladder::new(running.bgp.ladder.mark(), 3, &rungs).unwrap();
    let told = difference(&running, &next, Scope::Anywhere);
    let active = change(Some(Rung::Active), "med", json!(100), json!(90));
    let leaving = change(Some(Rung::Leaving), "local_preference", json!(105), json!(7));
    assert_eq!(told.changes[0].attributes, [active.clone(), leaving.clone()]);
    let mut both = next.clone();
    both.bgp.attributes = communities(&["65101:1", "65101:2"]);
    let told = difference(&running, &both, Scope::Anywhere);
    let added = change(None, "communities", json!([]), json!(["65101:2"]));
    assert_eq!(told.changes[0].attributes, [added, active, leaving]);
    let told = difference(&running, &next, Scope::Here(&here));
    assert_eq!(told.changes[0].attributes, [change(None, "med", json!(100), json!(90))]);
    let arrived = [resident(1, "web", Presence::Arrived)];
    assert_eq!(difference(&running, &next, Scope::Here(&arrived)), Difference::default());
    let told = difference(&running, &next, Scope::Here(&[]));
    assert_eq!((told.changes.len(), told.elsewhere), (0, 1));
}

#[test]
fn a_rule_for_a_presence_moves_the_vms_that_have_it() {
    let running = config(&[("web", &["198.51.100.1"]), ("db", &["198.51.100.2"])]);
    let mut next = running.clone();
    next.mobility.standby = false;
    next.mobility.frozen = Frozen::Active;
    let here = [resident(1, "web", Presence::Frozen), resident(2, "db", Presence::Incoming)];
    let told = difference(&running, &next, Scope::Here(&here));
    let expected = [
        row(Action::Change, "198.51.100.1/32", "web standby", "web active", ""),
        row(Action::Withdraw, "198.51.100.2/32", "db standby", "", ""),
    ];
    assert_eq!(rows(&told), expected);
    let rules = [
        Rule { presence: Presence::Incoming, before: Some(Rung::Standby), after: None },
        Rule { presence: Presence::Frozen, before: Some(Rung::Standby), after: Some(Rung::Active) },
    ];
    assert_eq!(told.rules, rules);
    assert_eq!(difference(&running, &next, Scope::Anywhere).rules, rules);

    // Of a VM of which libvirt has not told for too long no better rung comes.
    let stale = [Resident { best: Rung::Unsure, ..here[0].clone() }];
    let told = difference(&running, &next, Scope::Here(&stale));
    assert_eq!(rows(&told), [row(Action::Change, "198.51.100.1/32", "web standby", "web unsure", "")]);
}

#[test]
fn the_hold_and_the_uuid_decide_as_they_will() {
    let running = config(&[("web", &["198.51.100.1"]), ("db", &["198.51.100.2"])]);
    let here = [resident(1, "web", Presence::Present), resident(2, "db", Presence::Present)];
    let mut held = running.clone();
    held.hold.extend(["web", "far"].map(VmName::new));
    for scope in [Scope::Here(&here), Scope::Anywhere] {
        let told = difference(&running, &held, scope);
        assert_eq!((told.changes.len(), told.changes[0].action), (1, Action::Withdraw));
        assert_eq!(told.changes[0].before.as_ref().unwrap().vm, VmName::new("web"));
        assert_eq!(difference(&held, &running, scope).changes[0].action, Action::Announce);
    }

    let mut pinned = running.clone();
    edit(&mut pinned, "web", |vm| vm.uuid = Some(Uuid::from_u128(9)));
    edit(&mut pinned, "db", |vm| vm.uuid = Some(Uuid::from_u128(2)));
    let told = difference(&running, &pinned, Scope::Here(&here));
    assert_eq!(rows(&told), [row(Action::Withdraw, "198.51.100.1/32", "web active", "", "")]);
    assert_eq!((told.unmoved, told.elsewhere), (1, 0));
}

#[test]
fn another_next_hop_is_a_change() {
    let running = config(&[("web", &["198.51.100.1"])]);
    let mut next = running.clone();
    next.bgp.next_hop = NextHop::Address([192, 0, 2, 1].into());
    let told = difference(&running, &next, Scope::Anywhere);
    let expected = AttributeChange {
        preference: None,
        attribute: "next_hop".to_owned(),
        before: json!("self"),
        after: json!("192.0.2.1"),
    };
    assert_eq!(told.changes[0].attributes, [expected]);
}
