//! The VMs as they really are, and what libvirt with QEMU does and tells when something is done to them.
//!
//! Everything is a script of acts with the time that passes before each. The sequences are those that were recorded with
//! real libvirtd and QEMU (tests/scenarios); `replay` holds the two against each other.

use roamd::vm::{
    CrashedDetail, CrashedReason, DefinedDetail, LifecycleKind, MigrationRole, PausedReason, PlainReason,
    PmSuspendedDetail, ResumedDetail, RunningReason, ShutdownDetail, ShutdownReason, ShutoffReason,
    StartedDetail, StoppedDetail, SuspendedDetail, UndefinedDetail, VmState,
};

use crate::clock::{MS, SECOND, Time};
use crate::operations::{Fate, Mode, Operation, Verb};
use crate::random::Random;
use crate::writer::Writer;

/// One thing that happens to a VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Its state on a host becomes this (`None`: libvirt knows it no more), and this is told.
    State(usize, Option<VmState>, Option<LifecycleKind>),
    /// Which side of a migration a host is.
    Side(usize, Option<MigrationRole>),
    /// Its vCPUs run there.
    Runs(Option<usize>),
    /// How far it is.
    Stage(Stage),
    /// The rest waits until libvirtd lives on that host.
    Needs(usize),
    /// Nothing of it is left where it is off.
    Transient,
}

pub(crate) type Script = Vec<(Time, Act)>;

/// How far a VM is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Off,
    Here(usize),
    Copy {
        from: usize,
        to: usize,
        mode: Mode,
    },
    Frozen {
        from: usize,
        to: usize,
    },
    /// Post-copy: it runs there, and its memory is still here.
    Fetch {
        from: usize,
        to: usize,
    },
    Confirm {
        from: usize,
        to: usize,
    },
}

impl Stage {
    /// Whether a host has a part in it.
    pub(crate) fn involves(self, host: usize) -> bool {
        match self {
            Self::Off => false,
            Self::Here(at) => at == host,
            Self::Copy { from, to, .. }
            | Self::Frozen { from, to }
            | Self::Fetch { from, to }
            | Self::Confirm { from, to } => from == host || to == host,
        }
    }
}

const PAUSED: VmState = VmState::Paused(PausedReason::User);
pub(crate) const MIGRATING: VmState = VmState::Paused(PausedReason::Migration);
const SUSPENDED: LifecycleKind = LifecycleKind::Suspended(SuspendedDetail::Paused);
const UNPAUSED: LifecycleKind = LifecycleKind::Resumed(ResumedDetail::Unpaused);
pub(crate) const FAILED: LifecycleKind = LifecycleKind::Stopped(StoppedDetail::Failed);

pub(crate) const fn running(reason: RunningReason) -> VmState {
    VmState::Running(reason)
}

/// What an operation leads to for a VM that is `stage` and, where it is, `state`; empty: it can't be done.
pub(crate) fn script(
    operation: &Operation,
    stage: Stage,
    state: Option<VmState>,
    persistent: bool,
    random: &mut Random,
) -> Script {
    let mut writer = Writer { acts: Script::new(), persistent, random };
    match (operation.verb, stage) {
        (Verb::Start | Verb::Rescue, Stage::Off) => start(&mut writer, operation.to),
        (Verb::StartPaused, Stage::Off) => {
            writer.stage(Stage::Here(operation.to));
            let starting = VmState::Paused(PausedReason::StartingUp);
            writer.act(0, Act::State(operation.to, Some(starting), None));
            let wait = writer.wait(100 * MS, 400 * MS);
            writer.state(wait, operation.to, PAUSED, LifecycleKind::Started(StartedDetail::Booted));
            writer.state(MS, operation.to, PAUSED, SUSPENDED);
        }
        (Verb::Restore, Stage::Off) => {
            writer.stage(Stage::Here(operation.to));
            writer.act(0, Act::Side(operation.to, Some(MigrationRole::Destination)));
            let wait = writer.wait(100 * MS, SECOND);
            writer.state(0, operation.to, MIGRATING, LifecycleKind::Started(StartedDetail::Restored));
            writer.runs(wait, Some(operation.to));
            writer.act(0, Act::Side(operation.to, None));
            let kind = LifecycleKind::Resumed(ResumedDetail::FromSnapshot);
            writer.state(0, operation.to, running(RunningReason::Restored), kind);
        }
        (verb, Stage::Here(host)) => here(&mut writer, verb, host, state, operation),
        (Verb::Destroy, Stage::Copy { from, to, .. }) => {
            writer.runs(0, None);
            writer.destroyed(0, from);
            writer.drop_copy(SECOND, to);
            writer.stage(Stage::Off);
        }
        _ => {}
    }
    writer.acts
}

fn start(writer: &mut Writer<'_>, host: usize) {
    writer.stage(Stage::Here(host));
    writer.act(0, Act::State(host, Some(VmState::Paused(PausedReason::StartingUp)), None));
    let wait = writer.wait(100 * MS, 600 * MS);
    writer.runs(wait, Some(host));
    writer.state(0, host, running(RunningReason::Booted), UNPAUSED);
    let wait = writer.wait(MS, 20 * MS);
    writer.state(wait, host, running(RunningReason::Booted), LifecycleKind::Started(StartedDetail::Booted));
}

/// What is done to a VM that is on a host and does not migrate.
fn here(writer: &mut Writer<'_>, verb: Verb, host: usize, state: Option<VmState>, operation: &Operation) {
    let runs = matches!(state, Some(VmState::Running(_)));
    let stands = matches!(state, Some(VmState::Paused(PausedReason::User | PausedReason::IoError)));
    match verb {
        Verb::Shutdown if runs => {
            writer.runs(0, None);
            let kind = LifecycleKind::Shutdown(ShutdownDetail::Guest);
            writer.state(0, host, VmState::Shutdown(ShutdownReason::Unknown), kind);
            let kind = LifecycleKind::Stopped(StoppedDetail::Shutdown);
            writer.off(1_260 * MS, host, ShutoffReason::Shutdown, Some(kind));
            writer.stage(Stage::Off);
        }
        Verb::Destroy => {
            writer.runs(0, None);
            writer.destroyed(0, host);
            writer.stage(Stage::Off);
        }
        Verb::KillQemu => {
            writer.runs(0, None);
            let wait = writer.wait(MS, 20 * MS);
            writer.off(wait, host, ShutoffReason::Crashed, Some(FAILED));
            writer.stage(Stage::Off);
        }
        Verb::Suspend if runs => {
            writer.runs(0, None);
            writer.state(0, host, PAUSED, SUSPENDED);
        }
        Verb::Resume if stands => {
            writer.runs(0, Some(host));
            writer.state(0, host, running(RunningReason::Unpaused), UNPAUSED);
        }
        // Its vCPUs stand still, but it counts as executing: it goes on here within a second.
        Verb::Dump if runs => {
            let reason =
                if operation.ms.is_multiple_of(2) { PausedReason::Dump } else { PausedReason::Snapshot };
            writer.state(0, host, VmState::Paused(reason), SUSPENDED);
            let wait = writer.wait(280 * MS, 740 * MS);
            writer.state(wait, host, running(RunningReason::Unpaused), UNPAUSED);
        }
        Verb::Save if runs => {
            writer.runs(0, None);
            writer.state(0, host, VmState::Paused(PausedReason::Save), SUSPENDED);
            let wait = writer.wait(500 * MS, 3 * SECOND);
            let kind = LifecycleKind::Stopped(StoppedDetail::Saved);
            writer.off(wait, host, ShutoffReason::Saved, Some(kind));
            writer.stage(Stage::Off);
        }
        Verb::Sleep if runs => {
            writer.runs(0, None);
            let kind = LifecycleKind::PmSuspended(PmSuspendedDetail::Memory);
            writer.state(0, host, VmState::PmSuspended(PlainReason::Unknown), kind);
        }
        Verb::Wake if matches!(state, Some(VmState::PmSuspended(_))) => {
            writer.runs(0, Some(host));
            let kind = LifecycleKind::Started(StartedDetail::Wakeup);
            writer.state(0, host, running(RunningReason::Wakeup), kind);
        }
        Verb::Panic if runs => {
            // As `on_crash` has it: preserve, destroy, restart.
            writer.runs(0, None);
            let panicked = LifecycleKind::Crashed(CrashedDetail::Panicked);
            if operation.ms % 3 == 2 {
                writer.state(0, host, VmState::Crashed(CrashedReason::Panicked), panicked);
                writer.runs(15 * MS, Some(host));
                return writer.state(0, host, running(RunningReason::Crashed), UNPAUSED);
            }
            writer.state(0, host, VmState::Paused(PausedReason::Crashed), SUSPENDED);
            writer.state(2 * MS, host, VmState::Crashed(CrashedReason::Panicked), panicked);
            if operation.ms % 3 == 1 {
                let kind = LifecycleKind::Stopped(StoppedDetail::Crashed);
                writer.off(1_800 * MS, host, ShutoffReason::Crashed, Some(kind));
                writer.stage(Stage::Off);
            }
        }
        Verb::IoError if runs => {
            writer.runs(0, None);
            let kind = LifecycleKind::Suspended(SuspendedDetail::IoError);
            writer.state(0, host, VmState::Paused(PausedReason::IoError), kind);
        }
        Verb::Undefine if runs && writer.persistent => {
            writer.act(0, Act::State(host, state, Some(LifecycleKind::Undefined(UndefinedDetail::Removed))));
            writer.act(0, Act::Transient);
        }
        Verb::Migrate if operation.to != host && (runs || state == Some(PAUSED)) => {
            migrate(writer, host, operation, runs);
        }
        _ => {}
    }
}

/// A migration of a VM that runs here, or is paused by a user.
fn migrate(writer: &mut Writer<'_>, from: usize, operation: &Operation, runs: bool) {
    let Operation { to, ms, mode, fate, .. } = *operation;
    let mode = if mode == Mode::Postcopy && !runs { Mode::Precopy } else { mode };
    writer.stage(Stage::Copy { from, to, mode });
    writer.act(0, Act::Side(from, Some(MigrationRole::Source)));
    let wait = writer.wait(50 * MS, 400 * MS);
    if fate == Fate::PrepareFails {
        writer.act(wait, Act::Side(from, None));
        return writer.stage(Stage::Here(from));
    }
    writer.act(wait, Act::State(to, Some(VmState::Paused(PausedReason::StartingUp)), None));
    writer.act(0, Act::Side(to, Some(MigrationRole::Destination)));
    writer.state(100 * MS, to, MIGRATING, LifecycleKind::Started(StartedDetail::Migrated));
    if matches!(fate, Fate::Cancelled | Fate::DestinationDies) {
        writer.act(ms * MS, Act::Side(from, None));
        let wait = writer.wait(SECOND, 2 * SECOND);
        writer.drop_copy(wait, to);
        return writer.stage(Stage::Here(from));
    }
    writer.act(ms * MS, Act::Stage(Stage::Frozen { from, to }));
    if runs {
        writer.runs(0, None);
        writer.state(0, from, MIGRATING, LifecycleKind::Suspended(SuspendedDetail::Migrated));
    }
    let blackout = writer.wait(15 * MS, 3 * SECOND);
    let fails =
        matches!(fate, Fate::FailsFrozen | Fate::UnpausedFrozen | Fate::DestroyedFrozen | Fate::SwitchFails);
    if runs && fails {
        if fate == Fate::SwitchFails && mode == Mode::Postcopy {
            let kind = LifecycleKind::Suspended(SuspendedDetail::Postcopy);
            writer.state(5 * MS, from, VmState::Paused(PausedReason::Postcopy), kind);
            writer.act(10 * MS, Act::State(from, Some(MIGRATING), None));
        }
        let unpaused = matches!(fate, Fate::UnpausedFrozen | Fate::DestroyedFrozen);
        resume_source(writer, blackout, from, unpaused);
        let wait = writer.wait(SECOND, 2 * SECOND);
        if fate == Fate::DestroyedFrozen {
            writer.destroy_copy(wait, to);
        } else {
            writer.drop_copy(wait, to);
        }
        return writer.stage(Stage::Here(from));
    }
    if mode == Mode::Postcopy {
        return postcopy(writer, (from, to), blackout, fate);
    }
    if mode == Mode::Persistent {
        writer.state(blackout, to, MIGRATING, LifecycleKind::Defined(DefinedDetail::Added));
    }
    let rest = if mode == Mode::Persistent { 7 * MS } else { blackout };
    if mode == Mode::Paused || !runs {
        writer.act(rest, Act::Stage(Stage::Confirm { from, to }));
        writer.state(0, to, PAUSED, SUSPENDED);
    } else {
        arrive(writer, rest, to, RunningReason::Migrated, ResumedDetail::Migrated);
        writer.stage(Stage::Confirm { from, to });
    }
    writer.act(0, Act::Side(to, None));
    confirm(writer, from, to);
}

fn postcopy(writer: &mut Writer<'_>, (from, to): (usize, usize), blackout: Time, fate: Fate) {
    let failed = LifecycleKind::Suspended(SuspendedDetail::PostcopyFailed);
    let fetching = LifecycleKind::Suspended(SuspendedDetail::Postcopy);
    writer.state(5 * MS, from, VmState::Paused(PausedReason::Postcopy), fetching);
    arrive(writer, blackout, to, RunningReason::Postcopy, ResumedDetail::Postcopy);
    writer.stage(Stage::Fetch { from, to });
    let wait = writer.wait(10 * MS, 5 * SECOND);
    match fate {
        Fate::FetchDies => {
            writer.runs(wait, None);
            writer.state(0, from, VmState::Paused(PausedReason::PostcopyFailed), failed);
            writer.drop_copy(1_100 * MS, to);
            // By hand; its vCPUs have not run for a while, so that nothing shuts down.
            let kind = LifecycleKind::Stopped(StoppedDetail::Destroyed);
            writer.off(5 * SECOND, from, ShutoffReason::Destroyed, Some(kind));
            return writer.stage(Stage::Off);
        }
        Fate::FetchBreaks => {
            writer.state(wait, from, VmState::Paused(PausedReason::PostcopyFailed), failed);
            let kind = LifecycleKind::Resumed(ResumedDetail::PostcopyFailed);
            writer.state(5 * MS, to, running(RunningReason::PostcopyFailed), kind);
            writer.state(10 * SECOND, from, VmState::Paused(PausedReason::Postcopy), fetching);
            let kind = LifecycleKind::Resumed(ResumedDetail::Postcopy);
            writer.state(5 * MS, to, running(RunningReason::Postcopy), kind);
        }
        _ => {}
    }
    let kind = LifecycleKind::Resumed(ResumedDetail::Migrated);
    writer.state(wait, to, running(RunningReason::Migrated), kind);
    writer.act(0, Act::Side(to, None));
    writer.stage(Stage::Confirm { from, to });
    confirm(writer, from, to);
}

fn arrive(writer: &mut Writer<'_>, after: Time, to: usize, reason: RunningReason, detail: ResumedDetail) {
    writer.runs(after, Some(to));
    writer.state(0, to, running(reason), LifecycleKind::Resumed(detail));
}

pub(crate) fn resume_source(writer: &mut Writer<'_>, after: Time, from: usize, unpaused: bool) {
    writer.runs(after, Some(from));
    let (reason, detail) = if unpaused {
        (RunningReason::Unpaused, ResumedDetail::Unpaused)
    } else {
        (RunningReason::MigrationCanceled, ResumedDetail::Migrated)
    };
    writer.act(0, Act::Side(from, None));
    writer.state(0, from, running(reason), LifecycleKind::Resumed(detail));
}

fn confirm(writer: &mut Writer<'_>, from: usize, to: usize) {
    let wait = writer.wait(1_200 * MS, 2_100 * MS);
    writer.off(wait, from, ShutoffReason::Migrated, Some(LifecycleKind::Stopped(StoppedDetail::Migrated)));
    writer.stage(Stage::Here(to));
}

/// A domain that is off moves: only its definition does.
pub(crate) fn move_offline(from: usize, to: usize) -> Script {
    let off = VmState::Shutoff(ShutoffReason::Shutdown);
    let added = LifecycleKind::Defined(DefinedDetail::Added);
    let removed = LifecycleKind::Undefined(UndefinedDetail::Removed);
    vec![(100 * MS, Act::State(to, Some(off), Some(added))), (50 * MS, Act::State(from, None, Some(removed)))]
}
