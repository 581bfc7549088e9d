//! libvirt's life-cycle events with their details, as types.

use std::fmt;

libvirt_enum! {
    /// `virDomainEventDefinedDetailType`
    DefinedDetail { Added = "added", Updated = "updated", Renamed = "renamed", FromSnapshot = "from_snapshot", }
}

libvirt_enum! {
    /// `virDomainEventUndefinedDetailType`
    UndefinedDetail { Removed = "removed", Renamed = "renamed", }
}

libvirt_enum! {
    /// `virDomainEventStartedDetailType`
    StartedDetail {
        Booted = "booted",
        Migrated = "migrated",
        Restored = "restored",
        FromSnapshot = "from_snapshot",
        Wakeup = "wakeup",
        Recreated = "recreated",
    }
}

libvirt_enum! {
    /// `virDomainEventSuspendedDetailType`
    SuspendedDetail {
        Paused = "paused",
        Migrated = "migrated",
        IoError = "ioerror",
        Watchdog = "watchdog",
        Restored = "restored",
        FromSnapshot = "from_snapshot",
        ApiError = "api_error",
        Postcopy = "postcopy",
        PostcopyFailed = "postcopy_failed",
        GuestShutdown = "guest_shutdown",
    }
}

libvirt_enum! {
    /// `virDomainEventResumedDetailType`
    ResumedDetail {
        Unpaused = "unpaused",
        Migrated = "migrated",
        FromSnapshot = "from_snapshot",
        Postcopy = "postcopy",
        PostcopyFailed = "postcopy_failed",
    }
}

libvirt_enum! {
    /// `virDomainEventStoppedDetailType`
    StoppedDetail {
        Shutdown = "shutdown",
        Destroyed = "destroyed",
        Crashed = "crashed",
        Migrated = "migrated",
        Saved = "saved",
        Failed = "failed",
        FromSnapshot = "from_snapshot",
        Recreated = "recreated",
    }
}

libvirt_enum! {
    /// `virDomainEventShutdownDetailType`
    ShutdownDetail { Finished = "finished", Guest = "guest", Host = "host", }
}

libvirt_enum! {
    /// `virDomainEventPMSuspendedDetailType`
    PmSuspendedDetail { Memory = "memory", Disk = "disk", }
}

libvirt_enum! {
    /// `virDomainEventCrashedDetailType`
    CrashedDetail { Panicked = "panicked", Crashloaded = "crashloaded", }
}

/// What a life-cycle event says (`VIR_DOMAIN_EVENT_ID_LIFECYCLE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the variants are libvirt's own names; libvirt-domain.h explains them")]
pub enum LifecycleKind {
    Defined(DefinedDetail),
    Undefined(UndefinedDetail),
    Started(StartedDetail),
    Suspended(SuspendedDetail),
    Resumed(ResumedDetail),
    Stopped(StoppedDetail),
    Shutdown(ShutdownDetail),
    PmSuspended(PmSuspendedDetail),
    Crashed(CrashedDetail),
    /// An event that this version of roamd has no name for.
    Other {
        /// libvirt's number of the event.
        event: i32,
        /// libvirt's number of the detail.
        detail: i32,
    },
}

impl fmt::Display for LifecycleKind {
    /// `started/migrated`, as logs and the REST view show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defined(detail) => write!(f, "defined/{detail}"),
            Self::Undefined(detail) => write!(f, "undefined/{detail}"),
            Self::Started(detail) => write!(f, "started/{detail}"),
            Self::Suspended(detail) => write!(f, "suspended/{detail}"),
            Self::Resumed(detail) => write!(f, "resumed/{detail}"),
            Self::Stopped(detail) => write!(f, "stopped/{detail}"),
            Self::Shutdown(detail) => write!(f, "shutdown/{detail}"),
            Self::PmSuspended(detail) => write!(f, "pmsuspended/{detail}"),
            Self::Crashed(detail) => write!(f, "crashed/{detail}"),
            Self::Other { event, detail } => write!(f, "other({event}/{detail})"),
        }
    }
}

impl LifecycleKind {
    /// Every event, as [`Self::event_name`] has it.
    pub const EVENTS: [&'static str; 10] = [
        "defined",
        "undefined",
        "started",
        "suspended",
        "resumed",
        "stopped",
        "shutdown",
        "pmsuspended",
        "crashed",
        "other",
    ];

    /// The event without its detail.
    pub const fn event_name(self) -> &'static str {
        match self {
            Self::Defined(_) => "defined",
            Self::Undefined(_) => "undefined",
            Self::Started(_) => "started",
            Self::Suspended(_) => "suspended",
            Self::Resumed(_) => "resumed",
            Self::Stopped(_) => "stopped",
            Self::Shutdown(_) => "shutdown",
            Self::PmSuspended(_) => "pmsuspended",
            Self::Crashed(_) => "crashed",
            Self::Other { .. } => "other",
        }
    }
}

#[cfg(test)]
impl LifecycleKind {
    /// Every event with every detail, and for each a number without a name.
    pub(crate) fn every() -> Vec<Self> {
        every!(
            Defined(DefinedDetail),
            Undefined(UndefinedDetail),
            Started(StartedDetail),
            Suspended(SuspendedDetail),
            Resumed(ResumedDetail),
            Stopped(StoppedDetail),
            Shutdown(ShutdownDetail),
            PmSuspended(PmSuspendedDetail),
            Crashed(CrashedDetail)
        )
        .chain([Self::Other { event: 98, detail: 99 }])
        .collect()
    }
}
