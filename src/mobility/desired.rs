//! Presence to rung to routes.

use std::sync::Arc;

use super::{Mobility, Track};
use crate::config::{self, Bgp, Config, Frozen, Vm};
use crate::route::{Attributes, NextHop, Prefix, Route, Rung};
use crate::vm::{Presence, VmName};

/// The rung on which a VM of that presence stands, as far as libvirt's word can be relied on; `None`: it has no route.
pub const fn rung_of(presence: Presence, settings: &config::Mobility) -> Option<Rung> {
    Some(match presence {
        Presence::Arrived => Rung::Arrived,
        Presence::Present => Rung::Active,
        Presence::Incoming if settings.standby => Rung::Standby,
        Presence::Incoming | Presence::Absent => return None,
        Presence::Departing => Rung::Leaving,
        Presence::Frozen => match settings.frozen {
            Frozen::Standby => Rung::Standby,
            Frozen::Active => Rung::Active,
            Frozen::Withdraw => return None,
        },
    })
}

/// The attributes of a VM's routes on a rung.
pub(super) fn attributes_on(rung: Rung, vm: &Vm, bgp: &Bgp) -> Attributes {
    bgp.ladder.attributes(rung, &vm.attributes, &bgp.attributes)
}

/// What may be announced of a VM, and by which next hop.
pub(super) fn reachable<'a>(
    config: &'a Config,
    vm: &'a Vm,
) -> impl Iterator<Item = (Prefix, NextHop)> + use<'a> {
    let allowed = vm.service_ips.iter().copied().filter(|prefix| is_allowed(&config.bgp, *prefix));
    allowed.filter_map(|prefix| Some((prefix, next_hop(&config.bgp, prefix)?)))
}

/// The configuration has checked it; this is the last line before the wire.
fn is_allowed(bgp: &Bgp, prefix: Prefix) -> bool {
    match &bgp.allowed_prefixes {
        Some(allowed) => allowed.iter().any(|network| network.contains(&prefix.network())),
        None => true,
    }
}

const fn next_hop(bgp: &Bgp, prefix: Prefix) -> Option<NextHop> {
    if prefix.is_ipv6() { bgp.next_hop_v6 } else { Some(bgp.next_hop) }
}

impl Mobility {
    /// The rung on which a configured VM's routes are to stand; `None`: it has none.
    pub fn rung(&self, vm: &VmName) -> Option<Rung> {
        if self.config.hold.contains(vm) {
            return None;
        }
        match self.deciding_track(vm) {
            Some(track) => self.rung_of_track(track),
            // Before the first list all that is known is what stood before this agent, and that is kept.
            None if !self.watch.is_listed() => self.config.vms.get(vm).and_then(|vm| self.found_rung(vm)),
            None => None,
        }
    }

    /// The routes that a configured VM is to have; empty: none.
    pub fn routes(&self, vm: &VmName) -> Vec<Route> {
        let (Some(rung), Some(vm)) = (self.rung(vm), self.config.vms.get(vm)) else { return Vec::new() };
        let on = |rung| Arc::new(attributes_on(rung, vm, &self.config.bgp));
        let attributes = on(rung);
        let unsure = (rung < Rung::Unsure).then(|| on(Rung::Unsure));
        let settled = (rung == Rung::Arrived).then(|| on(Rung::Active));
        reachable(&self.config, vm)
            .map(|(prefix, next_hop)| Route {
                prefix,
                vm: vm.name.clone(),
                rung,
                next_hop,
                attributes: Arc::clone(&attributes),
                unsure: unsure.clone(),
                settled: settled.clone(),
            })
            .collect()
    }

    /// The prefixes of which a configured VM has routes when it has any.
    pub fn prefixes(&self, vm: &VmName) -> Vec<Prefix> {
        if self.config.hold.contains(vm) {
            return Vec::new();
        }
        let vm = self.config.vms.get(vm);
        vm.into_iter().flat_map(|vm| reachable(&self.config, vm)).map(|(prefix, _)| prefix).collect()
    }

    /// Of the domains that claim a VM, the one that decides: normally there is one.
    pub(super) fn deciding_track(&self, vm: &VmName) -> Option<&Track> {
        self.claims
            .get(vm)?
            .iter()
            .filter_map(|uuid| self.tracks.get(uuid))
            .filter(|track| track.presence.is_some())
            .min_by_key(|track| (self.rung_of_track(track).map_or(u32::MAX, Rung::number), track.uuid))
    }

    fn rung_of_track(&self, track: &Track) -> Option<Rung> {
        let rung = rung_of(track.presence?, &self.config.mobility)?;
        Some(rung.max(self.watch.best_rung(track.informed_at)))
    }

    fn found_rung(&self, vm: &Vm) -> Option<Rung> {
        let found = vm.service_ips.iter().filter_map(|prefix| self.found.get(prefix)).min().copied()?;
        Some(found.max(self.watch.best_rung(None)))
    }
}
