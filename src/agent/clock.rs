//! Monotonic time to wall-clock time, for what is published.

use std::time::{Duration, Instant};

use crate::snapshot::Timestamp;

/// How far the two clocks may drift apart before stamps follow the wall clock again.
const DRIFT: Duration = Duration::from_millis(500);

/// One moment read on both clocks. The same instant always gives the same stamp, until the wall clock is stepped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    base: Instant,
    wall: jiff::Timestamp,
}

impl Clock {
    /// Reads both clocks.
    pub(super) fn read() -> Self {
        Self { base: Instant::now(), wall: jiff::Timestamp::now() }
    }

    /// Follows the wall clock if it was stepped.
    pub(super) fn correct(&mut self) {
        let read = Self::read();
        let drift = read.wall.duration_since(self.stamp(read.base).0).unsigned_abs();
        if drift > DRIFT {
            *self = read;
        }
    }

    /// The wall-clock time of an instant.
    pub(super) fn stamp(&self, at: Instant) -> Timestamp {
        let wall = match self.base.checked_duration_since(at) {
            Some(ago) => self.wall.checked_sub(ago),
            None => self.wall.checked_add(at.saturating_duration_since(self.base)),
        };
        Timestamp(wall.unwrap_or(self.wall))
    }
}
