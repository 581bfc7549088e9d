//! Which changes of presence are a migration, and how it went.

use std::time::Instant;

use super::track::Cause;
use crate::vm::{
    LifecycleKind, MigrationDirection, MigrationOutcome, MigrationPhase, Presence, ResumedDetail,
    ShutoffReason, StartedDetail, StoppedDetail, SuspendedDetail, Uuid, VmName, VmState,
};

/// What libvirt tells of a VM's migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// libvirt's identity of the VM.
    pub uuid: Uuid,
    /// libvirt's name of it.
    pub name: VmName,
    /// The configured VM that it is, if it is one.
    pub vm: Option<VmName>,
    /// What it tells.
    pub turn: Turn,
    /// When that was.
    pub at: Instant,
}

/// What a fact means for a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// One begins, with this phase; what ran before is given up.
    Begins(MigrationDirection, MigrationPhase),
    /// The one that runs is over, with this phase if the VM runs here or is gone.
    Ends(MigrationOutcome, Option<MigrationPhase>),
    /// One is over of which nothing was told before: a guest that was paused gives no sign when it leaves, and this agent
    /// may have started, or missed events, in the middle.
    Passed(MigrationDirection, MigrationPhase),
    /// Something else has become of the VM: what follows is no part of its last migration.
    Behind,
}

/// What a change tells, where `running` is the direction of the migration that is known to run; `None` when it says
/// nothing about one.
pub(super) fn turn(
    running: Option<MigrationDirection>,
    cause: Cause,
    before: Option<Presence>,
    now: Presence,
) -> Option<Turn> {
    match cause {
        Cause::Event(LifecycleKind::Started(StartedDetail::Migrated)) => {
            return Some(Turn::Begins(MigrationDirection::In, MigrationPhase::IncomingSeen));
        }
        Cause::Event(LifecycleKind::Suspended(SuspendedDetail::Migrated | SuspendedDetail::Postcopy)) => {
            let begins = Turn::Begins(MigrationDirection::Out, MigrationPhase::Paused);
            return running.is_none().then_some(begins);
        }
        Cause::Event(LifecycleKind::Stopped(StoppedDetail::Migrated)) if running.is_none() => {
            let passed = Turn::Passed(MigrationDirection::Out, MigrationPhase::Stopped);
            return (before != Some(Presence::Absent)).then_some(passed);
        }
        // Not at a source that goes on after a failure, nor at the end of a post-copy.
        Cause::Event(LifecycleKind::Resumed(ResumedDetail::Migrated | ResumedDetail::Postcopy))
            if running.is_none() && matches!(before, None | Some(Presence::Absent | Presence::Incoming)) =>
        {
            return Some(Turn::Passed(MigrationDirection::In, MigrationPhase::Resumed));
        }
        Cause::Event(_) | Cause::Listed(_) | Cause::Looked(_) | Cause::Vanished | Cause::Settled => {}
    }
    let Some(direction) = running else {
        return before.is_some_and(|before| before != now).then_some(Turn::Behind);
    };
    let ends = |outcome, phase| Some(Turn::Ends(outcome, phase));
    match (direction, now) {
        (MigrationDirection::In, Presence::Incoming) | (MigrationDirection::Out, Presence::Departing) => None,
        (MigrationDirection::In, Presence::Arrived | Presence::Present) => {
            ends(MigrationOutcome::Completed, Some(MigrationPhase::Resumed))
        }
        // A guest that was paused before is paused here too.
        (MigrationDirection::In, Presence::Frozen) => ends(MigrationOutcome::Completed, None),
        (MigrationDirection::In, Presence::Departing) => ends(MigrationOutcome::Failed, None),
        (MigrationDirection::In, Presence::Absent) => {
            ends(MigrationOutcome::Failed, Some(MigrationPhase::Stopped))
        }
        (MigrationDirection::Out, Presence::Absent) => {
            let outcome = match cause {
                // A transient domain that has left is only missed; one that was stopped otherwise has not arrived.
                Cause::Event(LifecycleKind::Stopped(StoppedDetail::Migrated))
                | Cause::Listed(VmState::Shutoff(ShutoffReason::Migrated))
                | Cause::Looked(VmState::Shutoff(ShutoffReason::Migrated))
                | Cause::Vanished => MigrationOutcome::Completed,
                Cause::Event(_) | Cause::Listed(_) | Cause::Looked(_) | Cause::Settled => {
                    MigrationOutcome::Failed
                }
            };
            ends(outcome, Some(MigrationPhase::Stopped))
        }
        (MigrationDirection::Out, Presence::Arrived | Presence::Present) => {
            ends(MigrationOutcome::Failed, Some(MigrationPhase::Resumed))
        }
        (MigrationDirection::Out, Presence::Frozen | Presence::Incoming) => {
            ends(MigrationOutcome::Failed, None)
        }
    }
}
