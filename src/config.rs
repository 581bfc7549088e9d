//! The configuration: YAML in, a typed value that can't be wrong or every fault at once out.
//!
//! [`Config::load`] is the only way in. The raw YAML types are private to this folder, and so is the YAML
//! library. What leaves it is complete: every default filled in, every address canonical, every cross-check
//! done, so that no other module validates anything again.

#[macro_use]
mod choices;
mod digest;
mod effective;
mod excerpt;
mod fault;
mod host_routes;
mod input;
mod judge;
mod load;
mod marks;
mod names;
mod nearest;
mod path;
mod place;
mod raw;
mod reload;
#[cfg(test)]
pub(crate) mod sample;
mod scalar;
pub mod schema;
#[cfg(test)]
mod tests;
mod warnings;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;
use utoipa::ToSchema;

pub use effective::{EffectiveMain, EffectiveVm};
pub use fault::{Excerpt, Fault, Faults, Place};
pub use host_routes::{Gateway, HostRoutes, NicChoices, RouteTable};

use crate::route::{Asn, AttributeOverrides, Ladder, NextHop, Prefix};
use crate::vm::{Uuid, VmName};

/// The effective configuration of this host.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it came from.
    pub source: Source,
    /// `libvirt`
    pub libvirt: Libvirt,
    /// `exabgp`
    pub exabgp: Exabgp,
    /// `bgp`
    pub bgp: Bgp,
    /// `mobility`
    pub mobility: Mobility,
    /// VMs that this host never announces.
    pub hold: BTreeSet<VmName>,
    /// `host_routes`; `None`: the kernel's routes are somebody else's.
    pub host_routes: Option<HostRoutes>,
    /// `http`
    pub http: Http,
    /// `log`
    pub log: Log,
    /// The fleet's VMs with their service addresses.
    pub vms: BTreeMap<VmName, Arc<Vm>>,
}

/// Identity of what was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The main file, as given.
    pub path: PathBuf,
    /// SHA-256 of the main file's bytes, lower-case hex.
    pub sha256: String,
    /// SHA-256 of the VM map alone in a canonical form, lower-case hex: equal on hosts with equal maps,
    /// however these are split over files, ordered, or spelt.
    pub vms_sha256: String,
}

/// `libvirt`: where VMs are watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Libvirt {
    /// Any libvirt URI.
    pub uri: String,
    /// Open a connection that may change VMs; roamd itself never does.
    pub read_write: bool,
    /// How often everything is listed, as a safety net under the events.
    #[serde(serialize_with = "effective::duration")]
    #[schema(value_type = String)]
    pub resync: Duration,
    /// How long libvirt may be unreachable before routes fall to `unsure`.
    #[serde(serialize_with = "effective::duration")]
    #[schema(value_type = String)]
    pub lease: Duration,
}

/// `exabgp`: how routes are made known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exabgp {
    /// The way to ExaBGP.
    pub transport: Transport,
    /// Where `roamd relay` connects.
    #[schema(value_type = String)]
    pub socket: PathBuf,
    /// Group that may connect.
    pub socket_group: Option<String>,
    /// How long the relay waits for a heartbeat before it announces the last wills.
    #[serde(serialize_with = "effective::duration")]
    #[schema(value_type = String)]
    pub lease: Duration,
    /// What becomes of the routes when the agent is stopped.
    pub on_stop: OnStop,
}

choices! {
    /// `exabgp.transport`
    Transport {
        /// Through `roamd relay`, ExaBGP's API process.
        Relay = "relay",
        /// The agent is itself ExaBGP's API process.
        Child = "child",
        /// Commands go to stdout and nothing is expected back.
        Print = "print",
    }
}

choices! {
    /// `exabgp.on_stop`
    OnStop {
        /// Routes stay, under the lease.
        Keep = "keep",
        /// Routes are withdrawn first.
        Withdraw = "withdraw",
    }
}

/// `bgp`: what is announced, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bgp {
    /// This host's own AS.
    pub local_as: Asn,
    /// Prepends of one step of the ladder.
    pub prepend_step: u8,
    /// Next hop of IPv4 routes.
    pub next_hop: NextHop,
    /// Next hop of IPv6 routes; there is one whenever a VM has an IPv6 service address.
    pub next_hop_v6: Option<NextHop>,
    /// The neighbors to announce to; empty: all that ExaBGP lets this process speak to.
    pub neighbors: BTreeSet<IpAddr>,
    /// Nothing outside is ever announced; `None`: no limit.
    pub allowed_prefixes: Option<Vec<IpNet>>,
    /// Attributes for every route.
    pub attributes: AttributeOverrides,
    /// The rungs' attributes: `preference` over the defaults, made of `local_as`, `mark` and `prepend_step`.
    pub ladder: Ladder,
}

/// `mobility`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mobility {
    /// Announce a frozen copy that is being filled here on the rung `standby`.
    pub standby: bool,
    /// How long a VM that began to execute here stays on the rung `arrived`.
    #[serde(serialize_with = "effective::duration")]
    #[schema(value_type = String)]
    pub settle: Duration,
    /// What becomes of a VM that stands still.
    pub frozen: Frozen,
}

choices! {
    /// `mobility.frozen`
    Frozen {
        /// Its route stands on the rung `standby`.
        Standby = "standby",
        /// Its route stays on the rung `active`.
        Active = "active",
        /// It has no route.
        Withdraw = "withdraw",
    }
}

/// `http`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Http {
    /// Where the REST view is served.
    #[schema(value_type = String)]
    pub listen: Listen,
    /// File with the bearer token; there is one whenever `listen` reaches beyond loopback.
    #[schema(value_type = Option<String>)]
    pub token_file: Option<PathBuf>,
    /// Further `Host` headers to accept, lower case, without port.
    #[schema(value_type = Vec<String>)]
    pub hosts: BTreeSet<String>,
}

/// `http.listen`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A unix socket at an absolute path.
    Unix(PathBuf),
}

/// `log`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How lines look.
    pub format: LogFormat,
}

choices! {
    /// `log.level`
    LogLevel {
        /// A person must act.
        Error = "error",
        /// Would wake someone at three in the morning.
        Warn = "warn",
        /// What an operator reads the next day.
        Info = "info",
        /// Each decision.
        Debug = "debug",
        /// Each line that is exchanged.
        Trace = "trace",
    }
}

choices! {
    /// `log.format`
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

/// A VM of the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vm {
    /// The key in `vms`.
    pub name: VmName,
    /// Only the domain with this identity may use the addresses, under whatever name it runs.
    pub uuid: Option<Uuid>,
    /// The prefixes that lead to it, in the order of the file; no two VMs' overlap.
    pub service_ips: Vec<Prefix>,
    /// Which of its NICs serves which of them, for host routes.
    pub nics: NicChoices,
    /// Attributes of its routes.
    pub attributes: AttributeOverrides,
}
