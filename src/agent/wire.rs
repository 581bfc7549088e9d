//! What the agent makes of UPDATEs: confirmations and contradictions of its own routes, and others' paths.

use std::sync::Arc;

use tracing::{debug, info, warn};

use super::Agent;
use super::conflicts::Change;
use crate::exabgp::WireReport;
use crate::route::Prefix;
use crate::snapshot::ConflictView;

impl Agent {
    pub(super) fn wire(&mut self, report: WireReport) {
        match report {
            WireReport::Confirmed { prefix, at } => {
                debug!(%prefix, "every neighbor was told");
                self.plan.confirmed(prefix, at);
                self.publisher.stale_prefix(prefix);
                self.send();
            }
            WireReport::Contradicted { prefix, neighbor, told, again } => {
                if !self.plan.contradicted(prefix) {
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
            WireReport::Offered { neighbor, prefix, path, at: _ } => {
                self.offers.offered(neighbor, prefix, path);
                self.judge_offers([prefix]);
            }
        }
    }

    /// Judges anew what neighbors offer for these.
    pub(super) fn judge_offers(&mut self, prefixes: impl IntoIterator<Item = Prefix>) {
        if self.offers.is_empty() {
            return;
        }
        let now = self.clock.stamp(std::time::Instant::now());
        for prefix in prefixes {
            let Some(vm) = self.mobility.owner(prefix) else { continue };
            self.offers.judge(prefix, vm, self.mobility.rung(vm), now).iter().for_each(log);
        }
        let view = self.offers.view();
        if view != *self.conflicts {
            self.conflicts = Arc::new(view);
            self.changed();
        }
    }
}

fn log(change: &Change) {
    match change {
        Change::Began(ConflictView { prefix, vm, neighbor, preference, marked_by, .. }) => {
            let preference = preference.map_or("no mark", |rung| rung.name());
            warn!(%vm, %prefix, %neighbor, preference, marked_by, "another host announces a VM that executes here");
        }
        Change::Ended(ConflictView { prefix, vm, neighbor, .. }) => {
            info!(%vm, %prefix, %neighbor, "no other host announces the VM to this neighbor any more");
        }
    }
}
