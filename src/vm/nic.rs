//! A VM's network interfaces as its live definition shows them, and which of them serves an address.
//!
//! Interface names are checked where they are made ([`InterfaceName`]): what comes from libvirt may have been written by
//! a VM's owner. The XML behind [`Nic`] is read by `libvirt/xml.rs`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::as_text;

#[cfg(test)]
mod tests;

/// The address of a NIC on its link: 48 bits, unicast, not zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// `None` for a group address (IEEE 802, the lowest bit of the first octet) and for zero: no NIC has one.
    pub fn new(octets: [u8; 6]) -> Option<Self> {
        (octets[0] & 1 == 0 && octets != [0; 6]).then_some(Self(octets))
    }

    /// The octets in the order of transmission.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

/// A text is no MAC address of a NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the MAC address of one NIC, such as 52:54:00:12:34:56, in quotes")]
pub struct MacError;

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or(MacError)?;
            if part.len() != 2 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(MacError);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        if parts.next().is_some() { Err(MacError) } else { Self::new(octets).ok_or(MacError) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            write!(f, "{}{octet:02x}", if position == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_text(self, serializer)
    }
}

/// The name of a network interface that the kernel can have (`dev_valid_name`), in printable ASCII: 1 to 15 bytes
/// (`IFNAMSIZ` less the NUL) without blanks, `/` and `:`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(Arc<str>);

impl InterfaceName {
    /// `None` for a text that is no such name.
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=15).contains(&name.len()) && name != "." && name != "..";
        let plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
        (fits && plain).then(|| Self(name.into()))
    }

    /// The name as the kernel spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A NIC of a VM that runs or is being filled here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nic {
    /// Its address.
    pub mac: Mac,
    /// The libvirt network that it is plugged into, where it is.
    pub network: Option<String>,
    /// libvirt's alias of the device (`net0`, or `ua-…` given by the user).
    pub alias: Option<String>,
    /// What is behind it on this host.
    pub backend: Backend,
}

/// What is behind a NIC on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A tap: packets that the kernel sends out of it reach the VM.
    Tap(InterfaceName),
    /// A tap by its type, without a name that the kernel can have.
    Unnamed,
    /// Something that the host's kernel can't route to, by its type in libvirt's words.
    Untappable(&'static str),
}

/// Which NIC of a VM serves an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NicChoice {
    /// The only one that it has.
    #[default]
    Only,
    /// The one with this address.
    Mac(Mac),
    /// The one in this libvirt network.
    Network(String),
    /// The one with this alias.
    Alias(String),
}

/// Why no NIC of a VM can serve an address. `Display` says so with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NicFault {
    /// It has none at all.
    #[error("the VM has no network interface")]
    None,
    /// It has several, and the configuration names none of them.
    #[error("the VM has {0} network interfaces: name the one that serves the address in its key `nic`")]
    Several(usize),
    /// None is as the configuration says.
    #[error("the VM has no network interface {0}")]
    NoSuch(NicChoice),
    /// More than one is as the configuration says.
    #[error("the VM has {0} network interfaces {1}: name one by its MAC address in its key `nic`")]
    Ambiguous(usize, NicChoice),
    /// The kernel has no tap for it.
    #[error(
        "its network interface {mac} is of type {kind}, which has no tap on this host: roamd can route only to \
         interfaces of the types network, bridge and ethernet"
    )]
    NoTap {
        /// Which.
        mac: Mac,
        /// Its type in libvirt's words.
        kind: &'static str,
    },
    /// libvirt gives no usable name for its tap.
    #[error("libvirt names no tap for its network interface {0}")]
    Unnamed(Mac),
}

impl fmt::Display for NicChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only => f.write_str("of its own"),
            Self::Mac(mac) => write!(f, "with the MAC address {mac}"),
            Self::Network(network) => write!(f, "in the network {network:?}"),
            Self::Alias(alias) => write!(f, "with the alias {alias:?}"),
        }
    }
}

impl NicChoice {
    /// The chosen one of `nics`: its tap and its address.
    pub fn of<'a>(&self, nics: &'a [Nic]) -> Result<(&'a InterfaceName, Mac), NicFault> {
        let is_chosen = |nic: &&Nic| match self {
            Self::Only => true,
            Self::Mac(mac) => nic.mac == *mac,
            Self::Network(network) => nic.network.as_ref() == Some(network),
            Self::Alias(alias) => nic.alias.as_ref() == Some(alias),
        };
        let mut chosen = nics.iter().filter(is_chosen);
        let nic = match (chosen.next(), chosen.count(), self) {
            (Some(nic), 0, _) => nic,
            (Some(_), others, Self::Only) => return Err(NicFault::Several(others + 1)),
            (Some(_), others, choice) => return Err(NicFault::Ambiguous(others + 1, choice.clone())),
            (None, _, Self::Only) => return Err(NicFault::None),
            (None, _, choice) => return Err(NicFault::NoSuch(choice.clone())),
        };
        match &nic.backend {
            Backend::Tap(name) => Ok((name, nic.mac)),
            Backend::Unnamed => Err(NicFault::Unnamed(nic.mac)),
            Backend::Untappable(kind) => Err(NicFault::NoTap { mac: nic.mac, kind }),
        }
    }
}
