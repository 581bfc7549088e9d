//! ExaBGP's side of the shell: steps in, command lines out, replies in, outcomes out.
//!
//! Called by `agent` through [`spawn`] and two channels. In reading order: `command` (steps to text), `reply` with `row`
//! and `update` (text to replies), `configured` and `neighborhood` (who is to hear what), `table` (what ExaBGP holds of
//! ours) and `wire` (what the neighbors were told of it) are pure; `session` is the pure state machine that matches
//! acknowledgements by their position, finds missing ones by time-out, fences and reads the table; `drive` ties a session
//! to a reader and a writer thread; `child`, `print` and `relay` are the transports. No policy: which route is wanted is not known
//! here. The measured rules that this module rests on are named beside the code that follows them.

mod child;
mod command;
mod configured;
mod drive;
pub(crate) mod epoch;
mod lines;
mod neighborhood;
mod print;
mod relay;
mod reply;
mod row;
#[cfg(test)]
mod sample;
mod service_ips;
mod session;
pub(crate) mod stdin;
mod table;
mod update;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use utoipa::ToSchema;

use crate::config::{Config, Transport};
use crate::plan::Step;
use crate::route::{Asn, Mark, NextHop, Prefix, Route, Rung};

#[cfg(test)]
pub(crate) use command::{Audience, line};
pub(crate) use configured::{Configured, Reading};
pub use lines::Lines;
pub use relay::{Conversation, welcome};
pub use reply::{Reply, Told};
pub use service_ips::ServiceIps;
pub use session::{Effects, Notice, Session};

pub use crate::plan::{FoundRoute, Outcome};

/// What a session with ExaBGP is told at its start; of it only the service addresses change while it lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The way to ExaBGP.
    pub transport: Transport,
    /// This host's own AS: prepended where a session's own number is not known.
    pub local_as: Asn,
    /// The mark by which routes in ExaBGP's table are known as ours.
    pub mark: Mark,
    /// The neighbors to speak to; empty: all that ExaBGP lets this process speak to.
    pub neighbors: BTreeSet<IpAddr>,
    /// Every VM's: the prefixes of which it is reported what neighbors offer.
    pub service_ips: ServiceIps,
    /// Whether IPv4 routes are announced with `next-hop self`.
    pub own_next_hop_v4: bool,
    /// Whether IPv6 routes are announced with `next-hop self`.
    pub own_next_hop_v6: bool,
    /// The next hop of IPv4 routes, where it is an address.
    pub next_hop_v4: Option<IpAddr>,
    /// The next hop of IPv6 routes, where it is an address.
    pub next_hop_v6: Option<IpAddr>,
    /// How long ExaBGP may owe an answer.
    pub ack_timeout: Duration,
    /// Identity of this life of ExaBGP; filled in by [`spawn`] where the transport can tell it.
    pub epoch: Option<String>,
    /// With transport `relay`: where relays connect.
    pub socket: PathBuf,
    /// With transport `relay`: the group that may connect, by its name or number.
    pub socket_group: Option<String>,
    /// With transport `relay`: how long it waits for a heartbeat before it carries out the last wills.
    pub lease: Duration,
    /// With transport `relay`: how long it leaves the routes of an agent that has lost libvirt as they are.
    pub libvirt_lease: Duration,
}

impl Settings {
    /// How long ExaBGP may owe an answer: 10,000 routes in one burst kept 5.0 busy for nine seconds, and never more
    /// than [`Session::MAX_OUTSTANDING`] lines are outstanding here.
    pub const ACK_TIMEOUT: Duration = Duration::from_secs(10);
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            transport: config.exabgp.transport,
            local_as: config.bgp.local_as,
            mark: config.bgp.ladder.mark(),
            neighbors: config.bgp.neighbors.clone(),
            service_ips: ServiceIps::new(config),
            own_next_hop_v4: config.bgp.next_hop == NextHop::Own,
            own_next_hop_v6: config.bgp.next_hop_v6 == Some(NextHop::Own),
            next_hop_v4: config.bgp.next_hop.address(),
            next_hop_v6: config.bgp.next_hop_v6.and_then(NextHop::address),
            ack_timeout: Self::ACK_TIMEOUT,
            epoch: None,
            socket: config.exabgp.socket.clone(),
            socket_group: config.exabgp.socket_group.clone(),
            lease: config.exabgp.lease,
            libvirt_lease: config.libvirt.lease,
        }
    }
}

/// Starts the exchange with ExaBGP inside the current runtime. It ends when `orders` or `reports` is closed;
/// after [`Report::Gone`] orders are taken and dropped.
///
/// # Errors
///
/// When a thread can't be started, or the relay's socket can't be had; the error says which.
pub fn spawn(
    settings: Settings,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    match settings.transport {
        Transport::Child => child::spawn(settings, orders, reports),
        Transport::Print => print::spawn(&settings, orders, reports),
        Transport::Relay => relay::spawn(settings, orders, reports),
    }
}

/// Something that ExaBGP is to be told or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Do these; each is answered by one [`Report::Settled`], or all that are open by [`Report::InDoubt`].
    /// The agent never orders a step for a prefix of which one is still open.
    Do(Vec<Step>),
    /// Once all that was ordered is carried out, tell these neighbors that they have heard everything (End-of-RIB,
    /// RFC 4724), where ExaBGP leaves that to its API process (`manual-eor`).
    EndOfRib(BTreeSet<IpAddr>),
    /// These stand as wanted without a step that says so: the wire is held against them, and a relay's ledger is to
    /// hold them, with their last wills.
    Keep(Vec<Route>),
    /// Nothing is wanted or left to do for these: the relay's ledger is to forget them.
    Forget(Vec<Prefix>),
    /// The agent is alive; from nowhere but its own loop, so that one that hangs is silent.
    Heartbeat {
        /// It knows of the VMs what libvirt tells.
        vouches: bool,
    },
}

/// A fact about ExaBGP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// ExaBGP answers, and this is what it holds of ours. Steps may be ordered from here on.
    Ready {
        /// ExaBGP's version, such as `4.2.21`; `None` where there is no ExaBGP (transport `print`).
        version: Option<String>,
        /// Identity of this life of ExaBGP, whose RIB is lost with it: pid, start time and boot id.
        epoch: Option<String>,
        /// Every route with our mark in its adj-RIB-out, one entry a prefix (of several neighbors' entries
        /// the best rung).
        table: Vec<FoundRoute>,
        /// Every prefix in the relay's ledger, shown by the table or not, with the rung on which it stood when the ledger last heard
        /// of it, perhaps in an earlier life of ExaBGP; `None`: it was being withdrawn. Empty without a relay.
        ledger: BTreeMap<Prefix, Option<Rung>>,
        /// When the table was complete.
        at: Instant,
    },
    /// A step was carried out or refused.
    Settled {
        /// The step's prefix.
        prefix: Prefix,
        /// What came of it.
        outcome: Outcome,
        /// When its last byte was written to ExaBGP.
        written_at: Instant,
        /// When the reply was read; with `print` the same.
        at: Instant,
    },
    /// Acknowledgements and commands no longer fit together: what became of all open steps is unknown.
    /// The session fences and reads the table by itself; [`Report::Ready`] follows.
    InDoubt {
        /// Why, in words.
        reason: String,
    },
    /// ExaBGP can't be reached at present, and what became of open steps is unknown. [`Report::Ready`] follows when
    /// it can; nothing is to be ordered before.
    Lost {
        /// Why, in words.
        reason: String,
        /// When that showed.
        at: Instant,
    },
    /// A relay has come, and by its account no agent has known what libvirt tells since then.
    Unwatched {
        /// Since when.
        since: Instant,
    },
    /// A neighbor's state or numbers changed.
    Neighbor(Neighbor),
    /// What the UPDATEs show, where ExaBGP is configured to report them.
    Wire(WireReport),
    /// ExaBGP is gone (end of file on its pipe). With transport `child` nothing follows.
    Gone {
        /// Why, in words.
        reason: String,
    },
}

/// What the UPDATEs show that ExaBGP sent (the wire echo) and received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireReport {
    /// Every neighbor that is up was told what was acknowledged last for this prefix.
    Confirmed {
        /// Of what.
        prefix: Prefix,
        /// When the last of them was seen to be told.
        at: Instant,
    },
    /// A neighbor was told something else than was acknowledged last, or than anyone here wants.
    Contradicted {
        /// Of what.
        prefix: Prefix,
        /// Whom.
        neighbor: IpAddr,
        /// The rung in our mark (`None`: without it) and the MED that it was told; `None`: a withdrawal.
        told: Option<(Option<Rung>, u32)>,
        /// It was reported before, and was not repaired since.
        again: bool,
    },
    /// UPDATEs were missed: what neighbors offer is unknown.
    Missed,
    /// A neighbor offers another path to a VM's service IP, or no longer does.
    Offered {
        /// The neighbor.
        neighbor: IpAddr,
        /// To what.
        prefix: Prefix,
        /// The path; `None`: no longer.
        path: Option<Path>,
        /// When the UPDATE was read.
        at: Instant,
    },
}

/// A path that a neighbor offers to a VM's service IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The rung in the mark of the host behind it; `None`: no mark came with it.
    pub rung: Option<Rung>,
    /// The AS in that mark.
    pub marked_by: Option<u32>,
    /// Its next hop, mostly the neighbor itself.
    pub next_hop: Option<IpAddr>,
}

/// A BGP neighbor as ExaBGP tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    /// The neighbor's address.
    pub address: IpAddr,
    /// The neighbor's AS; 0 where ExaBGP is to learn it from the neighbor and has not yet.
    pub asn: u32,
    /// Our AS on this session.
    pub local_asn: u32,
    /// The session's state.
    pub state: NeighborState,
    /// When it was told.
    pub at: Instant,
}

/// State of a BGP session in ExaBGP's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeighborState {
    /// No session.
    Down,
    /// TCP is connected, OPEN is not done.
    Connected,
    /// Established.
    Up,
}
