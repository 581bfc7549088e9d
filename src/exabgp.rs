//! ExaBGP's side of the shell: steps in, command lines out, replies in, outcomes out.
//!
//! `command.rs` (steps to text) and `reply.rs` (text to replies) are pure functions; `session.rs` is the pure
//! state machine that matches acknowledgements by their position, finds missing ones by time-out, fences and
//! reads ExaBGP's table; `child.rs` and `print.rs` are transports. [`spawn`] ties a session to a transport.
//! No policy: which route is wanted is not known here. The measured rules that this module rests on are
//! named beside the code that follows them.

use std::net::IpAddr;
use std::time::Instant;

use crate::plan::{FoundRoute, Outcome, Step};
use crate::route::Prefix;

/// Something that ExaBGP is to be told or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Do these; each is answered by one [`Report::Settled`], or all that are open by [`Report::InDoubt`].
    /// The agent never orders a step for a prefix of which one is still open.
    Do(Vec<Step>),
    /// Read ExaBGP's table again; answered by [`Report::Ready`].
    Examine,
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
    /// The neighbor's AS.
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
