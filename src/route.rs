//! Vocabulary of routes: prefix, rung, BGP attributes, and the route that is made of them.
//!
//! Everything here is a value that can't be wrong: a [`Prefix`] has no host bits, a community is numbers.
//! `mobility` makes routes, `plan` compares them, `exabgp` writes them as command text, the REST view shows them.

mod attributes;
mod community;
mod ladder;
mod prefix;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use attributes::{AttributeOverrides, Attributes, Origin};
pub use community::{Community, CommunityError, ExtendedCommunity, ExtendedKind, LargeCommunity};
pub use ladder::{Ladder, LadderError};
pub use prefix::{Prefix, PrefixError};

use crate::vm::{VmName, as_text};

/// An autonomous system number, 1 to 4294967295 (RFC 6793; 0 is reserved by RFC 7607).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Asn(u32);

impl Asn {
    /// `None` for 0, which RFC 7607 forbids in an AS path.
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The step of the ladder of preferences on which a route stands; the smaller, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The VM began to execute here a short time ago: beats any route left behind elsewhere.
    Arrived,
    /// The VM executes here.
    Active,
    /// Nobody can tell any more whether the VM executes here.
    Unsure,
    /// A frozen copy is here that may execute soon.
    Standby,
    /// The VM is leaving this host.
    Leaving,
}

impl Rung {
    /// Every rung, best first.
    pub const ALL: [Self; 5] = [Self::Arrived, Self::Active, Self::Unsure, Self::Standby, Self::Leaving];

    /// The third number of the large community that marks a route as ours: 0 (best) to 4.
    pub const fn number(self) -> u32 {
        match self {
            Self::Arrived => 0,
            Self::Active => 1,
            Self::Unsure => 2,
            Self::Standby => 3,
            Self::Leaving => 4,
        }
    }

    /// The rung with that number in its large community.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rung| rung.number() == number)
    }

    /// The name that JSON, YAML, logs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Active => "active",
            Self::Unsure => "unsure",
            Self::Standby => "standby",
            Self::Leaving => "leaving",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where traffic for a route is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// The local address of each BGP session; right only for the session's own address family.
    Own,
    /// This address.
    Address(IpAddr),
}

impl NextHop {
    /// The address, where it is one of its own.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::Own => None,
            Self::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("self"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Serialize for NextHop {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

/// A route that this host wants announced, or has announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// What is reached.
    pub prefix: Prefix,
    /// The VM that it leads to, under its name in the configuration.
    pub vm: VmName,
    /// How strongly this host claims it.
    #[serde(rename = "preference")]
    pub rung: Rung,
    /// Where routers send the traffic.
    pub next_hop: NextHop,
    /// What goes with it in the UPDATE; the same value is shared by every route of a VM on a rung.
    pub attributes: Arc<Attributes>,
    /// The attributes of the same route on the rung `unsure`, to which a relay lowers it when it is left without an
    /// agent; `None` where it stands there or below already.
    #[serde(skip)]
    pub unsure: Option<Arc<Attributes>>,
    /// The attributes of the same route on the rung `active`, to which a relay lowers it as soon as it is left without an
    /// agent; `None` unless it stands on `arrived`.
    #[serde(skip)]
    pub settled: Option<Arc<Attributes>>,
}

impl Route {
    /// The route as it is to stand when nobody can tell any more whether its VM executes here. One that stands no higher is to
    /// stay: an ExaBGP that is new has not heard of it.
    #[must_use]
    pub fn last_will(&self) -> Self {
        let (rung, attributes) = match &self.unsure {
            Some(attributes) => (Rung::Unsure, Arc::clone(attributes)),
            None => (self.rung, Arc::clone(&self.attributes)),
        };
        Self { rung, attributes, unsure: None, settled: None, ..self.clone() }
    }

    /// The route as it is to stand when nobody is there who would take it down at a switch-over: `arrived` would tie with
    /// the `arrived` of the host to which the VM goes next.
    pub fn demotion(&self) -> Option<Self> {
        let attributes = self.settled.clone()?;
        Some(Self { rung: Rung::Active, attributes, settled: None, ..self.clone() })
    }

    /// The same route with a MED that differs by one, so that ExaBGP sends it: a VM that executes here is preferred no less,
    /// and one that does not no more.
    #[must_use]
    pub fn nudged(&self) -> Self {
        let mut attributes = (*self.attributes).clone();
        let executes = self.rung <= Rung::Active;
        attributes.med = match attributes.med {
            0 => 1,
            u32::MAX => u32::MAX - 1,
            med if executes => med - 1,
            med => med + 1,
        };
        Self { attributes: Arc::new(attributes), ..self.clone() }
    }
}

/// Routes by what they reach.
pub type Routes = BTreeMap<Prefix, Route>;

/// The large community `local_as:mark:rung` by which roamd knows its own routes in ExaBGP's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The host's own AS.
    pub local_as: Asn,
    /// `bgp.mark`.
    pub mark: u32,
}

impl Mark {
    /// The community that marks a route on `rung`.
    pub const fn of(self, rung: Rung) -> LargeCommunity {
        LargeCommunity::new(self.local_as.get(), self.mark, rung.number())
    }

    /// The rung that these communities claim, `None` when the route is not ours.
    pub fn rung_in<'a>(self, communities: impl IntoIterator<Item = &'a LargeCommunity>) -> Option<Rung> {
        communities.into_iter().find_map(|community| {
            let ours = community.global == self.local_as.get() && community.local_1 == self.mark;
            if ours { Rung::from_number(community.local_2) } else { None }
        })
    }
}

#[cfg(test)]
mod tests;
