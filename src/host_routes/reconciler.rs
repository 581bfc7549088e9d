//! What is wanted against what the kernel holds, through failures and changes by others. Pure: time is an argument.
//!
//! [`Reconciler`] is fed what the agent wants, what a look at the kernel showed, what became of operations, and what the
//! kernel tells of changes; it answers what is to be done now, when to look again, and how each address stands. Called by
//! `worker.rs` only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::difference::{self, Operation};
use super::entries::{Index, Kernel, Link, Neighbor, NeighborKey, Route, RouteKey, Target, metric};
use super::goal::{Goal, placement};
use super::standing::{self, Failures};
use super::{Order, Settings, Stand, StandState, Want, Wanted};
use crate::route::Prefix;

mod overall;
#[cfg(test)]
mod tests;

/// How long after a change by others it is looked at: changes come in swarms.
const GATHER: Duration = Duration::from_millis(5);

/// The least time between two looks, and how many times as long as one took is waited for the next.
const REST: Duration = Duration::from_millis(50);
const REST_FACTOR: u32 = 9;

/// How often is looked without being told of a change.
const PERIOD: Duration = Duration::from_secs(30);

/// How long after a failure it is tried again; it doubles up to the longest.
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// A change that the kernel tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// An interface is there, or has changed.
    Link(Index, Link),
    /// An interface is gone.
    LinkGone(Index),
    /// A route came or went.
    Route(RouteKey, u8),
    /// A neighbour came, went or changed.
    Neighbor(NeighborKey, u8),
    /// A rule that is marked as ours came or went.
    Rule,
    /// Changes were lost.
    Missed,
}

/// How much of the kernel is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything that matters.
    Whole,
    /// The tables where ours stand, neighbours and rules.
    Tables,
}

/// What has been seen of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// It has not been looked at.
    Nothing,
    /// News were missed since.
    Doubtful,
    /// Everything, and all news of interfaces since.
    Whole,
}

/// Why the kernel did not do what it was asked, in words; whether what was to go was gone already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) words: String,
    pub(super) is_gone: bool,
}

#[derive(Debug)]
pub(super) struct Reconciler {
    settings: Settings,
    wants: BTreeMap<Prefix, Want>,
    complete: bool,
    clearing: bool,
    kernel: Kernel,
    seen: Seen,
    failures: Failures,
    /// When to look because of changes, of failures, and in any case.
    changed_at: Option<Instant>,
    retry_at: Option<Instant>,
    retry_wait: Duration,
    rested_at: Instant,
    due_at: Instant,
    /// How addresses stood when it was last asked, and of which it is to be told in any case.
    told: BTreeMap<Prefix, Stand>,
    due: BTreeSet<Prefix>,
    repairs: u64,
}

impl Reconciler {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            wants: BTreeMap::new(),
            complete: false,
            clearing: false,
            kernel: Kernel::default(),
            seen: Seen::Nothing,
            failures: BTreeMap::new(),
            changed_at: None,
            retry_at: None,
            retry_wait: RETRY,
            rested_at: now,
            due_at: now,
            told: BTreeMap::new(),
            due: BTreeSet::new(),
            repairs: 0,
        }
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) const fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The agent wants something else.
    pub(super) fn order(&mut self, order: Order, now: Instant) {
        match order {
            Order::Want { changes, complete } => {
                self.complete |= complete;
                for (prefix, want) in changes {
                    let unseen = match &want {
                        Want::Here(wanted) => self.kernel.links.named(&wanted.tap).is_none(),
                        Want::Nothing | Want::Unclear => false,
                    };
                    if unseen {
                        // The tap may be as new as the VM.
                        self.changed_at.get_or_insert(now);
                        self.doubt();
                    }
                    if matches!(want, Want::Here(_)) && self.settings.take_up(prefix.is_ipv6()) {
                        // Nothing of the family has been looked at: that comes before anything is done.
                        (self.changed_at, self.rested_at) = (Some(now), now);
                        self.doubt();
                    }
                    self.due.insert(prefix);
                    self.wants.insert(prefix, want);
                }
            }
            Order::Clear => self.clearing = true,
        }
    }

    /// How much of the kernel is to be looked at, where something is. Of interfaces all news are taken in, and of our routes
    /// those stand in our tables: the rest is looked at where news were missed, and now and then.
    pub(super) fn extent(&self, now: Instant) -> Extent {
        if self.seen == Seen::Whole && now < self.due_at { Extent::Tables } else { Extent::Whole }
    }

    /// The kernel was looked at, so much of it; that began at `began`.
    pub(super) fn looked(&mut self, kernel: Kernel, extent: Extent, began: Instant, now: Instant) {
        let last = std::mem::replace(&mut self.kernel, kernel);
        match extent {
            Extent::Whole => self.seen = Seen::Whole,
            Extent::Tables => {
                let tables = self.settings.tables(&last);
                self.kernel.links = last.links;
                self.kernel
                    .routes
                    .extend(last.routes.into_iter().filter(|(key, _)| !tables.contains(&key.table)));
            }
        }
        if self.failures.is_empty() {
            self.retry_wait = RETRY;
        }
        self.failures.clear();
        self.count_repairs();
        self.rested(began, now);
    }

    /// It could not be looked at.
    pub(super) fn not_looked(&mut self, began: Instant, now: Instant) {
        self.rested(began, now);
        self.retry_later(now);
    }

    /// What was seen of interfaces may be so no longer.
    fn doubt(&mut self) {
        if self.seen == Seen::Whole {
            self.seen = Seen::Doubtful;
        }
    }

    fn rested(&mut self, began: Instant, now: Instant) {
        self.changed_at = None;
        self.retry_at = None;
        self.rested_at = now + REST.max((now - began) * REST_FACTOR);
        self.due_at = now + PERIOD;
    }

    /// The kernel tells of a change that is not ours. Of interfaces the news is taken in; all else is looked at.
    pub(super) fn changed(&mut self, change: Change, now: Instant) {
        let concerns = match change {
            Change::Link(index, link) => {
                // Also where it looks the same: one that was set down has lost its routes, which the kernel does not tell.
                let concerns = self.is_used(index) || self.is_awaited(&link);
                self.kernel.links.insert(index, link);
                concerns
            }
            Change::LinkGone(index) => {
                let concerns = self.is_used(index);
                self.kernel.links.remove(index);
                concerns
            }
            Change::Route(key, protocol) => {
                protocol == self.settings.protocol
                    || Prefix::new(key.prefix).is_ok_and(|prefix| self.wants.contains_key(&prefix))
            }
            Change::Neighbor(key, protocol) => {
                protocol == self.settings.protocol || self.kernel.neighbors.contains_key(&key)
            }
            Change::Rule => true,
            Change::Missed => {
                self.doubt();
                true
            }
        };
        if concerns {
            self.changed_at.get_or_insert(now + GATHER);
        }
    }

    /// When to look at the kernel; not before the last look has been rested from.
    pub(super) fn look_at(&self) -> Instant {
        let wanted = [self.changed_at, self.retry_at].into_iter().flatten().min();
        wanted.map_or(self.due_at, |wanted| wanted.max(self.rested_at).min(self.due_at.max(self.rested_at)))
    }

    /// What is to be done now, at most `most` of it.
    pub(super) fn operations(&self, most: usize) -> Vec<Operation> {
        if self.seen == Seen::Nothing {
            return Vec::new();
        }
        let goal = self.goal();
        let keep = |prefix| {
            let want = Prefix::new(prefix).ok().and_then(|prefix| self.wants.get(&prefix));
            !self.clearing && matches!(want, Some(Want::Unclear))
        };
        let complete = self.complete || self.clearing;
        let mut operations =
            difference::operations(&goal, &self.kernel, self.settings.protocol, complete, keep);
        operations.retain(|operation| !self.failures.contains_key(&operation.entry()));
        operations.truncate(most);
        operations
    }

    /// What became of an operation.
    pub(super) fn done(&mut self, operation: &Operation, result: Result<(), Refusal>, now: Instant) {
        match result {
            Err(refusal) if !(operation.removes() && refusal.is_gone) => {
                self.failures.insert(operation.entry(), refusal.words);
                self.retry_later(now);
            }
            Ok(()) | Err(_) => self.take_in(operation),
        }
    }

    /// How the addresses stand that stand otherwise than when this was asked last, or were ordered about since.
    pub(super) fn news(&mut self) -> Vec<(Prefix, Option<Stand>)> {
        let mut stands = BTreeMap::new();
        for (prefix, want) in &self.wants {
            if let Want::Here(wanted) = want {
                stands.insert(*prefix, self.stand(*prefix, wanted));
            }
        }
        let last = std::mem::replace(&mut self.told, stands);
        let mut concerned = std::mem::take(&mut self.due);
        concerned.extend(last.keys().filter(|prefix| !self.told.contains_key(*prefix)));
        let changed = self.told.iter().filter(|(prefix, stand)| last.get(*prefix) != Some(*stand));
        concerned.extend(changed.map(|(prefix, _)| *prefix));
        concerned.into_iter().map(|prefix| (prefix, self.told.get(&prefix).cloned())).collect()
    }

    /// The interfaces behind which there are VMs, each with the tap.
    pub(super) fn devices(&self) -> Vec<(Index, Index)> {
        let taps = self.wants.values().filter_map(|want| match want {
            Want::Here(wanted) => self.kernel.links.named(&wanted.tap),
            Want::Nothing | Want::Unclear => None,
        });
        taps.map(|(tap, _)| (self.kernel.links.device(tap), tap)).collect()
    }

    /// Whether what was to be cleared is gone, or can't be removed.
    pub(super) fn is_cleared(&self) -> bool {
        self.clearing && self.seen != Seen::Nothing && self.operations(1).is_empty()
    }

    fn stand(&self, prefix: Prefix, wanted: &Wanted) -> Stand {
        let without = |state, error| Stand { wanted: wanted.clone(), state, device: None, error };
        if self.seen == Seen::Nothing || self.clearing {
            return without(StandState::Pending, None);
        }
        let placement = match placement(prefix, wanted, &self.settings, &self.kernel) {
            Ok(placement) => placement,
            Err(error) => return without(StandState::Failed, Some(error.to_string())),
        };
        let mut stand = standing::stand(&placement, wanted, &self.settings, &self.kernel, &self.failures);
        // A VM that waits is reached by packets from the uplinks only, and those by the rules only.
        if stand.state == StandState::Transit
            && !standing::is_led(prefix.is_ipv6(), &self.settings, &self.kernel)
        {
            stand.error = self.failure();
            stand.state = if stand.error.is_some() { StandState::Failed } else { StandState::Pending };
        }
        stand
    }

    fn goal(&self) -> Goal {
        let mut goal = Goal::default();
        if self.clearing {
            return goal;
        }
        for (prefix, want) in &self.wants {
            let Want::Here(wanted) = want else { continue };
            if let Ok(placement) = placement(*prefix, wanted, &self.settings, &self.kernel) {
                goal.add(&placement);
            }
        }
        if self.complete {
            goal.add_frame(&self.settings);
        }
        goal
    }

    fn take_in(&mut self, operation: &Operation) {
        let protocol = self.settings.protocol;
        let Kernel { routes, neighbors, rules, .. } = &mut self.kernel;
        match operation {
            Operation::SetNeighbor(key, mac) => {
                neighbors.insert(*key, Neighbor { protocol, mac: Some(*mac), permanent: true });
            }
            Operation::RemoveNeighbor(key) => {
                neighbors.remove(key);
            }
            Operation::AddRoute(key, target) => {
                let device = match target {
                    Target::Device { index, .. } => Some(*index),
                    Target::Blackhole | Target::Other => None,
                };
                let route = Route { protocol, metric: metric(key.prefix), target: *target, device };
                routes.entry(*key).or_default().push(route);
            }
            Operation::RemoveRoute(key, metric) => {
                if let Some(found) = routes.get_mut(key) {
                    found.retain(|route| route.protocol != protocol || route.metric != *metric);
                    if found.is_empty() {
                        routes.remove(key);
                    }
                }
            }
            Operation::AddRule(rule) => {
                rules.insert(rule.clone());
            }
            Operation::RemoveRule(rule) => {
                rules.remove(rule);
            }
        }
    }

    fn retry_later(&mut self, now: Instant) {
        if self.retry_at.is_none() {
            self.retry_at = Some(now + self.retry_wait);
            self.retry_wait = (self.retry_wait * 2).min(RETRY_MAX);
        }
    }

    fn is_used(&self, index: Index) -> bool {
        let leads_there =
            |route: &Route| route.protocol == self.settings.protocol && route.device == Some(index);
        self.kernel.routes.values().flatten().any(leads_there)
            || self.kernel.links.get(index).is_some_and(|link| self.is_awaited(link))
    }

    fn is_awaited(&self, link: &Link) -> bool {
        let of_vm = self.wants.values().any(|want| match want {
            Want::Here(wanted) => wanted.tap == link.name,
            Want::Nothing | Want::Unclear => false,
        });
        of_vm || link.vrf_table.is_some() || self.settings.uplinks.contains(&link.name)
    }
}
