//! The last migrations as they are published.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::clock::Clock;
use crate::mobility::Course;
use crate::snapshot::{MigrationView, Millis, PhaseView, Snapshot};
use crate::vm::VmName;

/// The last migrations, and of each VM the last one.
#[derive(Debug, Default)]
pub(in crate::agent) struct Migrations {
    /// Latest first.
    all: Arc<Vec<Arc<MigrationView>>>,
    of: BTreeMap<VmName, Last>,
}

/// The last migration of a VM.
#[derive(Debug)]
struct Last {
    view: Arc<MigrationView>,
    /// Kept for as long as the agent lives: there are no more such VMs than the configuration names.
    managed: bool,
}

impl Migrations {
    /// Shows a migration as it stands now.
    pub(super) fn put(&mut self, course: &Course, clock: &Clock) -> Arc<MigrationView> {
        let view = Arc::new(view(course, clock));
        let all = Arc::make_mut(&mut self.all);
        match all.binary_search_by(|shown| view.id.cmp(&shown.id)) {
            Ok(place) => all[place] = Arc::clone(&view),
            // One that was dropped falls behind the last place, and out of the list again.
            Err(place) => all.insert(place, Arc::clone(&view)),
        }
        if self.of.get(&view.vm).is_none_or(|last| last.view.id <= view.id) {
            self.of.insert(view.vm.clone(), Last { view: Arc::clone(&view), managed: course.managed });
        }
        let dropped = all.split_off(all.len().min(Snapshot::MIGRATIONS));
        for view in dropped {
            if self.of.get(&view.vm).is_some_and(|last| last.view.id == view.id && !last.managed) {
                self.of.remove(&view.vm);
            }
        }
        view
    }

    /// All of them, latest first.
    pub(in crate::agent) const fn all(&self) -> &Arc<Vec<Arc<MigrationView>>> {
        &self.all
    }

    /// The last one of the VM that is shown under this name.
    pub(in crate::agent) fn of(&self, vm: &VmName) -> Option<Arc<MigrationView>> {
        self.of.get(vm).map(|last| Arc::clone(&last.view))
    }
}

fn view(course: &Course, clock: &Clock) -> MigrationView {
    let phase = |(name, at): &(_, _)| PhaseView {
        name: *name,
        at: clock.stamp(*at),
        after_ms: Millis(at.saturating_duration_since(course.started_at)),
    };
    MigrationView {
        id: course.id,
        vm: course.vm.clone(),
        direction: course.direction,
        started_at: clock.stamp(course.started_at),
        ended_at: course.ended_at.map(|at| clock.stamp(at)),
        outcome: course.outcome,
        phases: course.phases.iter().map(phase).collect(),
    }
}
