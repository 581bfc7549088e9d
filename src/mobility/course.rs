//! The course of each migration: its phases, collected from what libvirt tells and what ExaBGP acknowledges.
//!
//! [`Courses`] is fed facts in the order in which they became known and keeps nothing but the migrations that may still
//! get a phase. A migration is left behind when the next thing becomes of its VM; until then what ExaBGP makes of it
//! counts, however late. Phases that concern routes are those of the *last* of the VM's prefixes. Each phase comes once:
//! the first time counts, and what is acknowledged twice (a repeated withdraw, a repaired announce) is not heard again.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::migration::{Move, Turn};
use crate::route::{Prefix, Rung};
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase, Uuid, VmName};

/// How long after the acknowledgement neighbors may be seen to be told. What is seen later is a repair, or belongs to a
/// session that came up later.
const ECHO: Duration = Duration::from_secs(60);

/// A migration of a VM to or from this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// Its number, from 1 on.
    pub id: u64,
    /// The VM: by its name in the configuration, or else libvirt's.
    pub vm: VmName,
    /// Whether the configuration gives it addresses.
    pub managed: bool,
    /// To this host, or away from it.
    pub direction: MigrationDirection,
    /// When it was first seen: the frozen copy for `In`, the switch-over for `Out`.
    pub started_at: Instant,
    /// When its outcome was known.
    pub ended_at: Option<Instant>,
    /// How it went.
    pub outcome: MigrationOutcome,
    /// What was seen of it, in order of time.
    pub phases: Vec<(MigrationPhase, Instant)>,
    prefixes: Vec<Prefix>,
    /// What is still waited for of its routes.
    goals: Vec<Goal>,
    /// What ExaBGP has acknowledged last of each prefix.
    stands: BTreeMap<Prefix, Stand>,
}

/// What a route's step was about: the rung on which it was announced; `None`: it was withdrawn.
pub type Stand = Option<Rung>;

/// A stand that all of the VM's prefixes are to reach, and the phases that this makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Goal {
    stand: Stand,
    written: Milestone,
    acknowledged: Milestone,
    confirmed: Milestone,
}

/// Prefixes of which something is still to happen; the phase, if it makes one, comes with the last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Milestone {
    phase: Option<MigrationPhase>,
    left: BTreeSet<Prefix>,
    /// The latest of those that are there.
    last: Option<Instant>,
}

/// The migrations that may still get a phase.
#[derive(Debug, Default)]
pub struct Courses {
    last_id: u64,
    open: BTreeMap<Uuid, Course>,
    owners: BTreeMap<Prefix, Uuid>,
}

impl Courses {
    /// At most so many are waited for; the oldest is left behind for one more.
    pub const OPEN: usize = 1_000;

    /// libvirt tells of a migration of a VM whose routes are those to `prefixes`. Gives what is new, oldest first: where
    /// another migration begins before one has ended, that one has failed.
    pub fn told(&mut self, told: &Move, prefixes: &[Prefix]) -> Vec<Course> {
        match told.turn {
            Turn::Begins(direction, phase) => {
                let given_up = self.end(told, MigrationOutcome::Failed, None);
                let begun = self.begin(told, direction, prefixes, phase);
                given_up.into_iter().chain([begun]).collect()
            }
            Turn::Passed(direction, phase) => {
                self.begin(told, direction, prefixes, phase);
                self.end(told, MigrationOutcome::Completed, None).into_iter().collect()
            }
            Turn::Ends(outcome, phase) => self.end(told, outcome, phase).into_iter().collect(),
            Turn::Behind => {
                self.leave_behind(told.uuid);
                Vec::new()
            }
        }
    }

    /// ExaBGP has acknowledged a step that was written at `written_at`.
    pub fn settled(
        &mut self,
        prefix: Prefix,
        stand: Stand,
        written_at: Instant,
        at: Instant,
    ) -> Option<Course> {
        let course = self.of(prefix)?;
        // What was on its way before says nothing.
        if written_at < course.started_at {
            return None;
        }
        course.stands.insert(prefix, stand);
        let goal = course.goals.iter_mut().find(|goal| goal.stand == stand)?;
        let phases = [goal.written.pass(prefix, written_at), goal.acknowledged.pass(prefix, at)];
        course.reach(phases)
    }

    /// Every neighbor that is up was seen to be told what was acknowledged last.
    pub fn confirmed(&mut self, prefix: Prefix, at: Instant) -> Option<Course> {
        let course = self.of(prefix)?;
        let stand = course.stands.get(&prefix)?;
        let goal = course.goals.iter_mut().find(|goal| goal.stand == *stand)?;
        goal.acknowledged.last.filter(|acknowledged| at <= *acknowledged + ECHO)?;
        let phase = goal.confirmed.pass(prefix, at);
        course.reach([phase])
    }

    fn of(&mut self, prefix: Prefix) -> Option<&mut Course> {
        self.open.get_mut(self.owners.get(&prefix)?)
    }

    /// The one that can be left behind first: one that still runs is the last to go.
    fn oldest(&self) -> Option<Uuid> {
        let runs = |course: &Course| course.outcome == MigrationOutcome::Running;
        self.open.iter().min_by_key(|(_, course)| (runs(course), course.id)).map(|(uuid, _)| *uuid)
    }

    fn begin(
        &mut self,
        told: &Move,
        direction: MigrationDirection,
        prefixes: &[Prefix],
        phase: MigrationPhase,
    ) -> Course {
        self.leave_behind(told.uuid);
        if self.open.len() >= Self::OPEN
            && let Some(oldest) = self.oldest()
        {
            self.leave_behind(oldest);
        }
        self.last_id += 1;
        self.owners.extend(prefixes.iter().map(|prefix| (*prefix, told.uuid)));
        let course = Course {
            id: self.last_id,
            vm: told.vm.as_ref().unwrap_or(&told.name).clone(),
            managed: told.vm.is_some(),
            direction,
            started_at: told.at,
            ended_at: None,
            outcome: MigrationOutcome::Running,
            phases: vec![(phase, told.at)],
            prefixes: prefixes.to_vec(),
            goals: goals(direction, prefixes),
            stands: BTreeMap::new(),
        };
        self.open.insert(told.uuid, course.clone());
        course
    }

    fn end(
        &mut self,
        told: &Move,
        outcome: MigrationOutcome,
        phase: Option<MigrationPhase>,
    ) -> Option<Course> {
        let course = self.open.get_mut(&told.uuid)?;
        if course.outcome != MigrationOutcome::Running {
            return None;
        }
        course.outcome = outcome;
        course.ended_at = Some(told.at.max(course.started_at));
        course.reach([phase.map(|phase| (phase, told.at))]);
        Some(course.clone())
    }

    fn leave_behind(&mut self, uuid: Uuid) {
        let Some(course) = self.open.remove(&uuid) else { return };
        for prefix in course.prefixes {
            // Another domain that is the same VM may have it by now.
            if self.owners.get(&prefix) == Some(&uuid) {
                self.owners.remove(&prefix);
            }
        }
    }
}

impl Course {
    /// Adds these phases; gives what it is then, if there were any.
    fn reach(&mut self, phases: impl IntoIterator<Item = Option<(MigrationPhase, Instant)>>) -> Option<Self> {
        let before = self.phases.len();
        for (phase, at) in phases.into_iter().flatten() {
            let at = at.max(self.started_at);
            let place = self.phases.partition_point(|(_, earlier)| *earlier <= at);
            self.phases.insert(place, (phase, at));
        }
        (self.phases.len() > before).then(|| self.clone())
    }
}

impl Goal {
    fn new(stand: Stand, prefixes: &[Prefix], phases: [Option<MigrationPhase>; 3]) -> Self {
        let milestone = |phase| Milestone { phase, left: prefixes.iter().copied().collect(), last: None };
        let [written, acknowledged, confirmed] = phases.map(milestone);
        Self { stand, written, acknowledged, confirmed }
    }
}

/// What the routes of a migration go through; the order does not matter.
fn goals(direction: MigrationDirection, prefixes: &[Prefix]) -> Vec<Goal> {
    use MigrationPhase::{
        Acknowledged, ArrivedAnnounced, ConfirmedOnTheWire, Demoted, StandbyAnnounced, Withdrawn,
    };
    let decisive = |written| [Some(written), Some(Acknowledged), Some(ConfirmedOnTheWire)];
    let withdrawn = Goal::new(None, prefixes, [None, Some(Withdrawn), None]);
    match direction {
        MigrationDirection::In => vec![
            Goal::new(Some(Rung::Standby), prefixes, [None, Some(StandbyAnnounced), None]),
            Goal::new(Some(Rung::Arrived), prefixes, decisive(ArrivedAnnounced)),
            withdrawn,
        ],
        MigrationDirection::Out => {
            vec![Goal::new(Some(Rung::Leaving), prefixes, decisive(Demoted)), withdrawn]
        }
    }
}

impl Milestone {
    /// It has happened to this prefix; gives the phase with its time when it was the last.
    fn pass(&mut self, prefix: Prefix, at: Instant) -> Option<(MigrationPhase, Instant)> {
        if self.left.remove(&prefix) {
            self.last = self.last.max(Some(at));
        }
        if !self.left.is_empty() {
            return None;
        }
        Some((self.phase.take()?, self.last?))
    }
}
