//! libvirt's integers to the vocabulary of [`crate::vm`]. Pure; nothing outside the libvirt module sees a number.
//!
//! Every function is total: a number that virt-sys has no constant for, negative ones included, ends in `Other`.

use virt_sys as sys;

use crate::vm::{
    CrashedDetail, CrashedReason, DefinedDetail, LifecycleKind, MigrationRole, PausedReason, PlainReason,
    PmSuspendedDetail, ResumedDetail, RunningReason, ShutdownDetail, ShutdownReason, ShutoffReason,
    StartedDetail, StoppedDetail, SuspendedDetail, UndefinedDetail, VmState,
};

#[cfg(test)]
mod tests;

/// The variant whose constant equals the number, else `Other` with the number.
macro_rules! named {
    ($number:expr, $name:ident { $($constant:ident => $variant:ident,)* }) => {
        match $number.cast_unsigned() {
            $(sys::$constant => $name::$variant,)*
            _ => $name::Other($number),
        }
    };
}

/// A state and its reason as `virDomainGetState` gives them.
pub(super) fn state(state: i32, reason: i32) -> VmState {
    match state.cast_unsigned() {
        sys::VIR_DOMAIN_NOSTATE => {
            VmState::NoState(named!(reason, PlainReason { VIR_DOMAIN_NOSTATE_UNKNOWN => Unknown, }))
        }
        sys::VIR_DOMAIN_RUNNING => VmState::Running(running(reason)),
        sys::VIR_DOMAIN_BLOCKED => {
            VmState::Blocked(named!(reason, PlainReason { VIR_DOMAIN_BLOCKED_UNKNOWN => Unknown, }))
        }
        sys::VIR_DOMAIN_PAUSED => VmState::Paused(paused(reason)),
        sys::VIR_DOMAIN_SHUTDOWN => VmState::Shutdown(named!(reason, ShutdownReason {
            VIR_DOMAIN_SHUTDOWN_UNKNOWN => Unknown,
            VIR_DOMAIN_SHUTDOWN_USER => User,
        })),
        sys::VIR_DOMAIN_SHUTOFF => VmState::Shutoff(shutoff(reason)),
        sys::VIR_DOMAIN_CRASHED => VmState::Crashed(named!(reason, CrashedReason {
            VIR_DOMAIN_CRASHED_UNKNOWN => Unknown,
            VIR_DOMAIN_CRASHED_PANICKED => Panicked,
        })),
        sys::VIR_DOMAIN_PMSUSPENDED => {
            VmState::PmSuspended(named!(reason, PlainReason { VIR_DOMAIN_PMSUSPENDED_UNKNOWN => Unknown, }))
        }
        _ => VmState::Other { state, reason },
    }
}

fn running(reason: i32) -> RunningReason {
    named!(reason, RunningReason {
        VIR_DOMAIN_RUNNING_UNKNOWN => Unknown,
        VIR_DOMAIN_RUNNING_BOOTED => Booted,
        VIR_DOMAIN_RUNNING_MIGRATED => Migrated,
        VIR_DOMAIN_RUNNING_RESTORED => Restored,
        VIR_DOMAIN_RUNNING_FROM_SNAPSHOT => FromSnapshot,
        VIR_DOMAIN_RUNNING_UNPAUSED => Unpaused,
        VIR_DOMAIN_RUNNING_MIGRATION_CANCELED => MigrationCanceled,
        VIR_DOMAIN_RUNNING_SAVE_CANCELED => SaveCanceled,
        VIR_DOMAIN_RUNNING_WAKEUP => Wakeup,
        VIR_DOMAIN_RUNNING_CRASHED => Crashed,
        VIR_DOMAIN_RUNNING_POSTCOPY => Postcopy,
        VIR_DOMAIN_RUNNING_POSTCOPY_FAILED => PostcopyFailed,
    })
}

fn paused(reason: i32) -> PausedReason {
    named!(reason, PausedReason {
        VIR_DOMAIN_PAUSED_UNKNOWN => Unknown,
        VIR_DOMAIN_PAUSED_USER => User,
        VIR_DOMAIN_PAUSED_MIGRATION => Migration,
        VIR_DOMAIN_PAUSED_SAVE => Save,
        VIR_DOMAIN_PAUSED_DUMP => Dump,
        VIR_DOMAIN_PAUSED_IOERROR => IoError,
        VIR_DOMAIN_PAUSED_WATCHDOG => Watchdog,
        VIR_DOMAIN_PAUSED_FROM_SNAPSHOT => FromSnapshot,
        VIR_DOMAIN_PAUSED_SHUTTING_DOWN => ShuttingDown,
        VIR_DOMAIN_PAUSED_SNAPSHOT => Snapshot,
        VIR_DOMAIN_PAUSED_CRASHED => Crashed,
        VIR_DOMAIN_PAUSED_STARTING_UP => StartingUp,
        VIR_DOMAIN_PAUSED_POSTCOPY => Postcopy,
        VIR_DOMAIN_PAUSED_POSTCOPY_FAILED => PostcopyFailed,
        VIR_DOMAIN_PAUSED_API_ERROR => ApiError,
    })
}

fn shutoff(reason: i32) -> ShutoffReason {
    named!(reason, ShutoffReason {
        VIR_DOMAIN_SHUTOFF_UNKNOWN => Unknown,
        VIR_DOMAIN_SHUTOFF_SHUTDOWN => Shutdown,
        VIR_DOMAIN_SHUTOFF_DESTROYED => Destroyed,
        VIR_DOMAIN_SHUTOFF_CRASHED => Crashed,
        VIR_DOMAIN_SHUTOFF_MIGRATED => Migrated,
        VIR_DOMAIN_SHUTOFF_SAVED => Saved,
        VIR_DOMAIN_SHUTOFF_FAILED => Failed,
        VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT => FromSnapshot,
        VIR_DOMAIN_SHUTOFF_DAEMON => Daemon,
    })
}

/// An event and its detail as a `virConnectDomainEventCallback` gets them.
pub(super) fn lifecycle(event: i32, detail: i32) -> LifecycleKind {
    match event.cast_unsigned() {
        sys::VIR_DOMAIN_EVENT_DEFINED => LifecycleKind::Defined(named!(detail, DefinedDetail {
            VIR_DOMAIN_EVENT_DEFINED_ADDED => Added,
            VIR_DOMAIN_EVENT_DEFINED_UPDATED => Updated,
            VIR_DOMAIN_EVENT_DEFINED_RENAMED => Renamed,
            VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT => FromSnapshot,
        })),
        sys::VIR_DOMAIN_EVENT_UNDEFINED => LifecycleKind::Undefined(named!(detail, UndefinedDetail {
            VIR_DOMAIN_EVENT_UNDEFINED_REMOVED => Removed,
            VIR_DOMAIN_EVENT_UNDEFINED_RENAMED => Renamed,
        })),
        sys::VIR_DOMAIN_EVENT_STARTED => LifecycleKind::Started(named!(detail, StartedDetail {
            VIR_DOMAIN_EVENT_STARTED_BOOTED => Booted,
            VIR_DOMAIN_EVENT_STARTED_MIGRATED => Migrated,
            VIR_DOMAIN_EVENT_STARTED_RESTORED => Restored,
            VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT => FromSnapshot,
            VIR_DOMAIN_EVENT_STARTED_WAKEUP => Wakeup,
            VIR_DOMAIN_EVENT_STARTED_RECREATED => Recreated,
        })),
        sys::VIR_DOMAIN_EVENT_SUSPENDED => LifecycleKind::Suspended(suspended(detail)),
        sys::VIR_DOMAIN_EVENT_RESUMED => LifecycleKind::Resumed(named!(detail, ResumedDetail {
            VIR_DOMAIN_EVENT_RESUMED_UNPAUSED => Unpaused,
            VIR_DOMAIN_EVENT_RESUMED_MIGRATED => Migrated,
            VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT => FromSnapshot,
            VIR_DOMAIN_EVENT_RESUMED_POSTCOPY => Postcopy,
            VIR_DOMAIN_EVENT_RESUMED_POSTCOPY_FAILED => PostcopyFailed,
        })),
        sys::VIR_DOMAIN_EVENT_STOPPED => LifecycleKind::Stopped(stopped(detail)),
        sys::VIR_DOMAIN_EVENT_SHUTDOWN => LifecycleKind::Shutdown(named!(detail, ShutdownDetail {
            VIR_DOMAIN_EVENT_SHUTDOWN_FINISHED => Finished,
            VIR_DOMAIN_EVENT_SHUTDOWN_GUEST => Guest,
            VIR_DOMAIN_EVENT_SHUTDOWN_HOST => Host,
        })),
        sys::VIR_DOMAIN_EVENT_PMSUSPENDED => LifecycleKind::PmSuspended(named!(detail, PmSuspendedDetail {
            VIR_DOMAIN_EVENT_PMSUSPENDED_MEMORY => Memory,
            VIR_DOMAIN_EVENT_PMSUSPENDED_DISK => Disk,
        })),
        sys::VIR_DOMAIN_EVENT_CRASHED => LifecycleKind::Crashed(named!(detail, CrashedDetail {
            VIR_DOMAIN_EVENT_CRASHED_PANICKED => Panicked,
            VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED => Crashloaded,
        })),
        _ => LifecycleKind::Other { event, detail },
    }
}

fn suspended(detail: i32) -> SuspendedDetail {
    named!(detail, SuspendedDetail {
        VIR_DOMAIN_EVENT_SUSPENDED_PAUSED => Paused,
        VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED => Migrated,
        VIR_DOMAIN_EVENT_SUSPENDED_IOERROR => IoError,
        VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG => Watchdog,
        VIR_DOMAIN_EVENT_SUSPENDED_RESTORED => Restored,
        VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT => FromSnapshot,
        VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR => ApiError,
        VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY => Postcopy,
        VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED => PostcopyFailed,
        VIR_DOMAIN_EVENT_SUSPENDED_GUEST_SHUTDOWN => GuestShutdown,
    })
}

fn stopped(detail: i32) -> StoppedDetail {
    named!(detail, StoppedDetail {
        VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN => Shutdown,
        VIR_DOMAIN_EVENT_STOPPED_DESTROYED => Destroyed,
        VIR_DOMAIN_EVENT_STOPPED_CRASHED => Crashed,
        VIR_DOMAIN_EVENT_STOPPED_MIGRATED => Migrated,
        VIR_DOMAIN_EVENT_STOPPED_SAVED => Saved,
        VIR_DOMAIN_EVENT_STOPPED_FAILED => Failed,
        VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT => FromSnapshot,
        VIR_DOMAIN_EVENT_STOPPED_RECREATED => Recreated,
    })
}

/// Which side of a migration a job of a VM in PAUSED/MIGRATION shows: an outgoing job is the source's.
///
/// A restore from a file is PAUSED/MIGRATION too and has another job or none. The destination has no
/// statistics at all: libvirt refuses the question, which is not a job and is told by the caller.
pub(super) fn role_of_job(kind: i32, operation: Option<i32>) -> Option<MigrationRole> {
    let outgoing = operation.map(i32::cast_unsigned) == Some(sys::VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT);
    (kind.cast_unsigned() != sys::VIR_DOMAIN_JOB_NONE && outgoing).then_some(MigrationRole::Source)
}

/// A `virConnectCloseReason` in words.
pub(super) fn close_reason(reason: i32) -> &'static str {
    match reason.cast_unsigned() {
        sys::VIR_CONNECT_CLOSE_REASON_ERROR => "input or output failed",
        sys::VIR_CONNECT_CLOSE_REASON_EOF => "libvirt closed it, as it does when it stops or restarts",
        sys::VIR_CONNECT_CLOSE_REASON_KEEPALIVE => "libvirt stopped answering keep-alive messages",
        sys::VIR_CONNECT_CLOSE_REASON_CLIENT => "it was closed on this side",
        _ => "libvirt gave a reason that is unknown here",
    }
}

/// A `major * 1,000,000 + minor * 1,000 + release` as `major.minor.release` (`virConnectGetLibVersion`).
pub(super) fn version(number: u32) -> String {
    format!("{}.{}.{}", number / 1_000_000, number / 1_000 % 1_000, number % 1_000)
}
