//! Host routes: the host forwards to the VM that it announces.
//!
//! ExaBGP changes no kernel table. Where `host_routes` is enabled, roamd sets for each address of a VM that is here a route
//! to the VM's bridge or tap and a permanent neighbour entry with its MAC, and puts back what somebody removes. What is
//! ours carries `host_routes.protocol`; nothing else is ever touched.
//!
//! [`spawn`] starts a thread of its own: a message to rtnetlink is carried out before the system call returns, and may wait
//! for the kernel's lock while interfaces come and go, which must never hold up the agent. The agent says what is wanted
//! for each address ([`Order`]), and is told how it stands ([`Report`]). Level-triggered as all else here: what the kernel
//! tells of its changes only makes roamd look again.
//!
//! - `entries.rs`: what the kernel holds, as plain values.
//! - `goal.rs`: what it is to hold; `difference.rs`: what is to be done about the difference.
//! - `reconciler.rs`: the two against each other, with failures, conflicts and the time; `standing.rs`: how each address
//!   stands. All of these are pure.
//! - `checks.rs`: pure; what on this host makes migrations stall, with the remedy. `facts.rs` reads it.
//! - `netlink.rs`: the socket, requests and dumps; `message.rs`: rtnetlink's messages from and to our values.
//! - `look.rs`: all that matters of the kernel, by these; `worker.rs`: the thread.

mod checks;
mod difference;
mod entries;
mod facts;
mod goal;
mod look;
mod message;
mod netlink;
mod reconciler;
mod standing;
mod worker;

use std::io;
use std::thread;

use ipnet::IpNet;
use tokio::runtime;
use tokio::sync::mpsc;

use crate::config::{self, Config, Gateway, RouteTable};
use crate::route::Prefix;
use crate::vm::nic::{InterfaceName, Mac};

/// What is to become of the kernel's routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// This is wanted for these addresses from now on. An address that was never named counts as [`Want::Unclear`] until
    /// the first `complete`, and as [`Want::Nothing`] from then on.
    Want {
        /// By address.
        changes: Vec<(Prefix, Want)>,
        /// All VMs of this host are known by now: what nobody wants is removed, and packets from the uplinks are led to the
        /// transit table. Once said it stays.
        complete: bool,
    },
    /// Remove all that is ours; [`Report::Cleared`] follows.
    Clear,
}

/// What is wanted for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// Its VM is here.
    Here(Wanted),
    /// Its VM is not.
    Nothing,
    /// Nobody knows: what stands there is left as it is.
    Unclear,
}

/// Where packets for an address are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tap behind the VM's NIC.
    pub tap: InterfaceName,
    /// The NIC's MAC address.
    pub mac: Mac,
    /// Whether what this host sends goes there as well.
    pub standing: Standing,
}

/// How far a VM is here, as far as it matters to who may reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It executes here, or is frozen and may go on: the host and its other VMs reach it here.
    Executes,
    /// It is being filled, or is leaving: packets from the uplinks wait in its tap, while the host and its other VMs reach
    /// it where it executes.
    Waits,
}

/// What is told of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// How these addresses stand, where it is otherwise than before, and after each order about them; `None`: nothing is
    /// wanted there any more.
    Stand(Vec<(Prefix, Option<Stand>)>),
    /// What the whole of it is like; told when it changes.
    Overall(Overall),
    /// Everything of ours is gone, or could not be removed.
    Cleared,
}

/// How an address stands in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// What was wanted then: a later order may be on its way.
    pub wanted: Wanted,
    /// How far it is.
    pub state: StandState,
    /// The bridge or tap that it leads to.
    pub device: Option<InterfaceName>,
    /// Why it is not as wanted.
    pub error: Option<String>,
}

/// How far an address is in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandState {
    /// The kernel has not confirmed it yet.
    Pending,
    /// Confirmed, for all packets: the VM executes here.
    Placed,
    /// Confirmed, for packets from the uplinks: the VM is arriving or leaving.
    Transit,
    /// It can't be set now; it is tried again.
    Failed,
}

/// What the kernel's routes are like as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overall {
    /// Why nothing of it works, in words.
    pub error: Option<String>,
    /// Routes of others for the addresses of VMs that are here.
    pub conflicts: Vec<Conflict>,
    /// How often an address was found to be missing that was in place before.
    pub repairs: u64,
    /// What on this host makes migrations stall, with the remedy.
    pub warnings: Vec<String>,
}

/// A route of somebody else for the address of a VM that is here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The address.
    pub prefix: Prefix,
    /// The table that it stands in.
    pub table: u32,
    /// Whose it is: a route protocol number (`RTPROT_*` of rtnetlink.h).
    pub protocol: u8,
    /// Its metric.
    pub metric: u32,
    /// The interface that it leads to; `None`: it drops packets, or has several.
    pub device: Option<InterfaceName>,
}

/// What all of it goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    protocol: u8,
    table: RouteTable,
    transit_table: u32,
    rule_priority: u32,
    uplinks: Vec<InterfaceName>,
    gateway: Gateway,
    /// What may be a VM's address: the transit table ends in a blackhole for these.
    allowed: Vec<IpNet>,
    /// Whether VMs have addresses of the family.
    v4: bool,
    v6: bool,
}

impl Settings {
    /// What `config` says, where host routes are enabled.
    pub fn new(host_routes: &config::HostRoutes, config: &Config) -> Self {
        let has =
            |ipv6| config.vms.values().any(|vm| vm.service_ips.iter().any(|prefix| prefix.is_ipv6() == ipv6));
        let config::HostRoutes { protocol, table, transit_table, rule_priority, uplinks, gateway } =
            host_routes;
        Self {
            protocol: *protocol,
            table: table.clone(),
            transit_table: *transit_table,
            rule_priority: *rule_priority,
            uplinks: uplinks.clone(),
            gateway: *gateway,
            allowed: config.bgp.allowed_prefixes.clone().unwrap_or_default(),
            v4: has(false),
            v6: has(true),
        }
    }

    /// The rules that lead packets from the uplinks to the transit table.
    fn rules(&self, ipv6: bool) -> impl Iterator<Item = entries::Rule> {
        let (table, priority) = (self.transit_table, self.rule_priority);
        self.uplinks.iter().map(move |uplink| entries::Rule { ipv6, uplink: uplink.clone(), table, priority })
    }

    /// VMs have addresses of this family as well, as a configuration may be the first to say that was read again; whether
    /// that is new.
    const fn take_up(&mut self, ipv6: bool) -> bool {
        let used = if ipv6 { &mut self.v6 } else { &mut self.v4 };
        !std::mem::replace(used, true)
    }

    /// The families that VMs have addresses of, each by whether it is IPv6.
    fn families(&self) -> impl Iterator<Item = bool> {
        [(self.v4, false), (self.v6, true)].into_iter().filter_map(|(used, ipv6)| used.then_some(ipv6))
    }
}

/// Starts the thread. It ends when the sender of the orders or the receiver of the reports is gone, and leaves the kernel as it is.
pub fn spawn(
    settings: Settings,
    orders: mpsc::UnboundedReceiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let worker = worker::Worker::new(settings, orders, reports);
    thread::Builder::new().name("host-routes".to_owned()).spawn(move || runtime.block_on(worker.run()))?;
    Ok(())
}
