//! What the neighbors were told by the wire echo, against what ExaBGP has acknowledged. Pure.
//!
//! `done` means that a command is in ExaBGP's RIB; what a neighbor was told is known only from the echo of the
//! UPDATEs, where ExaBGP is configured to give it (`send { parsed; update; }`). An echo that agrees with what was
//! acknowledged last confirms it. One that contradicts it, and still does some time later, shows what no
//! acknowledgement can: an operator's command, or a fault in ExaBGP. An echo that is missing shows nothing: an
//! identical announce is acknowledged and not sent, and a relay with much to do drops echoes.
//!
//! An UPDATE follows its acknowledgement, and is told in order for one neighbor; so nothing is judged while a
//! step is open, nor sooner than [`GRACE`] after the last word.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::plan::Step;
use crate::route::{LargeCommunity, Mark, NextHop, Prefix, Route, Rung};

/// How long an echo may contradict what was acknowledged before it counts. In a burst of 10,000 routes ExaBGP sends
/// within some hundred milliseconds what it has acknowledged; to judge too early costs an UPDATE, no route.
const GRACE: Duration = Duration::from_secs(1);

/// The most doublings of [`GRACE`] between two repairs of one prefix that don't help.
const MAX_DOUBLINGS: u32 = 6;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Nothing that this session knows of.
    Unknown,
    /// A step is written and not acknowledged.
    Open(Word),
    /// It was acknowledged.
    Done(Word),
}

#[derive(Debug)]
struct Known {
    asked: Asked,
    next_hop: Option<NextHop>,
    told: BTreeMap<IpAddr, Word>,
    due: Option<Instant>,
    repairs: u32,
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
    due: BTreeSet<(Instant, Prefix)>,
}

impl Wire {
    /// A step is about to be written.
    pub(super) fn write(&mut self, step: &Step) {
        let (word, prefix) = (Word::of(step), step.prefix());
        let known = self.prefixes.entry(prefix).or_insert_with(Known::new);
        known.asked = Asked::Open(word);
        known.next_hop = match step {
            Step::Announce(route) | Step::Withdraw { last: Some(route), .. } => Some(route.next_hop),
            Step::Withdraw { last: None, .. } => None,
        };
        known.confirmed = false;
        // What was told before can't confirm this step, unless it is suppressed as identical.
        known.told.retain(|_, told| *told == word);
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

    /// The route stands as acknowledged, by a table that was read.
    pub(super) fn stands(&mut self, route: &Route) {
        let known = self.prefixes.entry(route.prefix).or_insert_with(Known::new);
        known.asked = Asked::Done(Word::of_route(route));
        known.next_hop = Some(route.next_hop);
    }

    /// A neighbor was told something.
    pub(super) fn told(&mut self, neighbor: IpAddr, prefix: Prefix, word: Word, at: Instant) {
        if !self.prefixes.contains_key(&prefix) && !word.is_ours() {
            return;
        }
        let known = self.prefixes.entry(prefix).or_insert_with(Known::new);
        known.told.insert(neighbor, word);
        match known.asked {
            Asked::Open(_) => {}
            Asked::Done(wanted) if wanted == word => {}
            Asked::Done(_) | Asked::Unknown => {
                known.confirmed = false;
                let due = at + known.patience();
                self.plan(prefix, Some(due));
            }
        }
    }

    /// A neighbor's session has ended: what it was told is void.
    pub(super) fn down(&mut self, neighbor: IpAddr) {
        for known in self.prefixes.values_mut() {
            known.told.remove(&neighbor);
        }
    }

    /// Next hop of what was asked for last, which says whose sessions can carry it.
    pub(super) fn next_hop(&self, prefix: Prefix) -> Option<NextHop> {
        self.prefixes.get(&prefix)?.next_hop
    }

    /// Whether `listeners`, the neighbors that are up and are to hear of the prefix, have now all been told what was
    /// acknowledged; true once.
    pub(super) fn confirms(&mut self, prefix: Prefix, listeners: &[IpAddr]) -> bool {
        let Some(known) = self.prefixes.get_mut(&prefix) else { return false };
        let Asked::Done(word) = known.asked else { return false };
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
            if let Some((neighbor, told)) = known.contradicting() {
                found.push(Contradiction { prefix, neighbor, told, again: known.repairs > 0 });
                known.repairs = (known.repairs + 1).min(MAX_DOUBLINGS);
                let due = now + known.patience();
                self.plan(prefix, Some(due));
            } else if matches!(known.asked, Asked::Done(Word::Withdrawn) | Asked::Unknown) {
                self.prefixes.remove(&prefix);
            } else {
                known.repairs = 0;
            }
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
    const fn new() -> Self {
        Self {
            asked: Asked::Unknown,
            next_hop: None,
            told: BTreeMap::new(),
            due: None,
            repairs: 0,
            confirmed: false,
        }
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
