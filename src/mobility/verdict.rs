//! The decision tables: what an event, or a state, says about a VM's presence. Memoryless.
//!
//! Every (event, detail) and (state, reason) of libvirt 9.0 and of today has its cell, and unknown numbers too.
//! The cells rest on recorded migrations, restores, crashes and restarts of real libvirtd with QEMU.

use crate::vm::{
    CrashedDetail, DefinedDetail, LifecycleKind, PausedReason, Presence, StartedDetail, StoppedDetail,
    SuspendedDetail, UndefinedDetail, VmState,
};

/// What a fact says about a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Its vCPUs run here.
    Executes,
    /// Its vCPUs began to run here just now, whatever was known before.
    Begins,
    /// It does not execute here, but stands so.
    Stands(Presence),
    /// Nothing new.
    Keep,
}

/// What an event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What is certain from the event's own arguments.
    pub(super) told: Option<Told>,
    /// Whether libvirt must be asked as well.
    pub(super) look: bool,
}

const NOTHING: Verdict = Verdict { told: None, look: false };
const LOOK: Verdict = Verdict { told: None, look: true };
const EXECUTES: Verdict = Verdict { told: Some(Told::Executes), look: false };

const fn stands(presence: Presence) -> Verdict {
    Verdict { told: Some(Told::Stands(presence)), look: false }
}

/// What a life-cycle event says.
pub(super) const fn of_event(kind: LifecycleKind) -> Verdict {
    match kind {
        LifecycleKind::Defined(
            DefinedDetail::Added
            | DefinedDetail::Updated
            | DefinedDetail::Renamed
            | DefinedDetail::FromSnapshot
            | DefinedDetail::Other(_),
        ) => NOTHING,
        // A running domain that is undefined stays, as a transient one; one that is shut off is gone.
        LifecycleKind::Undefined(UndefinedDetail::Removed | UndefinedDetail::Other(_)) => LOOK,
        LifecycleKind::Undefined(UndefinedDetail::Renamed) => NOTHING,
        LifecycleKind::Started(detail) => of_started(detail),
        LifecycleKind::Suspended(detail) => of_suspended(detail),
        // Whatever its detail, the vCPUs run: QEMU's RESUME event is where it comes from.
        LifecycleKind::Resumed(_) => EXECUTES,
        // The domain is made anew at once (a reset that QEMU can't do in place): only a look can tell how far.
        LifecycleKind::Stopped(StoppedDetail::Recreated) => LOOK,
        LifecycleKind::Stopped(
            StoppedDetail::Shutdown
            | StoppedDetail::Destroyed
            | StoppedDetail::Crashed
            | StoppedDetail::Migrated
            | StoppedDetail::Saved
            | StoppedDetail::Failed
            | StoppedDetail::FromSnapshot
            | StoppedDetail::Other(_),
        )
        // SHUTDOWN comes more than a second before STOPPED; nothing answers in between.
        | LifecycleKind::Shutdown(_) => stands(Presence::Absent),
        LifecycleKind::PmSuspended(_) => stands(Presence::Frozen),
        LifecycleKind::Crashed(CrashedDetail::Panicked) => stands(Presence::Absent),
        // The guest goes on in its crash kernel.
        LifecycleKind::Crashed(CrashedDetail::Crashloaded | CrashedDetail::Other(_))
        | LifecycleKind::Other { .. } => LOOK,
    }
}

const fn of_started(detail: StartedDetail) -> Verdict {
    match detail {
        // Comes at the start of the copy: the frozen copy is here, the VM runs elsewhere.
        StartedDetail::Migrated => stands(Presence::Incoming),
        // With QEMU the copy is being filled; the test driver runs it at once and sends no RESUMED.
        StartedDetail::Restored => Verdict { told: Some(Told::Stands(Presence::Incoming)), look: true },
        // Wakes from its own suspend to memory; no RESUMED follows.
        StartedDetail::Wakeup => Verdict { told: Some(Told::Begins), look: false },
        // With QEMU a RESUMED came first, or none comes (started paused); the test driver sends this one only.
        StartedDetail::Booted
        | StartedDetail::FromSnapshot
        | StartedDetail::Recreated
        | StartedDetail::Other(_) => LOOK,
    }
}

const fn of_suspended(detail: SuspendedDetail) -> Verdict {
    match detail {
        SuspendedDetail::Migrated | SuspendedDetail::Postcopy | SuspendedDetail::PostcopyFailed => {
            stands(Presence::Departing)
        }
        SuspendedDetail::IoError
        | SuspendedDetail::Watchdog
        | SuspendedDetail::Restored
        | SuspendedDetail::FromSnapshot
        | SuspendedDetail::ApiError => stands(Presence::Frozen),
        // A user, a save, a dump, a snapshot or a panic: only the state tells which.
        SuspendedDetail::Paused | SuspendedDetail::GuestShutdown | SuspendedDetail::Other(_) => LOOK,
    }
}

/// What a state says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// This is certain.
    Sure(Told),
    /// `PAUSED/MIGRATION`: source after the switch-over, destination before it, or a restore.
    Migrating,
    /// `PAUSED/STARTING_UP`: QEMU is being started, for a boot or to take in a copy.
    StartingUp,
    /// Nothing that could be understood.
    Silent,
}

/// What a state says by itself.
pub(super) const fn of_state(state: VmState) -> Standing {
    match state {
        VmState::Running(_) | VmState::Blocked(_) => Standing::Sure(Told::Executes),
        VmState::Paused(reason) => of_paused(reason),
        VmState::Shutdown(_) | VmState::Shutoff(_) | VmState::Crashed(_) => {
            Standing::Sure(Told::Stands(Presence::Absent))
        }
        VmState::PmSuspended(_) => Standing::Sure(Told::Stands(Presence::Frozen)),
        VmState::NoState(_) | VmState::Other { .. } => Standing::Silent,
    }
}

const fn of_paused(reason: PausedReason) -> Standing {
    match reason {
        PausedReason::Migration => Standing::Migrating,
        PausedReason::StartingUp => Standing::StartingUp,
        // Well under a second, and it always goes on here.
        PausedReason::Dump | PausedReason::Snapshot => Standing::Sure(Told::Executes),
        PausedReason::Postcopy | PausedReason::PostcopyFailed => {
            Standing::Sure(Told::Stands(Presence::Departing))
        }
        PausedReason::ShuttingDown | PausedReason::Crashed => Standing::Sure(Told::Stands(Presence::Absent)),
        PausedReason::Unknown
        | PausedReason::User
        | PausedReason::Save
        | PausedReason::IoError
        | PausedReason::Watchdog
        | PausedReason::FromSnapshot
        | PausedReason::ApiError
        | PausedReason::Other(_) => Standing::Sure(Told::Stands(Presence::Frozen)),
    }
}

#[cfg(test)]
mod tests;
