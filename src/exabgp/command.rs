//! Steps to command text. Pure.
//!
//! Everything is canonical ASCII and numeric. ExaBGP 4.2 and 5.0 pick the command by searching its name anywhere
//! in the line, so that `community [ graceful-shutdown ]` shuts ExaBGP down, and a byte beyond ASCII makes
//! it kill the process that wrote it; an address that it can't parse is never acknowledged by 4.2. None
//! of these can be made of a [`Step`]: names of VMs are not written.
//!
//! `announce route`, `withdraw route` and `announce eor` of a family are all that is written. Measured: `flush adj-rib out` ends
//! 4.2 while no session is up, and resets a session that has route refresh; `withdraw attributes` without a next hop
//! resets it too; `clear adj-rib out` takes everybody's routes.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use crate::plan::Step;
use crate::route::{Asn, Attributes, ExtendedCommunity, ExtendedKind, Route};

/// The neighbors that hear one and the same line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Only these; `None`: all that ExaBGP lets this process speak to.
    pub(crate) only: Option<BTreeSet<IpAddr>>,
    /// The AS of which prepends are made. ExaBGP takes a given AS path as it is for eBGP neighbors, so it begins
    /// with the session's own AS; `None` for iBGP neighbors, which would drop it as a loop.
    pub(crate) path_as: Option<Asn>,
}

/// The line that carries out `step` for `audience`, without the end of line.
pub(crate) fn line(step: &Step, audience: &Audience) -> String {
    let mut line = String::with_capacity(256);
    // A `String` takes everything that is written to it.
    let _ = write_line(&mut line, step, audience);
    line
}

/// The line that has `neighbor` sent the End-of-RIB marker of a family; the text API has one for each family only.
pub(super) fn end_of_rib(neighbor: IpAddr, ipv6: bool) -> String {
    format!("neighbor {neighbor} announce eor {} unicast", if ipv6 { "ipv6" } else { "ipv4" })
}

fn write_line(line: &mut String, step: &Step, audience: &Audience) -> fmt::Result {
    for (index, address) in audience.only.iter().flatten().enumerate() {
        write!(line, "{}neighbor {address}", if index == 0 { "" } else { ", " })?;
    }
    if audience.only.is_some() {
        line.push(' ');
    }
    match step {
        Step::Announce(route) => {
            line.push_str("announce");
            write_route(line, route, audience.path_as)
        }
        // 5.0 matches a withdraw that follows its announce closely only by the same attributes.
        Step::Withdraw { last: Some(route), .. } => {
            line.push_str("withdraw");
            write_route(line, route, audience.path_as)
        }
        Step::Withdraw { prefix, last: None } => write!(line, "withdraw route {prefix}"),
    }
}

fn write_route(line: &mut String, route: &Route, path_as: Option<Asn>) -> fmt::Result {
    let Attributes {
        med,
        local_preference,
        as_path_prepend,
        origin,
        communities,
        large_communities,
        extended_communities,
    } = &*route.attributes;
    write!(line, " route {} next-hop {} origin {origin}", route.prefix, route.next_hop)?;
    if let Some(path_as) = path_as
        && *as_path_prepend > 0
    {
        let path = std::iter::repeat_n(path_as, usize::from(*as_path_prepend) + 1);
        write_list(line, "as-path", path)?;
    }
    write!(line, " med {med} local-preference {local_preference}")?;
    write_list(line, "community", communities)?;
    write_list(line, "large-community", large_communities)?;
    write_list(line, "extended-community", extended_communities.iter().copied().map(Extended))
}

fn write_list(line: &mut String, name: &str, items: impl IntoIterator<Item: Display>) -> fmt::Result {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    write!(line, " {name} [")?;
    for item in items {
        write!(line, " {item}")?;
    }
    line.write_str(" ]")
}

/// An extended community as both versions encode it alike. 5.0.15 sends `target:4200000000:7` as an IPv4
/// address and `origin:4200000000:9` with its numbers swapped, so a four-octet AS is written as the
/// eight octets of RFC 5668.
struct Extended(ExtendedCommunity);

impl Display for Extended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExtendedCommunity { kind, asn, value } = self.0;
        if u16::try_from(asn).is_ok() {
            return self.0.fmt(f);
        }
        let sub_type = match kind {
            ExtendedKind::Target => 0x02,
            ExtendedKind::Origin => 0x03,
        };
        write!(f, "0x02{sub_type:02x}{asn:08x}{value:04x}")
    }
}

#[cfg(test)]
mod tests;
