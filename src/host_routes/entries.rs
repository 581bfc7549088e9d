//! What the kernel holds that matters here: links, routes, neighbours, rules. Plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::vm::nic::{InterfaceName, Mac};

/// The kernel's number of an interface.
pub(super) type Index = u32;

/// Where a route stands, and what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RouteKey {
    pub(super) table: u32,
    pub(super) prefix: IpNet,
}

/// What becomes of a packet that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// It goes out of this interface, to the neighbour with its own destination address, or to `gateway`.
    Device { index: Index, gateway: Option<IpAddr> },
    /// It is dropped, without a word to its sender.
    Blackhole,
    /// Something that roamd never sets up.
    Other,
}

/// A route as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// Who set it up (`rtm_protocol`).
    pub(super) protocol: u8,
    /// The lower, the better (`RTA_PRIORITY`).
    pub(super) metric: u32,
    pub(super) target: Target,
    /// The interface that it leads out of, where it is one.
    pub(super) device: Option<Index>,
}

/// A neighbour's place: an address behind an interface.
pub(super) type NeighborKey = (Index, IpAddr);

/// A neighbour as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbor {
    /// Who set it up (`NDA_PROTOCOL`); 0 where nobody said so.
    pub(super) protocol: u8,
    pub(super) mac: Option<Mac>,
    /// Set by hand, and never learnt anew (`NUD_PERMANENT`).
    pub(super) permanent: bool,
}

/// Packets that come in on `uplink` are looked up in `table` first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) ipv6: bool,
    pub(super) uplink: InterfaceName,
    pub(super) table: u32,
    pub(super) priority: u32,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: InterfaceName,
    /// The bridge or VRF that it is a port of.
    pub(super) master: Option<Index>,
    /// Whether it is a bridge.
    pub(super) is_bridge: bool,
    /// The table of the VRF that it is.
    pub(super) vrf_table: Option<u32>,
    /// How many packets may wait to be sent.
    pub(super) queue: Option<u32>,
    pub(super) mac: Option<Mac>,
}

/// What the kernel holds: of routes, neighbours and rules all that are ours, and of others' what may be in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kernel {
    pub(super) links: Links,
    pub(super) routes: BTreeMap<RouteKey, Vec<Route>>,
    pub(super) neighbors: BTreeMap<NeighborKey, Neighbor>,
    /// Ours only.
    pub(super) rules: BTreeSet<Rule>,
}

/// The interfaces by number and by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Links {
    by_index: BTreeMap<Index, Link>,
    by_name: BTreeMap<InterfaceName, Index>,
}

impl Links {
    pub(super) fn insert(&mut self, index: Index, link: Link) {
        self.remove(index);
        self.by_name.insert(link.name.clone(), index);
        self.by_index.insert(index, link);
    }

    pub(super) fn remove(&mut self, index: Index) {
        // Another may have taken the name since.
        if let Some(link) = self.by_index.remove(&index)
            && self.by_name.get(&link.name) == Some(&index)
        {
            self.by_name.remove(&link.name);
        }
    }

    pub(super) fn get(&self, index: Index) -> Option<&Link> {
        self.by_index.get(&index)
    }

    pub(super) fn named(&self, name: &InterfaceName) -> Option<(Index, &Link)> {
        let index = *self.by_name.get(name)?;
        Some((index, self.by_index.get(&index)?))
    }

    /// The name of an interface.
    pub(super) fn name(&self, index: Index) -> Option<&InterfaceName> {
        self.get(index).map(|link| &link.name)
    }

    /// Where packets for a tap are sent to: the bridge that it is a port of, else itself. A tap that is itself in a VRF has
    /// that for its master, and is where its packets go.
    pub(super) fn device(&self, tap: Index) -> Index {
        let master = self.get(tap).and_then(|link| link.master);
        master.filter(|master| self.get(*master).is_some_and(|link| link.is_bridge)).unwrap_or(tap)
    }
}

/// The metric that roamd's routes have: none for IPv4, which is the best; the kernel's default for IPv6
/// (`IP6_RT_PRIO_USER`), which has no "none".
pub(super) const fn metric(prefix: IpNet) -> u32 {
    match prefix {
        IpNet::V4(_) => 0,
        IpNet::V6(_) => 1024,
    }
}

/// The interface-local address that belongs to a MAC (EUI-64, RFC 4291 appendix A).
pub(super) fn link_local(mac: Mac) -> IpAddr {
    let octets = mac.octets();
    let mut address = [0; 16];
    address[..2].copy_from_slice(&[0xfe, 0x80]);
    address[8..11].copy_from_slice(&octets[..3]);
    address[8] ^= 2;
    address[11..13].copy_from_slice(&[0xff, 0xfe]);
    address[13..].copy_from_slice(&octets[3..]);
    IpAddr::from(address)
}
