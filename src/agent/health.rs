//! The health of either side, and whether the agent is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use super::clock::Clock;
use crate::config::{Config, Transport};
use crate::exabgp::{Neighbor, NeighborState};
use crate::mobility::Mobility;
use crate::snapshot::{ExabgpStatus, LibvirtStatus, LibvirtTrust, NeighborView, NotReady};

/// Whether libvirt lists its domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// None in this agent's life.
    NoneYet,
    /// As they should.
    Come,
    /// Not for longer than libvirt's lease.
    Overdue,
}

impl Lists {
    pub(super) const fn of(mobility: &Mobility) -> Self {
        if !mobility.is_listed() {
            Self::NoneYet
        } else if mobility.is_lapsed() {
            Self::Overdue
        } else {
            Self::Come
        }
    }
}

/// A session has come up.
#[derive(Debug, Clone, Copy)]
pub(super) struct CameUp {
    /// Since when its neighbor was away; `None` where nothing was known of it.
    pub(super) away_since: Option<Instant>,
}

/// What is known of libvirt and ExaBGP as services.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) libvirt: LibvirtStatus,
    pub(super) exabgp: ExabgpStatus,
    neighbors: BTreeMap<IpAddr, Neighbor>,
    /// Since when each neighbor that is away is, whatever was tried meanwhile.
    away: BTreeMap<IpAddr, Instant>,
    /// The neighbors that are to be told when they have heard everything.
    owed: BTreeSet<IpAddr>,
}

impl Health {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            libvirt: LibvirtStatus {
                uri: config.libvirt.uri.clone(),
                connected: false,
                since: None,
                version: None,
                error: None,
                trust: LibvirtTrust::Unlisted,
            },
            exabgp: ExabgpStatus {
                transport: config.exabgp.transport.name(),
                connected: false,
                since: None,
                version: None,
                epoch: None,
                neighbors: Vec::new(),
                error: None,
                contradictions: 0,
            },
            neighbors: BTreeMap::new(),
            away: BTreeMap::new(),
            owed: BTreeSet::new(),
        }
    }

    /// ExaBGP's table was read: whether a neighbor that is up was told everything, by whom, and in which of its
    /// sessions, is not known, and to be told twice does no harm.
    pub(super) fn owe_all(&mut self) {
        let up = self.neighbors.values().filter(|neighbor| neighbor.state == NeighborState::Up);
        self.owed = up.map(|neighbor| neighbor.address).collect();
    }

    /// Whether a neighbor came up since the last [`Self::take_owed`].
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// The neighbors that came up since the last call.
    pub(super) fn take_owed(&mut self) -> BTreeSet<IpAddr> {
        std::mem::take(&mut self.owed)
    }

    /// Whether that is how the neighbor's session stands already.
    pub(super) fn has(&self, neighbor: &Neighbor) -> bool {
        let last = self.neighbors.get(&neighbor.address);
        last.is_some_and(|last| (last.state, last.asn) == (neighbor.state, neighbor.asn))
    }

    /// Takes in a neighbor's state; says if its session has just come up.
    pub(super) fn neighbor(&mut self, neighbor: Neighbor, clock: &Clock) -> Option<CameUp> {
        let up = neighbor.state == NeighborState::Up;
        if up {
            self.owed.insert(neighbor.address);
        } else {
            self.owed.remove(&neighbor.address);
            self.away.entry(neighbor.address).or_insert(neighbor.at);
        }
        let away_since = if up { self.away.remove(&neighbor.address) } else { None };
        let last = self.neighbors.insert(neighbor.address, neighbor);
        self.exabgp.neighbors = self
            .neighbors
            .values()
            .map(|neighbor| NeighborView {
                address: neighbor.address,
                asn: neighbor.asn,
                state: neighbor.state,
                since: clock.stamp(neighbor.at),
            })
            .collect();
        let came_up = up && last.is_none_or(|last| last.state != NeighborState::Up);
        came_up.then_some(CameUp { away_since })
    }

    /// Since when a neighbor is away, of several the one that is longest.
    pub(super) fn away_since(&self) -> Option<Instant> {
        self.away.values().min().copied()
    }

    /// Why the agent is not ready, libvirt first.
    pub(super) fn not_ready(&self, config: &Config, lists: Lists, settled: bool) -> Vec<NotReady> {
        let mut reasons = Vec::new();
        let mut add = |part, reason: String| reasons.push(NotReady { part, reason });
        let libvirt = match (self.libvirt.connected, lists) {
            (true, Lists::Come) => None,
            (true, Lists::NoneYet) => Some("its domains have not been listed yet".to_owned()),
            (true, Lists::Overdue) => Some("it is connected, but gives no list of its domains".to_owned()),
            (false, _) => {
                let error = self.libvirt.error.as_deref().unwrap_or("not connected yet");
                Some(format!("{}: {error}", self.libvirt.uri))
            }
        };
        if let Some(reason) = libvirt {
            add("libvirt", reason);
        }
        if !self.exabgp.connected {
            let error = self.exabgp.error.as_deref().unwrap_or("it has not answered yet");
            add("exabgp", error.to_owned());
        }
        if config.exabgp.transport != Transport::Print {
            self.not_ready_neighbors(config, &mut add);
        }
        if !settled {
            add("routes", "not every desired route is acknowledged".to_owned());
        }
        reasons
    }

    fn not_ready_neighbors(&self, config: &Config, add: &mut impl FnMut(&'static str, String)) {
        let ours = || {
            self.neighbors.values().filter(|neighbor| {
                config.bgp.neighbors.is_empty() || config.bgp.neighbors.contains(&neighbor.address)
            })
        };
        if !ours().any(|neighbor| neighbor.state == NeighborState::Up) {
            add("neighbors", "no BGP session is up".to_owned());
        }
        let local_as = config.bgp.local_as.get();
        // One that is down may be there no longer.
        let differs =
            |neighbor: &&Neighbor| neighbor.state != NeighborState::Down && neighbor.local_asn != local_as;
        for neighbor in ours().filter(differs) {
            let (address, session) = (neighbor.address, neighbor.local_asn);
            add(
                "neighbors",
                format!(
                    "bgp.local_as is {local_as}, but ExaBGP's session with {address} uses AS {session}: \
                     set both to the same"
                ),
            );
        }
    }
}
