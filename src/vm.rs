//! Vocabulary of virtual machines: identity, libvirt's states and life-cycle events as types, presence.
//!
//! Everything here is a plain value. The libvirt module translates libvirt's integers into these types
//! (`libvirt/numbers.rs`), `mobility` decides on them, the snapshot and the REST view show them.
//! Numbers that a newer libvirt may send are kept in `Other`, so that nothing here can fail.

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

/// Every variant of an enum with every value of its detail, and for each a number without a name.
#[cfg(test)]
macro_rules! every {
    ($first:ident($first_detail:ident) $(, $variant:ident($detail:ident))*) => {
        every!(@$first($first_detail))$(.chain(every!(@$variant($detail))))*
    };
    (@$variant:ident($detail:ident)) => {
        $detail::NAMED.iter().copied().chain([$detail::Other(99)]).map(Self::$variant)
    };
}

mod event;
mod migration;
pub mod nic;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

pub use event::{
    CrashedDetail, DefinedDetail, LifecycleKind, PmSuspendedDetail, ResumedDetail, ShutdownDetail,
    StartedDetail, StoppedDetail, SuspendedDetail, UndefinedDetail,
};
pub use migration::MigrationPhase;
use serde::{Deserialize, Serialize, Serializer};
pub use state::{
    CrashedReason, PausedReason, PlainReason, RunningReason, ShutdownReason, ShutoffReason, VmState,
};
use utoipa::ToSchema;
pub use uuid::Uuid;

/// The name of a VM: a key of `vms` in the configuration, compared byte by byte with libvirt's domain name.
///
/// Any string is allowed, because libvirt allows nearly any: what shows a name must escape it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
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

    /// The name for a log: what is not plain is quoted and escaped, so that it forges no field and moves no terminal.
    pub fn in_a_log(&self) -> String {
        let marks = ['-', '_', '.', '+', '@', ':'];
        let is_plain = self.0.chars().all(|letter| letter.is_alphanumeric() || marks.contains(&letter));
        if is_plain && !self.0.is_empty() { self.0.to_string() } else { format!("{self:?}") }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationDirection {
    /// To this host.
    In,
    /// Away from this host.
    Out,
}

impl MigrationDirection {
    /// Either of them.
    pub const ALL: [Self; 2] = [Self::In, Self::Out];

    /// The name that JSON and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// How a migration went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationOutcome {
    /// It goes on.
    Running,
    /// The VM is at the destination.
    Completed,
    /// The VM is at the source again, or nowhere.
    Failed,
}

impl MigrationOutcome {
    /// The name that JSON and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// How far a VM is on this host: what is known from libvirt, reduced to what decides its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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
