//! What is published of the kernel's routes to the VMs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::route::Prefix;
use crate::vm::VmName;

/// `status.host_routes`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostRoutesStatus {
    /// Whether roamd owns them; if not, all else is empty.
    pub enabled: bool,
    /// Why none of it works.
    pub error: Option<String>,
    /// Routes of others for addresses of VMs that are here.
    pub conflicts: Vec<HostRouteConflict>,
    /// How often, since this agent started, an address was put back that somebody had taken from the kernel.
    pub repairs: u64,
    /// What on this host makes migrations stall, each with the remedy.
    pub warnings: Vec<String>,
}

/// An entry of `status.host_routes.conflicts`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostRouteConflict {
    /// The address.
    pub prefix: Prefix,
    /// The VM that it leads to.
    pub vm: Option<VmName>,
    /// The table in which the other route stands.
    pub table: u32,
    /// Whose it is: a route protocol number.
    pub protocol: u8,
    /// Its metric.
    pub metric: u32,
    /// Where it leads; `null`: it drops packets, or has several ways.
    pub device: Option<String>,
}

/// `host_route` of a route: how its address stands in the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HostRouteView {
    /// How far it is.
    pub state: HostRouteState,
    /// The bridge or tap that it leads to.
    pub device: Option<String>,
    /// Why it is not as wanted.
    pub error: Option<String>,
}

/// How far an address is in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostRouteState {
    /// The VM's NIC is not known yet, or the kernel has not confirmed it yet.
    Pending,
    /// Confirmed, for all packets.
    Placed,
    /// Confirmed, for packets from the uplinks: the VM is arriving or leaving.
    Transit,
    /// It can't be set now; it is tried again.
    Failed,
}

impl HostRouteState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Placed, Self::Transit, Self::Failed];

    /// The name that JSON and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Placed => "placed",
            Self::Transit => "transit",
            Self::Failed => "failed",
        }
    }
}
