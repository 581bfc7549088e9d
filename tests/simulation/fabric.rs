//! The BGP fabric: a switch (ToR) a rack and two spines, eBGP everywhere. Pure: messages in, messages out.
//!
//! A router keeps what each peer told, picks the best path (RFC 4271 section 9.1.2.2 as far as the paths here differ:
//! length of the AS path, MED between paths of one neighbor AS, which two hosts never are, then the lower peer), and tells
//! its own peers. A switch tells the spines what it has from hosts, a spine tells the other switches; what came
//! through an AS does not go back into it.

use std::collections::BTreeMap;

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

/// Somebody who speaks BGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Speaker {
    Host(usize),
    Tor(usize),
    Spine(usize),
}

/// One prefix of one speaker's to another: a path, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: Speaker,
    pub(crate) to: Speaker,
    pub(crate) prefix: usize,
    pub(crate) path: Option<Path>,
}

/// What a router heard.
#[derive(Debug, Default)]
struct Router {
    heard: BTreeMap<usize, BTreeMap<Speaker, Heard>>,
    best: BTreeMap<usize, (Speaker, Path)>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    path: Path,
    /// Kept over a graceful restart, and not told again yet.
    stale: bool,
}

impl Router {
    /// What is best of what was heard.
    fn judge(&self, prefix: usize) -> Option<(Speaker, Path)> {
        let heard = self.heard.get(&prefix)?.iter().map(|(peer, heard)| (*peer, heard.path));
        heard.min_by_key(|(peer, path)| (path.length, *peer))
    }
}

/// All routers.
#[derive(Debug)]
pub(crate) struct Fabric {
    /// Of each host.
    racks: Vec<usize>,
    tors: Vec<Router>,
    spines: Vec<Router>,
}

impl Fabric {
    /// `racks`: the rack of each host; without spines where there is one rack only.
    pub(crate) fn new(racks: Vec<usize>) -> Self {
        let count = racks.iter().max().unwrap() + 1;
        let spines = if count > 1 { 2 } else { 0 };
        let routers = |count| (0..count).map(|_| Router::default()).collect();
        Self { racks, tors: routers(count), spines: routers(spines) }
    }

    pub(crate) fn tor_of(&self, host: usize) -> usize {
        self.racks[host]
    }

    fn router(&mut self, speaker: Speaker) -> &mut Router {
        match speaker {
            Speaker::Tor(tor) => &mut self.tors[tor],
            Speaker::Spine(spine) => &mut self.spines[spine],
            Speaker::Host(host) => panic!("host {host} is no router"),
        }
    }

    /// A message has come; gives what it leads to.
    pub(crate) fn hear(&mut self, message: Message) -> Vec<Message> {
        let Message { from, to, prefix, path } = message;
        let heard = self.router(to).heard.entry(prefix).or_default();
        match path {
            Some(path) => heard.insert(from, Heard { path, stale: false }),
            None => heard.remove(&from),
        };
        self.judge(to, prefix)
    }

    /// A host's session has ended. With `keep` the switch keeps its routes as stale.
    pub(crate) fn session_ended(&mut self, host: usize, keep: bool) -> Vec<Message> {
        self.drop_of(host, |_, heard| {
            heard.stale = keep;
            keep
        })
    }

    /// What the host has not told again since its session ended goes.
    pub(crate) fn flush_stale(&mut self, host: usize, of: impl Fn(usize) -> bool) -> Vec<Message> {
        self.drop_of(host, |prefix, heard| !heard.stale || !of(prefix))
    }

    fn drop_of(&mut self, host: usize, mut keep: impl FnMut(usize, &mut Heard) -> bool) -> Vec<Message> {
        let (tor, peer) = (Speaker::Tor(self.racks[host]), Speaker::Host(host));
        let mut gone = Vec::new();
        for (prefix, heard) in &mut self.router(tor).heard {
            if heard.get_mut(&peer).is_some_and(|heard| !keep(*prefix, heard)) {
                heard.remove(&peer);
                gone.push(*prefix);
            }
        }
        gone.into_iter().flat_map(|prefix| self.judge(tor, prefix)).collect()
    }

    fn judge(&mut self, at: Speaker, prefix: usize) -> Vec<Message> {
        let router = self.router(at);
        let (before, after) = (router.best.get(&prefix).copied(), router.judge(prefix));
        if before == after {
            return Vec::new();
        }
        match after {
            Some(best) => router.best.insert(prefix, best),
            None => router.best.remove(&prefix),
        };
        let longer = |path: Path| Path { length: path.length + 1, med: 0, ..path };
        let tell = |to, path: Option<Path>| Message { from: at, to, prefix, path: path.map(longer) };
        match at {
            Speaker::Tor(_) => {
                let ours = |best: Option<(Speaker, Path)>| {
                    best.filter(|(peer, _)| matches!(peer, Speaker::Host(_))).map(|(_, path)| path)
                };
                if ours(before) == ours(after) {
                    return Vec::new();
                }
                (0..self.spines.len()).map(|spine| tell(Speaker::Spine(spine), ours(after))).collect()
            }
            Speaker::Spine(_) => {
                let for_tor = |tor, best: Option<(Speaker, Path)>| {
                    best.filter(|(peer, _)| *peer != Speaker::Tor(tor)).map(|(_, path)| path)
                };
                let changed = |tor: &usize| for_tor(*tor, before) != for_tor(*tor, after);
                let tors = (0..self.tors.len()).filter(changed);
                tors.map(|tor| tell(Speaker::Tor(tor), for_tor(tor, after))).collect()
            }
            Speaker::Host(_) => Vec::new(),
        }
    }

    /// What the host's switch has of it.
    pub(crate) fn heard_of(&self, host: usize, prefix: usize) -> Option<Path> {
        let heard = self.tors[self.racks[host]].heard.get(&prefix)?;
        heard.get(&Speaker::Host(host)).map(|heard| heard.path)
    }

    /// Whether the host's switch only keeps it, because the host's session was lost.
    pub(crate) fn is_stale(&self, host: usize, prefix: usize) -> bool {
        let heard = self.tors[self.racks[host]].heard.get(&prefix);
        heard.and_then(|heard| heard.get(&Speaker::Host(host))).is_some_and(|heard| heard.stale)
    }

    /// The best path of every router that has one.
    pub(crate) fn best(&self, prefix: usize) -> impl Iterator<Item = (Speaker, Path)> + '_ {
        self.routers().filter_map(move |(speaker, router)| Some((speaker, router.best.get(&prefix)?.1)))
    }

    /// How many routers there are.
    pub(crate) fn count(&self) -> usize {
        self.tors.len() + self.spines.len()
    }

    fn routers(&self) -> impl Iterator<Item = (Speaker, &Router)> + '_ {
        let tors = self.tors.iter().enumerate().map(|(tor, router)| (Speaker::Tor(tor), router));
        tors.chain(self.spines.iter().enumerate().map(|(spine, router)| (Speaker::Spine(spine), router)))
    }
}
