//! Every VM of the fleet as this host sees it: those that are here, and those that only the configuration names.

use std::cmp::Ordering;
use std::iter;
use std::ops::Bound;
use std::sync::Arc;

use super::{Snapshot, VmView};
use crate::config::Vm;
use crate::route::Prefix;
use crate::vm::{Presence, VmName};

impl Snapshot {
    /// Whether every part does its work.
    pub fn is_ready(&self) -> bool {
        self.not_ready.is_empty()
    }

    /// The VM of that name: known here, or else configured.
    pub fn vm(&self, name: &VmName) -> Option<Arc<VmView>> {
        let here = self.vms.get(name).cloned();
        here.or_else(|| self.config.vms.get(name).map(|vm| Arc::new(VmView::absent(vm))))
    }

    /// Every VM that is known here or configured, by name.
    pub fn all_vms(&self) -> impl Iterator<Item = Arc<VmView>> {
        self.vms_after(None)
    }

    /// What [`Self::all_vms`] gives behind `name`, so that a long list can be taken piece by piece.
    ///
    /// To find the start takes logarithmic time. A VM that is not here is built when its turn comes.
    pub fn vms_after<'a>(&'a self, name: Option<&VmName>) -> impl Iterator<Item = Arc<VmView>> + use<'a> {
        let start = (name.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let mut here = self.vms.range::<VmName, _>(start).peekable();
        let mut configured = self.config.vms.range::<VmName, _>(start).peekable();
        iter::from_fn(move || {
            let order = match (here.peek(), configured.peek()) {
                (Some((here, _)), Some((configured, _))) => here.cmp(configured),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => here.next().map(|(_, vm)| Arc::clone(vm)),
                Ordering::Equal => {
                    configured.next();
                    here.next().map(|(_, vm)| Arc::clone(vm))
                }
                Ordering::Greater => configured.next().map(|(_, vm)| Arc::new(VmView::absent(vm))),
            }
        })
    }
}

impl VmView {
    /// A VM that is configured and was never seen on this host.
    pub fn absent(vm: &Vm) -> Self {
        Self {
            name: vm.name.clone(),
            uuid: vm.uuid,
            managed: !vm.service_ips.is_empty(),
            presence: Presence::Absent,
            preference: None,
            state: None,
            reason: None,
            since: None,
            cause: None,
            domain: None,
            service_ips: vm.service_ips.iter().copied().map(service_ip_text).collect(),
            routes: Vec::new(),
            last_migration: None,
        }
    }
}

/// A service address as the configuration and the REST view write it: a host address bare, a routed prefix with
/// its length.
pub fn service_ip_text(prefix: Prefix) -> String {
    let network = prefix.network();
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
