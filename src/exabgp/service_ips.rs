//! The addresses of the fleet's VMs, shared by whoever reads what ExaBGP says and replaced by a reload.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;
use crate::route::Prefix;

/// Every VM's prefixes: of these it is reported what neighbors offer. A clone is the same set.
#[derive(Debug, Clone, Default)]
pub struct ServiceIps(Arc<RwLock<BTreeSet<Prefix>>>);

impl ServiceIps {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        let all = Self::default();
        all.replace(config);
        all
    }

    /// From now on those of another configuration.
    pub fn replace(&self, config: &Config) {
        let all = config.vms.values().flat_map(|vm| vm.service_ips.iter().copied()).collect();
        // A set that was only read or replaced whole is as good as ever.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// Whether it is a VM's.
    pub fn contains(&self, prefix: &Prefix) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(prefix)
    }
}

impl PartialEq for ServiceIps {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ServiceIps {}

#[cfg(test)]
impl<const N: usize> From<[Prefix; N]> for ServiceIps {
    fn from(prefixes: [Prefix; N]) -> Self {
        Self(Arc::new(RwLock::new(prefixes.into())))
    }
}
