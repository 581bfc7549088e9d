//! Mobility: facts about VMs to presence, preference and desired routes. Pure.
//!
//! [`Mobility`] is fed what libvirt says (events, lists, single looks), what stood before this agent, and
//! the time; it answers which VMs' routes may have changed and which VMs must be looked at. It owns what is
//! known of each VM and nothing else: no runtime, no clock, no log. Called by the agent only.
//!
//! - `verdict.rs`: the decision tables, one for events, one for states.
//! - `track.rs`: what is known of one VM, and how a verdict changes it.
//! - `identity.rs`: which configured VM a domain is.
//! - `desired.rs`: presence to rung to routes; `watch.rs`: how far libvirt's word can be relied on.
//! - `known.rs`: what the published view may see; `reconfigure.rs`: another configuration takes the place of the one that ran;
//!   `difference.rs`: what that would change, told before.
//! - `migration.rs`: which changes of presence are a migration; `course.rs`: the phases that each goes through.
//!
//! An event decides by its own arguments where they suffice, and asks for a look where they don't. A list or
//! a look never overrules an event that is newer than the question. So events in any order, a lost event, an
//! overflow and a restart all end in the same place as a list that is taken last.

mod course;
mod desired;
mod difference;
mod identity;
mod known;
mod migration;
mod reconfigure;
mod track;
mod verdict;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

pub use course::{Course, Courses, Stand};
pub use desired::rung_of;
pub use difference::{Action, AttributeChange, Change, Difference, Resident, Rule, Scope, Side, difference};
pub use known::Known;
pub use migration::{Move, Turn};
pub use reconfigure::Reconfigured;
pub use track::Cause;

use crate::config::Config;
use crate::route::{Prefix, Rung};
use crate::vm::{Lifecycle, MigrationDirection, Presence, Sighting, Uuid, VmName, VmState};
use track::{Found, Track};
use verdict::{Told, Verdict};
use watch::{Silence, Watch};

/// What is known of the VMs on this host.
#[derive(Debug)]
pub struct Mobility {
    config: Arc<Config>,
    pins: BTreeMap<Uuid, VmName>,
    owners: BTreeMap<Prefix, VmName>,
    tracks: BTreeMap<Uuid, Track>,
    claims: BTreeMap<VmName, BTreeSet<Uuid>>,
    /// The migrations that run.
    migrations: BTreeMap<Uuid, MigrationDirection>,
    /// What stood when this agent's life began.
    found: BTreeMap<Prefix, Rung>,
    table_known: bool,
    watch: Watch,
}

/// What the caller has to do after a fact was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// The managed VMs whose routes may have changed.
    pub touched: BTreeSet<VmName>,
    /// The VMs that libvirt must be asked about.
    pub look: BTreeSet<Uuid>,
    /// libvirt must be asked for all of them.
    pub list: bool,
    /// What changed, for logs and history.
    pub transitions: Vec<Transition>,
    /// What it means for migrations, for history.
    pub moves: Vec<Move>,
}

/// A VM's presence changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// libvirt's identity of the VM.
    pub uuid: Uuid,
    /// libvirt's name of it.
    pub name: VmName,
    /// The configured VM that it is, if it is one.
    pub vm: Option<VmName>,
    /// What it was; `None` where nothing was known.
    pub from: Option<Presence>,
    /// What it is.
    pub to: Presence,
    /// What told so.
    pub cause: Cause,
    /// When that was.
    pub at: Instant,
}

impl Mobility {
    /// Knows nothing yet. `now` is when the agent began to be without a list.
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let pins = identity::pins(&config);
        let owners = config
            .vms
            .values()
            .flat_map(|vm| vm.service_ips.iter().map(|prefix| (*prefix, vm.name.clone())))
            .collect();
        Self {
            watch: Watch::new(&config.libvirt, now),
            config,
            pins,
            owners,
            tracks: BTreeMap::new(),
            claims: BTreeMap::new(),
            migrations: BTreeMap::new(),
            found: BTreeMap::new(),
            table_known: false,
        }
    }

    /// A life-cycle event.
    pub fn event(&mut self, event: &Lifecycle) -> Effects {
        let mut effects = Effects::default();
        self.name_track(event.uuid, &event.name, event.kind, event.at, &mut effects);
        let verdict = match verdict::of_event(event.kind) {
            // Of a VM that was started again meanwhile the next event tells, but a withdraw would be quicker.
            Verdict { told: Some(Told::Stands(Presence::Absent)), .. } if self.watch.is_waking(event.at) => {
                Verdict { told: None, look: true }
            }
            verdict => verdict,
        };
        if let Some(told) = verdict.told {
            self.tell(event.uuid, told, Cause::Event(event.kind), event.at, &mut effects);
        }
        if let Some(track) = self.tracks.get_mut(&event.uuid) {
            if verdict.told.is_some() || verdict.look {
                track.informed_at = Some(event.at);
            }
            if verdict.look {
                track.in_doubt = true;
                effects.look.insert(event.uuid);
            } else if verdict.told.is_some() {
                track.in_doubt = false;
                // Nothing waits for this look: it shows the new state, and finds the domain gone that was transient.
                effects.look.insert(event.uuid);
            }
        }
        effects
    }

    /// Every VM that libvirt knows, asked for at `asked_at`.
    pub fn listed(&mut self, asked_at: Instant, vms: &[Sighting]) -> Effects {
        let mut effects = Effects::default();
        let first = !self.watch.is_listed();
        if self.watch.is_lapsed() || first {
            effects.touched.extend(self.everyone());
        } else if self.watch.is_blind() {
            effects.touched.extend(self.arrivals());
        }
        self.watch.listed(asked_at);
        let inherited = self.inherited(vms, first);
        let seen: BTreeSet<Uuid> = vms.iter().map(|sighting| sighting.uuid).collect();
        let vanished: Vec<Uuid> = self.tracks.keys().filter(|uuid| !seen.contains(*uuid)).copied().collect();
        for uuid in vanished {
            self.gone(uuid, asked_at, &mut effects);
        }
        for sighting in vms {
            let found = inherited.get(&sighting.uuid).copied();
            self.see(sighting, asked_at, found, Cause::Listed(sighting.state), &mut effects);
        }
        effects
    }

    /// The answer to a look that was asked for at `asked_at`: the VM, or `None` when libvirt knows no such VM.
    pub fn looked(&mut self, uuid: Uuid, asked_at: Instant, answer: Option<&Sighting>) -> Effects {
        let mut effects = Effects::default();
        match answer {
            Some(sighting) => {
                self.see(sighting, asked_at, None, Cause::Looked(sighting.state), &mut effects);
            }
            None => self.gone(uuid, asked_at, &mut effects),
        }
        effects
    }

    /// What stood of our routes before this agent: what ExaBGP's table shows, and of VMs of which it shows nothing what a relay's
    /// ledger has. That an earlier ExaBGP has told, or nobody yet, so that nobody can tell whether it is so: `unsure` at best.
    pub fn stood(
        &self,
        mut table: BTreeMap<Prefix, Rung>,
        ledger: &BTreeMap<Prefix, Option<Rung>>,
    ) -> BTreeMap<Prefix, Rung> {
        let shown: BTreeSet<&VmName> = table.keys().filter_map(|prefix| self.owners.get(prefix)).collect();
        let standing = ledger.iter().filter_map(|(prefix, rung)| Some((*prefix, (*rung)?)));
        let unshown =
            standing.filter(|(prefix, _)| self.owners.get(prefix).is_some_and(|vm| !shown.contains(vm)));
        table.extend(unshown.map(|(prefix, rung)| (prefix, rung.max(Rung::Unsure))));
        table
    }

    /// What stood of our routes, see [`Self::stood`]. Only what stood first in the agent's life says
    /// anything about the VMs: later it is what this agent put there.
    pub fn found(&mut self, table: BTreeMap<Prefix, Rung>, now: Instant) -> Effects {
        let mut effects = Effects::default();
        if self.table_known {
            return effects;
        }
        self.table_known = true;
        self.found = table;
        effects.touched.extend(self.found.keys().filter_map(|prefix| self.owners.get(prefix)).cloned());
        let unproven: Vec<(Uuid, VmState)> = self
            .tracks
            .values()
            .filter(|track| track.first_sight)
            .filter_map(|track| Some((track.uuid, track.state?)))
            .collect();
        for (uuid, state) in unproven {
            let found = self.found_for(uuid);
            if let Some(track) = self.tracks.get_mut(&uuid) {
                track.presence = None;
                let told = track.first_judgement(state, None, found);
                self.tell(uuid, told, Cause::Listed(state), now, &mut effects);
            }
        }
        effects
    }

    /// Time passes: VMs settle, libvirt stays away, its lease runs out.
    pub fn tick(&mut self, now: Instant) -> Effects {
        let mut effects = Effects::default();
        let settled: Vec<Uuid> = self
            .tracks
            .values()
            .filter(|track| track.settles_at(self.config.mobility.settle).is_some_and(|at| at <= now))
            .map(|track| track.uuid)
            .collect();
        for uuid in settled {
            let before = self.presence_of(uuid);
            if let Some(track) = self.tracks.get_mut(&uuid) {
                track.settle(now);
            }
            self.note(uuid, before, Cause::Settled, now, &mut effects);
        }
        match self.watch.tick(now) {
            Some(Silence::Blind) => effects.touched.extend(self.arrivals()),
            Some(Silence::Lapsed) => effects.touched.extend(self.everyone()),
            Some(Silence::Heard) => effects.list = true,
            None => {}
        }
        effects
    }

    /// When [`Self::tick`] will have something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let settle = self.config.mobility.settle;
        let settling = self.tracks.values().filter_map(|track| track.settles_at(settle)).min();
        [settling, self.watch.deadline()].into_iter().flatten().min()
    }

    /// The configured VMs that are here, or of which something stood before this agent.
    fn everyone(&self) -> BTreeSet<VmName> {
        let found = self.found.keys().filter_map(|prefix| self.owners.get(prefix));
        self.claims.keys().chain(found).cloned().collect()
    }

    /// Those of them that may have a route on `arrived`.
    fn arrivals(&self) -> BTreeSet<VmName> {
        let arrived = self.tracks.values().filter(|track| track.presence == Some(Presence::Arrived));
        let here = arrived.filter_map(|track| Some(&self.vm_of(track.uuid, &track.name)?.name));
        let found = self.found.iter().filter(|(_, rung)| !self.watch.is_listed() && **rung == Rung::Arrived);
        here.chain(found.filter_map(|(prefix, _)| self.owners.get(prefix))).cloned().collect()
    }

    /// A list or a look shows the VM; `found` is what its addresses stand on, where it is shown for the first time.
    fn see(
        &mut self,
        sighting: &Sighting,
        asked_at: Instant,
        found: Option<Found>,
        cause: Cause,
        effects: &mut Effects,
    ) {
        let uuid = sighting.uuid;
        self.name_sighted(sighting, asked_at, effects);
        let Some(track) = self.tracks.get_mut(&uuid) else { return };
        if track.informed_at.is_some_and(|informed| informed > asked_at) {
            // An event overtook the question. If it left a doubt, only a newer answer can settle it.
            if track.in_doubt {
                effects.look.insert(uuid);
            }
            return;
        }
        track.state = Some(sighting.state);
        track.in_doubt = false;
        // Lists alone, however many, leave it to what stood to say what was before.
        track.first_sight |= found.is_some();
        let told = match found {
            Some(found) => track.first_judgement(sighting.state, sighting.role, found),
            None => track.judgement(sighting.state, sighting.role),
        };
        track.informed_at = Some(asked_at);
        if track.guess && sighting.role.is_none() && matches!(cause, Cause::Listed(_)) {
            effects.look.insert(uuid);
        }
        self.tell(uuid, told, cause, asked_at, effects);
    }

    /// libvirt knows no such VM.
    fn gone(&mut self, uuid: Uuid, asked_at: Instant, effects: &mut Effects) {
        let Some(track) = self.tracks.get(&uuid) else { return };
        if track.informed_at.is_some_and(|informed| informed > asked_at) {
            if track.in_doubt {
                effects.look.insert(uuid);
            }
            return;
        }
        self.tell(uuid, Told::Stands(Presence::Absent), Cause::Vanished, asked_at, effects);
        self.unclaim(uuid, effects);
        self.tracks.remove(&uuid);
    }

    fn tell(&mut self, uuid: Uuid, told: Told, cause: Cause, at: Instant, effects: &mut Effects) {
        let before = self.presence_of(uuid);
        let settle = self.config.mobility.settle;
        if let Some(track) = self.tracks.get_mut(&uuid) {
            if !matches!(cause, Cause::Listed(_)) {
                track.first_sight = false;
            }
            if matches!(cause, Cause::Event(_)) {
                track.guess = false;
            }
            track.take(told, at, settle);
        }
        self.note(uuid, before, cause, at, effects);
    }

    /// Records a change of presence, and of the migration that it belongs to.
    fn note(
        &mut self,
        uuid: Uuid,
        before: Option<Presence>,
        cause: Cause,
        at: Instant,
        effects: &mut Effects,
    ) {
        let Some(track) = self.tracks.get(&uuid) else { return };
        let (Some(after), name) = (track.presence, track.name.clone()) else { return };
        let vm = self.vm_of(uuid, &name).map(|vm| vm.name.clone());
        let running = self.migrations.get(&uuid).copied();
        if let Some(turn) = migration::turn(running, cause, before, after) {
            match turn {
                Turn::Begins(direction, _) => drop(self.migrations.insert(uuid, direction)),
                Turn::Ends(..) | Turn::Passed(..) | Turn::Behind => drop(self.migrations.remove(&uuid)),
            }
            effects.moves.push(Move { uuid, name: name.clone(), vm: vm.clone(), turn, at });
        }
        if before != Some(after) {
            if let Some(track) = self.tracks.get_mut(&uuid) {
                track.changed_by(cause);
            }
            effects.touched.extend(vm.clone());
            effects.transitions.push(Transition { uuid, name, vm, from: before, to: after, cause, at });
        }
    }
}

#[cfg(test)]
mod tests;
