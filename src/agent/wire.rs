//! What the agent makes of UPDATEs: confirmations and contradictions of its own routes, and others' paths.

use std::sync::Arc;

use tracing::{debug, info, warn};

use super::Agent;
use super::conflicts::Change;
use super::history::Fact;
use crate::exabgp::WireReport;
use crate::snapshot::ConflictView;

/// Of how many conflicts that begin or end together each is logged.
const LOGGED: usize = 10;

impl Agent {
    pub(super) fn wire(&mut self, report: WireReport) {
        match report {
            WireReport::Confirmed { prefix, at } => {
                debug!(%prefix, "every neighbor was told");
                self.plan.confirmed(prefix, at);
                self.history.note(Fact::Confirmed { prefix, at });
                self.publisher.stale_prefix(prefix);
                self.send();
            }
            WireReport::Contradicted { prefix, neighbor, told, again } => {
                if !self.plan.contradicted(prefix, again) {
                    return;
                }
                self.health.exabgp.contradictions += 1;
                let wanted = self.mobility.owner(prefix).and_then(|vm| self.mobility.rung(vm));
                let wanted = wanted.map_or("no route", |rung| rung.name());
                let told = match told {
                    None => "a withdrawal".to_owned(),
                    Some((None, _)) => "a route without our mark".to_owned(),
                    Some((Some(rung), med)) => format!("a route on the rung {rung} with MED {med}"),
                };
                if again {
                    debug!(%prefix, %neighbor, told, wanted, "the neighbor was told something else; said again");
                } else {
                    warn!(%prefix, %neighbor, told, wanted, "the neighbor was told something else; said again");
                }
                self.publisher.stale_prefix(prefix);
                self.send();
            }
            WireReport::Missed => self.offers.forget(),
            WireReport::Offered { neighbor, prefix, path, at: _ } => {
                self.offers.offered(neighbor, prefix, path);
            }
        }
    }

    /// Judges anew what neighbors offer.
    pub(super) fn judge_offers(&mut self) {
        let now = self.clock.now();
        let changes = self.offers.judge(&self.mobility, &self.clock, now);
        if changes.is_empty() {
            return;
        }
        changes.iter().take(LOGGED).for_each(log);
        self.history.conflicts(&changes, &self.clock, now);
        if let Some(more) = changes.len().checked_sub(LOGGED).filter(|more| *more > 0) {
            warn!(more, "more VMs that execute here are, or no longer are, announced by other hosts as well");
        }
        self.conflicts = Arc::new(self.offers.view());
        self.changed();
    }
}

fn log(change: &Change) {
    match change {
        Change::Began(ConflictView { prefix, vm, neighbor, preference, marked_by, .. }) => {
            let preference = preference.map_or("no mark", |rung| rung.name());
            warn!(vm = %vm.in_a_log(), %prefix, %neighbor, preference, marked_by, "another host announces a VM that executes here");
        }
        Change::Ended(ConflictView { prefix, vm, neighbor, .. }) => {
            info!(vm = %vm.in_a_log(), %prefix, %neighbor, "no other host announces the VM to this neighbor any more");
        }
    }
}
