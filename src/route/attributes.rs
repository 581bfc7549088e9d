//! BGP path attributes of a route, and how the configured layers add up to them.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Community, ExtendedCommunity, LargeCommunity};

/// Where a route says that it comes from (RFC 4271 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Interior: the best of the three, and the default.
    #[default]
    Igp,
    /// The historic exterior gateway protocol.
    Egp,
    /// Learnt by other means.
    Incomplete,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        })
    }
}

/// The attributes with which a route is announced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, ToSchema)]
pub struct Attributes {
    /// Multi-exit discriminator; a lower one is better. A tie-break on one ToR, not passed on to a third AS.
    pub med: u32,
    /// Local preference; a higher one is better. Sent to iBGP neighbors only (ExaBGP sees to that).
    pub local_preference: u32,
    /// How many times the host's own AS is added to the AS path. Sent to eBGP neighbors only.
    pub as_path_prepend: u8,
    /// Where the route says that it comes from.
    pub origin: Origin,
    /// Communities of RFC 1997.
    #[schema(value_type = Vec<String>)]
    pub communities: BTreeSet<Community>,
    /// Large communities of RFC 8092, our mark among them.
    #[schema(value_type = Vec<String>)]
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Extended communities of RFC 4360.
    #[schema(value_type = Vec<String>)]
    pub extended_communities: BTreeSet<ExtendedCommunity>,
}

/// One configured layer of attributes: what it does not say is left to the layer below.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are those of Attributes")]
pub struct AttributeOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_preference: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_path_prepend: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub communities: BTreeSet<Community>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub large_communities: BTreeSet<LargeCommunity>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub extended_communities: BTreeSet<ExtendedCommunity>,
}

impl AttributeOverrides {
    /// Lays this layer over `below`: what it says replaces, communities are united.
    #[must_use]
    pub fn over(&self, below: Attributes) -> Attributes {
        let Attributes { mut communities, mut large_communities, mut extended_communities, .. } = below;
        communities.extend(&self.communities);
        large_communities.extend(&self.large_communities);
        extended_communities.extend(&self.extended_communities);
        Attributes {
            med: self.med.unwrap_or(below.med),
            local_preference: self.local_preference.unwrap_or(below.local_preference),
            as_path_prepend: self.as_path_prepend.unwrap_or(below.as_path_prepend),
            origin: self.origin.unwrap_or(below.origin),
            communities,
            large_communities,
            extended_communities,
        }
    }
}
