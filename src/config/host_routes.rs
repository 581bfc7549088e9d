//! The part of the configuration that is about the kernel's routes to the VMs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::route::Prefix;
use crate::vm::nic::{InterfaceName, Mac, NicChoice};

/// `host_routes`, where it is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoutes {
    /// The route protocol number that marks what is ours; 5 to 255.
    pub protocol: u8,
    /// Where routes of VMs that execute here stand.
    pub table: RouteTable,
    /// What packets from the uplinks are looked up in first: the routes of all VMs that are here, also of those that are
    /// arriving or leaving. Not `table`.
    pub transit_table: u32,
    /// The priority of the rules that lead there; before the one for table main.
    pub rule_priority: u32,
    /// Where routed traffic comes in; at least one.
    pub uplinks: Vec<InterfaceName>,
    /// What guests send their packets to.
    pub gateway: Gateway,
}

/// A routing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTable {
    /// By its number; 254 is `main`.
    Number(u32),
    /// The table of a VRF, whose number only the kernel knows.
    Vrf(InterfaceName),
}

/// `host_routes.gateway`: the same on every host, so that a guest that moves finds it again. Only checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gateway {
    /// For IPv4; `None`: not checked.
    pub v4: Option<Ipv4Addr>,
    /// For IPv6; `None`: not checked.
    pub v6: Option<Ipv6Addr>,
    /// The MAC address of the bridges or taps that have these; `None`: not known.
    pub mac: Option<Mac>,
}

/// Which of a VM's NICs serves which of its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NicChoices {
    /// `nic`: for every address that is not in `of`.
    pub all: NicChoice,
    /// `nics`
    pub of: BTreeMap<Prefix, NicChoice>,
}

impl NicChoices {
    /// The choice for an address of the VM.
    pub fn for_prefix(&self, prefix: Prefix) -> &NicChoice {
        self.of.get(&prefix).unwrap_or(&self.all)
    }
}
