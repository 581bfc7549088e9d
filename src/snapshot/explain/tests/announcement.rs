//! Routes, the kernel, ExaBGP and its neighbors, conflicts and migrations, link by link.

use std::time::Duration;

use super::super::super::{
    ConflictView, Conflicts, HostRouteConflict, HostRouteState, HostRouteView, HostRoutesStatus,
    MigrationView, Millis, NeighborView, PhaseView,
};
use super::*;
use crate::exabgp::NeighborState;
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase};

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
fn a_withdraw_that_exabgp_refuses_is_no_refused_announcement() {
    let mut host = running();
    change(&mut host, |vm| (vm.presence, vm.preference) = (Presence::Absent, None));
    change_route(&mut host, |route| {
        (route.state, route.error) = (RouteState::Failed, Some("withdraw refused".to_owned()));
    });
    says(&host, Step::Route, "ExaBGP refuses to take 198.51.100.10/32 back");
    says(&host, Step::Route, "may still be announced, and is asked again: withdraw refused.");
    let summary = ask(&host, "web").summary;
    assert!(summary.contains("its route is not taken back by ExaBGP, which refuses to"), "{summary}");
}

#[test]
fn a_running_vm_without_a_route_waits_for_a_key_that_takes_a_restart() {
    let mut host = running();
    host.routes.clear();
    host.config_status.wait_for_restart = vec!["libvirt.uri", "bgp.allowed_prefixes"];
    says(
        &host,
        Step::Route,
        "This host announces nothing for 198.51.100.10/32: bgp.allowed_prefixes in the configuration takes effect with a \
         restart of roamd.",
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
        repairs: 0,
        warnings: Vec::new(),
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
