//! What was counted and timed since this agent started: plain values, which only grow.
//!
//! The agent adds to its own [`Tally`] and publishes a copy; `http` encodes it when it is scraped. What can be read from the
//! state itself (how many VMs, which neighbors) is not in here.

mod histogram;
mod migrations;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::route::Rung;
use crate::vm::{LifecycleKind, Presence};
pub use histogram::Histogram;
pub use migrations::MigrationTally;

/// Everything that is counted and timed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Of libvirt.
    pub libvirt: LibvirtTally,
    /// Of ExaBGP.
    pub exabgp: ExabgpTally,
    /// Of migrations.
    pub migrations: MigrationTally,
    /// How often a VM came to have this presence.
    pub presences: BTreeMap<Presence, u64>,
    /// Configurations that were read again and had no fault.
    pub reloads_accepted: u64,
    /// Configurations that were read again and had faults.
    pub reloads_refused: u64,
}

/// What is counted of libvirt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibvirtTally {
    /// Connections that were opened.
    pub connections: u64,
    /// Life-cycle events, by libvirt's name of the event.
    pub events: BTreeMap<&'static str, u64>,
    /// Lists of all domains.
    pub lists: u64,
    /// Looks at one domain that were answered.
    pub looks: u64,
    /// Looks at one domain that libvirt could not answer.
    pub looks_failed: u64,
    /// How often events were dropped, because they came faster than they were taken.
    pub overflows: u64,
}

/// What is counted and timed of ExaBGP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExabgpTally {
    /// How often it was reached after it was not.
    pub connections: u64,
    /// Lives of ExaBGP that were met.
    pub epochs: u64,
    /// How often what it did was unknown, and its table was read again.
    pub in_doubt: u64,
    /// Commands to announce a route, by its rung.
    pub announcements: BTreeMap<Rung, u64>,
    /// Commands to withdraw a route, repeats among them.
    pub withdrawals: u64,
    /// Commands that it refused.
    pub refused: u64,
    /// From a command written to its acknowledgement.
    pub acknowledgement: Histogram,
    /// From libvirt's callback to the command written, where the event decided.
    pub by_event: Histogram,
    /// The same where libvirt had to be asked first.
    pub by_look: Histogram,
    /// How often a neighbor's session came up.
    pub sessions: BTreeMap<IpAddr, u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            libvirt: LibvirtTally::default(),
            exabgp: ExabgpTally::default(),
            migrations: MigrationTally::default(),
            presences: zeros(Presence::ALL),
            reloads_accepted: 0,
            reloads_refused: 0,
        }
    }
}

impl Default for LibvirtTally {
    fn default() -> Self {
        let events = zeros(LifecycleKind::EVENTS);
        Self { connections: 0, events, lists: 0, looks: 0, looks_failed: 0, overflows: 0 }
    }
}

impl Default for ExabgpTally {
    fn default() -> Self {
        Self {
            connections: 0,
            epochs: 0,
            in_doubt: 0,
            announcements: zeros(Rung::ALL),
            withdrawals: 0,
            refused: 0,
            acknowledgement: Histogram::new(&ACKNOWLEDGEMENT),
            by_event: Histogram::new(&EVENT_TO_COMMAND),
            by_look: Histogram::new(&EVENT_TO_COMMAND),
            sessions: BTreeMap::new(),
        }
    }
}

/// Each key with 0: what has not happened yet is shown too, so that its first time is seen as a growth.
fn zeros<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, u64> {
    keys.into_iter().map(|key| (key, 0)).collect()
}

/// ExaBGP acknowledges a single command within a few milliseconds, and one among thousands within seconds.
const ACKNOWLEDGEMENT: [Duration; 13] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
];

/// An event is a command within some tenths of a millisecond, or waits for a host route or for ExaBGP.
const EVENT_TO_COMMAND: [Duration; 13] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(10),
];
