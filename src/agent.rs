//! The agent: the one task that owns the state and ties the parts together.
//!
//! It takes reports from libvirt and ExaBGP, feeds them to the pure core, and passes on what the core asks for:
//! looks to libvirt, steps to ExaBGP, a snapshot to whoever reads it. It decides nothing itself. Per message
//! the order is: decide, send steps, let them be written, then ask for looks, log and publish; so nothing stands
//! between an event and its command.
//!
//! ExaBGP is sent nothing before it has said what it holds ([`Ready`](crate::exabgp::Report::Ready)); until libvirt has been
//! listed, what it holds of ours is kept. Of VMs of which it holds nothing, what a relay's ledger has is announced as
//! `unsure` until then.

mod channels;
mod clock;
mod conflicts;
mod effects;
mod health;
mod heartbeat;
mod history;
mod host_routes;
mod kernel;
mod publish;
mod reload;
mod reports;
mod service;
mod tally;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use crate::config::{Config, Transport};
use crate::exabgp::{self, Order};
use crate::libvirt;
use crate::mobility::{Mobility, Transition};
use crate::plan::Plan;
use crate::route::Prefix;
use crate::snapshot::{ConfigStatus, Conflicts, HostRoutesStatus, Life, What};
use crate::timer::sleep_until;
use crate::vm::Uuid;
pub use channels::{Command, Ended, Inputs, Outputs};
use clock::Clock;
pub use clock::{ReadClocks, Reading};
use conflicts::Offers;
use health::Health;
use heartbeat::Heartbeat;
use history::History;
use host_routes::HostRoutes;
pub use publish::first_snapshot;
use publish::{Publisher, State};
use tally::Counting;

/// How long after its acknowledgement a withdraw is repeated; half a second is the least that was measured to help.
const REPEAT: Duration = Duration::from_millis(600);

/// How long a stop waits for withdraws to be acknowledged.
const STOP: Duration = Duration::from_secs(5);

/// How many messages are taken in, when they come faster than they are handled, before looks are asked for.
const BATCH: usize = 256;

/// The least time between two snapshots: a storm of events is not slowed down by a view of each of its moments.
const PUBLISH: Duration = Duration::from_millis(10);

/// How much longer than one took the next one waits: where there are thousands of routes, showing how each of them gets
/// on must not take the time in which they are announced.
const PUBLISH_REST: u32 = 9;

/// How long a change waits to be published, for what follows from it: an acknowledgement, the answer to a look.
const PUBLISH_AFTER: Duration = Duration::from_millis(2);

/// Runs until it is asked to stop or ExaBGP is gone.
pub async fn run(config: Arc<Config>, mut inputs: Inputs, outputs: Outputs) -> Ended {
    let mut agent = Agent::new(config, outputs, Box::new(Reading::of_the_system));
    loop {
        let deadline = agent.deadline();
        // Cancel-safe: each branch is a channel's recv or a sleep made anew, and none holds half a message. Not in a
        // fixed order: a storm of events must not keep acknowledgements and signals waiting.
        let woken_by = tokio::select! {
            report = inputs.libvirt.recv() => match report {
                Some(report) => Input::Libvirt(report),
                None => return Ended::LibvirtGone,
            },
            Some(report) = inputs.exabgp.recv() => Input::Exabgp(report),
            Some(command) = inputs.commands.recv() => Input::Command(command),
            Some(report) = inputs.host_routes.recv() => Input::Kernel(report),
            () = sleep_until(deadline) => Input::Time,
        };
        agent.take(woken_by);
        // The exchange with ExaBGP runs on this thread too: what was ordered is written before anything else.
        tokio::task::yield_now().await;
        for _ in 0..BATCH {
            let (event, reply) = (inputs.libvirt.try_recv().ok(), inputs.exabgp.try_recv().ok());
            if event.is_none() && reply.is_none() {
                break;
            }
            for input in reply.map(Input::Exabgp).into_iter().chain(event.map(Input::Libvirt)) {
                agent.take(input);
            }
            tokio::task::yield_now().await;
        }
        if let Some(ended) = agent.rest() {
            return ended;
        }
    }
}

/// What may wake the agent.
#[derive(Debug)]
pub enum Input {
    /// libvirt's.
    Libvirt(libvirt::Report),
    /// ExaBGP's.
    Exabgp(exabgp::Report),
    /// A signal's.
    Command(Command),
    /// The kernel's.
    Kernel(crate::host_routes::Report),
    /// [`Agent::deadline`] has come.
    Time,
}

/// The event that a step goes back to.
#[derive(Debug, Clone, Copy)]
struct Origin {
    event_at: Instant,
    decided_by: DecidedBy,
}

/// What told enough to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecidedBy {
    /// The event itself.
    Event,
    /// A look at the VM, which the event led to.
    Look,
}

impl DecidedBy {
    const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Look => "look",
        }
    }
}

/// The agent without its task: [`run`] feeds it in real time, a simulation of a fleet on a clock of its own.
pub struct Agent {
    config: Arc<Config>,
    config_status: ConfigStatus,
    mobility: Mobility,
    plan: Plan,
    health: Health,
    history: History,
    clock: Clock,
    publisher: Publisher,
    counting: Counting,
    offers: Offers,
    /// What is published of them.
    conflicts: Arc<Conflicts>,
    /// The kernel's routes, where they are roamd's, and what is published of them.
    host_routes: Option<HostRoutes>,
    host_routes_status: Arc<HostRoutesStatus>,
    outputs: Outputs,
    /// libvirt's present connection; what comes from an older one is dropped.
    connection: u64,
    /// When libvirt was connected, until everything that it led to is acknowledged.
    connected_at: Option<Instant>,
    /// What the core asks for beside steps, until the steps are written.
    looks: BTreeSet<Uuid>,
    transitions: Vec<Transition>,
    /// When the next snapshot may be published.
    publish_from: Instant,
    /// When something changed that is not published yet.
    changed_at: Option<Instant>,
    /// What a prefix's open or coming step goes back to.
    causes: BTreeMap<Prefix, Origin>,
    /// The event that made a VM be looked at.
    doubted_at: BTreeMap<Uuid, Instant>,
    heartbeat: Heartbeat,
    /// The last beat said that it knows what libvirt tells; when it does again, that is said at once.
    vouched: bool,
    stopping: Option<Instant>,
    gone: Option<String>,
}

impl Agent {
    /// Begins its life; `clocks` is where it reads the time.
    pub fn new(config: Arc<Config>, outputs: Outputs, clocks: ReadClocks) -> Self {
        // Nothing is behind a printed command that a repeat could cure.
        let repeat = (config.exabgp.transport != Transport::Print).then_some(REPEAT);
        let config_status = outputs.snapshots.borrow().config_status.clone();
        let host_routes_status = Arc::clone(&outputs.snapshots.borrow().host_routes);
        let clock = Clock::new(clocks);
        let now = clock.now();
        let mut history = History::new(now);
        history.happened(What::Agent { what: Life::Started }, now);
        let heartbeat = Heartbeat::new(&config, outputs.service.watchdog(), now);
        Self {
            config_status,
            mobility: Mobility::new(Arc::clone(&config), now),
            plan: Plan::new(repeat),
            health: Health::new(&config),
            history,
            clock,
            publisher: Publisher::new(outputs.snapshots.clone()),
            counting: Counting::new(config.exabgp.transport == Transport::Print),
            offers: Offers::default(),
            conflicts: Arc::default(),
            host_routes: outputs.host_routes.clone().map(HostRoutes::new),
            host_routes_status,
            outputs,
            connection: 0,
            connected_at: None,
            looks: BTreeSet::new(),
            transitions: Vec::new(),
            publish_from: now,
            changed_at: None,
            causes: BTreeMap::new(),
            doubted_at: BTreeMap::new(),
            heartbeat,
            vouched: false,
            stopping: None,
            gone: None,
            config,
        }
    }

    /// Takes one message in: decides, and sends the steps that follow.
    pub fn take(&mut self, input: Input) {
        // Before anything is believed that waited meanwhile.
        self.beat();
        match input {
            Input::Libvirt(report) => self.libvirt(report),
            Input::Exabgp(report) => self.exabgp(report),
            Input::Command(command) => self.command(command),
            Input::Kernel(report) => self.kernel(report),
            Input::Time => self.tick(),
        }
    }

    /// Does what could wait until the steps were written; says whether that was all.
    pub fn rest(&mut self) -> Option<Ended> {
        self.follow_up();
        self.beat();
        let ended = self.ended();
        if ended.is_some() {
            self.publish();
        }
        ended
    }

    /// When it has something to do if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        [
            self.mobility.deadline(),
            self.plan.deadline(),
            Some(self.heartbeat.deadline()),
            self.offers.deadline(),
            self.publish_at(),
            // Where something is to be published anyway, that is when it is looked at.
            self.history.deadline().filter(|_| self.changed_at.is_none()),
            self.host_routes.as_ref().and_then(HostRoutes::deadline),
            self.stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn ended(&mut self) -> Option<Ended> {
        if let Some(reason) = &self.gone {
            return Some(Ended::ExabgpGone(reason.clone()));
        }
        let stopping = self.stopping?;
        (self.is_cleared() || stopping <= self.clock.now()).then_some(Ended::Stopped)
    }

    fn tick(&mut self) {
        let (was_blind, was_lapsed) = (self.mobility.is_blind(), self.mobility.is_lapsed());
        let effects = self.mobility.tick(self.clock.now());
        if self.mobility.is_blind() && !was_blind && !effects.touched.is_empty() {
            let vms = effects.touched.len();
            info!(vms, "libvirt stays away: routes of VMs that have just arrived are lowered to active");
        }
        if self.mobility.is_lapsed() && !was_lapsed {
            let lease = humantime::format_duration(self.config.libvirt.lease);
            if self.mobility.is_listed() {
                warn!(%lease, "libvirt has told nothing for its lease: routes fall to unsure");
            } else if !effects.touched.is_empty() {
                warn!(%lease, "no roamd has listed libvirt for its lease: routes that are found fall to unsure");
            }
        }
        self.apply(effects, None);
        self.end_of_rib();
    }

    /// Tells the relay and the service manager that this agent lives, and notices that it did not for longer than others
    /// count on it: its host was frozen, or the process stopped. The relay lowers the routes at that moment too; the agent
    /// must not raise them by what it knew before. (In a suspended machine the clock stands still as well, and nobody
    /// notices.)
    fn beat(&mut self) {
        let now = self.clock.now();
        if self.heartbeat.is_late(now) {
            debug!("roamd stood still: libvirt is asked about each VM that ends in the next seconds");
            self.mobility.woke(now);
        }
        if let Some(stood) = self.heartbeat.stood_still(now) {
            let millis = u64::try_from(stood.as_millis()).unwrap_or(u64::MAX);
            warn!(
                millis,
                "roamd or its host stood still: routes fall to unsure until libvirt is listed anew"
            );
            let effects = self.mobility.stood_still(now);
            self.apply(effects, None);
        }
        let vouches = self.mobility.vouches(now);
        if self.heartbeat.beats(now) || (vouches && !self.vouched) {
            self.vouched = vouches;
            if self.config.exabgp.transport == Transport::Relay {
                self.order(Order::Heartbeat { vouches });
            }
            self.outputs.service.beat(now);
        }
    }

    /// Tells neighbors that they have heard everything, if they have: a host that just began to restart keeps its
    /// routes at its switch until then, and must not lose those of VMs that were not listed yet; but not for longer than
    /// libvirt's lease, for some of them may be false.
    fn end_of_rib(&mut self) {
        let knows = self.mobility.is_listed() || self.mobility.is_lease_over(self.clock.now());
        if self.health.owes() && knows && self.plan.is_settled() {
            let owed = self.health.take_owed();
            self.order(Order::EndOfRib(owed));
        }
    }

    fn note_settled(&mut self, now: Instant) {
        self.end_of_rib();
        if let Some(connected_at) = self.connected_at
            && self.mobility.is_listed()
            && self.plan.is_settled()
        {
            self.connected_at = None;
            let millis = now.saturating_duration_since(connected_at).as_millis();
            let connect_to_settled_ms = u64::try_from(millis).unwrap_or(u64::MAX);
            info!(connect_to_settled_ms, "all desired routes acknowledged");
        }
    }

    fn changed(&mut self) {
        self.changed_at.get_or_insert_with(|| self.clock.now());
    }

    fn publish_at(&self) -> Option<Instant> {
        self.changed_at.map(|changed| (changed + PUBLISH_AFTER).max(self.publish_from))
    }

    fn publish(&mut self) {
        let began = self.clock.now();
        self.changed_at = None;
        self.clock.correct();
        self.record();
        let state = State {
            config: &self.config,
            config_status: &self.config_status,
            mobility: &self.mobility,
            plan: &self.plan,
            health: &self.health,
            counting: &self.counting,
            conflicts: &self.conflicts,
            host_routes: self.host_routes.as_ref(),
            host_routes_status: &self.host_routes_status,
            clock: &self.clock,
            now: began,
        };
        let (changed, routes) = self.publisher.refresh(&state, &self.history);
        let not_ready = state.not_ready();
        self.history.routes(routes, &self.clock, began);
        self.history.sum_up(&self.clock, began);
        self.history.readiness(&not_ready, &self.clock, began);
        self.publisher.put_out(&state, &self.history, not_ready, changed);
        let now = self.clock.now();
        self.publish_from = now + PUBLISH.max((now - began) * PUBLISH_REST);
    }
}

#[cfg(test)]
mod tests;
