//! What is published of the state: one immutable value, replaced whole.
//!
//! The agent builds a [`Snapshot`] after it has acted and puts it into a `watch` channel; HTTP serves from the
//! newest one, so it answers while libvirt or ExaBGP hang, and can't slow the agent down. The field names are
//! the REST contract.
//!
//! `fleet.rs` completes the list of VMs by those that are not on this host, `counts.rs` sums up; `history.rs` holds the
//! events of `event.rs`, `migration.rs` is what is shown of migrations, `tally.rs` is what was counted and timed. All of it
//! is pure and shares what stands in the snapshot: nothing here copies a list.

mod counts;
mod event;
pub mod explain;
mod fleet;
mod history;
mod host_routes;
mod migration;
#[cfg(test)]
pub(crate) mod sample;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

pub use counts::Counts;
pub use event::{Event, Life, Mass, What};
pub use fleet::service_ip_text;
pub use history::History;
pub use host_routes::{HostRouteConflict, HostRouteState, HostRouteView, HostRoutesStatus};
pub use migration::{MigrationView, Millis, PhaseView};
pub use tally::{ExabgpTally, Histogram, LibvirtTally, MigrationTally, Tally};

use crate::config::Config;
use crate::exabgp::NeighborState;
use crate::route::{Attributes, NextHop, Prefix, Rung};
use crate::vm::{Presence, Uuid, VmName, as_text};

/// A point in wall-clock time, shown as RFC 3339 UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(pub jiff::Timestamp);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

/// The published state of this host.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows by one with each change; what is only counted is none.
    pub generation: u64,
    /// The host's name.
    pub host: Arc<str>,
    /// When this agent started.
    pub started_at: Timestamp,
    /// The configuration in force; VMs that are not on this host are known from it alone.
    pub config: Arc<Config>,
    /// How and when it was loaded.
    pub config_status: ConfigStatus,
    /// Why the agent is not ready; empty: it is.
    pub not_ready: Vec<NotReady>,
    /// libvirt's health.
    pub libvirt: LibvirtStatus,
    /// ExaBGP's health.
    pub exabgp: ExabgpStatus,
    /// What was counted and timed.
    pub tally: Arc<Tally>,
    /// Paths of others to VMs that execute here.
    pub conflicts: Arc<Conflicts>,
    /// The kernel's routes to the VMs.
    pub host_routes: Arc<HostRoutesStatus>,
    /// The VMs that libvirt knows here, and those with a route that is not settled yet. A managed VM stands
    /// under its name in the configuration, any other under its domain name.
    pub vms: BTreeMap<VmName, Arc<VmView>>,
    /// Every route that is wanted, announced, or on its way out.
    pub routes: BTreeMap<Prefix, Arc<RouteView>>,
    /// What happened last.
    pub events: History,
    /// The last migrations to and from this host, latest first, at most [`MIGRATIONS`](Self::MIGRATIONS).
    pub migrations: Arc<Vec<Arc<MigrationView>>>,
}

impl Snapshot {
    /// How many migrations are shown.
    pub const MIGRATIONS: usize = 1_000;
}

/// The parts that a host may be not ready for.
pub const PARTS: [&str; 5] = ["libvirt", "exabgp", "neighbors", "routes", "host_routes"];

/// A reason why `/readyz` answers 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotReady {
    /// The part, one of [`PARTS`].
    pub part: &'static str,
    /// What is missing, in words.
    pub reason: String,
}

/// `status.config`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigStatus {
    /// The main file.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// SHA-256 of the VM map alone.
    pub vms_sha256: String,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// Faults of a later load that was refused.
    pub errors: Vec<String>,
    /// Keys that the file has otherwise than what runs, because they take effect with a restart only.
    #[schema(value_type = Vec<String>)]
    pub wait_for_restart: Vec<&'static str>,
}

/// `status.libvirt`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LibvirtStatus {
    /// The URI that is watched.
    pub uri: String,
    /// Whether a connection is open and subscribed.
    pub connected: bool,
    /// Since when it is so; `null` before the first attempt has ended.
    pub since: Option<Timestamp>,
    /// libvirt's version, of the last connection.
    pub version: Option<String>,
    /// Why there is no connection.
    pub error: Option<String>,
    /// How far its word can be relied on.
    pub trust: LibvirtTrust,
}

/// How far libvirt's word can be relied on, and with it the routes of the VMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LibvirtTrust {
    /// It has not been listed in this agent's life: routes stand as they were found in ExaBGP.
    Unlisted,
    /// It can.
    Full,
    /// It has been away for more than a moment: nothing of which it has not told since is above `active`.
    Blind,
    /// It has been silent for longer than `libvirt.lease`, or this process stood still for as long: nothing of which it has
    /// not told since is above `unsure`.
    Lapsed,
}

/// `status.exabgp`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExabgpStatus {
    /// `relay`, `child` or `print`.
    pub transport: &'static str,
    /// Whether ExaBGP answers; with `print`, whether stdout takes commands.
    pub connected: bool,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// ExaBGP's version.
    pub version: Option<String>,
    /// Identity of this life of ExaBGP.
    pub epoch: Option<String>,
    /// The BGP sessions.
    pub neighbors: Vec<NeighborView>,
    /// Why it does not answer, or what is wrong with what it says.
    pub error: Option<String>,
    /// How often, since this agent started, a neighbor was seen to be told something else than was acknowledged; each is
    /// repaired. Stays 0 where ExaBGP does not report the UPDATEs that it sends.
    pub contradictions: u64,
}

/// `status.conflicts`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conflicts {
    /// How many there were since this agent started.
    pub total: u64,
    /// Those that last.
    pub open: Vec<ConflictView>,
}

/// A neighbor offers another path to a VM that executes here: a split brain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConflictView {
    /// To what.
    pub prefix: Prefix,
    /// The VM.
    pub vm: VmName,
    /// Who offers it.
    #[schema(value_type = String)]
    pub neighbor: IpAddr,
    /// The rung on which the host behind it claims to have the VM; `null`: it carries no mark of roamd's.
    pub preference: Option<Rung>,
    /// The AS in that mark: the other host's `bgp.local_as`.
    pub marked_by: Option<u32>,
    /// The path's next hop.
    #[schema(value_type = Option<String>)]
    pub next_hop: Option<IpAddr>,
    /// Since when.
    pub since: Timestamp,
}

/// An entry of `status.exabgp.neighbors`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NeighborView {
    /// The neighbor's address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// The neighbor's AS.
    pub asn: u32,
    /// `down`, `connected` or `up`.
    pub state: NeighborState,
    /// Since when it is so.
    pub since: Timestamp,
}

impl fmt::Display for NeighborState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "down",
            Self::Connected => "connected",
            Self::Up => "up",
        })
    }
}

/// An entry of `vms`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VmView {
    /// The name in the configuration, else libvirt's.
    pub name: VmName,
    /// libvirt's identity of it, else the configured pin.
    pub uuid: Option<Uuid>,
    /// Whether the configuration gives it service addresses and lets this very domain use them.
    pub managed: bool,
    /// How far it is on this host.
    pub presence: Presence,
    /// The rung of its routes; `null`: it has none.
    pub preference: Option<Rung>,
    /// libvirt's last known state.
    pub state: Option<&'static str>,
    /// libvirt's last known reason.
    pub reason: Option<String>,
    /// Since when it has this presence; `null` where it was never seen here.
    pub since: Option<Timestamp>,
    /// What made its presence so; `null` where libvirt has not told of it.
    pub cause: Option<CauseView>,
    /// libvirt's name of it, which may be another where the uuid decides; `null` where libvirt does not know it.
    pub domain: Option<VmName>,
    /// The configured addresses: a host address bare, a routed prefix with its length.
    pub service_ips: Vec<String>,
    /// Its routes.
    pub routes: Vec<Arc<RouteView>>,
    /// The last migration that this agent has seen of it.
    pub last_migration: Option<Arc<MigrationView>>,
}

/// `cause` of a VM: what made its presence so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CauseView {
    /// What kind of thing.
    pub kind: CauseKind,
    /// The event or state in libvirt's words, as `resumed/migrated`; what was told before, where it has settled.
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What kind of thing makes a VM's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A life-cycle event of libvirt's.
    Event,
    /// A list of all VMs.
    Listed,
    /// A look at this one.
    Looked,
    /// libvirt knows it no more.
    Vanished,
    /// It has executed here for as long as `mobility.settle`.
    Settled,
}

/// An entry of `routes`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RouteView {
    /// What is reached.
    pub prefix: Prefix,
    /// The VM that it leads to; `null` for a route of ours that was found in ExaBGP and belongs to no VM.
    pub vm: Option<VmName>,
    /// Its rung, or the one it had when it is being withdrawn.
    pub preference: Rung,
    /// Its next hop: `self` or an address.
    #[schema(value_type = String)]
    pub next_hop: NextHop,
    /// What goes with it.
    pub attributes: Arc<Attributes>,
    /// How far ExaBGP is with it.
    pub state: RouteState,
    /// Since when it is so.
    pub since: Timestamp,
    /// When every neighbor that was up then had been seen to be told so; `null` where that is not known: ExaBGP has not sent
    /// it yet, or does not report the UPDATEs that it sends.
    pub confirmed_at: Option<Timestamp>,
    /// Why it failed, or is held back.
    pub error: Option<String>,
    /// How its address stands in the kernel; `null` where that is not roamd's, or nothing is wanted there.
    pub host_route: Option<HostRouteView>,
}

/// How far ExaBGP is with a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteState {
    /// Wanted, not acknowledged yet.
    Pending,
    /// Acknowledged as wanted.
    Announced,
    /// No longer wanted, the withdraw is not acknowledged or not repeated yet.
    Withdrawing,
    /// ExaBGP refused it; it is tried again.
    Failed,
}

impl RouteState {
    /// Every state, in the order of the status counts.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Announced, Self::Withdrawing, Self::Failed];

    /// The name that JSON and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Announced => "announced",
            Self::Withdrawing => "withdrawing",
            Self::Failed => "failed",
        }
    }
}
