//! What a plan comes to.

use crate::route::{Prefix, Route};

/// One thing that ExaBGP is to be told. A changed attribute is one announce (BGP's implicit replace).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Announce this route, replacing whatever stands for its prefix.
    Announce(Route),
    /// Withdraw the route for this prefix.
    Withdraw {
        /// What is no longer to be reached.
        prefix: Prefix,
        /// The route as it was last announced, where that is known: ExaBGP 5.0 matches a withdraw that follows
        /// an announce closely only by the same attributes.
        last: Option<Route>,
    },
}

impl Step {
    /// The prefix that the step is about.
    pub const fn prefix(&self) -> Prefix {
        match self {
            Self::Announce(route) => route.prefix,
            Self::Withdraw { prefix, .. } => *prefix,
        }
    }
}
