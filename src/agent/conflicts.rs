//! Paths that neighbors offer to the VMs that execute here: split brains, as far as this host can see them.
//!
//! A VM that has been executing here for longer than `mobility.settle` (rung `active`) has one path, this host's. Another
//! that comes from a neighbor means that a second host believes to run it, or that the address is announced by somebody
//! else. Not the rungs `standby` and `leaving`: those hosts know that the VM does not execute there. Nothing is
//! withdrawn because of it; an operator decides. It is the best that a host can do, not all: most switches send their
//! hosts a default route only, and a switch that prefers this host's path sends it no other.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::exabgp::Path;
use crate::route::{Prefix, Rung};
use crate::snapshot::{ConflictView, Conflicts, Timestamp};
use crate::vm::VmName;

/// The paths, and which of them are conflicts.
#[derive(Debug, Default)]
pub(super) struct Offers {
    paths: BTreeMap<Prefix, BTreeMap<IpAddr, Path>>,
    open: BTreeMap<(Prefix, IpAddr), ConflictView>,
    total: u64,
}

/// A conflict that began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Began(ConflictView),
    Ended(ConflictView),
}

impl Offers {
    /// Whether there is nothing to judge.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.open.is_empty()
    }

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
    }

    /// A neighbor's session has ended, and what it offered with it: the prefixes.
    pub(super) fn down(&mut self, neighbor: IpAddr) -> Vec<Prefix> {
        let has =
            |(prefix, paths): (&Prefix, &BTreeMap<_, _>)| paths.contains_key(&neighbor).then_some(*prefix);
        let concerned: Vec<Prefix> = self.paths.iter().filter_map(has).collect();
        for prefix in &concerned {
            self.offered(neighbor, *prefix, None);
        }
        concerned
    }

    /// Everything that was offered is unknown now: the prefixes.
    pub(super) fn forget(&mut self) -> Vec<Prefix> {
        std::mem::take(&mut self.paths).into_keys().collect()
    }

    /// Judges the paths to `prefix`, which leads to `vm`, whose routes stand on `rung` here.
    pub(super) fn judge(
        &mut self,
        prefix: Prefix,
        vm: &VmName,
        rung: Option<Rung>,
        now: Timestamp,
    ) -> Vec<Change> {
        let none = BTreeMap::new();
        let paths = self.paths.get(&prefix).unwrap_or(&none);
        let conflicts = |path: &Path| rung == Some(Rung::Active) && claims(path);
        let mut changes = Vec::new();
        let ended: Vec<_> = self
            .open
            .range((prefix, lowest())..)
            .take_while(|((of, _), _)| *of == prefix)
            .filter(|((_, neighbor), _)| !paths.get(neighbor).is_some_and(conflicts))
            .map(|(key, _)| *key)
            .collect();
        changes.extend(ended.iter().filter_map(|key| self.open.remove(key)).map(Change::Ended));
        for (&neighbor, path) in paths.iter().filter(|(_, path)| conflicts(path)) {
            if let Some(open) = self.open.get_mut(&(prefix, neighbor)) {
                (open.preference, open.marked_by, open.next_hop) = (path.rung, path.marked_by, path.next_hop);
                continue;
            }
            let view = ConflictView {
                prefix,
                vm: vm.clone(),
                neighbor,
                preference: path.rung,
                marked_by: path.marked_by,
                next_hop: path.next_hop,
                since: now,
            };
            self.total += 1;
            self.open.insert((prefix, neighbor), view.clone());
            changes.push(Change::Began(view));
        }
        changes
    }

    /// The published view.
    pub(super) fn view(&self) -> Conflicts {
        Conflicts { total: self.total, open: self.open.values().cloned().collect() }
    }
}

/// Whether the host behind a path claims to run the VM, or may.
fn claims(path: &Path) -> bool {
    match path.rung {
        Some(Rung::Standby | Rung::Leaving) => false,
        Some(Rung::Arrived | Rung::Active | Rung::Unsure) | None => true,
    }
}

/// The first address in the order of addresses.
fn lowest() -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
}

#[cfg(test)]
mod tests;
