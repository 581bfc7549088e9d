//! When readiness is an event. Pure.

use std::time::{Duration, Instant};

use crate::snapshot::NotReady;

/// How long routes may be on their way to ExaBGP until that alone counts: every migration makes an agent unready for some
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was told of readiness.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    told: bool,
    /// Since when only routes are missing.
    waiting_since: Option<Instant>,
}

impl Readiness {
    /// Whether the agent is ready, where that is news.
    pub(super) fn judge(&mut self, reasons: &[NotReady], now: Instant) -> Option<bool> {
        let ready = reasons.is_empty();
        if ready == self.told {
            self.waiting_since = None;
            return None;
        }
        if !ready && reasons.iter().all(|reason| reason.part == "routes") {
            let since = *self.waiting_since.get_or_insert(now);
            if now < since + PATIENCE {
                return None;
            }
        }
        self.waiting_since = None;
        self.told = ready;
        Some(ready)
    }

    /// When that is to be asked again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + PATIENCE)
    }
}
