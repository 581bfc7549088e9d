//! What goes to the agent and away from it, and how it ends.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::config::{Config, Faults};
use crate::exabgp::{self, Order, ServiceIps};
use crate::libvirt::{self, Request};
use crate::service::Service;
use crate::snapshot::Snapshot;

/// What a signal asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The configuration is being read again (`SIGHUP`); a [`Self::Reload`] follows.
    Reading,
    /// The configuration was read again.
    Reload(Result<Box<Config>, Faults>),
    /// Stop in order (`SIGTERM`, `SIGINT`).
    Stop,
}

/// The channels that lead to the agent.
#[derive(Debug)]
pub struct Inputs {
    /// libvirt's reports.
    pub libvirt: mpsc::Receiver<libvirt::Report>,
    /// ExaBGP's reports.
    pub exabgp: mpsc::UnboundedReceiver<exabgp::Report>,
    /// What signals ask for.
    pub commands: mpsc::Receiver<Command>,
    /// What the kernel's routes are like, where they are roamd's; silent for ever where not.
    pub host_routes: mpsc::UnboundedReceiver<crate::host_routes::Report>,
}

/// The channels that lead away from it.
pub struct Outputs {
    /// Asks libvirt; must not block.
    pub ask: Box<dyn Fn(Request) + Send>,
    /// Orders to ExaBGP.
    pub orders: mpsc::UnboundedSender<Order>,
    /// Orders to the kernel's routes, where they are roamd's.
    pub host_routes: Option<mpsc::UnboundedSender<crate::host_routes::Order>>,
    /// What those who read ExaBGP's words know of the VMs' addresses.
    pub service_ips: ServiceIps,
    /// Where snapshots are published; holds the first one, see [`first_snapshot`](super::first_snapshot).
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    /// Who is told how the service stands.
    pub service: Service,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

/// Why the agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// ExaBGP, or whoever read the commands, is gone, and with it this agent's purpose.
    ExabgpGone(String),
    /// The threads that watch libvirt have ended, which they do only by a fault of their own.
    LibvirtGone,
}
