//! The agent driven by hand, message by message, without a runtime.

mod reload;
mod scenarios;

use tokio::sync::{mpsc, watch};

use super::*;
use crate::config::OnStop;
use crate::exabgp::{self, Audience, Neighbor, NeighborState, ServiceIps, line};
use crate::libvirt::{self, Answer, Request};
use crate::plan::{FoundRoute, Outcome, Step};
use crate::route::{Attributes, NextHop, Rung};
use crate::service::Service;
use crate::snapshot::{Snapshot, sample};
use crate::vm::{Lifecycle, LifecycleKind, Presence, Sighting, VmName, VmState};

pub(super) const VM: Uuid = Uuid::from_u128(1);

/// An agent for a host with the VM `web-1` at 198.51.100.10, and the far ends of its channels.
pub(super) struct Rig {
    pub(super) agent: Agent,
    orders: mpsc::UnboundedReceiver<Order>,
    pub(super) asked: std::sync::mpsc::Receiver<Request>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) start: Instant,
    /// When commands are written and acknowledged, where that is not at once.
    exchange: Option<(Instant, Instant)>,
}

impl Rig {
    pub(super) fn new(transport: Transport) -> Self {
        Self::with(|config| config.exabgp.transport = transport)
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
        change(&mut config);
        let config = Arc::new(config);
        let (orders_in, orders) = mpsc::unbounded_channel();
        let (ask, asked) = std::sync::mpsc::channel();
        let (snapshots_in, snapshots) = watch::channel(Arc::new(first_snapshot(&config, "kvm1")));
        let ask = Box::new(move |request| ask.send(request).unwrap());
        let outputs = Outputs {
            ask,
            orders: orders_in,
            host_routes: None,
            service_ips: ServiceIps::default(),
            snapshots: snapshots_in,
            service: Service::default(),
        };
        let agent = Agent::new(config, outputs, Box::new(Reading::of_the_system));
        Self { agent, orders, asked, snapshots, start: Instant::now(), exchange: None }
    }

    fn at(&self, millis: f64) -> Instant {
        self.start + Duration::from_secs_f64(millis / 1_000.0)
    }

    pub(super) fn exabgp_answers(&mut self, table: Vec<FoundRoute>) {
        self.exabgp_and_relay_answer(table, BTreeMap::new());
    }

    pub(super) fn exabgp_and_relay_answer(
        &mut self,
        table: Vec<FoundRoute>,
        ledger: BTreeMap<Prefix, Option<Rung>>,
    ) {
        let (version, epoch, at) = (None, None, self.start);
        self.agent.exabgp(exabgp::Report::Ready { version, epoch, table, ledger, at });
    }

    pub(super) fn connects(&mut self, connection: u64, millis: f64) {
        let at = self.at(millis);
        self.agent.libvirt(libvirt::Report::Connected { connection, version: "9.0.0".to_owned(), at });
    }

    pub(super) fn lists(&mut self, connection: u64, millis: f64, state: Option<VmState>) {
        let vms = state.map(sighting).into_iter().collect();
        self.agent.libvirt(libvirt::Report::Listed { connection, asked_at: self.at(millis), vms });
    }

    pub(super) fn tells(&mut self, connection: u64, millis: f64, kind: LifecycleKind) {
        let event = Lifecycle { uuid: VM, name: VmName::new("web-1"), kind, at: self.at(millis) };
        self.agent.libvirt(libvirt::Report::Event { connection, event });
    }

    /// Acknowledges the steps that were ordered since the last time, and no further ones, as written and acknowledged at
    /// these times; says how many.
    pub(super) fn acknowledge(&mut self, written: f64, acknowledged: f64) -> usize {
        let (written_at, at) = (self.at(written), self.at(acknowledged));
        let mut prefixes = Vec::new();
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Do(steps) = order {
                prefixes.extend(steps.iter().map(Step::prefix));
            }
        }
        for prefix in &prefixes {
            let (prefix, outcome) = (*prefix, Outcome::Acknowledged);
            self.agent.exabgp(exabgp::Report::Settled { prefix, outcome, written_at, at });
        }
        prefixes.len()
    }

    /// What the first connection tells of a domain.
    pub(super) fn tells_of(&mut self, uuid: Uuid, name: &str, millis: f64, kind: LifecycleKind) {
        let event = Lifecycle { uuid, name: VmName::new(name), kind, at: self.at(millis) };
        self.agent.libvirt(libvirt::Report::Event { connection: 1, event });
    }

    /// The commands that were ordered since the last time, each acknowledged at once.
    pub(super) fn commands(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(order) = self.orders.try_recv() {
            let Order::Do(steps) = order else { continue };
            for step in steps {
                let audience = Audience { only: None, path_as: Some(self.agent.config.bgp.local_as) };
                lines.push(line(&step, &audience));
                let now = Instant::now();
                let (written_at, at) = self.exchange.unwrap_or((now, now));
                let (prefix, outcome) = (step.prefix(), Outcome::Acknowledged);
                self.agent.exabgp(exabgp::Report::Settled { prefix, outcome, written_at, at });
            }
        }
        lines
    }

    pub(super) fn published(&mut self) -> Arc<Snapshot> {
        self.agent.follow_up();
        self.agent.publish();
        Arc::clone(&self.snapshots.borrow())
    }

    pub(super) fn not_ready(&mut self) -> Vec<&'static str> {
        self.published().not_ready.iter().map(|reason| reason.part).collect()
    }
}

fn sighting(state: VmState) -> Sighting {
    Sighting { uuid: VM, name: VmName::new("web-1"), state, role: None }
}

pub(super) fn running() -> VmState {
    VmState::Running(crate::vm::RunningReason::Booted)
}

pub(super) fn neighbor(local_asn: u32, state: NeighborState) -> exabgp::Report {
    let address = "192.0.2.254".parse().unwrap();
    exabgp::Report::Neighbor(Neighbor { address, asn: 65_000, local_asn, state, at: Instant::now() })
}

#[test]
fn nothing_is_ordered_before_exabgp_has_answered() {
    let mut rig = Rig::new(Transport::Child);
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.exabgp_answers(Vec::new());
    assert_eq!(rig.commands().len(), 1);
}

#[test]
fn readiness_names_each_part_that_is_missing_until_none_is() {
    let mut rig = Rig::new(Transport::Child);
    assert_eq!(rig.not_ready(), ["libvirt", "exabgp", "neighbors", "routes"]);
    rig.connects(1, 0.0);
    rig.exabgp_answers(Vec::new());
    assert_eq!(rig.not_ready(), ["libvirt", "neighbors"]);
    rig.lists(1, 1.0, Some(running()));
    assert_eq!(rig.not_ready(), ["neighbors", "routes"]);
    rig.commands();
    rig.agent.exabgp(neighbor(65_101, NeighborState::Up));
    assert_eq!(rig.not_ready(), Vec::<&str>::new());
    rig.agent.exabgp(neighbor(65_102, NeighborState::Up));
    assert_eq!(rig.not_ready(), ["neighbors"], "bgp.local_as contradicts the session");
}

#[test]
fn with_print_there_is_no_exabgp_to_be_ready_for() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    assert_eq!(rig.not_ready(), Vec::<&str>::new());
}

#[test]
fn reports_of_an_older_connection_are_dropped() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.connects(2, 1.0);
    rig.lists(1, 2.0, Some(running()));
    rig.tells(1, 3.0, LifecycleKind::Resumed(crate::vm::ResumedDetail::Unpaused));
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.lists(2, 4.0, Some(running()));
    assert_eq!(rig.commands().len(), 1);
}

#[test]
fn a_stop_keeps_the_routes_or_withdraws_them_as_configured() {
    for (on_stop, commands) in [(OnStop::Keep, 0), (OnStop::Withdraw, 1)] {
        let mut rig = Rig::with(|config| {
            config.exabgp.transport = Transport::Child;
            config.exabgp.on_stop = on_stop;
        });
        rig.exabgp_answers(Vec::new());
        rig.connects(1, 0.0);
        rig.lists(1, 1.0, Some(running()));
        rig.commands();
        rig.agent.command(Command::Stop);
        assert_eq!(rig.agent.ended().is_some(), on_stop == OnStop::Keep, "{on_stop:?}");
        assert_eq!(rig.commands().len(), commands, "{on_stop:?}");
        assert_eq!(rig.agent.ended(), Some(Ended::Stopped), "{on_stop:?}");
    }
}

#[test]
fn a_libvirt_that_stays_away_costs_a_vm_that_has_just_arrived_two_announces_and_nothing_else() {
    let mut rig = Rig::new(Transport::Child);
    rig.start -= Duration::from_secs(2);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    rig.tells(1, 2.0, LifecycleKind::Resumed(crate::vm::ResumedDetail::Unpaused));
    assert_eq!(rung_of(&rig.commands()), '0');
    let error = "end of file".to_owned();
    let at = rig.at(3.0);
    rig.agent.libvirt(libvirt::Report::Disconnected { error, at });
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.agent.tick();
    assert_eq!(rung_of(&rig.commands()), '1');
    rig.agent.tick();
    rig.connects(2, 1_500.0);
    assert_eq!(rig.commands(), Vec::<String>::new());
    rig.lists(2, 1_501.0, Some(running()));
    assert_eq!(rung_of(&rig.commands()), '0');
}

/// A switch that kept routes over a graceful restart drops at the end of RIB what was not announced again.
#[test]
fn the_rib_is_ended_when_libvirt_was_listed_or_its_lease_has_ended() {
    let mut rig = Rig::with(|config| config.libvirt.lease = Duration::from_millis(200));
    let ended = |rig: &mut Rig| {
        let orders = std::iter::from_fn(|| rig.orders.try_recv().ok());
        orders.filter(|order| matches!(order, Order::EndOfRib(_))).count()
    };
    rig.exabgp_answers(Vec::new());
    rig.agent.exabgp(neighbor(65_101, NeighborState::Up));
    let (mut ends, lease) = (ended(&mut rig), rig.start + Duration::from_millis(200));
    if Instant::now() < lease {
        assert_eq!(ends, 0, "VMs may run of which nobody has told yet");
    }
    while Instant::now() < lease + Duration::from_millis(1) {
        rig.agent.tick();
        ends += ended(&mut rig);
    }
    rig.agent.tick();
    assert_eq!(ends + ended(&mut rig), 1);
    rig.agent.exabgp(neighbor(65_101, NeighborState::Down));
    rig.agent.exabgp(neighbor(65_101, NeighborState::Up));
    assert_eq!(ended(&mut rig), 1, "another session");

    let mut rig = Rig::new(Transport::Relay);
    rig.exabgp_answers(Vec::new());
    rig.agent.exabgp(neighbor(65_101, NeighborState::Up));
    rig.agent.tick();
    assert_eq!(ended(&mut rig), 0);
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    assert_eq!(ended(&mut rig), 0, "its route is not acknowledged yet");
    let (prefix, at) = ("198.51.100.10".parse().unwrap(), Instant::now());
    let outcome = Outcome::Acknowledged;
    rig.agent.exabgp(exabgp::Report::Settled { prefix, outcome, written_at: at, at });
    assert_eq!(ended(&mut rig), 1);
}

/// The rung of the only command, an announcement of the VM's route.
fn rung_of(commands: &[String]) -> char {
    let [command] = commands else { panic!("{commands:?}") };
    assert!(command.starts_with("announce route 198.51.100.10/32"), "{command}");
    command.split_once("65101:82:").and_then(|(_, rest)| rest.chars().next()).unwrap()
}

fn assert_withdrawn(commands: &[String]) {
    assert!(
        matches!(commands, [command] if command.starts_with("withdraw route 198.51.100.10/32")),
        "{commands:?}"
    );
}

fn route_of_the_vm() -> Prefix {
    "198.51.100.10/32".parse().unwrap()
}

/// Its row in ExaBGP's table, without attributes of its own.
fn found(rung: Rung) -> FoundRoute {
    let (next_hop, attributes) = (NextHop::Own, Attributes::default());
    FoundRoute { prefix: route_of_the_vm(), rung, next_hop, attributes, prepended: true }
}

#[test]
fn what_the_last_exabgp_told_is_told_by_the_next_one_as_unsure_until_libvirt_is_there() {
    let mut rig = Rig::new(Transport::Child);
    rig.exabgp_and_relay_answer(Vec::new(), BTreeMap::from([(route_of_the_vm(), Some(Rung::Active))]));
    assert_eq!(rung_of(&rig.commands()), '2');
    rig.connects(1, 1.0);
    rig.lists(1, 2.0, Some(running()));
    assert_eq!(rung_of(&rig.commands()), '1');
}

#[test]
fn what_the_last_exabgp_told_of_a_vm_that_is_gone_is_withdrawn_when_libvirt_says_so() {
    for (rung, number) in [(Rung::Arrived, '2'), (Rung::Standby, '3')] {
        let mut rig = Rig::new(Transport::Child);
        rig.exabgp_and_relay_answer(Vec::new(), BTreeMap::from([(route_of_the_vm(), Some(rung))]));
        assert_eq!(rung_of(&rig.commands()), number);
        rig.connects(1, 1.0);
        rig.lists(1, 2.0, None);
        assert_withdrawn(&rig.commands());
    }
}

#[test]
fn exabgps_table_is_newer_than_a_relays_ledger() {
    let mut rig = Rig::new(Transport::Child);
    let ledger = BTreeMap::from([(route_of_the_vm(), Some(Rung::Leaving))]);
    rig.exabgp_and_relay_answer(vec![found(Rung::Active)], ledger);
    assert_eq!(rung_of(&rig.commands()), '1');
}

#[test]
fn what_was_being_withdrawn_is_withdrawn_while_libvirt_is_away() {
    let mut rig = Rig::new(Transport::Child);
    rig.exabgp_and_relay_answer(Vec::new(), BTreeMap::from([(route_of_the_vm(), None)]));
    assert_withdrawn(&rig.commands());
}

#[test]
fn the_generation_grows_by_one_with_each_change_and_not_without() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    rig.commands();
    let first = rig.published().generation;
    rig.lists(1, 2.0, Some(running()));
    assert_eq!(rig.published().generation, first);
    rig.tells(1, 3.0, LifecycleKind::Suspended(crate::vm::SuspendedDetail::IoError));
    rig.commands();
    assert_eq!(rig.published().generation, first + 1);
}

#[test]
fn a_domain_that_is_not_managed_is_shown_and_has_no_route() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    let stranger = Sighting { name: VmName::new("<stranger>"), ..sighting(running()) };
    let asked_at = rig.at(1.0);
    rig.agent.libvirt(libvirt::Report::Listed { connection: 1, asked_at, vms: vec![stranger] });
    let snapshot = rig.published();
    let shown = snapshot.vm(&VmName::new("<stranger>")).unwrap();
    assert_eq!((shown.managed, shown.preference, snapshot.routes.len()), (false, None, 0));
    rig.lists(1, 2.0, Some(running()));
    let snapshot = rig.published();
    assert!(snapshot.vm(&VmName::new("<stranger>")).is_none(), "it has been renamed");
    assert_eq!(snapshot.vm(&VmName::new("web-1")).unwrap().presence, Presence::Present);
}

#[test]
fn a_route_of_a_vm_that_is_gone_is_shown_until_its_withdraw_is_repeated() {
    use crate::snapshot::RouteState;
    let mut rig = Rig::new(Transport::Child);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    rig.commands();
    rig.lists(1, 2.0, None);
    assert_eq!(rig.commands().len(), 1);
    let states: Vec<RouteState> = rig.published().routes.values().map(|route| route.state).collect();
    assert_eq!(states, [RouteState::Withdrawing]);
}

#[test]
fn a_found_route_that_nobody_wants_leaves_its_vm_when_it_leaves_the_table() {
    let mut rig = Rig::new(Transport::Print);
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    rig.exabgp_answers(vec![found(Rung::Active)]);
    let of_vm = |snapshot: &Snapshot| snapshot.vm(&VmName::new("web-1")).unwrap().routes.len();
    assert_eq!(of_vm(&rig.published()), 1, "it is on its way out");
    assert_eq!(rig.commands().len(), 1);
    assert_eq!(of_vm(&rig.published()), 0);
}
