//! One router of the fabric, as BIRD 2.0 is one: what its neighbors told it, which path is best, over which ones it forwards,
//! and what it tells its neighbors. Pure. `recorded` holds it against the routers of the lab.

use std::collections::{BTreeMap, BTreeSet};

/// A host's route for one prefix, as it goes through the fabric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// The host that announces it.
    pub(crate) origin: usize,
    /// Numbers in its AS path.
    pub(crate) length: u32,
    pub(crate) med: u32,
    /// The rung in its mark; `None`: it is not roamd's.
    pub(crate) rung: Option<u32>,
}

/// Somebody who speaks BGP. Among those of one kind the lower one has the lower router id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Speaker {
    Host(usize),
    Tor(usize),
    Spine(usize),
}

/// One prefix of one speaker's to another: the path of a host, or that there is none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: Speaker,
    pub(crate) to: Speaker,
    pub(crate) prefix: usize,
    pub(crate) origin: usize,
    pub(crate) path: Option<Path>,
}

/// What the configuration of all routers has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// They hand on all paths, and not only the best (RFC 7911).
    pub(crate) all_paths: bool,
    /// Each of them gives a path the local preference of its rung.
    pub(crate) rungs_decide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    peer: Speaker,
    path: Path,
    /// Kept over a graceful restart, and not told again yet.
    stale: bool,
}

/// What a router heard and told.
#[derive(Debug)]
pub(crate) struct Router {
    me: Speaker,
    /// The routers that it tells.
    peers: Vec<Speaker>,
    rules: Rules,
    /// The first one is the best.
    heard: BTreeMap<usize, Vec<Heard>>,
    told: BTreeMap<(usize, Speaker), Vec<Path>>,
}

impl Router {
    pub(crate) const fn new(me: Speaker, peers: Vec<Speaker>, rules: Rules) -> Self {
        Self { me, peers, rules, heard: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// How good a path is, the lowest first (RFC 4271 section 9.1.2.2): local preference, length, MED, which is compared
    /// between ASes too (`med metric`). What is alike in all of these shares the traffic (`merge paths`).
    fn rank(&self, path: Path) -> (u32, u32, u32) {
        let preference = if self.rules.rungs_decide { path.rung.unwrap_or(u32::MAX) } else { 0 };
        (preference, path.length, path.med)
    }

    /// Of two that share the traffic the one from the lower router id is best; of two from one neighbor neither is better.
    fn is_better(&self, one: &Heard, other: &Heard) -> bool {
        (self.rank(one.path), one.peer) < (self.rank(other.path), other.peer)
    }

    /// A neighbor has told something; gives what it leads to.
    pub(crate) fn hear(
        &mut self,
        peer: Speaker,
        prefix: usize,
        origin: usize,
        path: Option<Path>,
    ) -> Vec<Message> {
        let all_paths = self.rules.all_paths;
        let list = self.heard.entry(prefix).or_default();
        // Without RFC 7911 a path replaces whatever that neighbor told before.
        let same = |heard: &Heard| heard.peer == peer && (!all_paths || heard.path.origin == origin);
        let before = list.iter().position(same);
        match (before, path) {
            (Some(place), Some(path)) if list[place].path == path => list[place].stale = false,
            (before, path) => {
                self.replace(prefix, before, path.map(|path| Heard { peer, path, stale: false }));
            }
        }
        self.tell(prefix)
    }

    /// One path less, one more, or both. Of equals the newest is best if it takes the place of the best, and else it is not.
    fn replace(&mut self, prefix: usize, before: Option<usize>, after: Option<Heard>) {
        let mut list = self.heard.remove(&prefix).unwrap_or_default();
        let wins = after.is_some_and(|new| list.first().is_none_or(|best| self.is_better(&new, best)));
        if let Some(place) = before {
            list.remove(place);
        }
        match after {
            Some(new) if wins || before == Some(0) || list.is_empty() => list.insert(0, new),
            Some(new) => list.insert(before.unwrap_or(list.len()), new),
            None => {}
        }
        if before == Some(0) && !wins {
            let mut best = 0;
            for place in 1..list.len() {
                if self.is_better(&list[place], &list[best]) {
                    best = place;
                }
            }
            if best > 0 {
                let elected = list.remove(best);
                list.insert(0, elected);
            }
        }
        if !list.is_empty() {
            self.heard.insert(prefix, list);
        }
    }

    /// The session with a neighbor has ended. With `keep` its paths are kept as stale.
    pub(crate) fn session_ended(&mut self, peer: Speaker, keep: bool) -> Vec<Message> {
        if !keep {
            return self.drop_of(peer, |_, _| true);
        }
        for heard in self.heard.values_mut().flatten().filter(|heard| heard.peer == peer) {
            heard.stale = true;
        }
        Vec::new()
    }

    /// What the neighbor has not told again since its session ended goes, of some prefixes.
    pub(crate) fn flush_stale(&mut self, peer: Speaker, of: impl Fn(usize) -> bool) -> Vec<Message> {
        self.drop_of(peer, |prefix, heard| heard.stale && of(prefix))
    }

    fn drop_of(&mut self, peer: Speaker, gone: impl Fn(usize, &Heard) -> bool) -> Vec<Message> {
        let all: Vec<usize> = self.heard.keys().copied().collect();
        let mut messages = Vec::new();
        for prefix in all {
            while let Some(place) = self
                .heard
                .get(&prefix)
                .and_then(|list| list.iter().position(|heard| heard.peer == peer && gone(prefix, heard)))
            {
                self.replace(prefix, Some(place), None);
                messages.extend(self.tell(prefix));
            }
        }
        messages
    }

    /// What each neighbor has to be told, now that something about a prefix has changed.
    fn tell(&mut self, prefix: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for to in self.peers.clone() {
            let now = self.exports(prefix, to);
            let before = self.told.insert((prefix, to), now.clone()).unwrap_or_default();
            let message = |origin, path| Message { from: self.me, to, prefix, origin, path };
            let stays = |path: &Path| now.iter().any(|other| other.origin == path.origin);
            let gone = before.iter().filter(|path| !stays(path) && (self.rules.all_paths || now.is_empty()));
            messages.extend(gone.map(|path| message(path.origin, None)));
            let new = now.iter().filter(|path| !before.contains(path));
            messages.extend(new.map(|path| message(path.origin, Some(*path))));
        }
        messages
    }

    /// A switch tells the spines what it has from hosts, a spine tells the switches what it has from other ones: what came
    /// through an AS does not go back into it, and all spines are in one (RFC 7938). MED does not go on to another AS.
    fn exports(&self, prefix: usize, to: Speaker) -> Vec<Path> {
        let heard = self.heard.get(&prefix).map_or(&[][..], Vec::as_slice);
        let candidates = if self.rules.all_paths { heard } else { &heard[..heard.len().min(1)] };
        let may = |peer: Speaker| match to {
            Speaker::Spine(_) => matches!(peer, Speaker::Host(_)),
            Speaker::Tor(_) => peer != to,
            Speaker::Host(_) => false,
        };
        let longer = |path: Path| Path { length: path.length + 1, med: 0, ..path };
        candidates.iter().filter(|heard| may(heard.peer)).map(|heard| longer(heard.path)).collect()
    }

    /// The paths that it has, and from whom.
    pub(crate) fn has(&self, prefix: usize) -> impl Iterator<Item = (Speaker, Path)> + '_ {
        self.heard.get(&prefix).into_iter().flatten().map(|heard| (heard.peer, heard.path))
    }

    /// What it has from one neighbor, and whether that is only kept, because the session was lost.
    pub(crate) fn has_from(&self, peer: Speaker, prefix: usize) -> Option<(Path, bool)> {
        let heard = self.heard.get(&prefix)?.iter().find(|heard| heard.peer == peer)?;
        Some((heard.path, heard.stale))
    }

    /// The best path.
    pub(crate) fn best(&self, prefix: usize) -> Option<(Speaker, Path)> {
        self.has(prefix).next()
    }

    /// The paths over which it forwards: the best, and what is as good as that.
    pub(crate) fn ways(&self, prefix: usize) -> impl Iterator<Item = (Speaker, Path)> + '_ {
        let best = self.best(prefix).map(|(_, path)| self.rank(path));
        self.has(prefix).filter(move |(_, path)| Some(self.rank(*path)) == best)
    }

    /// The neighbors to which it forwards.
    pub(crate) fn next_hops(&self, prefix: usize) -> BTreeSet<Speaker> {
        self.ways(prefix).map(|(peer, _)| peer).collect()
    }
}
