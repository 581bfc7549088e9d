//! The heartbeat, for the relay and the service manager: beaten by the agent's own loop, never by a timer beside it, so that
//! an agent that hangs falls silent. By the same beat the agent notices afterwards that it stood still.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::link;

/// The least number of beats in one lease or watchdog, however short: three may be late or lost.
const BEATS: u32 = 4;

/// How late a beat is before what waited meanwhile may be out of date.
const LATE: Duration = Duration::from_secs(1);

/// When to beat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    every: Duration,
    next: Instant,
    /// Longer than this without a beat is to have stood still: others may count on this agent no more.
    lease: Duration,
}

impl Heartbeat {
    /// With the service manager's watchdog, where there is one.
    pub(super) fn new(config: &Config, watchdog: Option<Duration>, now: Instant) -> Self {
        let lease = config.exabgp.lease.min(config.libvirt.lease);
        let shortest = lease.min(watchdog.unwrap_or(lease));
        Self { every: link::BEAT.min(shortest / BEATS), next: now, lease }
    }

    /// When the next beat is due.
    pub(super) const fn deadline(&self) -> Instant {
        self.next
    }

    /// For how long nothing ran when something should have, if that is longer than a lease.
    pub(super) fn stood_still(&self, now: Instant) -> Option<Duration> {
        Some(self.late_by(now)).filter(|late| *late > self.lease)
    }

    /// Whether nothing ran for so long that what waited meanwhile may be out of date.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.late_by(now) > LATE
    }

    fn late_by(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.next)
    }

    /// Whether to tell it now.
    pub(super) fn beats(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + self.every;
        }
        due
    }
}

#[cfg(test)]
mod tests;
