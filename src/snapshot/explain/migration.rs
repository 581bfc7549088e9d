//! What the last migration was, and what it took.

use serde_json::to_value;

use super::super::{MigrationView, PhaseView};
use super::words::{at, list};
use super::{Case, Link, Step, link};
use crate::vm::{MigrationDirection, MigrationOutcome};

impl Case<'_> {
    pub(super) fn migration(&self) -> Option<Link> {
        let migration = self.vm.as_ref()?.last_migration.as_ref()?;
        let MigrationView { direction, outcome, started_at, ended_at, phases, .. } = &**migration;
        let way = match direction {
            MigrationDirection::In => "to this host",
            MigrationDirection::Out => "away from this host",
        };
        let outcome = match (outcome, ended_at) {
            (MigrationOutcome::Running, _) => "goes on".to_owned(),
            (MigrationOutcome::Completed, None) => "was completed".to_owned(),
            (MigrationOutcome::Completed, Some(time)) => format!("was completed at {}", at(*time, self.at)),
            (MigrationOutcome::Failed, None) => "failed".to_owned(),
            (MigrationOutcome::Failed, Some(time)) => format!("failed at {}", at(*time, self.at)),
        };
        let phase = |phase: &PhaseView| {
            format!("{} after {:.1} ms", phase.name, phase.after_ms.0.as_secs_f64() * 1e3)
        };
        let course = match phases.len() {
            0 => String::new(),
            _ => format!(": {}", list(phases.iter().map(phase))),
        };
        let text = format!(
            "Its last migration, {way}, was first seen at {} and {outcome}{course}.",
            at(*started_at, self.at)
        );
        Some(link(Step::Migration, text, to_value(migration).unwrap_or_default()))
    }
}
