//! The heartbeat to the relay: beaten by the agent's own loop, never by a timer beside it, so that an agent that
//! hangs falls silent. By the same beat the agent notices afterwards that it stood still.

use std::time::{Duration, Instant};

use crate::config::{Config, Transport};
use crate::link;

/// The least number of beats in one lease, however short: three may be late or lost.
const BEATS: u32 = 4;

/// When to beat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Duration,
    next: Instant,
    /// Only a relay waits for it.
    is_heard: bool,
    /// Longer than this without a beat is to have stood still: others may count on this agent no more.
    lease: Duration,
}

impl Heartbeat {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        let lease = config.exabgp.lease.min(config.libvirt.lease);
        Self {
            every: link::BEAT.min(lease / BEATS),
            next: now,
            is_heard: config.exabgp.transport == Transport::Relay,
            lease,
        }
    }

    /// When the next beat is due.
    pub(super) const fn deadline(&self) -> Instant {
        self.next
    }

    /// For how long nothing ran when something should have, if that is longer than a lease.
    pub(super) fn stood_still(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.next)).filter(|late| *late > self.lease)
    }

    /// Whether to tell the relay now.
    pub(super) fn beats(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + self.every;
        }
        due && self.is_heard
    }
}

#[cfg(test)]
mod tests;
