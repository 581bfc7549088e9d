//! One line of `show adj-rib out extensive`: a route as ExaBGP holds it for one neighbor. Pure.
//!
//! `neighbor A local-ip L local-as N peer-as M router-id R family-allowed in-open ipv4 unicast P next-hop H …`:
//! 4.2 shows `next-hop self` as it was written, 5.0 the session's address; an AS path stands in `[ ]` on 4.2
//! and in `( )` on 5.0; a list of one has no brackets; well-known communities are shown by name.

use std::net::{IpAddr, Ipv4Addr};
use std::str::{FromStr, SplitAsciiWhitespace};

use crate::route::{
    Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, NextHop, Origin, Prefix,
};

/// A unicast route in the adj-RIB-out of one neighbor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The neighbor.
    pub peer: IpAddr,
    /// The session's own address, where ExaBGP knows it.
    pub local_address: Option<IpAddr>,
    /// What is reached.
    pub prefix: Prefix,
    /// The next hop as shown.
    pub next_hop: NextHop,
    /// The attributes as shown; `as_path_prepend` is one less than the length of the path.
    pub attributes: Attributes,
    /// Whether all that was shown is in `attributes`; `false` with an attribute that roamd never writes.
    pub complete: bool,
}

impl Row {
    /// The route in `line`; `Ok(None)` for a route that can't be ours (another family, a default route, no next
    /// hop), `Err` for a line that is no row at all.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, NoRow> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().ok_or(NoRow)?;
        let peer = if first == "neighbor" { words.next().ok_or(NoRow)? } else { first };
        let peer = peer.parse().map_err(|_| NoRow)?;
        let (mut local_address, mut family) = (None, None);
        while let Some(word) = words.next() {
            let value = words.next().ok_or(NoRow)?;
            match word {
                "local-ip" => local_address = value.parse().ok(),
                "local-as" | "peer-as" | "router-id" | "family-allowed" => {}
                afi => {
                    family = Some((afi, value));
                    break;
                }
            }
        }
        match family {
            Some(("ipv4" | "ipv6", "unicast")) => {}
            Some(("ipv4" | "ipv6" | "l2vpn" | "bgp-ls", _)) => return Ok(None),
            Some(_) | None => return Err(NoRow),
        }
        let network = words.next().ok_or(NoRow)?.parse().map_err(|_| NoRow)?;
        let Ok(prefix) = Prefix::new(network) else { return Ok(None) };
        let Shown { next_hop, attributes, complete } = Shown::read(words);
        Ok(next_hop.map(|next_hop| Self { peer, local_address, prefix, next_hop, attributes, complete }))
    }
}

/// The line is no row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoRow;

struct Shown {
    next_hop: Option<NextHop>,
    attributes: Attributes,
    complete: bool,
}

impl Shown {
    fn read(mut words: SplitAsciiWhitespace<'_>) -> Self {
        let mut shown = Self { next_hop: None, attributes: Attributes::default(), complete: true };
        while let Some(name) = words.next() {
            if shown.take(name, &mut words).is_none() {
                shown.complete = false;
            }
        }
        shown
    }

    /// `None` for what could not be taken in.
    fn take(&mut self, name: &str, words: &mut SplitAsciiWhitespace<'_>) -> Option<()> {
        let attributes = &mut self.attributes;
        match name {
            "next-hop" => self.next_hop = Some(next_hop(words.next()?)?),
            "origin" => {
                let shown = words.next()?;
                let all = [Origin::Igp, Origin::Egp, Origin::Incomplete];
                attributes.origin = all.into_iter().find(|origin| origin.to_string() == shown)?;
            }
            "med" => attributes.med = words.next()?.parse().ok()?,
            "local-preference" => attributes.local_preference = words.next()?.parse().ok()?,
            "as-path" => attributes.as_path_prepend = prepends(&list(words)?)?,
            "community" => all(list(words)?, community, |one| attributes.communities.insert(one))?,
            "large-community" => {
                let insert = |one| attributes.large_communities.insert(one);
                all(list(words)?, |word| LargeCommunity::from_str(word).ok(), insert)?;
            }
            "extended-community" => {
                all(list(words)?, extended, |one| attributes.extended_communities.insert(one))?;
            }
            _ => return None,
        }
        Some(())
    }
}

fn next_hop(word: &str) -> Option<NextHop> {
    if word == "self" { Some(NextHop::Own) } else { word.parse().ok().map(NextHop::Address) }
}

/// The items of `[ a b ]`, `( a b )` or a bare `a`.
fn list<'a>(words: &mut SplitAsciiWhitespace<'a>) -> Option<Vec<&'a str>> {
    match words.next()? {
        "[" | "(" => {
            let mut items = Vec::new();
            for word in words.by_ref() {
                if matches!(word, "]" | ")") {
                    return Some(items);
                }
                items.push(word);
            }
            None
        }
        bare => Some(vec![bare]),
    }
}

/// Puts all items into a set; `None` when one was not understood, but the others are in.
fn all<T>(
    items: Vec<&str>,
    parse: impl Fn(&str) -> Option<T>,
    mut insert: impl FnMut(T) -> bool,
) -> Option<()> {
    let mut complete = Some(());
    for item in items {
        match parse(item) {
            Some(value) => {
                insert(value);
            }
            None => complete = None,
        }
    }
    complete
}

/// How often the one AS of a path stands in it beyond the first; `None` for a path that roamd never writes.
fn prepends(path: &[&str]) -> Option<u8> {
    let own: u32 = path.first()?.parse().ok()?;
    if path.iter().all(|asn| asn.parse() == Ok(own)) { u8::try_from(path.len() - 1).ok() } else { None }
}

fn community(word: &str) -> Option<Community> {
    let local = match word {
        "no-export" => 65281,
        "no-advertise" => 65282,
        "no-export-subconfed" => 65283,
        "no-peer" => 65284,
        "blackhole" => 666,
        numbers => return numbers.parse().ok(),
    };
    Some(Community { global: 65535, local })
}

/// 4.2 marks a four-octet AS with `L`, and both versions show a 32-bit value of a route origin as an address.
fn extended(word: &str) -> Option<ExtendedCommunity> {
    let mut parts = word.split(':');
    let kind = match parts.next()? {
        "target" => ExtendedKind::Target,
        "origin" => ExtendedKind::Origin,
        _ => return None,
    };
    let asn = parts.next()?;
    // An address in place of the AS is another type of community (RFC 4360 section 3.2).
    let asn = asn.strip_suffix('L').unwrap_or(asn).parse().ok()?;
    let value = parts.next()?;
    let value = value.parse::<Ipv4Addr>().map(u32::from).or_else(|_| value.parse()).ok()?;
    if parts.next().is_some() { None } else { Some(ExtendedCommunity { kind, asn, value }) }
}

#[cfg(test)]
mod tests;
