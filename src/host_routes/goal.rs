//! What the kernel is to hold: from what is wanted for each address, and the interfaces as they are. Pure.
//!
//! Each address of a VM that is here stands in `transit_table`, which packets from the uplinks are looked up in first:
//! they reach its tap while it is being filled, while it runs, and while it leaves. Where the VM executes it stands in the
//! main table as well, for what the host and its other VMs send. Both for one that executes, rather than one of the two:
//! the transit table ends in a blackhole for everything that may be a VM's, and a lookup of the main table before it would
//! find the host's default route first. So a migration only ever adds or removes the route in the main table, and packets
//! from the uplinks see no gap.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::entries::{Index, Kernel, NeighborKey, RouteKey, Rule, Target, link_local};
use super::{Settings, Standing, Wanted};
use crate::config::RouteTable;
use crate::route::Prefix;
use crate::vm::nic::{InterfaceName, Mac};

/// Everything that is to be there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) routes: BTreeMap<RouteKey, Target>,
    pub(super) neighbors: BTreeMap<NeighborKey, Mac>,
    pub(super) rules: BTreeSet<Rule>,
}

/// What one address of a VM needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// The bridge or tap.
    pub(super) device: Index,
    pub(super) routes: Vec<(RouteKey, Target)>,
    pub(super) neighbor: (NeighborKey, Mac),
}

/// Why an address can't be placed now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unplaceable {
    #[error("the kernel has no interface {0}, which libvirt names as the VM's")]
    NoInterface(InterfaceName),
    #[error("the kernel has no VRF {0}, which host_routes.table names")]
    NoVrf(InterfaceName),
}

impl Goal {
    /// Adds what an address needs.
    pub(super) fn add(&mut self, placement: &Placement) {
        self.routes.extend(placement.routes.iter().copied());
        self.neighbors.extend([placement.neighbor]);
    }

    /// Adds what leads packets from the uplinks to the transit table, and what ends it.
    pub(super) fn add_frame(&mut self, settings: &Settings) {
        let table = settings.transit_table;
        for ipv6 in settings.families() {
            self.rules.extend(settings.rules(ipv6));
            for prefix in settings.allowed.iter().filter(|prefix| is_ipv6(**prefix) == ipv6) {
                // A service address may be all of an allowed prefix.
                self.routes.entry(RouteKey { table, prefix: *prefix }).or_insert(Target::Blackhole);
            }
        }
    }
}

/// What `prefix` needs for it to be as `wanted`.
pub(super) fn placement(
    prefix: Prefix,
    wanted: &Wanted,
    settings: &Settings,
    kernel: &Kernel,
) -> Result<Placement, Unplaceable> {
    let tap = kernel.links.named(&wanted.tap);
    let (tap, _) = tap.ok_or_else(|| Unplaceable::NoInterface(wanted.tap.clone()))?;
    let device = kernel.links.device(tap);
    let network = prefix.network();
    let is_address = network.prefix_len() == network.max_prefix_len();
    // To a routed prefix the VM is a router: all of it goes to one neighbour. IPv4 takes any address for it with
    // `onlink`; IPv6 takes only one that is link-local where an aggregate route covers the prefix.
    let (neighbor, gateway) = match network {
        _ if is_address => (network.addr(), None),
        IpNet::V4(_) => (network.addr(), Some(network.addr())),
        IpNet::V6(_) => (link_local(wanted.mac), Some(link_local(wanted.mac))),
    };
    let target = Target::Device { index: device, gateway };
    let key = |table| RouteKey { table, prefix: network };
    let mut routes = vec![(key(settings.transit_table), target)];
    match wanted.standing {
        Standing::Executes => routes.push((key(table_number(settings, kernel)?), target)),
        Standing::Waits => {}
    }
    Ok(Placement { device, routes, neighbor: ((device, neighbor), wanted.mac) })
}

impl Settings {
    /// The tables where routes of ours stand.
    pub(super) fn tables(&self, kernel: &Kernel) -> BTreeSet<u32> {
        [Some(self.transit_table), table_number(self, kernel).ok()].into_iter().flatten().collect()
    }
}

/// The number of the main table.
pub(super) fn table_number(settings: &Settings, kernel: &Kernel) -> Result<u32, Unplaceable> {
    match &settings.table {
        RouteTable::Number(number) => Ok(*number),
        RouteTable::Vrf(name) => {
            let table = kernel.links.named(name).and_then(|(_, link)| link.vrf_table);
            table.ok_or_else(|| Unplaceable::NoVrf(name.clone()))
        }
    }
}

/// Whether a prefix is IPv6.
pub(super) const fn is_ipv6(prefix: IpNet) -> bool {
    matches!(prefix, IpNet::V6(_))
}
