//! The plan: desired routes against acknowledged ones, as steps in order of urgency. Pure.
//!
//! [`Plan`] owns what is wanted for each prefix, what ExaBGP is believed to hold, and which step is open. It
//! is level-triggered: what is sent is the difference at the moment of sending, so that newer intents replace
//! older ones that were not sent yet. Called by the agent only; it knows no transport and no command text.
//!
//! Rules, measured on ExaBGP 4.2 and 5.0:
//!
//! - One open step a prefix. Commands for one prefix that meet in one of ExaBGP's batches are reordered by
//!   their attributes, and the last writer does not win.
//! - A withdraw is repeated once, at least half a second later. A withdraw that meets its announce in the first
//!   batch of a session leaves the route at the peer, although both are acknowledged and the table shows it gone.
//!   Only where the wire echo has shown it, no repeat is needed.
//! - What was changed while a session was away is said again when it is up, for the same two reasons (module `sessions`).
//! - Switch-overs and withdraws overtake the mass of announcements. Of a mass only so much is open as ExaBGP does in a
//!   few hundredths of a second, and never more than [`WINDOW`] steps: an urgent one waits behind no more than these.

mod entry;
mod hold;
mod progress;
mod queue;
mod sessions;
mod step;
mod window;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::route::{Prefix, Route, Routes, Rung};
use entry::{Entry, Held};
use queue::Queue;
use sessions::{Sessions, Withdrawn};
use window::Window;

pub use hold::Hold;
pub use progress::{FoundRoute, Outcome, Progress};
pub use step::Step;
pub use window::WINDOW;

/// Desired routes against acknowledged ones.
#[derive(Debug)]
pub struct Plan {
    entries: BTreeMap<Prefix, Entry>,
    queue: Queue,
    window: Window,
    /// When a queued prefix may be taken: withdraws to repeat, refused steps.
    later: BTreeSet<(Instant, Prefix)>,
    sessions: Sessions,
    open: usize,
    ready: bool,
    /// It has been ready before.
    was_ready: bool,
    /// Prefixes of which nothing is wanted, held, or on its way out any more.
    done: Vec<Prefix>,
    /// Prefixes that were found to be announced once more.
    again: Vec<Prefix>,
    /// How long after its acknowledgement a withdraw is repeated; `None`: never (nothing is behind the pipe).
    repeat: Option<Duration>,
}

impl Plan {
    /// Knows nothing and sends nothing until [`Self::ready`].
    pub fn new(repeat: Option<Duration>) -> Self {
        Self {
            entries: BTreeMap::new(),
            queue: Queue::default(),
            window: Window::new(),
            later: BTreeSet::new(),
            sessions: Sessions::default(),
            open: 0,
            ready: false,
            was_ready: false,
            done: Vec::new(),
            again: Vec::new(),
            repeat,
        }
    }

    /// Wants exactly `routes` for the prefixes of `of` (and for none other of them).
    pub fn want(&mut self, of: impl IntoIterator<Item = Prefix>, routes: Vec<Route>) {
        let mut wanted: Routes = routes.into_iter().map(|route| (route.prefix, route)).collect();
        for prefix in of {
            let route = wanted.remove(&prefix);
            self.want_one(prefix, route);
        }
        for (prefix, route) in wanted {
            self.want_one(prefix, Some(route));
        }
    }

    /// ExaBGP answers, and this is what it holds of ours. Everything that was open is settled by it. `ledger`: what
    /// stands by a relay's account, `None` where it is being withdrawn; of these the unwanted are withdrawn, whether the
    /// table shows them or not.
    pub fn ready(&mut self, table: Vec<FoundRoute>, ledger: &BTreeMap<Prefix, Option<Rung>>, now: Instant) {
        let takes_over = !std::mem::replace(&mut self.was_ready, true);
        self.ready = true;
        self.open = 0;
        self.later.clear();
        let mut table: BTreeMap<Prefix, FoundRoute> =
            table.into_iter().map(|found| (found.prefix, found)).collect();
        for (prefix, entry) in &mut self.entries {
            entry.open = None;
            entry.failure = None;
            entry.not_before = None;
            entry.confirmed_at = None;
            // What is not shown may still be on its way to a peer: a withdraw that was open is sent again.
            let in_doubt = entry.held == Held::Unknown;
            entry.held = match table.remove(prefix) {
                Some(found) => {
                    if takes_over || in_doubt {
                        // What it took the place of, and when, nobody knows.
                        (entry.told_at, entry.replaced) = (Some(now), Some(now));
                    }
                    Held::Found(found)
                }
                None if entry.desired.is_none() => Held::Unknown,
                None => Held::Nothing,
            };
            // What was to be announced once more is, for it was not the table that was wrong.
            let nudges = std::mem::take(&mut entry.nudge);
            let met = in_doubt && !takes_over && self.sessions.is_one_opening(now);
            let repeats = nudges || met || entry.repeat_at.is_some();
            entry.repeat_at = self.repeat.filter(|_| repeats).map(|wait| self.sessions.repeat_at(now, wait));
            self.later.extend(entry.repeat_at.map(|at| (at, *prefix)));
        }
        for (prefix, found) in table {
            self.entries.insert(prefix, Entry::holding(Held::Found(found)));
        }
        for (prefix, rung) in ledger {
            let entry = self.entries.entry(*prefix).or_insert_with(|| Entry::holding(Held::Unknown));
            if takes_over && rung.is_none() {
                // Another agent has withdrawn it, and nobody knows when.
                entry.told_at = Some(now);
            }
        }
        let prefixes: Vec<Prefix> = self.entries.keys().copied().collect();
        for prefix in prefixes {
            self.enqueue(prefix);
        }
    }

    /// What became of the open steps is unknown; nothing is sent until [`Self::ready`].
    pub fn in_doubt(&mut self) {
        self.ready = false;
        self.open = 0;
        for entry in self.entries.values_mut() {
            if entry.open.take().is_some() {
                entry.doubt();
            }
        }
    }

    /// The steps that may be sent now, most urgent first; each is open until it is settled or in doubt.
    pub fn next(&mut self, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        self.release(now);
        while self.ready && self.open < self.room() {
            let Some(prefix) = self.queue.pop() else { break };
            let Some(entry) = self.entries.get_mut(&prefix) else { continue };
            entry.queued = None;
            match entry.step(prefix) {
                Some(step) => {
                    if let Step::Announce(route) = &step {
                        entry.last = Some(route.clone());
                    }
                    entry.open = Some(step.clone());
                    entry.opened_at = Some(now);
                    entry.confirmed_at = None;
                    self.open += 1;
                    steps.push(step);
                }
                None => self.drop_if_done(prefix),
            }
        }
        steps
    }

    /// The open step for `prefix` was carried out or refused.
    pub fn settled(&mut self, prefix: Prefix, outcome: Outcome, now: Instant) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        let Some(step) = entry.open.take() else { return };
        self.open = self.open.saturating_sub(1);
        if let Some(opened_at) = entry.opened_at.take() {
            self.window.acknowledged(opened_at, now);
        }
        match (outcome, step) {
            (Outcome::Acknowledged, Step::Announce(route)) => {
                entry.failure = None;
                entry.withdrawn_once = false;
                let withdrawn_at = self.sessions.announced(prefix);
                let nudged = std::mem::take(&mut entry.nudge);
                entry.held = Held::Route(route);
                entry.repeat_at = None;
                entry.replaced = withdrawn_at.max(entry.told_at.replace(now));
                let met = entry.replaced.is_some() && self.sessions.is_one_opening(now);
                match self.repeat {
                    // The route itself must not meet it in one of ExaBGP's batches.
                    Some(wait) if nudged => {
                        let at = now + wait;
                        entry.not_before = Some(at);
                        self.later.insert((at, prefix));
                    }
                    Some(wait) => {
                        if met {
                            let at = self.sessions.repeat_at(now, wait);
                            entry.repeat_at = Some(at);
                            self.later.insert((at, prefix));
                            self.again.push(prefix);
                        }
                        self.enqueue(prefix);
                    }
                    None => self.enqueue(prefix),
                }
            }
            (Outcome::Acknowledged, Step::Withdraw { last, .. }) => {
                entry.failure = None;
                self.withdrawn(prefix, last, now);
            }
            (Outcome::Refused(reason), step) => {
                // A step may be several lines, one for each kind of session, of which some were taken.
                entry.doubt();
                if entry.step(prefix).as_ref() == Some(&step) {
                    let at = entry.refused(reason, now);
                    self.later.insert((at, prefix));
                } else {
                    self.enqueue(prefix);
                }
            }
        }
    }

    /// When [`Self::next`] will have something that it has not now.
    pub fn deadline(&self) -> Option<Instant> {
        if self.ready { self.later.first().map(|(at, _)| *at) } else { None }
    }

    /// Whether every wanted route is acknowledged and nothing unwanted is held (repeats aside).
    pub fn is_settled(&self) -> bool {
        self.ready && self.open == 0 && !self.entries.values().any(Entry::is_unsettled)
    }

    /// The step for `prefix` that is not settled.
    pub fn open(&self, prefix: Prefix) -> Option<&Step> {
        self.entries.get(&prefix)?.open.as_ref()
    }

    /// How far ExaBGP is with the route for `prefix`.
    pub fn progress(&self, prefix: Prefix) -> Option<Progress<'_>> {
        self.entries.get(&prefix).map(Entry::progress)
    }

    /// The prefixes that the plan was done with since the last call: nothing is wanted or held there any more, and
    /// nothing is left to repeat, now or when a session comes up.
    pub fn take_done(&mut self) -> Vec<Prefix> {
        std::mem::take(&mut self.done)
    }

    /// The prefixes of which it was found since the last call that they are to be announced once more, for a session that came
    /// up.
    pub fn take_again(&mut self) -> Vec<Prefix> {
        std::mem::take(&mut self.again)
    }

    /// The wanted routes that are acknowledged.
    pub fn announced(&self) -> impl Iterator<Item = &Route> + '_ {
        self.entries.values().filter_map(Entry::announced)
    }

    /// Every prefix that is wanted, held, or on its way out.
    pub fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.entries.keys().copied()
    }

    fn want_one(&mut self, prefix: Prefix, route: Option<Route>) {
        if route.is_none() && !self.entries.contains_key(&prefix) {
            return;
        }
        let entry = self.entries.entry(prefix).or_insert_with(|| Entry::holding(Held::Nothing));
        if entry.desired == route {
            return;
        }
        entry.desired = route;
        // A new intent is not held back by an older one's refusal or repeat.
        entry.failure = None;
        entry.not_before = None;
        entry.withdrawn_once = false;
        // Another route is not suppressed.
        entry.nudge = false;
        self.push(prefix);
    }

    /// How many steps may be open now: with less than that a mass keeps ExaBGP busy, and an urgent step goes out at once.
    fn room(&self) -> usize {
        if self.queue.is_urgent() { WINDOW } else { self.window.size() }
    }

    /// Queues the prefix if there is something to do about it, forgets it if there is nothing left.
    fn enqueue(&mut self, prefix: Prefix) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        if entry.step(prefix).is_some() {
            self.push(prefix);
        } else {
            entry.repairs = false;
            self.drop_if_done(prefix);
        }
    }

    fn push(&mut self, prefix: Prefix) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        let class = entry.class();
        if let Some(place @ (queued_class, _)) = entry.queued {
            if queued_class <= class {
                return;
            }
            self.queue.remove(place);
        }
        entry.queued = Some(self.queue.push(class, prefix));
    }

    /// Queues what has waited long enough.
    fn release(&mut self, now: Instant) {
        while let Some((at, prefix)) = self.later.first().copied() {
            if at > now {
                break;
            }
            self.later.pop_first();
            let Some(entry) = self.entries.get_mut(&prefix) else { continue };
            let waited = entry.not_before.take_if(|time| *time <= now).is_some();
            let repeats = entry.repeat_at.take_if(|time| *time <= now).is_some() && entry.is_at_rest();
            if repeats {
                // The same again would be suppressed.
                entry.nudge = true;
            }
            if waited || repeats {
                self.push(prefix);
            }
        }
    }

    /// A withdraw was acknowledged: it is repeated, or the prefix is done with.
    fn withdrawn(&mut self, prefix: Prefix, last: Option<Route>, now: Instant) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        let found = entry.found.clone();
        entry.told_at = Some(now);
        self.sessions.withdrawn(prefix, Withdrawn { at: now, last, found });
        // Not even a repeat counts in a session's first batch, which has no withdraws.
        let counts = entry.withdrawn_once && !self.sessions.is_one_opening(now);
        match self.repeat {
            Some(wait) if !counts && entry.desired.is_none() => {
                let (last, repeat_at) = (entry.last.take(), self.sessions.repeat_at(now, wait));
                entry.repeat_withdraw(last, repeat_at);
                self.later.insert((repeat_at, prefix));
            }
            Some(_) | None => {
                entry.withdrawn_once = false;
                entry.held = Held::Nothing;
                self.enqueue(prefix);
            }
        }
    }

    fn drop_if_done(&mut self, prefix: Prefix) {
        if self.entries.get(&prefix).is_some_and(Entry::is_done) {
            self.entries.remove(&prefix);
            if !self.sessions.is_one_away() {
                self.done.push(prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests;
