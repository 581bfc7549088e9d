//! The whole chain in one sentence: where the VM is, what is announced, and what is wrong.

use super::super::{LibvirtTrust, RouteState};
use super::Case;
use crate::exabgp::NeighborState;
use crate::vm::Presence;

impl Case<'_> {
    pub(super) fn summary(&self, asked: &str) -> String {
        let Some(vm) = &self.vm else {
            return format!(
                "{}belongs to no VM of the configuration: {}{}.",
                self.within(asked),
                self.announced(false),
                self.trouble()
            );
        };
        let belongs = if *vm.name.as_str() == self.called {
            String::new()
        } else {
            format!("{}belongs to {}: ", self.within(asked), vm.name)
        };
        let presence = match vm.presence {
            Presence::Arrived => "began to execute here a short time ago",
            Presence::Present => "executes here",
            Presence::Incoming => "is being copied to this host",
            Presence::Frozen => "stands still here",
            Presence::Departing => "is leaving this host",
            Presence::Absent
                if vm.domain.is_none() && self.snapshot.libvirt.trust == LibvirtTrust::Unlisted =>
            {
                "has not been looked for yet"
            }
            Presence::Absent => "is not here",
        };
        let announced = if self.is_held() {
            format!("is on the `hold` list, and {}", self.announced(true))
        } else if self.is_mistaken() {
            "has another uuid than the configured one, so nothing is announced for it".to_owned()
        } else if !vm.managed {
            "is not in the configuration, so nothing is announced for it".to_owned()
        } else {
            self.announced(true)
        };
        format!("{belongs}{} {presence}, and {announced}{}.", self.name(), self.trouble())
    }

    /// `198.51.100.64/28 `, or `198.51.100.70 is in 198.51.100.64/28, which ` where that was asked for.
    fn within(&self, asked: &str) -> String {
        let same = asked.parse::<crate::route::Prefix>().is_ok_and(|prefix| self.prefixes.contains(&prefix));
        if same { format!("{} ", self.called) } else { format!("{asked} is in {}, which ", self.called) }
    }

    /// What ExaBGP holds of it; `its`: there is a VM whose routes they are.
    fn announced(&self, its: bool) -> String {
        let count = |state| self.views().filter(|route| route.state == state).count();
        let [pending, announced, withdrawing, failed] = RouteState::ALL.map(count);
        let whose = if its { "its" } else { "a" };
        let routes =
            |count: usize| if count == 1 { format!("{whose} route") } else { format!("{count} routes") };
        let rung = self.views().next().map_or_else(String::new, |route| format!(" `{}`", route.preference));
        let held_back =
            self.views().find(|route| route.state == RouteState::Pending && route.error.is_some());
        match (failed, pending, withdrawing, announced) {
            (0, 0, 0, 0) => "this host announces nothing for it".to_owned(),
            (0, 0, 0, 1..) => format!("this host announces it on the rung{rung}"),
            (0, 0, 1.., _) => format!("{} being withdrawn", are(withdrawing, &routes(withdrawing))),
            (0, 1.., ..) if held_back.is_some() => {
                format!(
                    "{} held back until the kernel's route to it is in place",
                    are(pending, &routes(pending))
                )
            }
            (0, 1.., ..) => {
                format!("{} waiting for ExaBGP's acknowledgement", are(pending, &routes(pending)))
            }
            (1.., ..) if !self.is_wanted() => {
                format!("{} not taken back by ExaBGP, which refuses to", are(failed, &routes(failed)))
            }
            (1.., ..) => format!("{} refused by ExaBGP", are(failed, &routes(failed))),
        }
    }

    /// What an operator must know besides.
    fn trouble(&self) -> String {
        let snapshot = self.snapshot;
        let mut troubles = Vec::new();
        if self
            .prefixes
            .iter()
            .any(|prefix| snapshot.conflicts.open.iter().any(|open| open.prefix == *prefix))
        {
            troubles.push("another host announces it as well (split brain)");
        }
        if !snapshot.libvirt.connected {
            troubles.push("libvirt is out of reach");
        }
        if !snapshot.exabgp.connected {
            troubles.push("ExaBGP does not answer");
        } else if snapshot.exabgp.transport != "print"
            && !snapshot.exabgp.neighbors.iter().any(|neighbor| neighbor.state == NeighborState::Up)
        {
            troubles.push("no BGP session is up");
        }
        let failed =
            self.views().filter_map(|route| route.host_route.as_ref()).any(|route| route.error.is_some());
        if failed {
            troubles.push("the kernel's route to it is not as wanted");
        }
        if troubles.is_empty() { String::new() } else { format!("; but {}", troubles.join(", and ")) }
    }
}

fn are(count: usize, routes: &str) -> String {
    if count == 1 { format!("{routes} is") } else { format!("{routes} are") }
}
