//! Paths that neighbors offer to the VMs that execute here: split brains, as far as this host can see them.
//!
//! A VM that has been executing here for longer than `mobility.settle` (rung `active`) has one path, this host's. Another
//! that comes from a neighbor, and stays, means that a second host believes to run it, or that the address is announced
//! by somebody else. Not the rungs `standby` and `leaving`: those hosts know that the VM does not execute there.
//! Nothing is withdrawn because of it; an operator decides. It is the best that a host can do, not all: most switches
//! send their hosts a default route only, and a switch that prefers this host's path sends it no other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::clock::Clock;
use crate::exabgp::Path;
use crate::mobility::Mobility;
use crate::route::{Prefix, Rung};
use crate::snapshot::{ConflictView, Conflicts};
use crate::vm::VmName;

/// How long a path must stand before it is a conflict: in a migration the other host's path may come before the event
/// that says that the VM has left.
const PATIENCE: Duration = Duration::from_secs(5);

/// The paths, and which of them are conflicts.
#[derive(Debug, Default)]
pub(super) struct Offers {
    paths: BTreeMap<Prefix, BTreeMap<IpAddr, Path>>,
    /// Since when a path contradicts ours.
    suspects: BTreeMap<(Prefix, IpAddr), Instant>,
    open: BTreeMap<(Prefix, IpAddr), ConflictView>,
    total: u64,
    /// To be judged, at once and later.
    stale: BTreeSet<Prefix>,
    later: BTreeSet<(Instant, Prefix)>,
}

/// A conflict that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Began(ConflictView),
    Ended(ConflictView),
}

impl Offers {
    /// A neighbor offers a path, or no longer does.
    pub(super) fn offered(&mut self, neighbor: IpAddr, prefix: Prefix, path: Option<Path>) {
        let paths = self.paths.entry(prefix).or_default();
        match path {
            Some(path) => paths.insert(neighbor, path),
            None => paths.remove(&neighbor),
        };
        if paths.is_empty() {
            self.paths.remove(&prefix);
        }
        self.stale.insert(prefix);
    }

    /// A neighbor's session has ended, and what it offered with it.
    pub(super) fn down(&mut self, neighbor: IpAddr) {
        let has =
            |(prefix, paths): (&Prefix, &BTreeMap<_, _>)| paths.contains_key(&neighbor).then_some(*prefix);
        let concerned: Vec<Prefix> = self.paths.iter().filter_map(has).collect();
        for prefix in concerned {
            self.offered(neighbor, prefix, None);
        }
    }

    /// Everything that was offered is unknown now. A conflict that lasts is seen again when its path is sent again.
    pub(super) fn forget(&mut self) {
        self.stale.extend(std::mem::take(&mut self.paths).into_keys());
    }

    /// The rung here may have changed.
    pub(super) fn stale(&mut self, prefix: Prefix) {
        if self.paths.contains_key(&prefix) {
            self.stale.insert(prefix);
        }
    }

    /// When [`Self::judge`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }

    /// Judges what may have changed.
    pub(super) fn judge(&mut self, mobility: &Mobility, clock: &Clock, now: Instant) -> Vec<Change> {
        while let Some((at, prefix)) = self.later.first().copied()
            && at <= now
        {
            self.later.pop_first();
            self.stale.insert(prefix);
        }
        let mut changes = Vec::new();
        for prefix in std::mem::take(&mut self.stale) {
            match mobility.owner(prefix) {
                Some(vm) => changes.extend(self.judge_one(prefix, (vm, mobility.rung(vm)), clock, now)),
                None => changes.extend(self.let_go(prefix)),
            }
        }
        changes
    }

    /// The prefix is no VM's any more, and nobody tells of its paths from now on.
    fn let_go(&mut self, prefix: Prefix) -> Vec<Change> {
        self.paths.remove(&prefix);
        self.suspects.retain_of(prefix, |_| false);
        self.open.retain_of(prefix, |_| false).into_iter().map(Change::Ended).collect()
    }

    /// Judges the paths to `prefix`, which leads to a VM on this rung here.
    fn judge_one(
        &mut self,
        prefix: Prefix,
        (vm, rung): (&VmName, Option<Rung>),
        clock: &Clock,
        now: Instant,
    ) -> Vec<Change> {
        let mut paths = self.paths.get(&prefix).cloned().unwrap_or_default();
        paths.retain(|_, path| rung == Some(Rung::Active) && claims(path));
        self.suspects.retain_of(prefix, |neighbor| paths.contains_key(neighbor));
        let ended = self.open.retain_of(prefix, |neighbor| paths.contains_key(neighbor));
        let mut changes: Vec<Change> = ended.into_iter().map(Change::Ended).collect();
        for (neighbor, path) in paths {
            let key = (prefix, neighbor);
            let view = |since| ConflictView {
                prefix,
                vm: vm.clone(),
                neighbor,
                preference: path.rung,
                marked_by: path.marked_by,
                next_hop: path.next_hop,
                since,
            };
            if let Some(open) = self.open.get_mut(&key) {
                *open = view(open.since);
                continue;
            }
            let since = *self.suspects.entry(key).or_insert(now);
            if since + PATIENCE > now {
                self.later.insert((since + PATIENCE, prefix));
                continue;
            }
            let view = view(clock.stamp(since));
            self.total += 1;
            self.open.insert(key, view.clone());
            changes.push(Change::Began(view));
        }
        changes
    }

    /// The published view.
    pub(super) fn view(&self) -> Conflicts {
        Conflicts { total: self.total, open: self.open.values().cloned().collect() }
    }
}

/// A map by prefix and neighbor.
trait ByPrefix<T> {
    /// Removes and returns what stands for other neighbors of the prefix than `keep` takes.
    fn retain_of(&mut self, prefix: Prefix, keep: impl Fn(&IpAddr) -> bool) -> Vec<T>;
}

impl<T> ByPrefix<T> for BTreeMap<(Prefix, IpAddr), T> {
    fn retain_of(&mut self, prefix: Prefix, keep: impl Fn(&IpAddr) -> bool) -> Vec<T> {
        let first = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let of_prefix =
            self.range((prefix, first)..).map(|(key, _)| *key).take_while(|(of, _)| *of == prefix);
        let gone: Vec<_> = of_prefix.filter(|(_, neighbor)| !keep(neighbor)).collect();
        gone.iter().filter_map(|key| self.remove(key)).collect()
    }
}

/// Whether the host behind a path claims to run the VM, or may.
fn claims(path: &Path) -> bool {
    match path.rung {
        Some(Rung::Standby | Rung::Leaving) => false,
        Some(Rung::Arrived | Rung::Active | Rung::Unsure) | None => true,
    }
}

#[cfg(test)]
mod tests;
