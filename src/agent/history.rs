//! What is remembered: the last events, and the last migrations with their phases.
//!
//! While a message is handled, facts are only noted; they are made into events and phases when its steps are written,
//! because nothing may stand between an event and its command. What changes in masses (routes, host routes, conflicts,
//! the VMs of a first list) has a budget: beyond it changes are told in sums, so that the start of a host with 10,000
//! routes pushes nothing else out of the log.

mod budget;
mod changes;
mod migrations;
mod readiness;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::clock::Clock;
use super::conflicts::Change;
use crate::mobility::{Cause, Course, Courses, Mobility, Move, Stand, Transition};
use crate::route::Prefix;
use crate::snapshot::{self, Mass, MigrationView, NotReady, What};
use crate::vm::VmName;
use budget::Budget;
pub(super) use changes::RouteChange;
use migrations::Migrations;
use readiness::Readiness;

/// Something that was noted while a message was handled.
#[derive(Debug)]
pub(super) enum Fact {
    /// It is an event as it stands.
    Happened { at: Instant, what: What },
    /// A VM's presence changed.
    Changed(Transition),
    /// libvirt told something about a migration.
    Moved(Move),
    /// ExaBGP has acknowledged a step.
    Settled { prefix: Prefix, stand: Stand, written_at: Instant, at: Instant },
    /// Every neighbor that is up was told what was acknowledged last.
    Confirmed { prefix: Prefix, at: Instant },
}

/// The memory of the agent.
#[derive(Debug)]
pub(super) struct History {
    pub(super) events: snapshot::History,
    pub(super) migrations: Migrations,
    noted: Vec<Fact>,
    courses: Courses,
    budget: Budget,
    sums: BTreeMap<(Mass, Option<&'static str>, Option<&'static str>), usize>,
    readiness: Readiness,
}

impl History {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            events: snapshot::History::default(),
            migrations: Migrations::default(),
            noted: Vec::new(),
            courses: Courses::default(),
            budget: Budget::new(now),
            sums: BTreeMap::new(),
            readiness: Readiness::default(),
        }
    }

    /// Notes a fact.
    pub(super) fn note(&mut self, fact: Fact) {
        self.noted.push(fact);
    }

    /// Notes what happened.
    pub(super) fn happened(&mut self, what: What, at: Instant) {
        self.note(Fact::Happened { at, what });
    }

    /// Makes events and phases of what was noted. Gives the migrations that changed.
    pub(super) fn record(&mut self, mobility: &Mobility, clock: &Clock) -> Vec<Arc<MigrationView>> {
        let mut changed = Vec::new();
        for fact in std::mem::take(&mut self.noted) {
            match fact {
                Fact::Happened { at, what } => self.events.push(clock.stamp(at), None, None, what),
                Fact::Changed(transition) => self.transition(&transition, clock),
                Fact::Moved(told) => {
                    let prefixes = told.vm.as_ref().map(|vm| mobility.prefixes(vm)).unwrap_or_default();
                    for course in self.courses.told(&told, &prefixes) {
                        let view = self.migrations.put(&course, clock);
                        self.migration(&course, &view, clock);
                        changed.push(view);
                    }
                }
                Fact::Settled { prefix, stand, written_at, at } => {
                    let course = self.courses.settled(prefix, stand, written_at, at);
                    changed.extend(course.map(|course| self.migrations.put(&course, clock)));
                }
                Fact::Confirmed { prefix, at } => {
                    let course = self.courses.confirmed(prefix, at);
                    changed.extend(course.map(|course| self.migrations.put(&course, clock)));
                }
            }
        }
        changed
    }

    /// Records what has become of routes.
    pub(super) fn routes(&mut self, changes: Vec<RouteChange>, clock: &Clock, now: Instant) {
        for RouteChange { prefix, vm, what } in changes {
            self.in_mass(vm, Some(prefix), what, clock, now);
        }
    }

    /// Records conflicts that began or ended.
    pub(super) fn conflicts(&mut self, changes: &[Change], clock: &Clock, now: Instant) {
        for change in changes {
            let (view, open) = match change {
                Change::Began(view) => (view, true),
                Change::Ended(view) => (view, false),
            };
            let what = What::Conflict { neighbor: view.neighbor, open };
            self.in_mass(Some(view.vm.clone()), Some(view.prefix), what, clock, now);
        }
    }

    /// Records that the agent became ready, or is no longer.
    pub(super) fn readiness(&mut self, reasons: &[NotReady], clock: &Clock, now: Instant) {
        if let Some(ready) = self.readiness.judge(reasons, now) {
            let what = What::Ready { ready, reasons: reasons.to_vec() };
            self.events.push(clock.stamp(now), None, None, what);
        }
    }

    /// Records the sums of what was not told one by one since the last call.
    pub(super) fn sum_up(&mut self, clock: &Clock, now: Instant) {
        for ((of, from, to), count) in std::mem::take(&mut self.sums) {
            self.events.push(clock.stamp(now), None, None, What::Bulk { of, count, from, to });
        }
    }

    /// When [`Self::readiness`] has something to say although nothing has changed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.readiness.deadline()
    }

    fn transition(&mut self, transition: &Transition, clock: &Clock) {
        let Transition { uuid, name, vm, from, to, cause, at } = transition;
        let what = What::Presence {
            uuid: *uuid,
            managed: vm.is_some(),
            from: *from,
            to: *to,
            cause: cause.to_string(),
        };
        let name = vm.as_ref().unwrap_or(name).clone();
        // What is found by a list was there before.
        if from.is_none() && matches!(cause, Cause::Listed(_)) {
            self.in_mass(Some(name), None, what, clock, *at);
        } else {
            self.events.push(clock.stamp(*at), Some(name), None, what);
        }
    }

    /// A migration began or ended.
    fn migration(&mut self, course: &Course, view: &MigrationView, clock: &Clock) {
        let at = clock.stamp(course.ended_at.unwrap_or(course.started_at));
        let (id, direction, started_at) = (view.id, view.direction, view.started_at);
        let what = What::Migration { id, direction, outcome: view.outcome, started_at };
        self.events.push(at, Some(view.vm.clone()), None, what);
    }

    /// Records one of many, as long as there is room for it.
    fn in_mass(
        &mut self,
        vm: Option<VmName>,
        prefix: Option<Prefix>,
        what: What,
        clock: &Clock,
        now: Instant,
    ) {
        match changes::mass(&what) {
            Some(sum) if !self.budget.take(now) => *self.sums.entry(sum).or_default() += 1,
            Some(_) | None => self.events.push(clock.stamp(now), vm, prefix, what),
        }
    }
}
