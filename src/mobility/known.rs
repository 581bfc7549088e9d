//! What the published view may see of the VMs.

use std::sync::Arc;
use std::time::Instant;

use super::{Cause, Mobility, Track};
use crate::config::Vm;
use crate::route::Prefix;
use crate::vm::{Presence, Uuid, VmName, VmState};

/// What is known of one VM, for the published view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// libvirt's identity of it.
    pub uuid: Uuid,
    /// libvirt's name of it.
    pub name: &'a VmName,
    /// The configured VM that it is, if it is one.
    pub vm: Option<&'a Arc<Vm>>,
    /// How far it is here.
    pub presence: Presence,
    /// Since when.
    pub since: Instant,
    /// What made it so.
    pub cause: Option<Cause>,
    /// What did before time alone passed: of a VM that has settled, why it executes here.
    pub told_by: Option<Cause>,
    /// The state that libvirt told last, by a list or a look; an event since then may have overtaken it.
    pub state: Option<VmState>,
}

impl Mobility {
    /// Every VM that libvirt has told of, by identity.
    pub fn known(&self) -> impl Iterator<Item = Known<'_>> {
        self.tracks.values().filter_map(|track| self.known_track(track))
    }

    /// What is known of a configured VM; of several domains that claim it, the one that decides its routes.
    pub fn known_vm(&self, vm: &VmName) -> Option<Known<'_>> {
        self.deciding_track(vm).and_then(|track| self.known_track(track))
    }

    /// What is known of one domain.
    pub fn known_domain(&self, uuid: Uuid) -> Option<Known<'_>> {
        self.tracks.get(&uuid).and_then(|track| self.known_track(track))
    }

    /// The managed VM to which this prefix belongs.
    pub fn owner(&self, prefix: Prefix) -> Option<&VmName> {
        self.owners.get(&prefix)
    }

    fn known_track<'a>(&'a self, track: &'a Track) -> Option<Known<'a>> {
        let (cause, told_by) = track.causes();
        Some(Known {
            cause,
            told_by,
            uuid: track.uuid,
            name: &track.name,
            vm: self.vm_of(track.uuid, &track.name),
            presence: track.presence?,
            since: track.since,
            state: track.state,
        })
    }
}
