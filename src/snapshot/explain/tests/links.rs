//! What holds a VM back, link by link.

use super::super::super::{
    ConflictView, Conflicts, HostRouteConflict, HostRouteState, HostRouteView, HostRoutesStatus,
    LibvirtTrust, MigrationView, Millis, NeighborView, PhaseView,
};
use super::*;
use crate::config::Frozen;
use crate::exabgp::NeighborState;
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase};
use std::time::Duration;

fn running() -> Snapshot {
    host_with(Presence::Present, Some(Rung::Active))
}

#[track_caller]
fn says(host: &Snapshot, step: Step, words: &str) {
    let explanation = ask(host, "web");
    assert_reads_well(&explanation);
    let said = text(&explanation, step);
    assert!(said.contains(words), "{said}");
}

#[track_caller]
fn sums_up(host: &Snapshot, summary: &str) {
    assert_eq!(ask(host, "web").summary, summary);
}

#[test]
fn a_held_vm() {
    let mut host = host_with(Presence::Present, None);
    change_config(&mut host, |config| assert!(config.hold.insert(VmName::new("web"))));
    says(
        &host,
        Step::Configuration,
        "It is on this host's `hold` list: this host announces nothing for it until",
    );
    says(&host, Step::Preference, "a VM on the `hold` list has no rung");
    says(&host, Step::Route, "This host announces nothing for 198.51.100.10/32.");
    sums_up(&host, "web executes here, and is on the `hold` list, and this host announces nothing for it.");
}

#[test]
fn an_unmanaged_vm() {
    let vm = VmView { managed: false, ..sample::vm("web", Presence::Present, Vec::new()) };
    let host = sample::snapshot(sample::config([]), [vm]);
    says(&host, Step::Configuration, "gives web no service address: nothing is announced for it.");
    says(&host, Step::Identity, "libvirt knows it as the domain web with the uuid 6f2c3a52");
    says(&host, Step::Preference, "A VM that is not managed has no rung");
    sums_up(&host, "web executes here, and is not in the configuration, so nothing is announced for it.");
}

#[test]
fn a_vm_with_another_uuid_than_the_pinned_one() {
    let mut host = host_with(Presence::Present, None);
    let pin = "11111111-2222-3333-4444-555555555555".parse().unwrap();
    change_config(&mut host, |config| {
        Arc::make_mut(config.vms.get_mut(&VmName::new("web")).unwrap()).uuid = Some(pin);
    });
    change(&mut host, |vm| vm.managed = false);
    says(
        &host,
        Step::Configuration,
        "198.51.100.10, for the domain with the uuid 11111111-2222-3333-4444-555555555555 alone.",
    );
    says(
        &host,
        Step::Identity,
        "libvirt's domain web has the uuid 6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d, and only \
         11111111-2222-3333-4444-555555555555 may use these addresses",
    );
    sums_up(
        &host,
        "web executes here, and has another uuid than the configured one, so nothing is announced for it.",
    );
}

#[test]
fn a_pinned_vm_under_another_name() {
    let mut host = running();
    let pin = "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d".parse().unwrap();
    change_config(&mut host, |config| {
        Arc::make_mut(config.vms.get_mut(&VmName::new("web")).unwrap()).uuid = Some(pin);
    });
    change(&mut host, |vm| vm.domain = Some(VmName::new("web-renamed")));
    says(&host, Step::Identity, "libvirt's domain web-renamed is this VM by its uuid 6f2c3a52");
}

#[test]
fn a_configured_vm_that_was_never_seen() {
    let host = sample::snapshot(sample::config([configured("web", &["198.51.100.10"])]), []);
    says(&host, Step::Identity, "libvirt shows no domain web on this host.");
    says(&host, Step::Presence, "web is not here: it is `absent`.");
    says(&host, Step::Preference, "no rung, and no route.");
    says(&host, Step::Route, "This host announces nothing for 198.51.100.10/32.");
    sums_up(&host, "web is not here, and this host announces nothing for it.");
}

#[test]
fn before_the_first_list_nobody_knows() {
    let mut host = running();
    host.libvirt.trust = LibvirtTrust::Unlisted;
    change(&mut host, |vm| {
        (vm.presence, vm.since, vm.cause, vm.domain) = (Presence::Absent, None, None, None);
    });
    says(
        &host,
        Step::Libvirt,
        "Until it is listed for the first time routes stay as they were found in ExaBGP.",
    );
    says(&host, Step::Identity, "whether the VM is here nobody knows yet");
    says(
        &host,
        Step::Preference,
        "Until libvirt tells of it, its routes keep the rung on which they were found in ExaBGP",
    );
    sums_up(&host, "web has not been looked for yet, and this host announces it on the rung `active`.");
}

#[test]
fn libvirt_out_of_reach_lowers_what_it_has_not_told_of() {
    let mut host = host_with(Presence::Present, Some(Rung::Unsure));
    host.libvirt.connected = false;
    host.libvirt.error = Some("Failed to connect socket".to_owned());
    host.libvirt.trust = LibvirtTrust::Lapsed;
    says(
        &host,
        Step::Libvirt,
        "is out of reach since 2026-03-01T08:00:01.000Z (3 h 59 min ago): Failed to connect socket.",
    );
    says(
        &host,
        Step::Libvirt,
        "longer than `libvirt.lease` (1m): what it has not told of since stands no higher than `unsure`.",
    );
    says(
        &host,
        Step::Preference,
        "That would be the rung `active`, but libvirt's lease has run out: `unsure` (3 of 5): nobody can tell any more whether \
         the VM executes here.",
    );
    sums_up(
        &host,
        "web executes here, and this host announces it on the rung `unsure`; but libvirt is out of reach.",
    );

    let mut host = host_with(Presence::Arrived, Some(Rung::Active));
    host.libvirt.trust = LibvirtTrust::Blind;
    says(
        &host,
        Step::Preference,
        "the rung `arrived`, but nobody watches the VM while libvirt is out of reach: `active`",
    );

    let mut host = host_with(Presence::Present, Some(Rung::Unsure));
    host.libvirt.trust = LibvirtTrust::Lapsed;
    says(
        &host,
        Step::Libvirt,
        "ago), but has given no list that counts for longer than `libvirt.lease` (1m):",
    );
}

#[test]
fn what_mobility_s_settings_make_of_a_vm_that_stands_still_or_comes() {
    for (frozen, rung, words) in [
        (
            Frozen::Standby,
            Some(Rung::Standby),
            "`standby` (4 of 5): a frozen copy is here that may execute soon (`mobility.frozen: standby`).",
        ),
        (
            Frozen::Active,
            Some(Rung::Active),
            "`active` (2 of 5): the VM executes here (`mobility.frozen: active`).",
        ),
        (Frozen::Withdraw, None, "That has no rung, and no route (`mobility.frozen: withdraw`)."),
    ] {
        let mut host = host_with(Presence::Frozen, rung);
        change_config(&mut host, |config| config.mobility.frozen = frozen);
        says(&host, Step::Preference, words);
    }
    let mut host = host_with(Presence::Incoming, None);
    change_config(&mut host, |config| config.mobility.standby = false);
    says(&host, Step::Preference, "`mobility.standby: false`: nothing is announced before the VM runs here");
}

#[test]
fn a_route_in_each_state() {
    for (state, error, words, summary) in [
        (
            RouteState::Pending,
            None,
            "is wanted on the rung `active` since",
            "its route is waiting for ExaBGP's acknowledgement",
        ),
        (
            RouteState::Pending,
            Some("held back until its host route is in place: the kernel has not confirmed it yet"),
            "but not announced: it is held back until its host route is in place: the kernel has not confirmed it yet.",
            "its route is held back until the kernel's route to it is in place",
        ),
        (
            RouteState::Announced,
            None,
            "ExaBGP has acknowledged 198.51.100.10/32",
            "this host announces it on the rung `active`",
        ),
        (RouteState::Withdrawing, None, "is no longer wanted since", "its route is being withdrawn"),
        (
            RouteState::Failed,
            Some("announce refused"),
            "and is asked again: announce refused.",
            "its route is refused by ExaBGP",
        ),
    ] {
        let mut host = running();
        change_route(&mut host, |route| (route.state, route.error) = (state, error.map(str::to_owned)));
        says(&host, Step::Route, words);
        sums_up(&host, &format!("web executes here, and {summary}."));
    }
    let mut host = running();
    change_route(&mut host, |route| route.confirmed_at = Some(time("2026-03-01T10:00:01Z")));
    says(
        &host,
        Step::Route,
        "; every neighbor that was up had been told by 2026-03-01T10:00:01.000Z (1 h 59 min ago).",
    );
}

#[test]
fn the_kernel_s_route_in_each_state() {
    for (state, device, error, words) in [
        (
            HostRouteState::Pending,
            None,
            None,
            "The kernel has not confirmed its route to 198.51.100.10/32 yet.",
        ),
        (
            HostRouteState::Pending,
            None,
            Some("the VM has no network interface"),
            "is not as wanted: the VM has no network interface.",
        ),
        (
            HostRouteState::Placed,
            Some("vnet0"),
            None,
            "The kernel sends 198.51.100.10/32 to vnet0, for all packets.",
        ),
        (HostRouteState::Transit, Some("vnet0"), None, "to vnet0, for packets from the uplinks alone"),
        (
            HostRouteState::Failed,
            Some("vnet0"),
            Some("Permission denied"),
            "can't be set: Permission denied.",
        ),
    ] {
        let mut host = running();
        let view =
            HostRouteView { state, device: device.map(str::to_owned), error: error.map(str::to_owned) };
        change_route(&mut host, |route| route.host_route = Some(view));
        says(&host, Step::HostRoute, words);
        assert_eq!(
            ask(&host, "web").summary.contains("the kernel's route to it is not as wanted"),
            error.is_some()
        );
    }
    let mut host = running();
    let conflict = HostRouteConflict {
        prefix: "198.51.100.10".parse().unwrap(),
        vm: None,
        table: 254,
        protocol: 4,
        metric: 0,
        device: Some("eth9".to_owned()),
    };
    host.host_routes = Arc::new(HostRoutesStatus {
        enabled: true,
        error: Some("Operation not permitted".to_owned()),
        conflicts: vec![conflict],
        ..HostRoutesStatus::default()
    });
    says(&host, Step::HostRoute, "The kernel's routes can't be kept: Operation not permitted.");
    says(
        &host,
        Step::HostRoute,
        "Somebody else has a route for 198.51.100.10/32 in table 254 (protocol 4, metric 0) to eth9.",
    );
}

#[test]
fn exabgp_and_its_neighbors() {
    let mut host = running();
    host.exabgp.connected = false;
    host.exabgp.error = Some("no relay is connected".to_owned());
    says(
        &host,
        Step::Exabgp,
        "ExaBGP does not answer since 2026-03-01T08:00:02.000Z (3 h 59 min ago): no relay is connected.",
    );
    sums_up(
        &host,
        "web executes here, and this host announces it on the rung `active`; but ExaBGP does not answer.",
    );
    host.exabgp.error = None;
    says(&host, Step::Exabgp, "ExaBGP has not answered yet in this agent's life.");

    let mut host = running();
    host.exabgp.neighbors[0].state = NeighborState::Down;
    says(
        &host,
        Step::Neighbors,
        "No BGP session is up, so nobody hears of it: 192.0.2.1 (AS 65001, down since",
    );
    sums_up(
        &host,
        "web executes here, and this host announces it on the rung `active`; but no BGP session is up.",
    );
    let other = NeighborView {
        address: "192.0.2.2".parse().unwrap(),
        asn: 65_002,
        state: NeighborState::Up,
        since: time("2026-03-01T11:00:00Z"),
    };
    host.exabgp.neighbors.push(other);
    says(
        &host,
        Step::Neighbors,
        "BGP sessions that are up: 192.0.2.2 (AS 65002, since 2026-03-01T11:00:00.000Z (1 h 0 min ago)); that are not: 192.0.2.1",
    );
    change_config(&mut host, |config| assert!(config.bgp.neighbors.insert("192.0.2.1".parse().unwrap())));
    says(&host, Step::Neighbors, "No BGP session is up, so nobody hears of it: 192.0.2.1");
    host.exabgp.neighbors.clear();
    says(&host, Step::Neighbors, "ExaBGP has told of no BGP session: nobody hears of it.");

    let mut host = running();
    host.exabgp.transport = "print";
    host.exabgp.neighbors.clear();
    says(&host, Step::Exabgp, "Commands are printed to stdout since");
    assert_eq!(text(&ask(&host, "web"), Step::Neighbors), "");
    sums_up(&host, "web executes here, and this host announces it on the rung `active`.");
}

#[test]
fn a_split_brain() {
    let mut host = running();
    let conflict = |prefix: &str, preference| ConflictView {
        prefix: prefix.parse().unwrap(),
        vm: VmName::new("web"),
        neighbor: "192.0.2.1".parse().unwrap(),
        preference,
        marked_by: preference.map(|_| 65_102),
        next_hop: Some("192.0.2.7".parse().unwrap()),
        since: time("2026-03-01T11:59:00Z"),
    };
    let open = vec![conflict("198.51.100.10", Some(Rung::Active)), conflict("198.51.100.11", None)];
    host.conflicts = Arc::new(Conflicts { total: 2, open });
    says(
        &host,
        Step::Conflict,
        "Split brain: another host of AS 65102 announces 198.51.100.10/32 on the rung `active` since \
         2026-03-01T11:59:00.000Z (1 min 0 s ago), as 192.0.2.1 tells, next hop 192.0.2.7.",
    );
    assert!(!text(&ask(&host, "web"), Step::Conflict).contains("198.51.100.11"));
    sums_up(
        &host,
        "web executes here, and this host announces it on the rung `active`; but another host announces it as well (split \
         brain).",
    );
    host.conflicts = Arc::new(Conflicts { total: 1, open: vec![conflict("198.51.100.10", None)] });
    says(&host, Step::Conflict, "another host announces 198.51.100.10/32 without roamd's mark since");
}

#[test]
fn the_last_migration_and_what_it_took() {
    let phase = |name, micros| PhaseView {
        name,
        at: time("2026-03-01T10:00:00Z"),
        after_ms: Millis(Duration::from_micros(micros)),
    };
    for (direction, outcome, ended_at, words) in [
        (
            MigrationDirection::In,
            MigrationOutcome::Completed,
            Some(time("2026-03-01T10:00:02Z")),
            "Its last migration, to this host, was first seen at 2026-03-01T10:00:00.000Z (2 h 0 min ago) and was completed at \
             2026-03-01T10:00:02.000Z (1 h 59 min ago): incoming_seen after 0.0 ms and resumed after 2023.5 ms.",
        ),
        (
            MigrationDirection::Out,
            MigrationOutcome::Running,
            None,
            "Its last migration, away from this host, was first seen at",
        ),
        (MigrationDirection::Out, MigrationOutcome::Running, None, "and goes on: incoming_seen"),
        (
            MigrationDirection::Out,
            MigrationOutcome::Failed,
            Some(time("2026-03-01T11:00:00Z")),
            "and failed at 2026-03-01T11:00:00.000Z",
        ),
    ] {
        let mut host = running();
        let migration = MigrationView {
            id: 3,
            vm: VmName::new("web"),
            direction,
            started_at: time("2026-03-01T10:00:00Z"),
            ended_at,
            outcome,
            phases: vec![phase(MigrationPhase::IncomingSeen, 0), phase(MigrationPhase::Resumed, 2_023_456)],
        };
        change(&mut host, |vm| vm.last_migration = Some(Arc::new(migration)));
        says(&host, Step::Migration, words);
    }
    assert_eq!(text(&ask(&running(), "web"), Step::Migration), "");
}

#[test]
fn a_refused_reload_is_told() {
    let mut host = running();
    host.config_status.errors = vec!["c.yaml:3:1: bgp.x: y: is unknown".to_owned()];
    says(
        &host,
        Step::Configuration,
        "The file was read again since and has a fault, so what was loaded stays in force: c.yaml:3:1: bgp.x: y: is unknown.",
    );
    host.config_status.errors.push("c.yaml:4:1: z".to_owned());
    says(&host, Step::Configuration, "has 2 faults");
}
