//! The time: read from where the agent was told to read it, and monotonic time to wall-clock time for what is published.

use std::time::{Duration, Instant};

use crate::snapshot::Timestamp;

/// How far the two clocks may drift apart before stamps follow the wall clock again.
const DRIFT: Duration = Duration::from_millis(500);

/// One moment read on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The monotonic clock, by which everything is decided.
    pub at: Instant,
    /// The wall clock, by which what is published is stamped.
    pub wall: jiff::Timestamp,
}

impl Reading {
    /// Reads the system's clocks.
    pub fn of_the_system() -> Self {
        Self { at: Instant::now(), wall: jiff::Timestamp::now() }
    }
}

/// Reads both clocks: the system's, or those of a simulation.
pub type ReadClocks = Box<dyn Fn() -> Reading + Send>;

/// The clocks, and a moment read on both. The same instant always gives the same stamp, until the wall clock is stepped.
pub(super) struct Clock {
    read: ReadClocks,
    base: Reading,
}

impl Clock {
    /// Reads both clocks.
    pub(super) fn new(read: ReadClocks) -> Self {
        let base = read();
        Self { read, base }
    }

    /// The present time.
    pub(super) fn now(&self) -> Instant {
        (self.read)().at
    }

    /// Follows the wall clock if it was stepped.
    pub(super) fn correct(&mut self) {
        let read = (self.read)();
        let drift = read.wall.duration_since(self.stamp(read.at).0).unsigned_abs();
        if drift > DRIFT {
            self.base = read;
        }
    }

    /// The wall-clock time of an instant.
    pub(super) fn stamp(&self, at: Instant) -> Timestamp {
        let Reading { at: base, wall } = self.base;
        let stamp = match base.checked_duration_since(at) {
            Some(ago) => wall.checked_sub(ago),
            None => wall.checked_add(at.saturating_duration_since(base)),
        };
        Timestamp(stamp.unwrap_or(wall))
    }
}
