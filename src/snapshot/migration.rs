//! What is published of migrations.

use std::time::Duration;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::Timestamp;
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase, VmName};

/// An entry of `migrations`: a migration of a VM to or from this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MigrationView {
    /// Its number in this agent's life, from 1 on.
    pub id: u64,
    /// The VM, by the name under which `vms` shows it.
    pub vm: VmName,
    /// To this host, or away from it.
    pub direction: MigrationDirection,
    /// When it was first seen: the frozen copy for `in`, the switch-over for `out`.
    pub started_at: Timestamp,
    /// When its outcome was known; what ExaBGP makes of it may come later.
    pub ended_at: Option<Timestamp>,
    /// How it went.
    pub outcome: MigrationOutcome,
    /// What was seen of it so far, in order of time.
    pub phases: Vec<PhaseView>,
}

/// An entry of `phases`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PhaseView {
    /// Which.
    pub name: MigrationPhase,
    /// When.
    pub at: Timestamp,
    /// Milliseconds since the migration was first seen, by the monotonic clock.
    pub after_ms: Millis,
}

/// A span of time, shown as a number of milliseconds with at most three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ToSchema)]
#[schema(value_type = f64, minimum = 0)]
pub struct Millis(pub Duration);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The thousandth of a whole number is the double that is written with so few decimals.
        serializer.serialize_f64((self.0.as_secs_f64() * 1e6).round() / 1e3)
    }
}
