//! What is read from the state as it is: pure.

use std::collections::BTreeMap;

use super::{Labels, NAMED, Page, family};
use crate::exabgp::NeighborState;
use crate::route::Rung;
use crate::snapshot::{HostRouteState, MigrationView, PARTS, RouteState, RouteView, Snapshot, Timestamp};
use crate::vm::{MigrationDirection, MigrationOutcome, VmName};

/// Shows it, in the order of the list in `family.rs`.
pub(super) fn show(page: &mut Page, snapshot: &Snapshot) {
    page.many(&family::BUILD_INFO, [(Labels::from([("version", env!("CARGO_PKG_VERSION"))]), 1_u64)]);
    page.one(&family::START_TIME, seconds(snapshot.started_at));
    page.one(&family::GENERATION, snapshot.generation);
    page.one(&family::READY, snapshot.is_ready());
    let is_missing = |part| snapshot.not_ready.iter().any(|reason| reason.part == part);
    page.many(&family::NOT_READY, PARTS.map(|part| (Labels::from([("part", part)]), is_missing(part))));
    configuration(page, snapshot);
    let counts = snapshot.counts();
    page.many(
        &family::VMS,
        counts
            .vms
            .into_iter()
            .map(|(presence, count)| (Labels::from([("presence", presence.name())]), count)),
    );
    let routes = Routes::of(snapshot);
    routes.show(page);
    libvirt_and_exabgp(page, snapshot);
    conflicts(page, snapshot);
    page.many(
        &family::MIGRATIONS_RUNNING,
        MigrationDirection::ALL.map(|direction| running(snapshot, direction)),
    );
    if snapshot.host_routes.enabled {
        routes.show_host_routes(page, snapshot);
    }
}

fn configuration(page: &mut Page, snapshot: &Snapshot) {
    let config = &snapshot.config_status;
    let hashes = [("sha256", &*config.sha256), ("vms_sha256", &*config.vms_sha256)];
    page.many(&family::CONFIG_INFO, [(Labels::from(hashes), 1_u64)]);
    page.one(&family::CONFIG_LOADED, seconds(config.loaded_at));
    page.one(&family::CONFIG_ERRORS, config.errors.len());
}

fn libvirt_and_exabgp(page: &mut Page, snapshot: &Snapshot) {
    page.one(&family::LIBVIRT_CONNECTED, snapshot.libvirt.connected);
    let exabgp = &snapshot.exabgp;
    page.one(&family::EXABGP_CONNECTED, exabgp.connected);
    let version = exabgp.version.as_deref().unwrap_or_default();
    page.many(
        &family::EXABGP_INFO,
        [(Labels::from([("transport", exabgp.transport), ("version", version)]), 1_u64)],
    );
    page.one(&family::CONTRADICTIONS, exabgp.contradictions);
    let states = exabgp.neighbors.iter().flat_map(|neighbor| {
        [NeighborState::Down, NeighborState::Connected, NeighborState::Up].map(|state| {
            let labels = [("neighbor", neighbor.address.to_string()), ("state", state.to_string())];
            (Labels::from(labels), neighbor.state == state)
        })
    });
    page.many(&family::NEIGHBOR_STATE, states);
}

fn conflicts(page: &mut Page, snapshot: &Snapshot) {
    let conflicts = &snapshot.conflicts;
    page.one(&family::CONFLICTS_OPEN, conflicts.open.len());
    page.one(&family::CONFLICTS, conflicts.total);
    let named = conflicts.open.iter().take(NAMED).map(|conflict| {
        let labels = [
            ("vm", conflict.vm.to_string()),
            ("prefix", conflict.prefix.to_string()),
            ("neighbor", conflict.neighbor.to_string()),
        ];
        (Labels::from(labels), 1_u64)
    });
    page.many(&family::CONFLICT, named);
}

/// What one walk over all routes finds.
struct Routes<'a> {
    by_state: BTreeMap<(RouteState, Rung), u64>,
    in_kernel: BTreeMap<HostRouteState, u64>,
    failed: Vec<&'a RouteView>,
    failed_in_kernel: Vec<&'a RouteView>,
}

impl<'a> Routes<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let pairs = RouteState::ALL.into_iter().flat_map(|state| Rung::ALL.map(|rung| ((state, rung), 0)));
        let mut routes = Self {
            by_state: pairs.collect(),
            in_kernel: HostRouteState::ALL.map(|state| (state, 0)).into(),
            failed: Vec::new(),
            failed_in_kernel: Vec::new(),
        };
        for route in snapshot.routes.values() {
            *routes.by_state.entry((route.state, route.preference)).or_default() += 1;
            if route.state == RouteState::Failed && routes.failed.len() < NAMED {
                routes.failed.push(route);
            }
            if let Some(host_route) = &route.host_route {
                *routes.in_kernel.entry(host_route.state).or_default() += 1;
                if host_route.state == HostRouteState::Failed && routes.failed_in_kernel.len() < NAMED {
                    routes.failed_in_kernel.push(route);
                }
            }
        }
        routes
    }

    fn show(&self, page: &mut Page) {
        let by_state = self.by_state.iter().map(|((state, rung), count)| {
            (Labels::from([("state", state.name()), ("rung", rung.name())]), *count)
        });
        page.many(&family::ROUTES, by_state);
        page.many(&family::ROUTE_FAILED, self.failed.iter().map(|route| named(route)));
    }

    fn show_host_routes(&self, page: &mut Page, snapshot: &Snapshot) {
        let status = &snapshot.host_routes;
        let by_state =
            self.in_kernel.iter().map(|(state, count)| (Labels::from([("state", state.name())]), *count));
        page.many(&family::HOST_ROUTES, by_state);
        page.one(&family::HOST_ROUTES_OK, status.error.is_none());
        page.many(&family::HOST_ROUTE_FAILED, self.failed_in_kernel.iter().map(|route| named(route)));
        page.one(&family::HOST_ROUTE_CONFLICTS, status.conflicts.len());
        page.one(&family::HOST_ROUTE_WARNINGS, status.warnings.len());
        page.one(&family::HOST_ROUTE_REPAIRS, status.repairs);
    }
}

fn running(snapshot: &Snapshot, direction: MigrationDirection) -> (Labels, usize) {
    let goes_on = |migration: &MigrationView| {
        migration.direction == direction && migration.outcome == MigrationOutcome::Running
    };
    let count = snapshot.migrations.iter().filter(|migration| goes_on(migration)).count();
    (Labels::from([("direction", direction.name())]), count)
}

fn named(route: &RouteView) -> (Labels, u64) {
    let vm = route.vm.as_ref().map_or("", VmName::as_str);
    (Labels::from([("vm", vm.to_owned()), ("prefix", route.prefix.to_string())]), 1)
}

fn seconds(at: Timestamp) -> f64 {
    at.0.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}
