//! libvirt's domain states with their reasons, as types.

use std::fmt;

libvirt_enum! {
    /// Why a domain runs (`virDomainRunningReason`).
    RunningReason {
        Unknown = "unknown",
        Booted = "booted",
        Migrated = "migrated",
        Restored = "restored",
        FromSnapshot = "from_snapshot",
        Unpaused = "unpaused",
        MigrationCanceled = "migration_canceled",
        SaveCanceled = "save_canceled",
        Wakeup = "wakeup",
        Crashed = "crashed",
        Postcopy = "postcopy",
        PostcopyFailed = "postcopy_failed",
    }
}

libvirt_enum! {
    /// Why a domain is paused (`virDomainPausedReason`).
    PausedReason {
        Unknown = "unknown",
        User = "user",
        Migration = "migration",
        Save = "save",
        Dump = "dump",
        IoError = "ioerror",
        Watchdog = "watchdog",
        FromSnapshot = "from_snapshot",
        ShuttingDown = "shutting_down",
        Snapshot = "snapshot",
        Crashed = "crashed",
        StartingUp = "starting_up",
        Postcopy = "postcopy",
        PostcopyFailed = "postcopy_failed",
        ApiError = "api_error",
    }
}

libvirt_enum! {
    /// Why a domain is shutting down (`virDomainShutdownReason`).
    ShutdownReason { Unknown = "unknown", User = "user", }
}

libvirt_enum! {
    /// Why a domain is shut off (`virDomainShutoffReason`).
    ShutoffReason {
        Unknown = "unknown",
        Shutdown = "shutdown",
        Destroyed = "destroyed",
        Crashed = "crashed",
        Migrated = "migrated",
        Saved = "saved",
        Failed = "failed",
        FromSnapshot = "from_snapshot",
        Daemon = "daemon",
    }
}

libvirt_enum! {
    /// Why a domain is crashed (`virDomainCrashedReason`).
    CrashedReason { Unknown = "unknown", Panicked = "panicked", }
}

libvirt_enum! {
    /// The reason of a state that has only one (`virDomainNostateReason`, `virDomainBlockedReason`,
    /// `virDomainPMSuspendedReason`).
    PlainReason { Unknown = "unknown", }
}

/// A domain's state with its reason, as `virDomainGetState` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VmState {
    /// libvirt has no information.
    NoState(PlainReason),
    /// The vCPUs run here.
    Running(RunningReason),
    /// The vCPUs run here, blocked on a resource (Xen).
    Blocked(PlainReason),
    /// The vCPUs stand still.
    Paused(PausedReason),
    /// The guest has powered off, or is being destroyed; QEMU has not exited yet.
    Shutdown(ShutdownReason),
    /// Defined here, not running.
    Shutoff(ShutoffReason),
    /// The guest has crashed and is kept for inspection.
    Crashed(CrashedReason),
    /// Suspended to memory by the guest's own power management.
    PmSuspended(PlainReason),
    /// A state that this version of roamd has no name for.
    Other {
        /// libvirt's number of the state.
        state: i32,
        /// libvirt's number of the reason.
        reason: i32,
    },
}

impl VmState {
    /// libvirt's name of the state in `snake_case`, `other` for a number without one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoState(_) => "nostate",
            Self::Running(_) => "running",
            Self::Blocked(_) => "blocked",
            Self::Paused(_) => "paused",
            Self::Shutdown(_) => "shutdown",
            Self::Shutoff(_) => "shutoff",
            Self::Crashed(_) => "crashed",
            Self::PmSuspended(_) => "pmsuspended",
            Self::Other { .. } => "other",
        }
    }

    /// The reason's name in `snake_case`, `other(N)` for a number without one.
    pub fn reason(self) -> String {
        match self {
            Self::NoState(reason) | Self::Blocked(reason) | Self::PmSuspended(reason) => reason.to_string(),
            Self::Running(reason) => reason.to_string(),
            Self::Paused(reason) => reason.to_string(),
            Self::Shutdown(reason) => reason.to_string(),
            Self::Shutoff(reason) => reason.to_string(),
            Self::Crashed(reason) => reason.to_string(),
            Self::Other { state, reason } => format!("other({state}/{reason})"),
        }
    }
}

impl fmt::Display for VmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.reason())
    }
}

#[cfg(test)]
impl VmState {
    /// Every state with every reason, and for each a number without a name.
    pub(crate) fn every() -> Vec<Self> {
        every!(
            NoState(PlainReason),
            Running(RunningReason),
            Blocked(PlainReason),
            Paused(PausedReason),
            Shutdown(ShutdownReason),
            Shutoff(ShutoffReason),
            Crashed(CrashedReason),
            PmSuspended(PlainReason)
        )
        .chain([Self::Other { state: 98, reason: 99 }])
        .collect()
    }
}
