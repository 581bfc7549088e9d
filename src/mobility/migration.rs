//! Which changes of presence are a migration, and how it went.

use std::time::Instant;

use super::track::Cause;
use crate::vm::{
    LifecycleKind, MigrationDirection, MigrationOutcome, Presence, StartedDetail, StoppedDetail,
    SuspendedDetail,
};

/// A migration of a VM to or from this host, as this host's events told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// To this host, or away from it.
    pub direction: MigrationDirection,
    /// When it was first seen: the frozen copy for `In`, the switch-over for `Out`.
    pub started_at: Instant,
    /// How it went.
    pub outcome: MigrationOutcome,
}

/// The migration as it stands after a change; `None` when the change says nothing about one.
pub(super) fn after(
    last: Option<&Migration>,
    cause: Cause,
    before: Option<Presence>,
    now: Presence,
    at: Instant,
) -> Option<Migration> {
    let begins =
        |direction| Some(Migration { direction, started_at: at, outcome: MigrationOutcome::Running });
    let running = last.filter(|migration| migration.outcome == MigrationOutcome::Running);
    match cause {
        Cause::Event(LifecycleKind::Started(StartedDetail::Migrated)) => {
            return begins(MigrationDirection::In);
        }
        Cause::Event(LifecycleKind::Suspended(SuspendedDetail::Migrated | SuspendedDetail::Postcopy)) => {
            return if running.is_some() { None } else { begins(MigrationDirection::Out) };
        }
        // A guest that was paused before gives no sign at the switch-over.
        Cause::Event(LifecycleKind::Stopped(StoppedDetail::Migrated)) if running.is_none() => {
            return (before != Some(Presence::Absent)).then_some(Migration {
                direction: MigrationDirection::Out,
                started_at: at,
                outcome: MigrationOutcome::Completed,
            });
        }
        Cause::Event(_) | Cause::Listed(_) | Cause::Looked(_) | Cause::Vanished | Cause::Settled => {}
    }
    let running = running?;
    let outcome = match (running.direction, now) {
        (MigrationDirection::In, Presence::Incoming) | (MigrationDirection::Out, Presence::Departing) => {
            MigrationOutcome::Running
        }
        (MigrationDirection::In, Presence::Arrived | Presence::Present | Presence::Frozen) => {
            MigrationOutcome::Completed
        }
        (MigrationDirection::In, Presence::Departing | Presence::Absent) => MigrationOutcome::Failed,
        (MigrationDirection::Out, Presence::Absent) => match cause {
            // A transient domain that has left is only missed; one that was stopped otherwise has not arrived.
            Cause::Event(LifecycleKind::Stopped(StoppedDetail::Migrated)) | Cause::Vanished => {
                MigrationOutcome::Completed
            }
            Cause::Event(_) | Cause::Listed(_) | Cause::Looked(_) | Cause::Settled => {
                MigrationOutcome::Failed
            }
        },
        (
            MigrationDirection::Out,
            Presence::Arrived | Presence::Present | Presence::Frozen | Presence::Incoming,
        ) => MigrationOutcome::Failed,
    };
    Some(Migration { outcome, ..*running })
}
