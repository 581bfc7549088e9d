//! What the agent counts of the messages that pass it: whole numbers and durations, added to in place.
//!
//! Nothing here waits or allocates on the way from an event to its command: a key that is not there yet is a new neighbor's.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::exabgp::{self, NeighborState};
use crate::libvirt::{self, Answer};
use crate::mobility::Transition;
use crate::plan::{Outcome, Step};
use crate::snapshot::{MigrationView, Snapshot, Tally};

use super::DecidedBy;

/// The tally, and what must be remembered to count rightly.
#[derive(Debug, Default)]
pub(super) struct Counting {
    tally: Tally,
    /// ExaBGP answered last, but what it did is unknown: it was not lost.
    in_doubt: bool,
    epoch: Option<String>,
    up: BTreeSet<IpAddr>,
    /// The last migrations as they were counted, by their number.
    migrations: BTreeMap<u64, Arc<MigrationView>>,
    /// Whether there is nothing behind the commands that acknowledges them.
    prints: bool,
}

impl Counting {
    /// `prints`: commands are written, and nothing acknowledges them.
    pub(super) fn new(prints: bool) -> Self {
        Self { prints, ..Self::default() }
    }

    /// What is to be published: what was, where nothing was counted since.
    pub(super) fn published(&self, last: &Arc<Tally>) -> Arc<Tally> {
        if **last == self.tally { Arc::clone(last) } else { Arc::new(self.tally.clone()) }
    }

    /// libvirt reports.
    pub(super) fn libvirt(&mut self, report: &libvirt::Report) {
        let tally = &mut self.tally.libvirt;
        match report {
            libvirt::Report::Connected { .. } => tally.connections += 1,
            libvirt::Report::Event { event, .. } => {
                *tally.events.entry(event.kind.event_name()).or_default() += 1;
            }
            libvirt::Report::Listed { .. } => tally.lists += 1,
            libvirt::Report::Looked { answer: Answer::Found(_) | Answer::Gone, .. } => tally.looks += 1,
            libvirt::Report::Looked { answer: Answer::Failed(_), .. } => tally.looks_failed += 1,
            libvirt::Report::Overflowed { .. } => tally.overflows += 1,
            libvirt::Report::Devices { .. }
            | libvirt::Report::Nics { .. }
            | libvirt::Report::Disconnected { .. } => {}
        }
    }

    /// ExaBGP reports.
    pub(super) fn exabgp(&mut self, report: &exabgp::Report) {
        let tally = &mut self.tally.exabgp;
        match report {
            exabgp::Report::Ready { epoch, .. } => {
                tally.connections += u64::from(!std::mem::take(&mut self.in_doubt));
                if epoch.is_some() && self.epoch != *epoch {
                    tally.epochs += 1;
                    self.epoch.clone_from(epoch);
                }
            }
            exabgp::Report::Settled { outcome, written_at, at, .. } => {
                tally.refused += u64::from(matches!(outcome, Outcome::Refused(_)));
                if *outcome == Outcome::Acknowledged && !self.prints {
                    tally.acknowledgement.observe(at.saturating_duration_since(*written_at));
                }
            }
            exabgp::Report::InDoubt { .. } => {
                tally.in_doubt += 1;
                self.in_doubt = true;
            }
            exabgp::Report::Lost { .. } => self.in_doubt = false,
            exabgp::Report::Neighbor(neighbor) if neighbor.state == NeighborState::Up => {
                let came_up = self.up.insert(neighbor.address);
                *tally.sessions.entry(neighbor.address).or_default() += u64::from(came_up);
            }
            exabgp::Report::Neighbor(neighbor) => {
                self.up.remove(&neighbor.address);
            }
            exabgp::Report::Wire(_) | exabgp::Report::Unwatched { .. } | exabgp::Report::Gone { .. } => {}
        }
    }

    /// These steps are ordered.
    pub(super) fn ordered(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Announce(route) => {
                    *self.tally.exabgp.announcements.entry(route.rung).or_default() += 1;
                }
                Step::Withdraw { .. } => self.tally.exabgp.withdrawals += 1,
            }
        }
    }

    /// A step was written so long after the event that led to it.
    pub(super) fn written(&mut self, decided_by: DecidedBy, took: Duration) {
        match decided_by {
            DecidedBy::Event => self.tally.exabgp.by_event.observe(took),
            DecidedBy::Look => self.tally.exabgp.by_look.observe(took),
        }
    }

    /// A VM has another presence.
    pub(super) fn changed(&mut self, transition: &Transition) {
        *self.tally.presences.entry(transition.to).or_default() += 1;
    }

    /// A migration stands so now.
    pub(super) fn migration(&mut self, view: &Arc<MigrationView>) {
        let last = self.migrations.insert(view.id, Arc::clone(view));
        // One that was dropped was counted; it does not come back as a new one.
        while self.migrations.len() > Snapshot::MIGRATIONS {
            if self.migrations.pop_first().is_some_and(|(id, _)| id == view.id) {
                return;
            }
        }
        self.tally.migrations.count(last.as_deref(), view);
    }

    /// The configuration was read again.
    pub(super) fn reloaded(&mut self, accepted: bool) {
        if accepted {
            self.tally.reloads_accepted += 1;
        } else {
            self.tally.reloads_refused += 1;
        }
    }
}
