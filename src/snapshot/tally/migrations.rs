//! What is counted and timed of migrations.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Histogram, zeros};
use crate::snapshot::MigrationView;
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase};

/// What is counted and timed of migrations to and from this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationTally {
    /// Migrations that have ended, by how.
    pub ended: BTreeMap<(MigrationDirection, MigrationOutcome), u64>,
    /// How long after what it follows from a phase came; see `follows`.
    pub phases: BTreeMap<(MigrationDirection, MigrationPhase), Histogram>,
}

/// How a migration ends.
const ENDS: [MigrationOutcome; 2] = [MigrationOutcome::Completed, MigrationOutcome::Failed];

/// The phases that come after the first one.
const LATER: [(MigrationDirection, &[MigrationPhase]); 2] = [
    (
        MigrationDirection::In,
        &[
            MigrationPhase::StandbyAnnounced,
            MigrationPhase::Resumed,
            MigrationPhase::ArrivedAnnounced,
            MigrationPhase::Acknowledged,
            MigrationPhase::ConfirmedOnTheWire,
            MigrationPhase::Stopped,
            MigrationPhase::Withdrawn,
        ],
    ),
    (
        MigrationDirection::Out,
        &[
            MigrationPhase::Demoted,
            MigrationPhase::Acknowledged,
            MigrationPhase::ConfirmedOnTheWire,
            MigrationPhase::Resumed,
            MigrationPhase::Stopped,
            MigrationPhase::Withdrawn,
        ],
    ),
];

/// What roamd and ExaBGP do takes milliseconds, what libvirt and QEMU do up to hours.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];

impl Default for MigrationTally {
    fn default() -> Self {
        let directions = LATER.iter().map(|(direction, _)| *direction);
        let phases = LATER.iter().flat_map(|(direction, phases)| {
            phases.iter().map(|phase| ((*direction, *phase), Histogram::new(&BOUNDS)))
        });
        Self {
            ended: zeros(directions.flat_map(|direction| ENDS.map(|outcome| (direction, outcome)))),
            phases: phases.collect(),
        }
    }
}

impl MigrationTally {
    /// Counts what a migration has now and had not when it was counted last. The phase with which it began is not timed.
    pub fn count(&mut self, last: Option<&MigrationView>, now: &MigrationView) {
        let goes_on = |view: &MigrationView| view.outcome == MigrationOutcome::Running;
        if !goes_on(now) && last.is_none_or(goes_on) {
            *self.ended.entry((now.direction, now.outcome)).or_default() += 1;
        }
        let is_new = |name| last.is_none_or(|last| last.phases.iter().all(|phase| phase.name != name));
        for phase in now.phases.iter().skip(1).filter(|phase| is_new(phase.name)) {
            let since = follows(now.direction, phase.name)
                .and_then(|cause| now.phases.iter().find(|phase| phase.name == cause))
                .map_or(Duration::ZERO, |cause| cause.after_ms.0);
            if let Some(histogram) = self.phases.get_mut(&(now.direction, phase.name)) {
                histogram.observe(phase.after_ms.0.saturating_sub(since));
            }
        }
    }
}

/// The phase that leads to this one; `None`: the first, with which the migration began.
const fn follows(direction: MigrationDirection, phase: MigrationPhase) -> Option<MigrationPhase> {
    match (direction, phase) {
        (
            MigrationDirection::In,
            MigrationPhase::ArrivedAnnounced
            | MigrationPhase::Acknowledged
            | MigrationPhase::ConfirmedOnTheWire,
        ) => Some(MigrationPhase::Resumed),
        (_, MigrationPhase::Withdrawn) => Some(MigrationPhase::Stopped),
        (
            MigrationDirection::Out,
            MigrationPhase::ArrivedAnnounced
            | MigrationPhase::Acknowledged
            | MigrationPhase::ConfirmedOnTheWire,
        )
        | (
            _,
            MigrationPhase::IncomingSeen
            | MigrationPhase::StandbyAnnounced
            | MigrationPhase::Paused
            | MigrationPhase::Demoted
            | MigrationPhase::Resumed
            | MigrationPhase::Stopped,
        ) => None,
    }
}
