//! A small host for tests of the snapshot and the REST view: one VM runs, one is leaving, one is elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::config::sample::ladder;
pub(crate) use crate::config::sample::{config, configured};
use crate::route::AttributeOverrides;

/// `text` as RFC 3339.
pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp(text.parse().unwrap())
}

/// A route of `vm` in that state.
pub(crate) fn route(prefix: &str, vm: &str, rung: Rung, state: RouteState) -> Arc<RouteView> {
    let none = AttributeOverrides::default();
    Arc::new(RouteView {
        prefix: prefix.parse().unwrap(),
        vm: Some(VmName::new(vm)),
        preference: rung,
        next_hop: NextHop::Own,
        attributes: Arc::new(ladder().attributes(rung, &none, &none)),
        state,
        since: time("2026-03-01T10:00:00.5Z"),
        confirmed_at: None,
        error: None,
        host_route: None,
    })
}

/// A managed VM with these routes, all on the rung of the first.
pub(crate) fn vm(name: &str, presence: Presence, routes: Vec<Arc<RouteView>>) -> VmView {
    VmView {
        name: VmName::new(name),
        uuid: Some("6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d".parse().unwrap()),
        managed: true,
        presence,
        preference: routes.first().map(|route| route.preference),
        state: Some("running"),
        reason: Some("booted".to_owned()),
        since: Some(time("2026-03-01T09:59:59.123456Z")),
        cause: Some(CauseView {
            kind: CauseKind::Event,
            detail: Some("resumed/unpaused".to_owned()),
            at: time("2026-03-01T09:59:59.123456Z"),
        }),
        domain: Some(VmName::new(name)),
        service_ips: routes.iter().map(|route| service_ip_text(route.prefix)).collect(),
        routes,
        last_migration: None,
    }
}

/// A snapshot of a ready host with these VMs and their routes.
pub(crate) fn snapshot(config: Config, vms: impl IntoIterator<Item = VmView>) -> Snapshot {
    let vms: BTreeMap<_, _> = vms.into_iter().map(|vm| (vm.name.clone(), Arc::new(vm))).collect();
    let routes = vms.values().flat_map(|vm| &vm.routes);
    let routes = routes.map(|route| (route.prefix, Arc::clone(route))).collect();
    let config_status = ConfigStatus {
        path: config.source.path.display().to_string(),
        sha256: config.source.sha256.clone(),
        vms_sha256: config.source.vms_sha256.clone(),
        loaded_at: time("2026-03-01T08:00:00Z"),
        errors: Vec::new(),
        wait_for_restart: Vec::new(),
    };
    Snapshot {
        generation: 7,
        host: "kvm1.example.net".into(),
        started_at: time("2026-03-01T08:00:00.25Z"),
        config: Arc::new(config),
        config_status,
        not_ready: Vec::new(),
        libvirt: LibvirtStatus {
            uri: "qemu:///system".to_owned(),
            connected: true,
            since: Some(time("2026-03-01T08:00:01Z")),
            version: Some("9.0.0".to_owned()),
            error: None,
            trust: LibvirtTrust::Full,
        },
        exabgp: ExabgpStatus {
            transport: "relay",
            connected: true,
            since: Some(time("2026-03-01T08:00:02Z")),
            version: Some("4.2.21".to_owned()),
            epoch: Some("4711-99-boot".to_owned()),
            neighbors: vec![NeighborView {
                address: "192.0.2.1".parse().unwrap(),
                asn: 65_001,
                state: NeighborState::Up,
                since: time("2026-03-01T08:00:03Z"),
            }],
            error: None,
            contradictions: 0,
        },
        tally: Arc::default(),
        conflicts: Arc::default(),
        host_routes: Arc::default(),
        vms,
        routes,
        events: History::default(),
        migrations: Arc::default(),
    }
}

/// The host itself: `web-1` runs here, `db-1` is leaving, `web-2` is elsewhere.
pub(crate) fn host() -> Snapshot {
    let config = config([
        configured("db-1", &["198.51.100.20"]),
        configured("web-1", &["198.51.100.10", "2001:db8:5::10", "198.51.100.64/28"]),
        configured("web-2", &["198.51.100.11", "2001:db8:6::/64"]),
    ]);
    let leaving = vec![route("198.51.100.20", "db-1", Rung::Leaving, RouteState::Withdrawing)];
    let running = ["198.51.100.10", "2001:db8:5::10", "198.51.100.64/28"];
    let running = running.map(|prefix| route(prefix, "web-1", Rung::Active, RouteState::Announced));
    let db = vm("db-1", Presence::Departing, leaving);
    let web = vm("web-1", Presence::Present, running.to_vec());
    snapshot(config, [db, web])
}
