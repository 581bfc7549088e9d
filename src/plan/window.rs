//! How much of a mass may be on its way to ExaBGP.

use std::time::{Duration, Instant};

/// How many steps may be open at a time.
pub const WINDOW: usize = 25;

/// The least of them that are open while a mass is sent.
const LEAST: usize = 4;

/// An urgent step waits in ExaBGP behind what is open: for about so long.
const PATIENCE: Duration = Duration::from_millis(40);

/// The size of the window: as many steps as ExaBGP acknowledges within [`PATIENCE`], at most [`WINDOW`].
///
/// One of its lines takes ExaBGP 4.2 half a millisecond, 5.0 a whole one, and either several on a busy machine; so many
/// are enough to keep it busy at any pace.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    changed_at: Option<Instant>,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { size: WINDOW, changed_at: None }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// A step that was opened at `opened_at` was acknowledged at `at`.
    pub(super) fn acknowledged(&mut self, opened_at: Instant, at: Instant) {
        // What was open at the last change says nothing of the present size.
        if self.changed_at.is_some_and(|changed_at| opened_at < changed_at) {
            return;
        }
        let took = at.saturating_duration_since(opened_at);
        let size = if took > PATIENCE {
            (self.size * 3 / 4).max(LEAST)
        } else if took < PATIENCE / 2 {
            (self.size + 1).min(WINDOW)
        } else {
            self.size
        };
        if size != self.size {
            self.size = size;
            self.changed_at = Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
