//! The neighbors: who they are, in what state, and which of them hear one and the same line. Pure.
//!
//! Numbers come from the configuration that ExaBGP shows, which lists sessions that are down as well, and from
//! its state events; the latest of either counts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use super::command::Audience;
use super::configured::{Configured, Reading};
use super::reply::{ConfigurationLine, Told};
use super::{Neighbor, NeighborState};
use crate::route::{Asn, NextHop, Prefix};

/// What is known of the neighbors.
#[derive(Debug)]
pub(super) struct Neighborhood {
    /// `bgp.neighbors`; empty: all.
    selected: BTreeSet<IpAddr>,
    /// Stands in for our AS on a session of which it is not known.
    local_as: Asn,
    configured: BTreeMap<IpAddr, Configured>,
    /// The configuration that is being read, and whose lines come.
    reading: Reading,
    /// (Neighbor's AS, ours) as state events told them.
    told: BTreeMap<IpAddr, (u32, u32)>,
    states: BTreeMap<IpAddr, NeighborState>,
    reported: BTreeMap<IpAddr, (u32, u32, NeighborState)>,
}

impl Neighborhood {
    pub(super) fn new(selected: BTreeSet<IpAddr>, local_as: Asn) -> Self {
        Self {
            selected,
            local_as,
            configured: BTreeMap::new(),
            reading: Reading::default(),
            told: BTreeMap::new(),
            states: BTreeMap::new(),
            reported: BTreeMap::new(),
        }
    }

    /// Takes what a state event tells; `true` when lines written so far may have missed this neighbor or
    /// treated it as of the other kind.
    pub(super) fn tell(&mut self, told: Told) -> bool {
        let Told { address, numbers, state } = told;
        let known = self.configured.contains_key(&address) || self.told.contains_key(&address);
        let before = self.path_as(address);
        self.states.insert(address, state);
        if let Some(numbers) = numbers {
            self.told.insert(address, numbers);
        }
        let after = self.path_as(address);
        (!known && numbers.is_some()) || (known && before != after)
    }

    /// A summary begins: 4.2 lists established sessions only, so the others are down.
    pub(super) fn begin_summary(&mut self) {
        for state in self.states.values_mut() {
            *state = NeighborState::Down;
        }
    }

    /// A line of the summary.
    pub(super) fn summarise(&mut self, address: IpAddr, state: NeighborState) {
        self.states.insert(address, state);
    }

    /// The configuration is asked for: what was read of an earlier answer is void.
    pub(super) fn begin_configuration(&mut self) {
        self.reading = Reading::default();
    }

    /// A line of the configuration.
    pub(super) fn configure(&mut self, line: ConfigurationLine) {
        self.reading.take(line);
    }

    /// The configuration is complete; `false` when it can't be the answer to what was asked.
    pub(super) fn adopt(&mut self) -> bool {
        let Some(read) = self.reading.end() else { return false };
        // What events told holds until ExaBGP's configuration says something new.
        self.told.retain(|address, _| match (self.configured.get(address), read.get(address)) {
            (Some(before), Some(now)) => before.numbers() == now.numbers(),
            (None, Some(now)) => now.numbers().is_none(),
            (None, None) => self.states.get(address).is_some_and(|&state| state != NeighborState::Down),
            (Some(_), None) => false,
        });
        self.configured = read;
        let (configured, told) = (&self.configured, &self.told);
        self.states.retain(|address, _| configured.contains_key(address) || told.contains_key(address));
        true
    }

    /// Whether it can't be told for certain which neighbors are ours.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.selected.is_empty() && Configured::is_ambiguous(&self.configured)
    }

    /// The neighbors that we may and want to speak to.
    fn ours(&self) -> impl Iterator<Item = IpAddr> {
        let configured = Configured::of_an_api(&self.configured).map(|(address, _)| address);
        // Sessions that ExaBGP accepts from a range of addresses stand in no configuration.
        let dynamic = self.told.keys().copied().filter(|address| !self.configured.contains_key(address));
        configured
            .chain(dynamic)
            .filter(|address| self.selected.is_empty() || self.selected.contains(address))
    }

    fn numbers(&self, address: IpAddr) -> Option<(u32, u32)> {
        let configured = self.configured.get(&address).and_then(Configured::numbers);
        self.told.get(&address).copied().or(configured)
    }

    /// Our AS on the session.
    pub(super) fn own_as(&self, address: IpAddr) -> Asn {
        self.numbers(address).and_then(|(_, local_asn)| Asn::new(local_asn)).unwrap_or(self.local_as)
    }

    /// Our AS on an eBGP session; `None` on an iBGP session. Where the kind is not known there is no session
    /// yet, and a route without prepends is at least no loop to either kind.
    fn path_as(&self, address: IpAddr) -> Option<Asn> {
        let (asn, local_asn) = self.numbers(address)?;
        if asn == local_asn { None } else { Asn::new(local_asn) }
    }

    /// Whether a neighbor is known to be an iBGP one, to which no prepends are sent.
    pub(super) fn is_internal(&self, address: IpAddr) -> bool {
        self.numbers(address).is_some_and(|(asn, local_asn)| asn == local_asn)
    }

    /// Whether it is a neighbor that we may and want to speak to.
    pub(super) fn is_ours(&self, address: IpAddr) -> bool {
        self.ours().any(|one| one == address)
    }

    /// The neighbors that are up and are to hear of `prefix`.
    pub(super) fn listeners(
        &self,
        prefix: Prefix,
        next_hop: Option<NextHop>,
    ) -> impl Iterator<Item = IpAddr> {
        self.ours()
            .filter(|address| self.states.get(address) == Some(&NeighborState::Up))
            .filter(move |address| self.carries(*address, prefix, next_hop))
    }

    /// The neighbors that are to hold a route for `prefix`.
    pub(super) fn holders(&self, prefix: Prefix, next_hop: NextHop) -> impl Iterator<Item = IpAddr> {
        self.ours().filter(move |address| self.carries(*address, prefix, Some(next_hop)))
    }

    /// Whether the session has the prefix's family, as far as its configuration is known, and can carry the next
    /// hop. ExaBGP says `done` to a route of a family that a session does not have, and sends nothing.
    fn carries(&self, address: IpAddr, prefix: Prefix, next_hop: Option<NextHop>) -> bool {
        let one = self.configured.get(&address);
        let family = one.is_none_or(|one| if prefix.is_ipv6() { one.ipv6 } else { one.ipv4 });
        family && fits(address, prefix, next_hop)
    }

    /// Who is to hear a step about `prefix`: one entry a line. Empty when no session carries its family and `next_hop`.
    pub(super) fn audiences(&self, prefix: Prefix, next_hop: Option<NextHop>) -> Vec<Audience> {
        let fits = |address: &IpAddr| self.carries(*address, prefix, next_hop);
        let mut groups: BTreeMap<Option<Asn>, BTreeSet<IpAddr>> = BTreeMap::new();
        let mut everyone = self.selected.is_empty();
        for address in self.ours() {
            if fits(&address) {
                groups.entry(self.path_as(address)).or_default().insert(address);
            } else {
                everyone = false;
            }
        }
        if groups.is_empty() && !self.selected.is_empty() {
            // ExaBGP has none of them; it refuses the line and says so in its log.
            let only = self.selected.iter().copied().filter(fits).collect::<BTreeSet<_>>();
            if !only.is_empty() {
                groups.insert(Some(self.local_as), only);
            }
        }
        let everyone = everyone && groups.len() == 1;
        let audience = |(path_as, only)| Audience { only: if everyone { None } else { Some(only) }, path_as };
        groups.into_iter().map(audience).collect()
    }

    /// The lines that send End-of-RIB to these neighbors, as far as they are up and wait for it: ExaBGP sends it by
    /// itself to those without `manual-eor`.
    pub(super) fn ends_of_rib(&self, to: &BTreeSet<IpAddr>) -> Vec<String> {
        let is_up = |address: &IpAddr| self.states.get(address) == Some(&NeighborState::Up);
        let owed = self.ours().filter(|address| to.contains(address) && is_up(address));
        owed.filter_map(|address| Some((address, self.configured.get(&address)?)))
            .flat_map(|(address, one)| one.ends_of_rib(address))
            .collect()
    }

    /// What changed since the last call; a neighbor that is no longer there is down.
    pub(super) fn changes(&mut self, at: Instant) -> Vec<Neighbor> {
        let now: BTreeMap<IpAddr, (u32, u32, NeighborState)> = self
            .ours()
            .map(|address| {
                let (asn, local_asn) = self.numbers(address).unwrap_or((0, self.local_as.get()));
                let state = self.states.get(&address).copied().unwrap_or(NeighborState::Down);
                (address, (asn, local_asn, state))
            })
            .collect();
        let mut changed: BTreeMap<IpAddr, (u32, u32, NeighborState)> = BTreeMap::new();
        for (&address, &(asn, local_asn, state)) in &self.reported {
            if !now.contains_key(&address) && state != NeighborState::Down {
                changed.insert(address, (asn, local_asn, NeighborState::Down));
            }
        }
        changed.extend(now.iter().filter(|(address, known)| self.reported.get(address) != Some(known)));
        self.reported = now;
        changed
            .into_iter()
            .map(|(address, (asn, local_asn, state))| Neighbor { address, asn, local_asn, state, at })
            .collect()
    }
}

/// Whether a session with `address` can carry `next_hop`. `next-hop self` of the other family is refused by 5.0;
/// 4.2 takes it, sends an UPDATE of which the peer resets the session, and does so again after each reconnect.
fn fits(address: IpAddr, prefix: Prefix, next_hop: Option<NextHop>) -> bool {
    next_hop != Some(NextHop::Own) || address.is_ipv6() == prefix.is_ipv6()
}

#[cfg(test)]
mod tests;
