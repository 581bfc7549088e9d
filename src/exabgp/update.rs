//! UPDATEs (RFC 4271 section 4.3) as ExaBGP reports them: those that it sent, the wire echo (`send { parsed; update; }`
//! in its configuration), and those that a neighbor sent (`receive { parsed; update; }`). Pure.
//!
//! 4.2 and 5.0 write an AS path differently, and all else that is read here alike. Only unicast routes are
//! taken in, and of their attributes those by which a route of a VM is known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::ServiceIps;
use crate::route::{LargeCommunity, Prefix};

/// Whether a line is one of those, without parsing it.
const MARK: &str = r#""type": "update""#;

/// An UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The neighbor.
    pub peer: IpAddr,
    /// Our address on the session.
    pub local: Option<IpAddr>,
    /// Which way it went.
    pub direction: Direction,
    /// Every AS in the path, in no order that is promised.
    pub as_path: Vec<u32>,
    /// MED (`MULTI_EXIT_DISC`) of the announced routes; 0 where there is none.
    pub med: u32,
    /// Large communities of the announced routes.
    pub large_communities: Vec<LargeCommunity>,
    /// The announced routes with their next hops, where these are addresses.
    pub announced: Vec<(Prefix, Option<IpAddr>)>,
    /// What is no longer reached.
    pub withdrawn: Vec<Prefix>,
}

/// Which way an UPDATE went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// To the neighbor.
    #[serde(rename = "send")]
    Sent,
    /// From the neighbor.
    #[serde(rename = "receive")]
    Received,
}

/// The line is no JSON of an UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoUpdate;

#[derive(Deserialize)]
struct Line {
    neighbor: Neighbor,
}

#[derive(Deserialize)]
struct Neighbor {
    address: Addresses,
    direction: Direction,
    message: Message,
}

#[derive(Deserialize)]
struct Addresses {
    /// Not always an address: `None` or `auto` before a session is up.
    local: Option<String>,
    peer: IpAddr,
}

#[derive(Deserialize)]
struct Message {
    /// Absent from an End-of-RIB marker.
    update: Option<Body>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    attribute: Attribute,
    announce: Families<BTreeMap<String, Vec<Nlri>>>,
    withdraw: Families<Vec<Nlri>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attribute {
    med: u32,
    #[serde(rename = "as-path")]
    as_path: AsPath,
    #[serde(rename = "large-community")]
    large_communities: Vec<(u32, u32, u32)>,
}

/// 4.2 writes a list, in which a set is a list in turn; 5.0 segments by number, each with its `value`.
#[derive(Deserialize)]
#[serde(untagged)]
enum AsPath {
    Asn(u32),
    List(Vec<AsPath>),
    Segments(BTreeMap<String, AsPath>),
    /// What a segment is called.
    Name(serde::de::IgnoredAny),
}

impl Default for AsPath {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl AsPath {
    fn collect(&self, into: &mut Vec<u32>) {
        match self {
            Self::Asn(asn) => into.push(*asn),
            Self::List(items) => items.iter().for_each(|item| item.collect(into)),
            Self::Segments(items) => items.values().for_each(|item| item.collect(into)),
            Self::Name(_) => {}
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Families<T: Default> {
    #[serde(rename = "ipv4 unicast")]
    ipv4: T,
    #[serde(rename = "ipv6 unicast")]
    ipv6: T,
}

#[derive(Deserialize)]
struct Nlri {
    nlri: String,
}

impl Nlri {
    /// `None` for what can be no VM's, such as a default route.
    fn prefix(&self) -> Option<Prefix> {
        self.nlri.parse().ok()
    }
}

/// Whether `line` reports an UPDATE. With the echo most lines do, so this is cheap.
pub(super) fn is_update(line: &str) -> bool {
    line.starts_with('{') && line.contains(MARK)
}

impl Update {
    /// Reads a line of which [`is_update`] holds; `None` for one without unicast routes.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, NoUpdate> {
        let Line { neighbor } = serde_json::from_str(line).map_err(|_| NoUpdate)?;
        let Neighbor { address: Addresses { local, peer }, direction, message } = neighbor;
        let Some(Body { attribute, announce, withdraw }) = message.update else { return Ok(None) };
        let announced: Vec<_> = [announce.ipv4, announce.ipv6]
            .iter()
            .flatten()
            .flat_map(|(next_hop, routes)| {
                let next_hop = next_hop.parse().ok();
                routes.iter().filter_map(Nlri::prefix).map(move |prefix| (prefix, next_hop))
            })
            .collect();
        let withdrawn: Vec<_> =
            [withdraw.ipv4, withdraw.ipv6].iter().flatten().filter_map(Nlri::prefix).collect();
        if announced.is_empty() && withdrawn.is_empty() {
            return Ok(None);
        }
        let mut as_path = Vec::new();
        attribute.as_path.collect(&mut as_path);
        let large_communities = attribute
            .large_communities
            .into_iter()
            .map(|(global, local_1, local_2)| LargeCommunity::new(global, local_1, local_2))
            .collect();
        Ok(Some(Self {
            peer,
            local: local.and_then(|text| text.parse().ok()),
            direction,
            as_path,
            med: attribute.med,
            large_communities,
            announced,
            withdrawn,
        }))
    }

    /// Whether anyone here wants to know: of what a neighbor sends, only what is about VMs.
    pub(super) fn concerns(&self, service_ips: &ServiceIps) -> bool {
        let announced = self.announced.iter().map(|(prefix, _)| prefix);
        self.direction == Direction::Sent
            || announced.chain(&self.withdrawn).any(|prefix| service_ips.contains(prefix))
    }
}

#[cfg(test)]
mod tests;
