//! The published view: kept up piece by piece, put out whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::clock::{Clock, Reading};
use super::health::{Health, Lists};
use super::history::{History, RouteChange};
use super::host_routes::HostRoutes;
use super::tally::Counting;
use crate::config::Config;
use crate::mobility::{Cause, Known, Mobility};
use crate::plan::{Hold, Plan, Progress};
use crate::route::{Prefix, Route};
use crate::snapshot::{
    self, CauseKind, CauseView, ConfigStatus, Conflicts, HostRouteView, HostRoutesStatus, LibvirtStatus,
    LibvirtTrust, NotReady, RouteState, RouteView, Snapshot, Timestamp, VmView, service_ip_text,
};
use crate::vm::{Presence, Uuid, VmName, VmState};

/// The snapshot of an agent that knows nothing yet.
pub fn first_snapshot(config: &Arc<Config>, host: &str) -> Snapshot {
    let health = Health::new(config);
    let now = Timestamp(Reading::of_the_system().wall);
    Snapshot {
        generation: 0,
        host: host.into(),
        started_at: now,
        config: Arc::clone(config),
        config_status: config_status(config, now),
        not_ready: health.not_ready(config, Lists::NoneYet, false),
        libvirt: health.libvirt,
        exabgp: health.exabgp,
        tally: Arc::default(),
        conflicts: Arc::default(),
        host_routes: Arc::new(HostRoutesStatus {
            enabled: config.host_routes.is_some(),
            ..HostRoutesStatus::default()
        }),
        vms: BTreeMap::new(),
        routes: BTreeMap::new(),
        events: snapshot::History::default(),
        migrations: Arc::default(),
    }
}

/// What is shown of a configuration that was loaded just now.
pub(super) fn config_status(config: &Config, loaded_at: Timestamp) -> ConfigStatus {
    ConfigStatus {
        path: config.source.path.display().to_string(),
        sha256: config.source.sha256.clone(),
        vms_sha256: config.source.vms_sha256.clone(),
        loaded_at,
        errors: Vec::new(),
        wait_for_restart: Vec::new(),
    }
}

/// Owns the views and the channel that they go out by.
#[derive(Debug)]
pub(super) struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    vms: BTreeMap<VmName, Arc<VmView>>,
    routes: BTreeMap<Prefix, Arc<RouteView>>,
    /// Under which name an unmanaged domain is shown.
    unmanaged: BTreeMap<Uuid, VmName>,
    stale_vms: BTreeSet<VmName>,
    stale_domains: BTreeSet<Uuid>,
    stale_prefixes: BTreeSet<Prefix>,
}

impl Publisher {
    pub(super) fn new(snapshots: watch::Sender<Arc<Snapshot>>) -> Self {
        Self {
            snapshots,
            vms: BTreeMap::new(),
            routes: BTreeMap::new(),
            unmanaged: BTreeMap::new(),
            stale_vms: BTreeSet::new(),
            stale_domains: BTreeSet::new(),
            stale_prefixes: BTreeSet::new(),
        }
    }

    /// Something about a domain, the configured VM that it is, or both may have changed.
    pub(super) fn stale_domain(&mut self, uuid: Uuid) {
        self.stale_domains.insert(uuid);
    }

    /// Something about a configured VM may have changed.
    pub(super) fn stale_vm(&mut self, vm: &VmName) {
        self.stale_vms.insert(vm.clone());
    }

    /// Something about a route may have changed.
    pub(super) fn stale_prefix(&mut self, prefix: Prefix) {
        self.stale_prefixes.insert(prefix);
    }

    /// Brings the views up to date; says whether any has changed, and what has become of routes.
    pub(super) fn refresh(&mut self, state: &State<'_>, history: &History) -> (bool, Vec<RouteChange>) {
        let (mut changed, mut of_routes) = (false, Vec::new());
        for prefix in std::mem::take(&mut self.stale_prefixes) {
            let last = self.routes.get(&prefix);
            let view = state.route_view(prefix, last);
            if view.as_ref() != last {
                // A route that was only found in ExaBGP's table names no VM, and is shown with its own all the same.
                self.stale_vms.extend(state.mobility.owner(prefix).cloned());
                of_routes.extend(RouteChange::between(last.map(AsRef::as_ref), view.as_deref()));
                replace(&mut self.routes, prefix, view);
                changed = true;
            }
        }
        for uuid in std::mem::take(&mut self.stale_domains) {
            changed |= self.refresh_domain(uuid, state, history);
        }
        for vm in std::mem::take(&mut self.stale_vms) {
            let view = self.managed_view(&vm, state, history);
            if view.as_ref() != self.vms.get(&vm) {
                replace(&mut self.vms, vm, view);
                changed = true;
            }
        }
        (changed, of_routes)
    }

    /// Puts the views out, if anything `changed` in them or elsewhere.
    pub(super) fn put_out(
        &self,
        state: &State<'_>,
        history: &History,
        not_ready: Vec<NotReady>,
        changed: bool,
    ) {
        let libvirt = LibvirtStatus { trust: trust(state.mobility), ..state.health.libvirt.clone() };
        let last = self.snapshots.borrow().clone();
        let same = !changed
            && last.not_ready == not_ready
            && last.libvirt == libvirt
            && last.exabgp == state.health.exabgp
            && last.conflicts == *state.conflicts
            && last.host_routes == *state.host_routes_status
            && last.config_status == *state.config_status
            && last.events.last_seq() == history.events.last_seq()
            && Arc::ptr_eq(&last.migrations, history.migrations.all());
        let tally = state.counting.published(&last.tally);
        if same && Arc::ptr_eq(&tally, &last.tally) {
            return;
        }
        self.snapshots.send_replace(Arc::new(Snapshot {
            // What was only counted is no change of the state.
            generation: last.generation + u64::from(!same),
            tally,
            not_ready,
            libvirt,
            exabgp: state.health.exabgp.clone(),
            config: Arc::clone(state.config),
            conflicts: Arc::clone(state.conflicts),
            host_routes: Arc::clone(state.host_routes_status),
            config_status: state.config_status.clone(),
            vms: self.vms.clone(),
            routes: self.routes.clone(),
            events: history.events.clone(),
            migrations: Arc::clone(history.migrations.all()),
            ..(*last).clone()
        }));
    }

    fn refresh_domain(&mut self, uuid: Uuid, state: &State<'_>, history: &History) -> bool {
        let known = state.mobility.known_domain(uuid);
        let key = known.filter(|known| known.vm.is_none()).map(|known| known.name.clone());
        let mut changed = false;
        if let Some(shown) = self.unmanaged.get(&uuid).filter(|shown| Some(*shown) != key.as_ref()).cloned() {
            self.unmanaged.remove(&uuid);
            changed = self.vms.remove(&shown).is_some();
            self.stale_vms.insert(shown);
        }
        let Some(known) = known else { return changed };
        if let Some(vm) = known.vm {
            self.stale_vms.insert(vm.name.clone());
        } else if let Some(key) = key
            && state.mobility.known_vm(&key).is_none()
        {
            let last_migration = history.migrations.of(&key);
            let view = unmanaged_view(&known, state.config, state.clock);
            let view = Arc::new(VmView { last_migration, ..view });
            self.unmanaged.insert(uuid, key.clone());
            if self.vms.get(&key) != Some(&view) {
                self.vms.insert(key, view);
                changed = true;
            }
        }
        changed
    }

    /// `None` when it is not here and has no route: the snapshot knows it from the configuration.
    fn managed_view(&self, name: &VmName, state: &State<'_>, history: &History) -> Option<Arc<VmView>> {
        let Some(vm) = state.config.vms.get(name) else {
            // It is configured no more; the domain may be shown by itself.
            return self.vms.get(name).filter(|view| !view.managed).cloned();
        };
        let routes: Vec<Arc<RouteView>> =
            vm.service_ips.iter().filter_map(|prefix| self.routes.get(prefix)).cloned().collect();
        let known = state.mobility.known_vm(name);
        let last_migration = history.migrations.of(name);
        if known.is_none() {
            // A domain of that name that may not use the addresses is shown in its place.
            let shown = self.vms.get(name).filter(|view| !view.managed);
            if shown.is_some() {
                return shown.cloned();
            }
            if routes.is_empty() && last_migration.is_none() {
                return None;
            }
        }
        Some(Arc::new(VmView {
            uuid: known.map(|known| known.uuid).or(vm.uuid),
            presence: known.map_or(Presence::Absent, |known| known.presence),
            preference: state.mobility.rung(name),
            state: known.and_then(|known| known.state).map(VmState::name),
            reason: known.and_then(|known| known.state).map(VmState::reason),
            since: known.map(|known| state.clock.stamp(known.since)),
            cause: known.and_then(|known| cause_view(&known, state.clock)),
            domain: known.map(|known| known.name.clone()),
            routes,
            last_migration,
            ..VmView::absent(vm)
        }))
    }
}

/// What the views are made of.
pub(super) struct State<'a> {
    pub(super) config: &'a Arc<Config>,
    pub(super) config_status: &'a ConfigStatus,
    pub(super) mobility: &'a Mobility,
    pub(super) plan: &'a Plan,
    pub(super) health: &'a Health,
    pub(super) counting: &'a Counting,
    pub(super) conflicts: &'a Arc<Conflicts>,
    pub(super) host_routes: Option<&'a HostRoutes>,
    pub(super) host_routes_status: &'a Arc<HostRoutesStatus>,
    pub(super) clock: &'a Clock,
    pub(super) now: Instant,
}

impl State<'_> {
    /// Why the agent is not ready; empty: it is.
    pub(super) fn not_ready(&self) -> Vec<NotReady> {
        let settled = self.plan.is_settled();
        let mut not_ready = self.health.not_ready(self.config, Lists::of(self.mobility), settled);
        not_ready.extend(self.host_routes.and_then(|host_routes| host_routes.not_ready(self.mobility)));
        not_ready
    }

    /// Why a route that is wanted was not sent.
    fn held_back(&self, prefix: Prefix, host_route: Option<&HostRouteView>) -> Option<String> {
        if self.host_routes?.hold(prefix) == Hold::Free {
            return None;
        }
        let why = host_route
            .and_then(|view| view.error.as_deref())
            .unwrap_or("the kernel has not confirmed it yet");
        Some(format!("held back until its host route is in place: {why}"))
    }

    fn route_view(&self, prefix: Prefix, last: Option<&Arc<RouteView>>) -> Option<Arc<RouteView>> {
        let progress = self.plan.progress(prefix)?;
        let host_route = self.host_routes.and_then(|host_routes| host_routes.view(prefix));
        let (route, state, error) = match progress {
            Progress::Pending(route) => {
                (Some(route), RouteState::Pending, self.held_back(prefix, host_route.as_ref()))
            }
            Progress::Announced(route) => (Some(route), RouteState::Announced, None),
            Progress::Failed(route, reason) => (Some(route), RouteState::Failed, Some(reason.to_owned())),
            Progress::Withdrawing { last, failure: None, .. } => (last, RouteState::Withdrawing, None),
            Progress::Withdrawing { last, failure: Some(reason), .. } => {
                (last, RouteState::Failed, Some(reason.to_owned()))
            }
        };
        let since = last
            .filter(|last| last.state == state && route.is_none_or(|route| route.rung == last.preference))
            .map_or_else(|| self.clock.stamp(self.now), |last| last.since);
        let view = |route: &Route| RouteView {
            prefix,
            vm: Some(route.vm.clone()),
            preference: route.rung,
            next_hop: route.next_hop,
            attributes: Arc::clone(&route.attributes),
            state,
            since,
            confirmed_at: self.plan.confirmed_at(prefix).map(|at| self.clock.stamp(at)),
            error: error.clone(),
            host_route: host_route.clone(),
        };
        match (route, progress) {
            (Some(route), _) => Some(Arc::new(view(route))),
            (None, Progress::Withdrawing { found: Some(found), .. }) => Some(Arc::new(RouteView {
                prefix,
                vm: None,
                preference: found.rung,
                next_hop: found.next_hop,
                attributes: Arc::new(found.attributes.clone()),
                state,
                since,
                confirmed_at: None,
                error,
                host_route,
            })),
            // A withdraw that is only repeated: what it was is shown until it is done.
            (None, _) => last.cloned(),
        }
    }
}

fn unmanaged_view(known: &Known<'_>, config: &Config, clock: &Clock) -> VmView {
    // A pin that another domain of the name must not pass is worth showing with its addresses.
    let service_ips = config
        .vms
        .get(known.name)
        .map(|vm| vm.service_ips.iter().map(|prefix| service_ip_text(*prefix)).collect());
    VmView {
        name: known.name.clone(),
        uuid: Some(known.uuid),
        managed: false,
        presence: known.presence,
        preference: None,
        state: known.state.map(VmState::name),
        reason: known.state.map(VmState::reason),
        since: Some(clock.stamp(known.since)),
        cause: cause_view(known, clock),
        domain: Some(known.name.clone()),
        service_ips: service_ips.unwrap_or_default(),
        routes: Vec::new(),
        last_migration: None,
    }
}

/// What made the VM's presence so.
fn cause_view(known: &Known<'_>, clock: &Clock) -> Option<CauseView> {
    let (kind, detail) = match known.cause? {
        Cause::Event(event) => (CauseKind::Event, Some(event.to_string())),
        Cause::Listed(state) => (CauseKind::Listed, Some(state.to_string())),
        Cause::Looked(state) => (CauseKind::Looked, Some(state.to_string())),
        Cause::Vanished => (CauseKind::Vanished, None),
        Cause::Settled => (CauseKind::Settled, known.told_by.map(|cause| cause.to_string())),
    };
    Some(CauseView { kind, detail, at: clock.stamp(known.since) })
}

const fn trust(mobility: &Mobility) -> LibvirtTrust {
    if !mobility.is_listed() {
        LibvirtTrust::Unlisted
    } else if mobility.is_lapsed() {
        LibvirtTrust::Lapsed
    } else if mobility.is_blind() {
        LibvirtTrust::Blind
    } else {
        LibvirtTrust::Full
    }
}

fn replace<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
