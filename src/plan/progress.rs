//! What is heard of ExaBGP about a route, and how far it is with it.

use crate::route::{Attributes, NextHop, Prefix, Route, Rung};

/// A route with our mark that stands in ExaBGP's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRoute {
    /// What is reached.
    pub prefix: Prefix,
    /// The rung in its mark; of several neighbors' entries the best.
    pub rung: Rung,
    /// The next hop as ExaBGP shows it, the session's own address as `self` where `self` was announced.
    pub next_hop: NextHop,
    /// The attributes as ExaBGP shows them; `local_preference` is 0 where ExaBGP shows none, `as_path_prepend`
    /// is the number of own AS numbers above one. All at their defaults, without even the mark, where the
    /// neighbors' entries differ or one lacks it: they equal those of no route that anyone wants.
    pub attributes: Attributes,
    /// Whether a neighbor is there that prepends are sent to: an eBGP one. Else `as_path_prepend` says nothing.
    pub prepended: bool,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// ExaBGP took it into its RIB (`done`); with `print`, it is written.
    Acknowledged,
    /// ExaBGP said `error`. The reason is in ExaBGP's own log only; this says what was refused.
    Refused(String),
}

/// How far ExaBGP is with a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Wanted, not acknowledged yet.
    Pending(&'a Route),
    /// Acknowledged as wanted.
    Announced(&'a Route),
    /// Refused; it is tried again.
    Failed(&'a Route, &'a str),
    /// No longer wanted; the withdraw is not acknowledged or not repeated yet.
    Withdrawing {
        /// The route as this agent announced it; `None`: it was only found in ExaBGP's table.
        last: Option<&'a Route>,
        /// As it was found there.
        found: Option<&'a FoundRoute>,
        /// Why ExaBGP refused to take it back; it is tried again.
        failure: Option<&'a str>,
    },
}
