//! How many VMs and routes stand where.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{RouteState, Snapshot};
use crate::vm::Presence;

/// `status.counts`: every presence and every state is there, also with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// VMs by presence, as the list of all VMs shows them.
    pub vms: BTreeMap<Presence, usize>,
    /// Routes by state.
    pub routes: BTreeMap<RouteState, usize>,
}

impl Snapshot {
    /// Counts what [`Snapshot::all_vms`] and [`Snapshot::routes`] hold, without building the VMs that are not here.
    pub fn counts(&self) -> Counts {
        let mut vms = BTreeMap::from(Presence::ALL.map(|presence| (presence, 0)));
        let mut known = 0;
        for (name, vm) in &self.vms {
            *vms.entry(vm.presence).or_default() += 1;
            known += usize::from(self.config.vms.contains_key(name));
        }
        *vms.entry(Presence::Absent).or_default() += self.config.vms.len() - known;

        let mut routes = BTreeMap::from(RouteState::ALL.map(|state| (state, 0)));
        for route in self.routes.values() {
            *routes.entry(route.state).or_default() += 1;
        }
        Counts { vms, routes }
    }
}
