//! Which configured VM a domain is, through renames and under pins, and what its addresses stood on before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::track::{Found, Track};
use super::{Effects, Mobility};
use crate::config::{Config, Vm};
use crate::vm::{DefinedDetail, LifecycleKind, Presence, Sighting, Uuid, VmName};

/// The VMs that are one domain only, by its identity.
pub(super) fn pins(config: &Config) -> BTreeMap<Uuid, VmName> {
    config.vms.values().filter_map(|vm| Some((vm.uuid?, vm.name.clone()))).collect()
}

/// The configured VM that a domain is: by its uuid where one is pinned, else by name. The pins are those of the configuration.
pub(super) fn vm_of<'a>(
    config: &'a Config,
    pins: &BTreeMap<Uuid, VmName>,
    uuid: Uuid,
    name: &VmName,
) -> Option<&'a Arc<Vm>> {
    match pins.get(&uuid) {
        Some(pinned) => config.vms.get(pinned),
        None => config.vms.get(name).filter(|vm| vm.uuid.is_none()),
    }
}

impl Mobility {
    /// The configured VM that a domain is.
    pub(super) fn vm_of(&self, uuid: Uuid, name: &VmName) -> Option<&Arc<Vm>> {
        vm_of(&self.config, &self.pins, uuid, name)
    }

    pub(super) fn presence_of(&self, uuid: Uuid) -> Option<Presence> {
        self.tracks.get(&uuid).and_then(|track| track.presence)
    }

    /// The best rung on which the VM's addresses stood when this agent's life began.
    pub(super) fn found_for(&self, uuid: Uuid) -> Found {
        let vm = self.tracks.get(&uuid).and_then(|track| self.vm_of(uuid, &track.name));
        let rung = vm.and_then(|vm| vm.service_ips.iter().filter_map(|ip| self.found.get(ip)).min());
        Found { rung: rung.copied() }
    }

    /// Of what a list shows for the first time, the rungs that its addresses stand on: those before this agent's
    /// life with the first list, and afterwards those that this agent has put there for another domain of the same VM.
    pub(super) fn inherited(&self, vms: &[Sighting], first: bool) -> BTreeMap<Uuid, Found> {
        let new = vms.iter().filter(|sighting| self.presence_of(sighting.uuid).is_none());
        new.filter_map(|sighting| {
            let vm = self.vm_of(sighting.uuid, &sighting.name);
            let rung = match vm {
                Some(vm) if first => vm.service_ips.iter().filter_map(|ip| self.found.get(ip)).min().copied(),
                Some(vm) => self.rung(&vm.name),
                None => None,
            };
            (first || rung.is_some()).then_some((sighting.uuid, Found { rung }))
        })
        .collect()
    }

    /// Opens a track for a VM that is new, and follows a rename.
    pub(super) fn name_track(
        &mut self,
        uuid: Uuid,
        name: &VmName,
        kind: LifecycleKind,
        at: Instant,
        effects: &mut Effects,
    ) {
        if let Some(track) = self.tracks.get(&uuid) {
            // UNDEFINED/RENAMED carries the old name and follows or precedes DEFINED/RENAMED with the new one.
            if track.name == *name || matches!(kind, LifecycleKind::Undefined(_)) {
                return;
            }
            self.unclaim(uuid, effects);
        }
        let track = self.tracks.entry(uuid).or_insert_with(|| Track::new(uuid, name.clone(), at));
        track.name = name.clone();
        self.claim(uuid, effects);
    }

    pub(super) fn claim(&mut self, uuid: Uuid, effects: &mut Effects) {
        let vm = self.tracks.get(&uuid).and_then(|track| self.vm_of(uuid, &track.name));
        if let Some(vm) = vm.map(|vm| vm.name.clone()) {
            effects.touched.insert(vm.clone());
            self.claims.entry(vm).or_default().insert(uuid);
        }
    }

    pub(super) fn unclaim(&mut self, uuid: Uuid, effects: &mut Effects) {
        let vm = self.tracks.get(&uuid).and_then(|track| self.vm_of(uuid, &track.name));
        if let Some(vm) = vm.map(|vm| vm.name.clone()) {
            if let Some(claimants) = self.claims.get_mut(&vm) {
                claimants.remove(&uuid);
                if claimants.is_empty() {
                    self.claims.remove(&vm);
                }
            }
            effects.touched.insert(vm);
        }
    }

    pub(super) fn name_sighted(&mut self, sighting: &Sighting, asked_at: Instant, effects: &mut Effects) {
        let newer = self
            .tracks
            .get(&sighting.uuid)
            .is_some_and(|track| track.informed_at.is_some_and(|informed| informed > asked_at));
        if !newer {
            let kind = LifecycleKind::Defined(DefinedDetail::Updated);
            self.name_track(sighting.uuid, &sighting.name, kind, asked_at, effects);
        }
    }
}
