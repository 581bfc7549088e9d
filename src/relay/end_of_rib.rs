//! Which neighbors are owed End-of-RIB (RFC 4724, section 2), should no agent be there to have it sent. Pure.
//!
//! After a session was lost with graceful restart a switch keeps the routes that it had until it is told that it has heard
//! everything; BIRD 2.0 for as long as the session stands. While no agent says what became of them somebody has to end that: a
//! route of a host that crashed would stay for good.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::exabgp::{NeighborState, Told};

/// The neighbors, as far as it is known which of them are up.
#[derive(Debug, Default)]
pub(super) struct EndOfRib {
    up: BTreeSet<IpAddr>,
    owed: BTreeSet<IpAddr>,
    /// ExaBGP was asked which are up, of which a relay that it starts anew hears nothing else.
    asked: bool,
}

impl EndOfRib {
    /// The most neighbors that are known.
    const MAX: usize = 1_024;

    /// A session's state, by itself or as an answer.
    pub(super) fn heard(&mut self, told: Told) {
        let Told { address, state, .. } = told;
        if state != NeighborState::Up {
            self.up.remove(&address);
            self.owed.remove(&address);
        } else if self.up.len() < Self::MAX && self.up.insert(address) {
            self.owed.insert(address);
        }
    }

    /// ExaBGP has listed all that are up.
    pub(super) const fn listed(&mut self) {
        self.asked = true;
    }

    /// An agent is there, and which of them it will come to is not known.
    pub(super) fn agent_came(&mut self) {
        self.owed = self.up.clone();
    }

    /// What an agent has written: it ends RIBs itself, when everything is announced again.
    pub(super) fn agent_wrote(&mut self, commands: &str) {
        for line in commands.lines() {
            let neighbor = line.strip_prefix("neighbor ").and_then(|line| line.split_once(" announce eor "));
            if let Some(address) = neighbor.and_then(|(address, _)| address.parse().ok()) {
                self.owed.remove(&address);
            }
        }
    }

    /// Whether one may be owed it.
    pub(super) fn is_due(&self) -> bool {
        !self.asked || !self.owed.is_empty()
    }

    /// Those that are owed it, which are about to be told.
    pub(super) fn take(&mut self) -> BTreeSet<IpAddr> {
        std::mem::take(&mut self.owed)
    }
}
