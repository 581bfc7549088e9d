use std::collections::BTreeSet;

use proptest::prelude::*;

use super::sample::{config, configured, host, route, snapshot, time, vm};
use super::*;

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.all_vms().map(|vm| vm.name.to_string()).collect()
}

#[test]
fn a_time_has_exactly_three_decimals_and_a_z() {
    for (given, shown) in [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z"),
        ("2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.500Z"),
        ("2026-03-01T10:00:00.123999999Z", "2026-03-01T10:00:00.123Z"),
        ("2026-03-01T10:00:00.000001Z", "2026-03-01T10:00:00.000Z"),
        ("2026-03-01T12:00:00.042+02:00", "2026-03-01T10:00:00.042Z"),
    ] {
        assert_eq!(time(given).to_string(), shown);
        assert_eq!(serde_json::to_value(time(given)).unwrap(), shown);
    }
}

#[test]
fn a_host_address_is_shown_bare_and_a_routed_prefix_with_its_length() {
    for (given, shown) in [
        ("198.51.100.10", "198.51.100.10"),
        ("198.51.100.10/32", "198.51.100.10"),
        ("198.51.100.64/28", "198.51.100.64/28"),
        ("2001:DB8:5:0::10/128", "2001:db8:5::10"),
        ("2001:db8:6::/64", "2001:db8:6::/64"),
    ] {
        assert_eq!(service_ip_text(given.parse().unwrap()), shown);
    }
}

#[test]
fn a_configured_vm_that_is_not_here_is_absent_with_its_addresses() {
    let host = host();
    let view = host.vm(&VmName::new("web-2")).unwrap();
    let expected = VmView {
        name: VmName::new("web-2"),
        uuid: None,
        managed: true,
        presence: Presence::Absent,
        preference: None,
        state: None,
        reason: None,
        since: None,
        cause: None,
        domain: None,
        service_ips: vec!["198.51.100.11".to_owned(), "2001:db8:6::/64".to_owned()],
        routes: Vec::new(),
        last_migration: None,
    };
    assert_eq!(*view, expected);
}

#[test]
fn an_absent_vm_shows_its_configured_uuid() {
    let uuid: Uuid = "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d".parse().unwrap();
    let (name, entry) = configured("pinned", &["198.51.100.1"]);
    let pinned = Arc::new(crate::config::Vm { uuid: Some(uuid), ..(*entry).clone() });
    let snapshot = snapshot(config([(name.clone(), pinned)]), []);
    assert_eq!(snapshot.vm(&name).unwrap().uuid, Some(uuid));
}

#[test]
fn a_vm_that_is_known_here_is_the_published_value_itself() {
    let host = host();
    let name = VmName::new("web-1");
    assert!(Arc::ptr_eq(&host.vm(&name).unwrap(), &host.vms[&name]));
    assert!(host.all_vms().any(|vm| Arc::ptr_eq(&vm, &host.vms[&name])));
}

#[test]
fn a_name_that_neither_libvirt_nor_the_configuration_knows_is_no_vm() {
    assert_eq!(host().vm(&VmName::new("web-3")), None);
    assert_eq!(host().vm(&VmName::new("")), None);
}

#[test]
fn counts_have_every_key() {
    let counts = host().counts();
    let json = serde_json::to_value(&counts).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "vms": {"arrived": 0, "present": 1, "incoming": 0, "frozen": 0, "departing": 1, "absent": 1},
            "routes": {"pending": 0, "announced": 3, "withdrawing": 1, "failed": 0},
        })
    );
    let empty = snapshot(config([]), []).counts();
    assert_eq!(empty.vms.len(), 6);
    assert_eq!(empty.routes.len(), 4);
    assert!(empty.vms.values().chain(empty.routes.values()).all(|count| *count == 0));
}

#[test]
fn a_host_is_ready_when_no_part_says_otherwise() {
    let ready = host();
    assert!(ready.is_ready());
    let reason = NotReady { part: "libvirt", reason: "not listed yet".to_owned() };
    assert!(!Snapshot { not_ready: vec![reason], ..ready }.is_ready());
}

#[test]
fn an_unmanaged_vm_stands_between_the_configured_ones() {
    let stranger = VmView { managed: false, ..vm("m", Presence::Present, Vec::new()) };
    let fleet = config([configured("a", &["198.51.100.1"]), configured("z", &["198.51.100.2"])]);
    assert_eq!(names(&snapshot(fleet, [stranger])), ["a", "m", "z"]);
}

#[test]
fn a_route_of_no_vm_is_counted() {
    let mut host = host();
    let found =
        RouteView { vm: None, ..(*route("198.51.100.99", "", Rung::Active, RouteState::Failed)).clone() };
    host.routes.insert(found.prefix, Arc::new(found));
    assert_eq!(host.counts().routes[&RouteState::Failed], 1);
}

proptest! {
    #[test]
    fn all_vms_are_the_union_by_name_from_any_start(
        here in prop::collection::btree_set("[a-e]{0,2}", 0..12),
        fleet in prop::collection::btree_set("[a-e]{0,2}", 0..12),
        start in "[a-e]{0,2}",
    ) {
        let vms = here.iter().map(|name| vm(name, Presence::Present, Vec::new()));
        let snapshot = snapshot(config(fleet.iter().map(|name| configured(name, &["198.51.100.1"]))), vms);
        let union: BTreeSet<String> = here.union(&fleet).cloned().collect();

        prop_assert_eq!(names(&snapshot), union.iter().cloned().collect::<Vec<_>>());
        let behind: Vec<_> =
            snapshot.vms_after(Some(&VmName::new(&start))).map(|vm| vm.name.to_string()).collect();
        prop_assert_eq!(behind, union.iter().filter(|name| **name > start).cloned().collect::<Vec<_>>());
        for vm in snapshot.all_vms() {
            prop_assert_eq!(vm.presence == Presence::Present, here.contains(vm.name.as_str()));
            prop_assert_eq!(snapshot.vm(&vm.name), Some(vm));
        }
        let counts = snapshot.counts();
        prop_assert_eq!(counts.vms[&Presence::Present], here.len());
        prop_assert_eq!(counts.vms[&Presence::Absent], union.len() - here.len());
    }
}
