//! The heartbeat to the relay: beaten by the agent's own loop, never by a timer beside it, so that an agent that
//! hangs falls silent.

use std::time::{Duration, Instant};

use crate::config::{Exabgp, Transport};
use crate::link;

/// The least number of beats in one lease, however short: three may be late or lost.
const BEATS: u32 = 4;

/// When to beat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Option<Duration>,
    next: Instant,
}

impl Heartbeat {
    /// Only a relay waits for it.
    pub(super) fn new(exabgp: &Exabgp, now: Instant) -> Self {
        let every = match exabgp.transport {
            Transport::Relay => Some(link::BEAT.min(exabgp.lease / BEATS)),
            Transport::Child | Transport::Print => None,
        };
        Self { every, next: now }
    }

    /// When the next beat is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.every.map(|_| self.next)
    }

    /// Whether to beat now.
    pub(super) fn beats(&mut self, now: Instant) -> bool {
        match self.every {
            Some(every) if self.next <= now => {
                self.next = now + every;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests;
