//! How many changes of a mass are told one by one. Pure.

use std::time::{Duration, Instant};

/// So many at once: all that a few dozen migrations make, a twentieth of the log.
const MOST: u32 = 500;

/// And one more each time: a mass that lasts for an hour does not fill the log four times.
const REFILL: Duration = Duration::from_millis(100);

/// What is left to be told one by one.
#[derive(Debug)]
pub(super) struct Budget {
    left: u32,
    /// From when on what comes again is counted.
    since: Instant,
}

impl Budget {
    /// All of it.
    pub(super) const fn new(now: Instant) -> Self {
        Self { left: MOST, since: now }
    }

    /// Takes one; `false`: there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        let refills = u32::try_from(passed.as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        if refills > 0 {
            let left = self.left.saturating_add(refills).min(MOST);
            self.since = if left == MOST { now } else { self.since + REFILL * refills };
            self.left = left;
        }
        let any = self.left > 0;
        self.left = self.left.saturating_sub(1);
        any
    }
}
