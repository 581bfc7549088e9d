//! What is said again when a BGP session comes up.
//!
//! ExaBGP 4.2 and 5.0 sort what is not sent yet by its attributes (`rib/outgoing.py`): of two announces of a prefix in one
//! batch the older may be sent last, and a withdraw may be sent before an announce that it takes back, or not at all. All are
//! acknowledged, and the table shows what should be. While a session is up, and ExaBGP keeps pace, each acknowledged change has
//! a batch of its own, for the next one is told after it. Two batches of a session are of another kind:
//!
//! - The first holds all that was changed since the last attempt to have a session failed: after a pause of up to a
//!   minute, or for as long as an attempt is not answered (132 s with Linux's `tcp_syn_retries`, without end where
//!   ExaBGP waits to be called).
//! - The second holds all that was changed while the first was being sent.
//!
//! So what was changed twice while a neighbor was away is told once more when it comes up, and what takes the place of
//! something until its first batch is sent, too: withdraws as they are, for these are never suppressed, and routes by a MED that
//! differs by one, and then plain. When ExaBGP has sent that batch it does not tell; it is given time by the number of routes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::entry::{Entry, Held};
use super::{FoundRoute, Plan};
use crate::route::{Prefix, Route};

/// How long before a session was seen to be away a withdraw is repeated as one that was made while it was.
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
    /// The last withdraw of each prefix that was not announced since.
    withdrawn: BTreeMap<Prefix, Withdrawn>,
}

/// A withdraw that was acknowledged.
#[derive(Debug)]
pub(super) struct Withdrawn {
    pub(super) at: Instant,
    /// The route as it was last announced.
    pub(super) last: Option<Route>,
    /// The route as it was found in ExaBGP's table, for those who look.
    pub(super) found: Option<FoundRoute>,
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

    pub(super) fn withdrawn(&mut self, prefix: Prefix, withdrawn: Withdrawn) {
        self.withdrawn.insert(prefix, withdrawn);
    }

    /// The prefix is announced; returns when it had been withdrawn, if it had.
    pub(super) fn announced(&mut self, prefix: Prefix) -> Option<Instant> {
        Some(self.withdrawn.remove(&prefix)?.at)
    }
}

impl Plan {
    /// ExaBGP is another than before: nothing was told to this one.
    pub fn new_exabgp(&mut self) {
        for entry in self.entries.values_mut() {
            entry.told_at = None;
            entry.replaced = None;
            entry.repeat_at = None;
        }
        // Those that are still known are done with in their own time.
        let gone = std::mem::take(&mut self.sessions.withdrawn).into_keys();
        self.done.extend(gone.filter(|prefix| !self.entries.contains_key(prefix)));
    }

    /// Since when a neighbor is away, of several the one that is longest; `None`: all are up. As long as one is away no prefix
    /// is done with.
    pub fn away_since(&mut self, since: Option<Instant>) {
        self.sessions.away_since = since;
    }

    /// A BGP session came up, of a neighbor that was away since then, where that is known: what was changed meanwhile is said
    /// again behind its first batch, and so are withdraws of the last minutes before. To be told before [`Self::away_since`] is
    /// told that it no longer is.
    pub fn session_up(&mut self, now: Instant, since: Option<Instant>) {
        let Some(wait) = self.repeat else { return };
        let routes = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let repeat_at = self.sessions.repeat_at(now, wait + PER_ROUTE * routes);
        self.sessions.first_sent = Some(repeat_at);
        let remembered = self.sessions.away_since.unwrap_or(now);
        self.sessions.withdrawn.retain(|_, withdrawn| withdrawn.at + RECENT > remembered);
        for (prefix, Withdrawn { last, found, .. }) in &self.sessions.withdrawn {
            let entry = self.entries.entry(*prefix).or_insert_with(|| Entry::holding(Held::Nothing));
            // What is open, or held for another reason, is on its way to a withdraw of its own.
            let withdrawn = entry.held == Held::Nothing || entry.withdrawn_once;
            if entry.desired.is_none() && entry.open.is_none() && withdrawn {
                entry.found = entry.found.take().or_else(|| found.clone());
                entry.repeat_withdraw(last.clone(), repeat_at);
                self.later.insert((repeat_at, *prefix));
            }
        }
        let Some(since) = since else { return };
        let meets =
            |(_, entry): &(&Prefix, &mut Entry)| entry.replaced.is_some_and(|replaced| replaced >= since);
        for (prefix, entry) in self.entries.iter_mut().filter(meets) {
            entry.repeat_at = Some(repeat_at);
            self.later.insert((repeat_at, *prefix));
            self.again.push(*prefix);
        }
    }
}
