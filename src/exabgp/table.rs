//! What ExaBGP's adj-RIB-out holds of ours, put together from the entries of all neighbors. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::FoundRoute;
use super::neighborhood::Neighborhood;
use super::row::Row;
use crate::route::{Attributes, Mark, NextHop, Prefix, Rung};

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table {
    mark: Mark,
    own_next_hop_v4: bool,
    own_next_hop_v6: bool,
    entries: BTreeMap<Prefix, BTreeMap<IpAddr, Entry>>,
}

#[derive(Debug)]
struct Entry {
    rung: Rung,
    next_hop: NextHop,
    attributes: Attributes,
    complete: bool,
}

impl Entry {
    /// The attributes that every neighbor hears alike.
    fn common(&self) -> (Rung, NextHop, bool, Attributes) {
        let attributes = Attributes { as_path_prepend: 0, ..self.attributes.clone() };
        (self.rung, self.next_hop, self.complete, attributes)
    }
}

impl Table {
    /// `own_next_hop_v4`, `own_next_hop_v6`: routes of the family are announced with `next-hop self`. ExaBGP 5.0
    /// shows the session's address for it; that is translated back, so that the found route equals the wanted.
    pub(super) const fn new(mark: Mark, own_next_hop_v4: bool, own_next_hop_v6: bool) -> Self {
        Self { mark, own_next_hop_v4, own_next_hop_v6, entries: BTreeMap::new() }
    }

    /// Takes a row; what does not carry the mark is somebody else's and forgotten at once.
    pub(super) fn add(&mut self, row: Row) {
        let Row { peer, local_address, prefix, next_hop, attributes, complete } = row;
        let Some(rung) = self.mark.rung_in(&attributes.large_communities) else { return };
        let own = if prefix.is_ipv6() { self.own_next_hop_v6 } else { self.own_next_hop_v4 };
        let is_session = matches!(next_hop, NextHop::Address(shown) if Some(shown) == local_address);
        let next_hop = if own && is_session { NextHop::Own } else { next_hop };
        let entry = Entry { rung, next_hop, attributes, complete };
        self.entries.entry(prefix).or_default().insert(peer, entry);
    }

    /// One route a prefix: the best rung of all its entries. Where the entries differ, or a neighbor lacks one
    /// that should have it, the attributes are left at their defaults: they equal those of no route that
    /// anyone wants, so that the route is announced again, to all.
    pub(super) fn finish(self, neighborhood: &Neighborhood) -> Vec<FoundRoute> {
        let found = self.entries.into_iter().filter_map(|(prefix, entries)| {
            let (rung, next_hop) = entries.values().map(|entry| (entry.rung, entry.next_hop)).min()?;
            let mut commons = entries.values().map(Entry::common);
            let (_, _, complete, common) = commons.next()?;
            let alike =
                entries.values().all(|entry| entry.common() == (rung, next_hop, complete, common.clone()));
            let everywhere =
                neighborhood.holders(prefix, next_hop).all(|holder| entries.contains_key(&holder));
            let prepends = entries.values().map(|entry| entry.attributes.as_path_prepend).max()?;
            let attributes = if alike && complete && everywhere {
                Attributes { as_path_prepend: prepends, ..common }
            } else {
                Attributes::default()
            };
            let prepended = entries.keys().any(|peer| !neighborhood.is_internal(*peer));
            Some(FoundRoute { prefix, rung, next_hop, attributes, prepended })
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests;
