//! The BGP fabric: a switch (ToR) a rack and spines, eBGP everywhere (`router`). Pure: messages in, messages out.

use crate::router::{Message, Path, Router, Rules, Speaker};

/// All routers.
#[derive(Debug)]
pub(crate) struct Fabric {
    /// Of each host.
    racks: Vec<usize>,
    tors: Vec<Router>,
    spines: Vec<Router>,
}

impl Fabric {
    /// `racks`: the rack of each host. A switch may have no host below it, as one that leads out of the fabric.
    pub(crate) fn new(racks: Vec<usize>, spines: usize, rules: Rules) -> Self {
        let tors = racks.iter().max().unwrap() + 1;
        let all_tors: Vec<Speaker> = (0..tors).map(Speaker::Tor).collect();
        let all_spines: Vec<Speaker> = (0..spines).map(Speaker::Spine).collect();
        let routers = |all: &[Speaker], peers: &[Speaker]| {
            all.iter().map(|one| Router::new(*one, peers.to_vec(), rules)).collect()
        };
        Self { racks, tors: routers(&all_tors, &all_spines), spines: routers(&all_spines, &all_tors) }
    }

    pub(crate) fn tor_of(&self, host: usize) -> usize {
        self.racks[host]
    }

    pub(crate) fn router(&self, speaker: Speaker) -> &Router {
        match speaker {
            Speaker::Tor(tor) => &self.tors[tor],
            Speaker::Spine(spine) => &self.spines[spine],
            Speaker::Host(host) => panic!("host {host} is no router"),
        }
    }

    fn router_mut(&mut self, speaker: Speaker) -> &mut Router {
        match speaker {
            Speaker::Tor(tor) => &mut self.tors[tor],
            Speaker::Spine(spine) => &mut self.spines[spine],
            Speaker::Host(host) => panic!("host {host} is no router"),
        }
    }

    /// A message has come; gives what it leads to.
    pub(crate) fn hear(&mut self, message: Message) -> Vec<Message> {
        let Message { from, to, prefix, origin, path } = message;
        self.router_mut(to).hear(from, prefix, origin, path)
    }

    /// A host's session has ended. With `keep` the switch keeps its routes as stale.
    pub(crate) fn session_ended(&mut self, host: usize, keep: bool) -> Vec<Message> {
        self.tors[self.racks[host]].session_ended(Speaker::Host(host), keep)
    }

    /// What the host has not told again since its session ended goes.
    pub(crate) fn flush_stale(&mut self, host: usize, of: impl Fn(usize) -> bool) -> Vec<Message> {
        self.tors[self.racks[host]].flush_stale(Speaker::Host(host), of)
    }

    /// What the host's switch has of it.
    pub(crate) fn heard_of(&self, host: usize, prefix: usize) -> Option<Path> {
        self.has_of(host, prefix).map(|(path, _)| path)
    }

    /// Whether the host's switch only keeps it, because the host's session was lost.
    pub(crate) fn is_stale(&self, host: usize, prefix: usize) -> bool {
        self.has_of(host, prefix).is_some_and(|(_, stale)| stale)
    }

    fn has_of(&self, host: usize, prefix: usize) -> Option<(Path, bool)> {
        self.tors[self.racks[host]].has_from(Speaker::Host(host), prefix)
    }

    /// Whether every router leads to this host, and over all the paths among which it shares the traffic.
    pub(crate) fn leads_to_none_but(&self, host: usize, prefix: usize) -> bool {
        self.routers().all(|router| {
            let mut ways = router.ways(prefix).map(|(_, path)| path.origin).peekable();
            ways.peek().is_some() && ways.all(|origin| origin == host)
        })
    }

    /// Whether some router leads to this host, over any of its paths.
    pub(crate) fn leads_to(&self, host: usize, prefix: usize) -> bool {
        self.routers().any(|router| router.ways(prefix).any(|(_, path)| path.origin == host))
    }

    fn routers(&self) -> impl Iterator<Item = &Router> {
        self.tors.iter().chain(&self.spines)
    }
}
