//! What is told of the whole: what is wrong with it, what others have in the way, and how often they took away what stood.

use super::{Reconciler, Stand, standing};
use crate::host_routes::{Conflict, StandState, Want};
use crate::route::Prefix;

impl Reconciler {
    /// Routes of others for addresses of VMs that are here.
    pub(in crate::host_routes) fn conflicts(&self) -> Vec<Conflict> {
        let here =
            self.wants.iter().filter(|(_, want)| matches!(want, Want::Here(_))).map(|(prefix, _)| *prefix);
        standing::conflicts(here, &self.settings, &self.kernel)
    }

    /// What is wrong with all of it.
    pub(in crate::host_routes) fn failure(&self) -> Option<String> {
        standing::frame_failure(&self.settings, &self.kernel, &self.failures)
    }

    /// How often an address that stood as wanted was found without something that is ours.
    pub(in crate::host_routes) const fn repairs(&self) -> u64 {
        self.repairs
    }

    /// The kernel was looked at just now: counts the addresses that stood as wanted when it was last told, and do not any
    /// more. One of which something else is wanted meanwhile is none of them.
    pub(super) fn count_repairs(&mut self) {
        let is_taken = |(prefix, told): &(&Prefix, &Stand)| {
            let stood = matches!(told.state, StandState::Placed | StandState::Transit);
            let same = matches!(self.wants.get(prefix), Some(Want::Here(wanted)) if *wanted == told.wanted);
            stood && same && self.stand(**prefix, &told.wanted).state == StandState::Pending
        };
        let taken = self.told.iter().filter(is_taken).count();
        self.repairs += u64::try_from(taken).unwrap_or(u64::MAX);
    }
}
