//! What is published and logged of host routes.

use tracing::{info, warn};

use super::HostRoutes;
use crate::host_routes::{Conflict, Overall, Stand, StandState, Standing, Want};
use crate::mobility::Mobility;
use crate::route::Prefix;
use crate::snapshot::{HostRouteConflict, HostRouteState, HostRouteView, HostRoutesStatus, NotReady};

impl HostRoutes {
    /// How the address stands, for the published view; `None` where nothing is wanted or left there.
    pub(in crate::agent) fn view(&self, prefix: Prefix) -> Option<HostRouteView> {
        if let Some(fault) = self.faults.get(&prefix) {
            let error = Some(fault.clone());
            return Some(match self.wants.get(&prefix) {
                Some(Want::Here(_)) => HostRouteView { error, ..self.standing(prefix)? },
                Some(Want::Unclear) => HostRouteView { state: HostRouteState::Pending, device: None, error },
                Some(Want::Nothing) | None => {
                    HostRouteView { state: HostRouteState::Failed, device: None, error }
                }
            });
        }
        self.standing(prefix)
    }

    fn standing(&self, prefix: Prefix) -> Option<HostRouteView> {
        let stand = self.stands.get(&prefix)?;
        Some(HostRouteView {
            state: match stand.state {
                StandState::Pending => HostRouteState::Pending,
                StandState::Placed => HostRouteState::Placed,
                StandState::Transit => HostRouteState::Transit,
                StandState::Failed => HostRouteState::Failed,
            },
            device: stand.device.as_ref().map(ToString::to_string),
            error: stand.error.clone(),
        })
    }

    /// `status.host_routes`
    pub(in crate::agent) fn status(&self, mobility: &Mobility) -> HostRoutesStatus {
        let Overall { error, conflicts, repairs, warnings } = &self.overall;
        let conflict = |conflict: &Conflict| HostRouteConflict {
            prefix: conflict.prefix,
            vm: mobility.owner(conflict.prefix).cloned(),
            table: conflict.table,
            protocol: conflict.protocol,
            metric: conflict.metric,
            device: conflict.device.as_ref().map(ToString::to_string),
        };
        HostRoutesStatus {
            enabled: true,
            error: error.clone(),
            conflicts: conflicts.iter().map(conflict).collect(),
            repairs: *repairs,
            warnings: warnings.clone(),
        }
    }

    /// Why the agent is not ready on account of the kernel.
    pub(in crate::agent) fn not_ready(&self, mobility: &Mobility) -> Option<NotReady> {
        let part = "host_routes";
        if let Some(error) = &self.overall.error {
            return Some(NotReady { part, reason: error.clone() });
        }
        let failing = |(prefix, stand): (&Prefix, &Stand)| {
            let leaves = stand.wanted.standing == Standing::Waits && self.free.contains(prefix);
            (stand.state == StandState::Failed && !leaves)
                .then(|| (*prefix, stand.error.clone().unwrap_or_default()))
        };
        let faults = self.faults.iter().map(|(prefix, fault)| (*prefix, fault.clone()));
        let mut all = faults.chain(self.stands.iter().filter_map(failing));
        let (prefix, error) = all.next()?;
        let others = match all.count() {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        let vm = mobility.owner(prefix).map_or_else(String::new, |vm| format!(" of {vm}"));
        Some(NotReady {
            part,
            reason: format!("{prefix}{vm} has not the host route that it should have: {error}{others}"),
        })
    }

    pub(super) fn log(&self, overall: &Overall) {
        match (&self.overall.error, &overall.error) {
            (last, Some(error)) if last.as_ref() != Some(error) => warn!(%error, "host routes can't be kept"),
            (Some(_), None) => info!("host routes are kept again"),
            (_, _) => {}
        }
        for warning in overall.warnings.iter().filter(|warning| !self.overall.warnings.contains(warning)) {
            warn!(%warning, "this host makes migrations stall");
        }
        for conflict in overall.conflicts.iter().filter(|conflict| !self.overall.conflicts.contains(conflict))
        {
            let (prefix, table, protocol) = (conflict.prefix, conflict.table, conflict.protocol);
            warn!(%prefix, table, protocol, "somebody else has a route for the address of a VM that is here");
        }
    }
}
