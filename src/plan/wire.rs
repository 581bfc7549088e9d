//! What the plan makes of the wire echo, where there is one.

use std::time::Instant;

use super::Plan;
use super::entry::{Entry, Held};
use crate::route::Prefix;

impl Plan {
    /// Every neighbor that is up was seen to be told what was acknowledged last: it need not be repeated for
    /// these. When another comes up it is, for that one may have been down.
    pub fn confirmed(&mut self, prefix: Prefix, at: Instant) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        if entry.open.is_some() {
            return;
        }
        if entry.desired.is_none() && entry.withdrawn_once {
            entry.withdrawn_once = false;
            entry.not_before = None;
            entry.held = Held::Nothing;
            self.enqueue(prefix);
        } else if !entry.is_unsettled() {
            entry.repeat_at = None;
            entry.confirmed_at.get_or_insert(at);
        }
    }

    /// A neighbor was told something else than was acknowledged, or something of ours that nobody wants. What is wanted
    /// is said again; if that did not help (`again`), in a way that ExaBGP does not suppress as what it has sent already.
    /// `false` where a step is on its way or waits for its time.
    pub fn contradicted(&mut self, prefix: Prefix, again: bool) -> bool {
        let entry = self.entries.entry(prefix).or_insert_with(|| Entry::holding(Held::Nothing));
        entry.confirmed_at = None;
        if entry.open.is_some() || entry.not_before.is_some() || entry.queued.is_some() {
            return false;
        }
        entry.withdrawn_once = false;
        entry.repairs = true;
        entry.nudge = again && entry.desired.is_some();
        entry.doubt();
        self.push(prefix);
        true
    }

    /// When every neighbor that was up then had been seen to be told what is acknowledged.
    pub fn confirmed_at(&self, prefix: Prefix) -> Option<Instant> {
        self.entries.get(&prefix)?.confirmed_at
    }
}
