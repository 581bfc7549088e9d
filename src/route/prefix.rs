//! Prefixes in canonical form.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::vm::as_text;

/// An IPv4 or IPv6 unicast prefix without host bits, that a VM can be reached by.
///
/// `Display` is the canonical text (RFC 5952 for IPv6) that goes into commands and JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, example = "198.51.100.10/32")]
pub struct Prefix(IpNet);

/// Why a text or network is no prefix that a VM can be reached by. `Display` is the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Not an address or prefix at all.
    #[error("must be an IPv4 or IPv6 address, or a prefix such as 198.51.100.0/28")]
    Malformed,
    /// Bits are set behind the prefix length.
    #[error("has host bits set; the prefix itself is {0}, a single address has /{1}")]
    HostBits(IpNet, u8),
    /// `::ffff:a.b.c.d`: an IPv4 address in disguise, announced in the wrong family.
    #[error("is an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2); write {0}")]
    Ipv4Mapped(IpAddr),
    /// An address that no VM can own: the field is what kind.
    #[error("is {0}, which can't lead to a VM")]
    NotUnicast(&'static str),
    /// `/0`: a default route is not a service address.
    #[error("is a default route, which can't lead to a VM")]
    Default,
}

impl Prefix {
    /// Checks a network.
    pub fn new(network: IpNet) -> Result<Self, PrefixError> {
        let address = network.addr();
        if let IpAddr::V6(v6) = address
            && let Some(v4) = v6.to_ipv4_mapped()
        {
            return Err(PrefixError::Ipv4Mapped(IpAddr::V4(v4)));
        }
        if network.prefix_len() == 0 {
            return Err(PrefixError::Default);
        }
        if network.trunc() != network {
            return Err(PrefixError::HostBits(network.trunc(), network.max_prefix_len()));
        }
        match not_unicast(network) {
            Some(kind) => Err(PrefixError::NotUnicast(kind)),
            None => Ok(Self(network)),
        }
    }

    /// The network itself.
    pub const fn network(self) -> IpNet {
        self.0
    }

    /// Whether it is IPv6.
    pub const fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.0) || other.0.contains(&self.0)
    }
}

/// Address blocks without a VM behind them (RFC 6890, RFC 4291, RFC 5771), each with its kind.
static NOT_UNICAST: LazyLock<[(IpNet, &str); 10]> = LazyLock::new(|| {
    [
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/96", "an IPv4-compatible IPv6 address (RFC 4291 section 2.5.5.1)"),
    ]
    .map(|(block, kind)| (block.parse().expect("it is a prefix"), kind))
});

/// What kind of address block without a VM behind it the network touches.
fn not_unicast(network: IpNet) -> Option<&'static str> {
    let touches = |(block, _): &&(IpNet, _)| block.contains(&network) || network.contains(block);
    NOT_UNICAST.iter().find(touches).map(|(_, kind)| *kind)
}

impl From<Prefix> for IpNet {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// An address stands for its host route.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| PrefixError::Malformed)?,
        };
        Self::new(network)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format_args!("{text} {error}")))
    }
}
