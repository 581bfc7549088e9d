//! What the neighbors were told by the wire echo, against what ExaBGP has acknowledged. Pure.
//!
//! `done` means that a command is in ExaBGP's RIB; what a neighbor was told is known only from the echo of the
//! UPDATEs, where ExaBGP is configured to give it (`send { parsed; update; }`). An echo that agrees with what was
//! acknowledged last confirms it. One that contradicts it, and still does some time later, shows what no
//! acknowledgement can: an operator's command, or a fault in ExaBGP. An echo that is missing shows nothing: an
//! identical announce is acknowledged and not sent, and a relay with much to do drops echoes.
//!
//! An UPDATE follows its acknowledgement, by seconds where ExaBGP has many routes to send, and is told in order for
//! one neighbor. So nothing is judged while a step is open, nor sooner than [`GRACE`] after the neighbor was last
//! told anything at all, up to [`LONGEST_GRACE`]. To judge too early costs an UPDATE that says what is true, no route.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::plan::Step;
use crate::route::{LargeCommunity, Mark, NextHop, Prefix, Route, Rung};

/// How long an echo may contradict what was acknowledged before it counts.
const GRACE: Duration = Duration::from_secs(1);

/// How long a neighbor that is told one thing after another puts off a judgement: 10,000 routes take ExaBGP nine seconds.
const LONGEST_GRACE: Duration = Duration::from_secs(15);

/// Within how long another contradiction for a prefix counts as the same.
const MEMORY: Duration = Duration::from_secs(60);

/// The most doublings of [`GRACE`] between two repairs of one prefix.
const MAX_DOUBLINGS: u32 = 3;

/// The last word on a prefix, wanted or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Announced, with what tells one rung's route from another's.
    Announced {
        /// `None`: without our mark.
        rung: Option<Rung>,
        med: u32,
    },
    /// Withdrawn.
    Withdrawn,
}

impl Word {
    /// What an UPDATE with these attributes says of the routes that it announces.
    pub(super) fn announced(mark: Mark, communities: &[LargeCommunity], med: u32) -> Self {
        Self::Announced { rung: mark.rung_in(communities), med }
    }

    fn of(step: &Step) -> Self {
        match step {
            Step::Announce(route) => Self::of_route(route),
            Step::Withdraw { .. } => Self::Withdrawn,
        }
    }

    fn of_route(route: &Route) -> Self {
        Self::Announced { rung: Some(route.rung), med: route.attributes.med }
    }

    /// Whether it is a route that carries our mark.
    const fn is_ours(self) -> bool {
        matches!(self, Self::Announced { rung: Some(_), .. })
    }
}

/// What ExaBGP was asked for last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Asked {
    /// Nothing that this session knows of.
    #[default]
    Unknown,
    /// A step is written and not acknowledged.
    Open(Word),
    /// It was acknowledged.
    Done(Word),
}

#[derive(Debug, Default)]
struct Known {
    asked: Asked,
    next_hop: Option<NextHop>,
    told: BTreeMap<IpAddr, Word>,
    due: Option<Instant>,
    /// Since when something contradicts.
    suspect_since: Option<Instant>,
    /// The last contradiction that was reported, and how many came close behind one another.
    reported_at: Option<Instant>,
    repairs: u32,
    /// What was asked for was long found on the wire: no older echo is outstanding.
    settled: bool,
    /// The same at the moment when the present step was written.
    began_settled: bool,
    confirmed: bool,
}

/// The wire shows something else than was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contradiction {
    pub(super) prefix: Prefix,
    pub(super) neighbor: IpAddr,
    /// What the neighbor was told.
    pub(super) told: Word,
    /// It is the same that was reported before, in spite of a repair.
    pub(super) again: bool,
}

/// What the neighbors were told.
#[derive(Debug, Default)]
pub(super) struct Wire {
    prefixes: BTreeMap<Prefix, Known>,
    /// When each neighbor was last told anything.
    heard: BTreeMap<IpAddr, Instant>,
    due: BTreeSet<(Instant, Prefix)>,
}

impl Wire {
    /// A step is about to be written.
    pub(super) fn write(&mut self, step: &Step) {
        let (word, prefix) = (Word::of(step), step.prefix());
        let known = self.prefixes.entry(prefix).or_default();
        // What was told before can confirm this step only where it is suppressed as identical, as a withdraw never is.
        if word == Word::Withdrawn || known.asked != Asked::Done(word) {
            known.told.clear();
        }
        known.asked = Asked::Open(word);
        known.began_settled = std::mem::take(&mut known.settled);
        known.next_hop = match step {
            Step::Announce(route) | Step::Withdraw { last: Some(route), .. } => Some(route.next_hop),
            Step::Withdraw { last: None, .. } => None,
        };
        known.confirmed = false;
        known.suspect_since = None;
        self.plan(prefix, None);
    }

    /// The written step was acknowledged.
    pub(super) fn acknowledged(&mut self, prefix: Prefix, at: Instant) {
        let Some(known) = self.prefixes.get_mut(&prefix) else { return };
        if let Asked::Open(word) = known.asked {
            known.asked = Asked::Done(word);
            let due = at + known.patience();
            self.plan(prefix, Some(due));
        }
    }

    /// The written step was refused, or there is nobody to write it to.
    pub(super) fn refused(&mut self, prefix: Prefix) {
        if let Some(known) = self.prefixes.get_mut(&prefix) {
            known.asked = Asked::Unknown;
            self.plan(prefix, None);
        }
    }

    /// The route stands as acknowledged, by a table that was read.
    pub(super) fn stands(&mut self, route: &Route) {
        let known = self.prefixes.entry(route.prefix).or_default();
        known.asked = Asked::Done(Word::of_route(route));
        known.next_hop = Some(route.next_hop);
    }

    /// A neighbor was told something.
    pub(super) fn told(&mut self, neighbor: IpAddr, prefix: Prefix, word: Word, at: Instant) {
        self.heard.insert(neighbor, at);
        if !self.prefixes.contains_key(&prefix) && !word.is_ours() {
            return;
        }
        let known = self.prefixes.entry(prefix).or_default();
        known.told.insert(neighbor, word);
        if known.contradicting().is_some() {
            known.confirmed = false;
            if known.suspect_since.is_none() {
                known.suspect_since = Some(at);
                let due = at + known.patience();
                self.plan(prefix, Some(due));
            }
        } else {
            known.suspect_since = None;
        }
    }

    /// Some of what the neighbors were told was missed: nothing of it is known for certain any more.
    pub(super) fn missed(&mut self) {
        for known in self.prefixes.values_mut() {
            known.forget_told();
        }
    }

    /// A neighbor's session has ended: what it was told is void.
    pub(super) fn down(&mut self, neighbor: IpAddr) {
        self.heard.remove(&neighbor);
        for known in self.prefixes.values_mut() {
            known.told.remove(&neighbor);
        }
    }

    /// Next hop of what was asked for last, which says whose sessions can carry it.
    pub(super) fn next_hop(&self, prefix: Prefix) -> Option<NextHop> {
        self.prefixes.get(&prefix)?.next_hop
    }

    /// Whether `listeners`, the neighbors that are up and are to hear of the prefix, have now all been told what was
    /// acknowledged; true once. A withdraw that follows other steps closely is never confirmed: the echo may be an
    /// older one's.
    pub(super) fn confirms(&mut self, prefix: Prefix, listeners: &[IpAddr]) -> bool {
        let Some(known) = self.prefixes.get_mut(&prefix) else { return false };
        let Asked::Done(word) = known.asked else { return false };
        if word == Word::Withdrawn && !known.began_settled {
            return false;
        }
        let all = listeners.iter().all(|listener| known.told.get(listener) == Some(&word));
        let confirms = all && !listeners.is_empty() && !known.confirmed;
        known.confirmed |= confirms;
        confirms
    }

    /// What was asked for is in doubt; what was told is not.
    pub(super) fn doubt(&mut self) {
        self.due.clear();
        self.prefixes.retain(|_, known| {
            known.asked = Asked::Unknown;
            known.due = None;
            known.suspect_since = None;
            known.settled = false;
            known.confirmed = false;
            !known.told.is_empty()
        });
    }

    /// The table was read, and what stands is about to be said or changed.
    pub(super) fn ready(&mut self, at: Instant) {
        let prefixes: Vec<Prefix> = self.prefixes.keys().copied().collect();
        for prefix in prefixes {
            self.plan(prefix, Some(at + GRACE));
        }
    }

    /// When [`Self::judge`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What contradicts what was acknowledged for long enough.
    pub(super) fn judge(&mut self, now: Instant) -> Vec<Contradiction> {
        let mut found = Vec::new();
        while let Some((at, prefix)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let Some(known) = self.prefixes.get_mut(&prefix) else { continue };
            known.due = None;
            let Some((neighbor, told)) = known.contradicting() else {
                known.suspect_since = None;
                known.settled = !known.told.is_empty();
                if matches!(known.asked, Asked::Done(Word::Withdrawn) | Asked::Unknown) {
                    self.prefixes.remove(&prefix);
                }
                continue;
            };
            let quiet_at = self.heard.get(&neighbor).map_or(now, |heard| *heard + GRACE);
            let since = *known.suspect_since.get_or_insert(now);
            if quiet_at > now && since + LONGEST_GRACE > now {
                let due = quiet_at.min(since + LONGEST_GRACE);
                self.plan(prefix, Some(due));
                continue;
            }
            let again = known.report(now);
            found.push(Contradiction { prefix, neighbor, told, again });
            let due = now + known.patience();
            self.plan(prefix, Some(due));
        }
        found
    }

    fn plan(&mut self, prefix: Prefix, due: Option<Instant>) {
        let Some(known) = self.prefixes.get_mut(&prefix) else { return };
        if let Some(at) = std::mem::replace(&mut known.due, due) {
            self.due.remove(&(at, prefix));
        }
        if let Some(at) = due {
            self.due.insert((at, prefix));
        }
    }
}

impl Known {
    fn forget_told(&mut self) {
        self.told.clear();
        self.suspect_since = None;
        self.settled = false;
        self.began_settled = false;
        self.confirmed = false;
    }

    /// Takes note of a contradiction; says whether it is the same as the last one.
    fn report(&mut self, now: Instant) -> bool {
        let again = self.reported_at.is_some_and(|at| at + MEMORY > now);
        self.repairs = if again { (self.repairs + 1).min(MAX_DOUBLINGS) } else { 0 };
        self.reported_at = Some(now);
        self.suspect_since = None;
        again
    }

    fn patience(&self) -> Duration {
        GRACE * 2_u32.pow(self.repairs)
    }

    /// A neighbor that was told something else than it is to believe.
    fn contradicting(&self) -> Option<(IpAddr, Word)> {
        let contradicts = |told: Word| match self.asked {
            Asked::Open(_) => false,
            Asked::Done(word @ Word::Announced { .. }) => told != word,
            // Nobody wants it: another's route for the prefix is none of our business.
            Asked::Done(Word::Withdrawn) | Asked::Unknown => told.is_ours(),
        };
        self.told.iter().map(|(neighbor, told)| (*neighbor, *told)).find(|(_, told)| contradicts(*told))
    }
}

#[cfg(test)]
mod tests;
