//! Vocabulary of virtual machines: identity, libvirt's states and life-cycle events as types, presence.
//!
//! Everything here is a plain value. The libvirt module translates libvirt's integers into these types
//! (`libvirt/numbers.rs`), `mobility` decides on them, the snapshot and the REST view show them.
//! Numbers that a newer libvirt may send are kept in `Other`, so that nothing here can fail.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::{Serialize, Serializer};
pub use uuid::Uuid;

/// The name of a VM: a key of `vms` in the configuration, compared byte by byte with libvirt's domain name.
///
/// Any string is allowed, because libvirt allows nearly any: what shows a name must escape it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct VmName(Arc<str>);

impl VmName {
    /// Takes any string.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as libvirt and the configuration spell it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// An enum of libvirt's with a name for each value and `Other` for the numbers of a newer libvirt.
macro_rules! libvirt_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the variants are libvirt's own names; libvirt-domain.h explains them")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number that this version of roamd has no name for.
            Other(i32),
        }

        impl $name {
            /// Every value that has a name, in libvirt's numeric order.
            pub const NAMED: &[Self] = &[$(Self::$variant),*];

            /// libvirt's name in `snake_case`, `other` for a number without one.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(_) => "other",
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Other(number) => write!(f, "other({number})"),
                    named => f.write_str(named.name()),
                }
            }
        }
    };
}

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

/// A life-cycle event of one VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// The domain's identity; the only field that is stable over a rename.
    pub uuid: Uuid,
    /// The domain's name when the event was made.
    pub name: VmName,
    /// What happened.
    pub kind: LifecycleKind,
    /// When libvirt's callback was entered.
    pub at: Instant,
}

/// A VM as one look at libvirt found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The domain's identity.
    pub uuid: Uuid,
    /// The domain's name at that moment.
    pub name: VmName,
    /// Its state at that moment.
    pub state: VmState,
    /// Which side of a migration this host is, where it was asked for and libvirt could tell.
    pub role: Option<MigrationRole>,
}

/// Which side of a migration this host is, told by the job information of a VM in PAUSED/MIGRATION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationRole {
    /// An outgoing job is registered here.
    Source,
    /// libvirt answers that statistics are available only on the source host.
    Destination,
}

/// Which way a migration goes, seen from this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationDirection {
    /// To this host.
    In,
    /// Away from this host.
    Out,
}

/// How a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationOutcome {
    /// It goes on.
    Running,
    /// The VM is at the destination.
    Completed,
    /// The VM is at the source again, or nowhere.
    Failed,
}

/// How far a VM is on this host: what is known from libvirt, reduced to what decides its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Began to execute here less than `mobility.settle` ago.
    Arrived,
    /// Executes here.
    Present,
    /// A frozen copy is being filled here: an incoming migration, or a restore.
    Incoming,
    /// Stands still here and may go on: paused by a user, an I/O error, a watchdog, suspended to memory.
    Frozen,
    /// Stopped here for the switch-over of an outgoing migration, or post-copy source.
    Departing,
    /// Not here: shut off or shutting down, crashed, migrated away, saved, unknown to libvirt.
    Absent,
}

impl Presence {
    /// Every presence, in the order of the status counts.
    pub const ALL: [Self; 6] =
        [Self::Arrived, Self::Present, Self::Incoming, Self::Frozen, Self::Departing, Self::Absent];

    /// Whether the vCPUs run here.
    pub const fn executes(self) -> bool {
        match self {
            Self::Arrived | Self::Present => true,
            Self::Incoming | Self::Frozen | Self::Departing | Self::Absent => false,
        }
    }

    /// The name that JSON, logs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Present => "present",
            Self::Incoming => "incoming",
            Self::Frozen => "frozen",
            Self::Departing => "departing",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Serialises through `Display`, for vocabulary that JSON shows as a string.
pub(crate) fn as_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
