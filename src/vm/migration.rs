//! The phases of a migration.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// A moment in the course of a migration, seen from this host; each comes once, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MigrationPhase {
    /// In: libvirt told of the frozen copy.
    IncomingSeen,
    /// In: ExaBGP has acknowledged the `standby` routes, the last of the VM's prefixes.
    StandbyAnnounced,
    /// Out: the VM was stopped here for the switch-over.
    Paused,
    /// Out: the `leaving` routes were written to ExaBGP, the last prefix.
    Demoted,
    /// The VM runs here: it has arrived, or an outgoing migration has failed.
    Resumed,
    /// In: the `arrived` routes were written to ExaBGP, the last prefix.
    ArrivedAnnounced,
    /// ExaBGP has acknowledged what [`Self::ArrivedAnnounced`] or [`Self::Demoted`] wrote, the last prefix.
    Acknowledged,
    /// Every neighbor was seen to be told so, the last prefix; only where ExaBGP reports the UPDATEs that it sends.
    ConfirmedOnTheWire,
    /// The VM is no longer here: it has left, or an incoming migration has failed.
    Stopped,
    /// ExaBGP has acknowledged that the routes are withdrawn, the last prefix.
    Withdrawn,
}

impl MigrationPhase {
    /// Every phase, in the order in which a migration meets them.
    pub const ALL: [Self; 10] = [
        Self::IncomingSeen,
        Self::StandbyAnnounced,
        Self::Paused,
        Self::Demoted,
        Self::Resumed,
        Self::ArrivedAnnounced,
        Self::Acknowledged,
        Self::ConfirmedOnTheWire,
        Self::Stopped,
        Self::Withdrawn,
    ];

    /// The name that JSON, logs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IncomingSeen => "incoming_seen",
            Self::StandbyAnnounced => "standby_announced",
            Self::Paused => "paused",
            Self::Demoted => "demoted",
            Self::Resumed => "resumed",
            Self::ArrivedAnnounced => "arrived_announced",
            Self::Acknowledged => "acknowledged",
            Self::ConfirmedOnTheWire => "confirmed_on_the_wire",
            Self::Stopped => "stopped",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for MigrationPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
