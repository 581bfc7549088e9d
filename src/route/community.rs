//! BGP communities as numbers.
//!
//! Names of well-known communities are not taken: ExaBGP's dispatcher finds command words such as `shutdown `
//! anywhere in a line, and `graceful-shutdown` in a community list ends the process. The fault says the number.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::vm::as_text;

/// A community of RFC 1997, `asn:value`, each 0 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community {
    /// The upper 16 bits.
    pub global: u16,
    /// The lower 16 bits.
    pub local: u16,
}

/// A large community of RFC 8092, `asn:a:b`, each 0 to 4294967295.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// The global administrator.
    pub global: u32,
    /// The first local part.
    pub local_1: u32,
    /// The second local part.
    pub local_2: u32,
}

/// An extended community of RFC 4360 with two-octet AS (or, above 65535, RFC 5668 with four-octet AS):
/// `target:asn:value` or `origin:asn:value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity {
    /// Route target or route origin.
    pub kind: ExtendedKind,
    /// The AS number.
    pub asn: u32,
    /// The value; at most 65535 when the AS number needs four octets.
    pub value: u32,
}

/// The sub-type of an extended community.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtendedKind {
    /// Route target, sub-type 2.
    Target,
    /// Route origin, sub-type 3.
    Origin,
}

/// Why a text is no community. `Display` is the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommunityError {
    /// A well-known name.
    #[error("names are not taken; write the number {0}")]
    WellKnown(&'static str),
    /// Not `N:N`, or a number out of range.
    #[error("must be ASN:VALUE, each 0 to 65535 (RFC 1997)")]
    Standard,
    /// Not `N:N:N`, or a number out of range.
    #[error("must be ASN:A:B, each 0 to 4294967295 (RFC 8092)")]
    Large,
    /// Neither `target:N:N` nor `origin:N:N`, or a number out of range.
    #[error(
        "must be target:ASN:VALUE or origin:ASN:VALUE; with an ASN above 65535 the value is at most 65535 \
         (RFC 4360, RFC 5668)"
    )]
    Extended,
}

impl LargeCommunity {
    /// From its three numbers.
    pub const fn new(global: u32, local_1: u32, local_2: u32) -> Self {
        Self { global, local_1, local_2 }
    }
}

/// The well-known communities that ExaBGP or operators write by name (IANA registry).
const WELL_KNOWN: [(&str, &str); 6] = [
    ("graceful-shutdown", "65535:0"),
    ("no-export", "65535:65281"),
    ("no-advertise", "65535:65282"),
    ("no-export-subconfed", "65535:65283"),
    ("no-peer", "65535:65284"),
    ("blackhole", "65535:666"),
];

/// `text` as a decimal number without sign, blanks or leading zeros: canonical text in, canonical text out.
fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits { text.parse().ok() } else { None }
}

impl FromStr for Community {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, number)) = WELL_KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Err(CommunityError::WellKnown(number));
        }
        let (global, local) = text.split_once(':').ok_or(CommunityError::Standard)?;
        match (decimal(global), decimal(local)) {
            (Some(global), Some(local)) => Ok(Self { global, local }),
            _ => Err(CommunityError::Standard),
        }
    }
}

impl FromStr for LargeCommunity {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<Option<u32>> = text.split(':').map(decimal).collect();
        match parts[..] {
            [Some(global), Some(local_1), Some(local_2)] => Ok(Self::new(global, local_1, local_2)),
            _ => Err(CommunityError::Large),
        }
    }
}

impl FromStr for ExtendedCommunity {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let [kind, asn, value] = parts[..] else { return Err(CommunityError::Extended) };
        let kind = match kind {
            "target" => ExtendedKind::Target,
            "origin" => ExtendedKind::Origin,
            _ => return Err(CommunityError::Extended),
        };
        match (decimal::<u32>(asn), decimal::<u32>(value)) {
            (Some(asn), Some(value)) if asn <= 65_535 || value <= 65_535 => Ok(Self { kind, asn, value }),
            _ => Err(CommunityError::Extended),
        }
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.global, self.local)
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local_1, self.local_2)
    }
}

impl fmt::Display for ExtendedCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ExtendedKind::Target => "target",
            ExtendedKind::Origin => "origin",
        };
        write!(f, "{kind}:{}:{}", self.asn, self.value)
    }
}

impl Serialize for Community {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

impl Serialize for LargeCommunity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

impl Serialize for ExtendedCommunity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}
