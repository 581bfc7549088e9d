//! One host: the real agent, its end of the link and the real relay, between models of libvirtd and ExaBGP.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc;

use roamd::agent::{Agent, Outputs, ReadClocks, first_snapshot};
use roamd::config::Config;
use roamd::exabgp::{Conversation, Order, ServiceIps, Settings};
use roamd::libvirt::{Backoff, Request, Schedule};
use roamd::relay::{Identity, Ledger, Relay};
use roamd::service::Service;
use roamd::snapshot::Snapshot;
use roamd::vm::{MigrationRole, Sighting, Uuid, VmName, VmState};
use tokio::sync::{mpsc as channel, watch};

use crate::case::{self, Setting};
use crate::clock::Time;
use crate::command::Told;
use crate::exabgp::{self, Exabgp, Version};
use crate::random::Random;

/// The parts of a host that live, hang and die each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Agent,
    Relay,
    Exabgp,
    Libvirtd,
}

/// A domain as libvirtd has it.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) uuid: Uuid,
    pub(crate) name: VmName,
    pub(crate) state: VmState,
    pub(crate) side: Option<MigrationRole>,
}

/// The threads that keep a connection to libvirt, as the agent knows them by their reports.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "four things that are so or not, each by itself")]
pub(crate) struct Shell {
    /// The number of the present connection, or of the last one.
    pub(crate) connection: u64,
    pub(crate) connected: bool,
    /// A list is on its way, and another one is wanted.
    pub(crate) listing: bool,
    pub(crate) list_again: bool,
    /// Looks that wait; the first of them is on its way.
    pub(crate) looks: VecDeque<Uuid>,
    pub(crate) looking: bool,
    /// When it is time to connect again, and to list without being asked.
    pub(crate) backoff: Backoff,
    pub(crate) schedule: Option<Schedule>,
}

impl Shell {
    fn new() -> Self {
        Self {
            connection: 0,
            connected: false,
            listing: false,
            list_again: false,
            looks: VecDeque::new(),
            looking: false,
            backoff: Backoff::new(Backoff::RECONNECT),
            schedule: None,
        }
    }
}

/// One life of the agent.
pub(crate) struct AgentRun {
    pub(crate) agent: Agent,
    pub(crate) orders: channel::UnboundedReceiver<Order>,
    pub(crate) asked: mpsc::Receiver<Request>,
    /// Somebody reads what is published.
    _snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(crate) shell: Shell,
    /// What a relay sends before it has greeted, by its link.
    pub(crate) greeting: BTreeMap<u64, Vec<u8>>,
    pub(crate) talk: Option<(u64, Conversation)>,
    pub(crate) wakes_at: Option<Time>,
}

/// One life of the relay.
pub(crate) struct RelayRun {
    pub(crate) relay: Relay,
    /// The number of its link to the agent, while there is one.
    pub(crate) link: Option<u64>,
    pub(crate) wakes_at: Option<Time>,
}

/// A host.
pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) random: Random,
    pub(crate) wall: Arc<AtomicI64>,
    /// The configuration file, and when it was changed.
    pub(crate) held: BTreeSet<usize>,
    pub(crate) without: BTreeSet<usize>,
    pub(crate) config: Arc<Config>,
    pub(crate) reloaded_at: Time,
    pub(crate) domains: BTreeMap<usize, Domain>,
    pub(crate) libvirtd_up: bool,
    pub(crate) agent: Option<AgentRun>,
    /// Since when the present agent lives, or the last one did.
    pub(crate) agent_since: Time,
    pub(crate) relay: Option<RelayRun>,
    pub(crate) exabgp: Option<Exabgp>,
    /// A turn of ExaBGP's reactor is planned.
    pub(crate) turning: bool,
    /// The ledger's file, on a tmpfs.
    pub(crate) journal: Vec<u8>,
    pub(crate) epoch: String,
    /// How many lives each part has had, so that what was meant for an earlier one is dropped.
    pub(crate) lives: [u64; 4],
    /// Until when each part stands still.
    pub(crate) hangs_until: [Time; 4],
    pub(crate) relay_hangs_since: Time,
    /// The same, also of parts that were killed meanwhile.
    pub(crate) hung_until: [Time; 4],
    /// Until when the host is switched off, and until when it stands still as a whole.
    pub(crate) down_until: Time,
    pub(crate) frozen_until: Time,
    /// Until when the host can't be reached.
    pub(crate) cut_until: Time,
    /// The BGP session with its switch.
    pub(crate) session: u64,
    pub(crate) session_up: bool,
    /// From when on all its parts are well.
    pub(crate) well_from: Time,
    /// From when on it was not cut off or frozen, and its agent did not hang.
    pub(crate) reached_from: Time,
    /// When the last thing that was sent each way arrives: what is sent later arrives later.
    pub(crate) arrivals: BTreeMap<(&'static str, u64), Time>,
}

impl Host {
    pub(crate) fn new(number: usize, setting: &Setting) -> Self {
        Self {
            number,
            random: Random::new(setting.seed, 10 + number as u64),
            wall: Arc::default(),
            held: BTreeSet::new(),
            without: BTreeSet::new(),
            config: setting.config(number, &[], &[]),
            reloaded_at: 0,
            domains: BTreeMap::new(),
            libvirtd_up: true,
            agent: None,
            agent_since: 0,
            relay: None,
            exabgp: None,
            turning: false,
            journal: Vec::new(),
            epoch: String::new(),
            lives: [0; 4],
            hangs_until: [0; 4],
            relay_hangs_since: 0,
            hung_until: [0; 4],
            down_until: 0,
            frozen_until: 0,
            cut_until: 0,
            session: 0,
            session_up: false,
            well_from: 0,
            reached_from: 0,
            arrivals: BTreeMap::new(),
        }
    }

    pub(crate) const fn life(&self, part: Part) -> u64 {
        self.lives[part as usize]
    }

    /// Begins a life of the agent.
    pub(crate) fn start_agent(&mut self, clocks: ReadClocks) {
        self.lives[Part::Agent as usize] += 1;
        let (orders_in, orders) = channel::unbounded_channel();
        let (ask, asked) = mpsc::channel();
        let (snapshots_in, snapshots) = watch::channel(Arc::new(first_snapshot(&self.config, "host")));
        let outputs = Outputs {
            // Nobody asks any more when the host is gone.
            ask: Box::new(move |request| ask.send(request).unwrap_or_default()),
            orders: orders_in,
            host_routes: None,
            service_ips: ServiceIps::new(&self.config),
            snapshots: snapshots_in,
            service: Service::default(),
        };
        self.agent = Some(AgentRun {
            agent: Agent::new(Arc::clone(&self.config), outputs, clocks),
            orders,
            asked,
            _snapshots: snapshots,
            shell: Shell::new(),
            greeting: BTreeMap::new(),
            talk: None,
            wakes_at: None,
        });
    }

    /// What a session is told.
    pub(crate) fn settings(&self) -> Settings {
        Settings::from(self.config.as_ref())
    }

    /// Begins a life of ExaBGP, with a loopback address that its own configuration announces.
    pub(crate) fn start_exabgp(&mut self, setting: &Setting, tor_as: u32) {
        self.lives[Part::Exabgp as usize] += 1;
        self.epoch = format!("{}-{}-boot", 4_000 + self.life(Part::Exabgp), self.life(Part::Exabgp) * 100);
        let own = Told { next_hop: "self".to_owned(), attributes: "med 7".to_owned() };
        let identity = exabgp::Identity {
            version: if setting.v5 { Version::V5 } else { Version::V4 },
            local: format!("192.0.2.{}", self.number + 1),
            peer: "192.0.2.254".to_owned(),
            local_as: u32::try_from(case::local_as(self.number)).unwrap(),
            peer_as: tor_as,
            manual_eor: setting.graceful,
            echo: setting.echo,
        };
        self.exabgp = Some(Exabgp::new(identity, [(loopback(self.number), own)]));
        self.turning = false;
    }

    /// Begins a life of the relay in the present life of ExaBGP.
    pub(crate) fn start_relay(&mut self, now: std::time::Instant, uptime: std::time::Duration) {
        self.lives[Part::Relay as usize] += 1;
        let ledger = Ledger::read(&self.journal, &self.epoch);
        self.journal = ledger.text(&self.epoch);
        let pid = u32::try_from(self.life(Part::Relay)).unwrap();
        let identity = Identity { pid, epoch: Some(self.epoch.clone()) };
        let relay = Relay::new(identity, ledger, now).with_uptime(uptime, now);
        self.relay = Some(RelayRun { relay, link: None, wakes_at: None });
    }

    /// Every domain, as a list shows it.
    pub(crate) fn sightings(&self, with_roles: bool) -> Vec<Sighting> {
        self.domains.values().map(|domain| sighting(domain, with_roles)).collect()
    }

    /// One domain, as a look shows it.
    pub(crate) fn look(&self, uuid: Uuid) -> Option<Sighting> {
        self.domains.values().find(|domain| domain.uuid == uuid).map(|domain| sighting(domain, true))
    }

    /// When something that is sent now, and takes `delay`, arrives by this way.
    pub(crate) fn arrives(&mut self, way: (&'static str, u64), now: Time, delay: Time) -> Time {
        let last = self.arrivals.entry(way).or_default();
        *last = (now + delay).max(*last);
        *last
    }

    /// Something is wrong until `end`; `unreachable`: the host or its agent stands still, or is cut off.
    pub(crate) fn is_ill_until(&mut self, end: Time, unreachable: bool) {
        self.well_from = self.well_from.max(end);
        if unreachable {
            self.reached_from = self.reached_from.max(end);
        }
    }
}

/// What a host's own ExaBGP configuration announces.
pub(crate) fn loopback(host: usize) -> String {
    format!("203.0.113.{}/32", host + 1)
}

fn sighting(domain: &Domain, with_role: bool) -> Sighting {
    let migrating = domain.state == VmState::Paused(roamd::vm::PausedReason::Migration);
    let role = domain.side.filter(|_| with_role && migrating);
    Sighting { uuid: domain.uuid, name: domain.name.clone(), state: domain.state, role }
}
