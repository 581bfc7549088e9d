//! The order of what the kernel and ExaBGP are told, message by message.

use tokio::sync::mpsc;

use super::*;
use crate::agent::tests::{Rig, VM, running};
use crate::config::Transport;
use crate::libvirt;
use crate::route::Rung;
use crate::vm::nic::{Backend, InterfaceName};
use crate::vm::{LifecycleKind, ResumedDetail, StartedDetail, StoppedDetail, SuspendedDetail};

const PREFIX: &str = "198.51.100.10";

fn prefix() -> Prefix {
    PREFIX.parse().unwrap()
}

fn nic(tap: &str) -> Nic {
    let mac = "52:54:00:00:00:10".parse().unwrap();
    Nic { mac, network: None, alias: None, backend: Backend::Tap(InterfaceName::new(tap).unwrap()) }
}

/// An agent whose ExaBGP and libvirt are there, and the far end of its way to the kernel.
struct Host {
    rig: Rig,
    orders: mpsc::UnboundedReceiver<Order>,
}

impl Host {
    fn new() -> Self {
        let (sender, orders) = mpsc::unbounded_channel();
        let mut rig = Rig::new(Transport::Child);
        rig.agent.host_routes = Some(HostRoutes::new(sender));
        rig.exabgp_answers(Vec::new());
        rig.connects(1, 0.0);
        Self { rig, orders }
    }

    /// What the kernel was ordered since the last time: of our address the standing, or `nothing`, `unclear`, `complete`.
    fn ordered(&mut self) -> Vec<&'static str> {
        self.rig.agent.follow_up();
        let mut ordered = Vec::new();
        while let Ok(Order::Want { changes, complete }) = self.orders.try_recv() {
            ordered.extend(complete.then_some("complete"));
            for (of, want) in changes {
                assert_eq!(of, prefix());
                ordered.push(match want {
                    Want::Here(Wanted { standing: Standing::Executes, .. }) => "executes",
                    Want::Here(Wanted { standing: Standing::Waits, .. }) => "waits",
                    Want::Nothing => "nothing",
                    Want::Unclear => "unclear",
                });
            }
        }
        ordered
    }

    /// libvirt answers for the VM's NICs.
    fn shows(&mut self, nics: Vec<Nic>) {
        let (asked_at, answer) = (Instant::now(), NicsAnswer::Found(nics));
        self.rig.agent.libvirt(libvirt::Report::Nics { connection: 1, uuid: VM, asked_at, answer });
    }

    /// The kernel says how the address stands.
    fn stands(&mut self, state: StandState, standing: Standing, error: Option<&str>) {
        let (tap, mac) = (InterfaceName::new("vnet0").unwrap(), "52:54:00:00:00:10".parse().unwrap());
        let wanted = Wanted { tap, mac, standing };
        let stand =
            Stand { wanted, state, device: InterfaceName::new("br0"), error: error.map(str::to_owned) };
        self.rig.agent.kernel(Report::Stand(vec![(prefix(), Some(stand))]));
    }

    fn tells(&mut self, kind: LifecycleKind) {
        let millis = self.rig.start.elapsed().as_secs_f64() * 1_000.0;
        self.rig.tells(1, millis, kind);
    }

    /// The rungs that were announced since the last time; a withdraw is `None`. Each is acknowledged at once.
    fn announced(&mut self) -> Vec<Option<Rung>> {
        let rung = |line: &str| {
            let mark = line.split("65101:82:").nth(1)?;
            Rung::ALL.into_iter().find(|rung| mark.starts_with(&rung.number().to_string()))
        };
        self.rig.commands().iter().map(|line| rung(line).filter(|_| line.starts_with("announce"))).collect()
    }

    /// The VM runs here, and all is in place.
    fn placed() -> Self {
        let mut host = Self::new();
        host.rig.lists(1, 1.0, Some(running()));
        host.shows(vec![nic("vnet0")]);
        host.stands(StandState::Placed, Standing::Executes, None);
        assert_eq!(host.announced(), [Some(Rung::Active)]);
        host.ordered();
        host
    }
}

#[test]
fn a_first_announcement_waits_for_the_kernel() {
    let mut host = Host::new();
    host.rig.lists(1, 1.0, Some(running()));
    assert_eq!(host.ordered(), ["unclear"]);
    assert_eq!(host.announced(), []);
    host.shows(vec![nic("vnet0")]);
    assert_eq!(host.ordered(), ["executes", "complete"]);
    assert_eq!(host.announced(), []);
    host.stands(StandState::Pending, Standing::Executes, None);
    assert_eq!(host.announced(), []);
    host.stands(StandState::Placed, Standing::Executes, None);
    assert_eq!(host.announced(), [Some(Rung::Active)]);
}

#[test]
fn what_an_earlier_exabgp_told_waits_for_no_kernel_while_libvirt_is_away() {
    let (sender, _orders) = mpsc::unbounded_channel();
    let mut rig = Rig::new(Transport::Child);
    rig.agent.host_routes = Some(HostRoutes::new(sender));
    rig.exabgp_and_relay_answer(Vec::new(), [(prefix(), Some(Rung::Active))].into());
    let commands = rig.commands();
    assert!(matches!(&commands[..], [one] if one.contains("65101:82:2")), "{commands:?}");
}

#[test]
fn at_the_switch_over_of_an_incoming_migration_nothing_waits_for_the_kernel() {
    let mut host = Host::new();
    host.rig.lists(1, 1.0, None);
    host.tells(LifecycleKind::Started(StartedDetail::Migrated));
    host.shows(vec![nic("vnet0")]);
    assert_eq!(host.ordered(), ["complete", "unclear", "waits"]);
    assert_eq!(host.announced(), [], "packets that came now would find no way");
    host.stands(StandState::Transit, Standing::Waits, None);
    assert_eq!(host.announced(), [Some(Rung::Standby)]);
    host.tells(LifecycleKind::Resumed(ResumedDetail::Migrated));
    assert_eq!(host.announced(), [Some(Rung::Arrived)]);
    assert_eq!(host.ordered(), ["executes"]);
}

#[test]
fn on_the_way_out_exabgp_is_told_before_the_kernels_routes_go() {
    let mut host = Host::placed();
    host.tells(LifecycleKind::Suspended(SuspendedDetail::Migrated));
    assert_eq!(host.ordered(), Vec::<&str>::new(), "the demotion is on its way");
    assert_eq!(host.announced(), [Some(Rung::Leaving)]);
    assert_eq!(host.ordered(), ["waits"]);
    host.tells(LifecycleKind::Stopped(StoppedDetail::Migrated));
    assert_eq!(host.ordered(), Vec::<&str>::new(), "the withdraw is on its way");
    assert_eq!(host.announced(), [None]);
    assert_eq!(host.ordered(), ["nothing"]);
}

#[test]
fn an_exabgp_that_does_not_answer_holds_the_kernels_routes_for_a_second_and_no_longer() {
    let mut host = Host::placed();
    host.tells(LifecycleKind::Suspended(SuspendedDetail::Migrated));
    let host_routes = host.rig.agent.host_routes.as_mut().unwrap();
    let deadline = host_routes.deadline().unwrap();
    host_routes.lower(&host.rig.agent.plan, deadline.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(host.orders.try_recv(), Err(mpsc::error::TryRecvError::Empty));
    host.rig.agent.host_routes.as_mut().unwrap().lower(&host.rig.agent.plan, deadline);
    assert_eq!(host.ordered(), ["waits"]);
}

#[test]
fn a_migration_that_fails_at_the_switch_over_leaves_the_kernels_routes_as_they_are() {
    let mut host = Host::placed();
    host.tells(LifecycleKind::Suspended(SuspendedDetail::Migrated));
    host.tells(LifecycleKind::Resumed(ResumedDetail::Unpaused));
    host.announced();
    assert_eq!(host.ordered(), Vec::<&str>::new());
}

#[test]
fn what_is_announced_stays_when_the_kernel_fails_and_is_told() {
    let mut host = Host::placed();
    host.stands(StandState::Failed, Standing::Executes, Some("Network is down"));
    assert_eq!(host.announced(), []);
    assert_eq!(host.rig.not_ready(), ["neighbors", "host_routes"]);
    let snapshot = host.rig.published();
    let route = &snapshot.routes[&prefix()];
    assert_eq!(route.state, crate::snapshot::RouteState::Announced);
    assert_eq!(route.host_route.as_ref().and_then(|view| view.error.as_deref()), Some("Network is down"));
}

#[test]
fn a_vm_that_can_not_be_routed_to_holds_up_nothing_else() {
    let mut host = Host::new();
    host.rig.lists(1, 1.0, Some(running()));
    assert!(!host.rig.agent.plan.is_settled(), "it may be in place in a moment");
    let hostdev = Nic { backend: Backend::Untappable("hostdev"), ..nic("vnet0") };
    host.shows(vec![hostdev]);
    assert_eq!(host.ordered(), ["unclear", "nothing", "complete"]);
    assert!(
        host.rig.agent.plan.is_settled(),
        "somebody has to mend it, and the end of RIB does not wait for that"
    );
    assert_eq!(host.rig.not_ready(), ["neighbors", "host_routes"]);
    assert_eq!(host.announced(), []);
}

#[test]
fn a_vm_that_comes_again_behind_another_tap_waits_for_the_kernel_again() {
    let mut host = Host::placed();
    host.tells(LifecycleKind::Stopped(StoppedDetail::Destroyed));
    assert_eq!(host.announced(), [None]);
    assert_eq!(host.ordered(), ["nothing"]);
    host.tells(LifecycleKind::Resumed(ResumedDetail::Unpaused));
    host.shows(vec![nic("vnet1")]);
    assert_eq!(host.ordered(), ["unclear", "executes"]);
    // What the order before it led to.
    host.stands(StandState::Placed, Standing::Executes, None);
    assert_eq!(host.announced(), []);
}

#[test]
fn devices_that_change_and_events_that_were_missed_make_libvirt_be_asked_again() {
    let mut host = Host::placed();
    let asked = |host: &mut Host| {
        host.rig.agent.follow_up();
        std::iter::from_fn(|| host.rig.asked.try_recv().ok())
            .filter(|request| matches!(request, libvirt::Request::Nics(_)))
            .count()
    };
    asked(&mut host);
    assert_eq!(asked(&mut host), 0);
    host.rig.agent.libvirt(libvirt::Report::Devices { connection: 1, uuid: VM });
    assert_eq!(asked(&mut host), 1);
    host.rig.agent.libvirt(libvirt::Report::Overflowed { connection: 1 });
    assert_eq!(asked(&mut host), 1);
    host.rig.connects(2, 9.0);
    assert_eq!(asked(&mut host), 1);
    assert_eq!(host.ordered(), Vec::<&str>::new(), "what is known stays until there is an answer");
}

#[test]
fn an_answer_of_an_earlier_stay_is_not_taken() {
    let mut host = Host::new();
    let before = Instant::now();
    host.rig.lists(1, 1.0, Some(running()));
    host.ordered();
    let answer = NicsAnswer::Found(vec![nic("vnet9")]);
    let asked_at = before.checked_sub(Duration::from_secs(1)).unwrap();
    host.rig.agent.libvirt(libvirt::Report::Nics { connection: 1, uuid: VM, asked_at, answer });
    assert_eq!(host.ordered(), Vec::<&str>::new());
}

#[test]
fn a_second_nic_that_is_plugged_in_cuts_nobody_off() {
    let mut host = Host::placed();
    let other = Nic { mac: "52:54:00:00:00:11".parse().unwrap(), ..nic("vnet1") };
    host.rig.agent.libvirt(libvirt::Report::Devices { connection: 1, uuid: VM });
    host.shows(vec![nic("vnet0"), other.clone()]);
    assert_eq!(host.ordered(), Vec::<&str>::new());
    assert_eq!(host.rig.not_ready(), ["neighbors", "host_routes"], "somebody should say which is meant");
    let snapshot = host.rig.published();
    let view = snapshot.routes[&prefix()].host_route.clone().unwrap();
    assert_eq!(view.state, crate::snapshot::HostRouteState::Placed);
    assert!(view.error.is_some_and(|error| error.contains("2 network interfaces")));
    // The one that served is gone: the other is the only one.
    host.shows(vec![other]);
    assert_eq!(host.ordered(), ["executes"]);
}

#[test]
fn the_tap_of_a_vm_that_leaves_may_go_before_libvirt_says_that_the_vm_is_gone() {
    let mut host = Host::placed();
    host.tells(LifecycleKind::Suspended(SuspendedDetail::Migrated));
    host.announced();
    host.ordered();
    host.stands(StandState::Failed, Standing::Waits, Some("the kernel has no interface vnet0"));
    assert_eq!(host.rig.not_ready(), ["neighbors"]);
}
