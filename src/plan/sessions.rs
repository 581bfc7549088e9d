//! What is said again when a BGP session comes up.
//!
//! ExaBGP 4.2 and 5.0 sort what is not sent yet by its attributes (`rib/outgoing.py`): of two announces of a prefix in one
//! batch the older may be sent last, and a withdraw may be sent before an announce that it takes back, or not at all. All are
//! acknowledged, and the table shows what should be. While a session is up each acknowledged change has a batch of its own,
//! for the next one is told after it. Two batches of a session are of another kind:
//!
//! - The first holds all that was changed since the last attempt to have a session failed: after a pause of up to a
//!   minute, or for as long as an attempt is not answered (132 s with Linux's `tcp_syn_retries`, without end where
//!   ExaBGP waits to be called).
//! - The second holds all that was changed while the first was being sent.
//!
//! So what was changed while any neighbor was away is told once more when one comes up, and what is changed while that sends
//! its first batch, too: withdraws as they are, for these are never suppressed, and routes that took the place of another
//! by a MED that differs by one, and then plain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Plan;
use super::entry::{Entry, Held};
use crate::route::{Prefix, Route};

/// How long before a session was seen to be away a change counts as one that was made while it was.
const RECENT: Duration = Duration::from_secs(120);

/// How long ExaBGP takes to send a route of a session's first batch; 10,000 of them take it nine seconds.
const PER_ROUTE: Duration = Duration::from_millis(1);

/// What is known of the sessions as a whole.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Since when a neighbor is away.
    away_since: Option<Instant>,
    /// By when the first batch of the last one that came up is sent.
    first_sent: Option<Instant>,
    /// The last withdraw of each prefix that was not announced since: when it was acknowledged, and of which route.
    withdrawn: BTreeMap<Prefix, (Instant, Option<Route>)>,
}

impl Sessions {
    /// Whether a session may come up whose first batch has been gathered for some time.
    pub(super) const fn is_one_away(&self) -> bool {
        self.away_since.is_some()
    }

    /// Whether a session has come up just now, and is sending its first batch.
    pub(super) fn is_one_opening(&self, now: Instant) -> bool {
        self.first_sent.is_some_and(|at| now < at)
    }

    /// When what is acknowledged now may be said again, at least so much later, so that both lie in batches of their own.
    pub(super) fn repeat_at(&self, now: Instant, wait: Duration) -> Instant {
        self.first_sent.map_or(now + wait, |at| at.max(now + wait))
    }

    pub(super) fn withdrawn(&mut self, prefix: Prefix, last: Option<Route>, now: Instant) {
        self.withdrawn.insert(prefix, (now, last));
    }

    /// The prefix is announced; returns whether it had been withdrawn.
    pub(super) fn announced(&mut self, prefix: Prefix) -> bool {
        self.withdrawn.remove(&prefix).is_some()
    }
}

impl Plan {
    /// ExaBGP is another than before: nothing was told to this one.
    pub fn new_exabgp(&mut self) {
        for entry in self.entries.values_mut() {
            entry.replaced_at = None;
        }
        // Those that are still known are done with in their own time.
        let gone = std::mem::take(&mut self.sessions.withdrawn).into_keys();
        self.done.extend(gone.filter(|prefix| !self.entries.contains_key(prefix)));
        self.sessions.first_sent = None;
    }

    /// Since when a neighbor is away, of several the one that is longest; `None`: all are up. As long as one is away no prefix
    /// is done with.
    pub fn away_since(&mut self, since: Option<Instant>) {
        self.sessions.away_since = since;
    }

    /// A BGP session came up: what was changed in the last minutes, or while one was away, is said again behind its
    /// first batch. To be told before [`Self::away_since`] is told that it no longer is.
    pub fn session_up(&mut self, now: Instant) {
        let Some(wait) = self.repeat else { return };
        let since = self.sessions.away_since.unwrap_or(now);
        let is_recent = |at: Instant| at + RECENT > since;
        let routes = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let repeat_at = now + wait + PER_ROUTE * routes;
        self.sessions.first_sent = Some(repeat_at);
        self.sessions.withdrawn.retain(|_, (at, _)| is_recent(*at));
        for (prefix, (_, last)) in &self.sessions.withdrawn {
            let entry = self.entries.entry(*prefix).or_insert_with(|| Entry::holding(Held::Nothing));
            // What is open, or held for another reason, is on its way to a withdraw of its own.
            let withdrawn = entry.held == Held::Nothing || entry.withdrawn_once;
            if entry.desired.is_none() && entry.open.is_none() && withdrawn {
                entry.repeat_withdraw(last.clone(), repeat_at);
                self.later.insert((repeat_at, *prefix));
            }
        }
        // Where none is known to have been away, this agent did nothing meanwhile.
        if self.sessions.is_one_away() {
            let replaced = |(prefix, entry): (&Prefix, &Entry)| {
                entry.replaced_at.is_some_and(is_recent).then_some(*prefix)
            };
            let replaced: Vec<Prefix> = self.entries.iter().filter_map(replaced).collect();
            for prefix in replaced {
                self.repeat_announce(prefix, repeat_at);
            }
        }
    }

    /// What is announced for the prefix is announced once more at this time.
    pub(super) fn repeat_announce(&mut self, prefix: Prefix, at: Instant) {
        if let Some(entry) = self.entries.get_mut(&prefix) {
            entry.repeat_at = Some(at);
            self.later.insert((at, prefix));
        }
    }
}
