//! ExaBGP's side of the shell: steps in, command lines out, replies in, outcomes out.
//!
//! Called by `agent` through [`spawn`] and two channels. In reading order: `command` (steps to text), `reply`
//! and `row` (text to replies), `neighborhood` (who is to hear what) and `table` (what ExaBGP holds of ours) are
//! pure; `session` is the pure state machine that matches acknowledgements by their position, finds missing
//! ones by time-out, fences and reads the table; `drive` ties a session to a reader and a writer thread;
//! `child`, `print` and `relay` are the transports. No policy: which route is wanted is not known here. The measured
//! rules that this module rests on are named beside the code that follows them.

mod child;
mod command;
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
mod session;
pub(crate) mod stdin;
mod table;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use crate::config::{Config, Transport};
use crate::plan::Step;
use crate::route::{Asn, Mark, NextHop, Prefix, Route};

#[cfg(test)]
pub(crate) use command::{Audience, line};
pub use lines::Lines;
pub use reply::Reply;
pub use session::{Effects, Notice, Session};

pub use crate::plan::{FoundRoute, Outcome};

/// What a session with ExaBGP is told at its start; nothing of it changes while it lives.
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
    /// Whether IPv4 routes are announced with `next-hop self`.
    pub own_next_hop_v4: bool,
    /// Whether IPv6 routes are announced with `next-hop self`.
    pub own_next_hop_v6: bool,
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
            own_next_hop_v4: config.bgp.next_hop == NextHop::Own,
            own_next_hop_v6: config.bgp.next_hop_v6 == Some(NextHop::Own),
            ack_timeout: Self::ACK_TIMEOUT,
            epoch: None,
            socket: config.exabgp.socket.clone(),
            socket_group: config.exabgp.socket_group.clone(),
            lease: config.exabgp.lease,
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
    /// These are acknowledged and wanted: the relay's ledger is to hold them, with their last wills.
    Keep(Vec<Route>),
    /// Nothing is wanted or left to do for these: the relay's ledger is to forget them.
    Forget(Vec<Prefix>),
    /// The agent is alive; from nowhere but its own loop, so that one that hangs is silent.
    Heartbeat,
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
        /// Every prefix that stands in the relay's ledger, shown by the table or not; empty without a relay.
        ledger: Vec<Prefix>,
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
    /// A neighbor's state or numbers changed.
    Neighbor(Neighbor),
    /// ExaBGP is gone (end of file on its pipe). With transport `child` nothing follows.
    Gone {
        /// Why, in words.
        reason: String,
    },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighborState {
    /// No session.
    Down,
    /// TCP is connected, OPEN is not done.
    Connected,
    /// Established.
    Up,
}
