//! What the plan makes of the wire echo, where there is one.

use std::time::Instant;

use super::Plan;
use super::entry::{Entry, Held};
use crate::route::Prefix;

impl Plan {
    /// Every neighbor that is up was seen to be told what was acknowledged last: a withdraw need not be repeated.
    pub fn confirmed(&mut self, prefix: Prefix, at: Instant) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        if entry.open.is_some() {
            return;
        }
        entry.confirmed_at.get_or_insert(at);
        if entry.desired.is_none() && entry.withdrawn_once {
            entry.withdrawn_once = false;
            entry.not_before = None;
            entry.held = Held::Nothing;
            self.recent.remove(&prefix);
            self.enqueue(prefix);
        }
    }

    /// A neighbor was told something else than was acknowledged, or something of ours that nobody wants. What is wanted
    /// is said again, whatever ExaBGP's table shows; `false` where a step is on its way or waits for its time.
    pub fn contradicted(&mut self, prefix: Prefix) -> bool {
        let entry = self.entries.entry(prefix).or_insert_with(|| Entry::holding(Held::Nothing));
        if entry.open.is_some() || entry.not_before.is_some() || entry.queued.is_some() {
            return false;
        }
        entry.confirmed_at = None;
        entry.withdrawn_once = false;
        entry.nudge = entry.desired.is_some();
        entry.doubt();
        self.push(prefix);
        true
    }

    /// Since when every neighbor that is up is known to be told what was acknowledged.
    pub fn confirmed_at(&self, prefix: Prefix) -> Option<Instant> {
        self.entries.get(&prefix)?.confirmed_at
    }
}
