//! Another configuration takes the place of the one that ran.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::{Effects, Mobility};
use crate::config::{Config, Vm};
use crate::route::Prefix;
use crate::vm::{Uuid, VmName};

/// What another configuration changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconfigured {
    /// As of any other fact.
    pub effects: Effects,
    /// The VMs that are new, otherwise than before, or configured no more.
    pub vms: BTreeSet<VmName>,
    /// The prefixes that belong to no VM any more.
    pub gone: Vec<Prefix>,
    /// The domains that are another VM than before, or one for the first time, or none any more.
    pub domains: BTreeSet<Uuid>,
}

impl Mobility {
    /// From now on another configuration holds. What is known of the VMs stays so, and ends in the same routes as if it had
    /// been learnt under this one.
    pub fn reconfigure(&mut self, config: Arc<Config>) -> Reconfigured {
        let running = mem::replace(&mut self.config, config);
        let vms = changed(&running.vms, &self.config.vms);
        for vm in vms.iter().filter_map(|name| running.vms.get(name)) {
            vm.uuid.map(|uuid| self.pins.remove(&uuid));
            for prefix in &vm.service_ips {
                self.owners.remove(prefix);
            }
        }
        for vm in vms.iter().filter_map(|name| self.config.vms.get(name)) {
            vm.uuid.map(|uuid| self.pins.insert(uuid, vm.name.clone()));
            self.owners.extend(vm.service_ips.iter().map(|prefix| (*prefix, vm.name.clone())));
        }
        let old = vms.iter().filter_map(|name| running.vms.get(name)).flat_map(|vm| &vm.service_ips);
        let gone = old.filter(|prefix| !self.owners.contains_key(prefix)).copied().collect();
        let before = mem::take(&mut self.claims);
        let mut effects = Effects::default();
        // Whose claims stay is touched by none of it.
        let uuids: Vec<Uuid> = self.tracks.keys().copied().collect();
        for uuid in uuids {
            self.claim(uuid, &mut Effects::default());
        }
        let domains = moved(&before, &self.claims);
        effects.touched.extend(vms.iter().cloned());
        for claims in [&before, &self.claims] {
            let theirs = claims.iter().filter(|(_, uuids)| !uuids.is_disjoint(&domains));
            effects.touched.extend(theirs.map(|(vm, _)| vm.clone()));
        }
        effects.touched.extend(running.hold.symmetric_difference(&self.config.hold).cloned());
        if running.bgp != self.config.bgp || running.mobility != self.config.mobility {
            effects.touched.extend(self.everyone());
        }
        Reconfigured { effects, vms, gone, domains }
    }
}

/// The names under which the two maps have something different.
pub(super) fn changed(
    running: &BTreeMap<VmName, Arc<Vm>>,
    next: &BTreeMap<VmName, Arc<Vm>>,
) -> BTreeSet<VmName> {
    let differs = |name: &&VmName| match (running.get(*name), next.get(*name)) {
        (Some(one), Some(other)) => !Arc::ptr_eq(one, other) && one != other,
        (Some(_), None) | (None, _) => true,
    };
    running.keys().chain(next.keys()).filter(differs).cloned().collect()
}

/// The domains that claim another VM than before.
fn moved(
    before: &BTreeMap<VmName, BTreeSet<Uuid>>,
    after: &BTreeMap<VmName, BTreeSet<Uuid>>,
) -> BTreeSet<Uuid> {
    let pairs = |claims: &BTreeMap<VmName, BTreeSet<Uuid>>| -> BTreeSet<(Uuid, VmName)> {
        let each = |(vm, uuids): (&VmName, &BTreeSet<Uuid>)| {
            let vm = vm.clone();
            uuids.iter().map(move |uuid| (*uuid, vm.clone())).collect::<Vec<_>>()
        };
        claims.iter().flat_map(each).collect()
    };
    pairs(before).symmetric_difference(&pairs(after)).map(|(uuid, _)| *uuid).collect()
}
