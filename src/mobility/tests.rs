//! Sequences of facts as libvirt was seen to tell them, and what they must come to.

mod answers;
mod interleavings;
mod migrations;
mod outages;
mod reload;
mod restart;
mod settling;
mod wills;

use std::time::Duration;

use super::*;
use crate::config::{Vm, sample};
use crate::vm::{
    LifecycleKind, MigrationDirection, MigrationOutcome, PausedReason, ResumedDetail, RunningReason,
    ShutoffReason, StartedDetail, StoppedDetail, SuspendedDetail, UndefinedDetail,
};

const VM: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

/// A host with the VM `web-1` configured, driven by hand.
struct Host {
    mobility: Mobility,
    courses: Courses,
    last: Option<Course>,
    now: Instant,
}

impl Host {
    /// Libvirt has been listed, and knows no domain.
    fn empty() -> Self {
        let mut host = Self::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
        host.list(&[]);
        host
    }

    /// Lists come when a test gives them, and are never overdue.
    fn unlisted(mut config: Config) -> Self {
        config.libvirt.resync = Duration::from_secs(86_400);
        Self::with_resync(config)
    }

    fn with_resync(config: Config) -> Self {
        let now = Instant::now();
        Self { mobility: Mobility::new(Arc::new(config), now), courses: Courses::default(), last: None, now }
    }

    fn pass(&mut self, time: Duration) -> Effects {
        self.now += time;
        let effects = self.mobility.tick(self.now);
        self.noted(effects)
    }

    fn event_of(&mut self, uuid: Uuid, name: &str, kind: LifecycleKind) -> Effects {
        self.now += Duration::from_millis(1);
        let effects = self.mobility.event(&Lifecycle { uuid, name: VmName::new(name), kind, at: self.now });
        self.noted(effects)
    }

    fn event(&mut self, kind: LifecycleKind) -> Effects {
        self.event_of(VM, "web-1", kind)
    }

    fn list(&mut self, states: &[VmState]) -> Effects {
        self.now += Duration::from_millis(1);
        let vms: Vec<Sighting> = states.iter().map(|state| sighting(*state, None)).collect();
        let effects = self.mobility.listed(self.now, &vms);
        self.noted(effects)
    }

    fn look(&mut self, state: VmState, role: Option<crate::vm::MigrationRole>) -> Effects {
        self.now += Duration::from_millis(1);
        let effects = self.mobility.looked(VM, self.now, Some(&sighting(state, role)));
        self.noted(effects)
    }

    fn presence(&self) -> Presence {
        self.mobility.known_vm(&web()).map_or(Presence::Absent, |known| known.presence)
    }

    fn rung(&self) -> Option<Rung> {
        self.mobility.rung(&web())
    }

    /// How the last migration stands.
    fn outcome(&self) -> Option<(MigrationDirection, MigrationOutcome)> {
        self.last.as_ref().map(|course| (course.direction, course.outcome))
    }

    /// What every fact goes through.
    fn noted(&mut self, effects: Effects) -> Effects {
        let courses = effects.moves.iter().flat_map(|told| self.courses.told(told, &[]));
        self.last = courses.last().or(self.last.take());
        effects
    }
}

fn web() -> VmName {
    VmName::new("web-1")
}

fn sighting(state: VmState, role: Option<crate::vm::MigrationRole>) -> Sighting {
    Sighting { uuid: VM, name: web(), state, role }
}

const RUNNING: VmState = VmState::Running(RunningReason::Booted);
const MIGRATING: VmState = VmState::Paused(PausedReason::Migration);
const PAUSED: VmState = VmState::Paused(PausedReason::User);
const INCOMING: LifecycleKind = LifecycleKind::Started(StartedDetail::Migrated);
const ARRIVES: LifecycleKind = LifecycleKind::Resumed(ResumedDetail::Migrated);
const UNPAUSED: LifecycleKind = LifecycleKind::Resumed(ResumedDetail::Unpaused);
const LEAVES: LifecycleKind = LifecycleKind::Suspended(SuspendedDetail::Migrated);
const LEFT: LifecycleKind = LifecycleKind::Stopped(StoppedDetail::Migrated);
const FAILED: LifecycleKind = LifecycleKind::Stopped(StoppedDetail::Failed);
const IO_ERROR: LifecycleKind = LifecycleKind::Suspended(SuspendedDetail::IoError);

#[test]
fn a_pause_by_a_user_falls_to_standby_and_returns_to_active() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.pass(Duration::from_secs(500));
    host.event(LifecycleKind::Suspended(SuspendedDetail::Paused));
    assert_eq!(host.presence(), Presence::Present, "until libvirt has told why");
    host.look(PAUSED, None);
    assert_eq!(host.rung(), Some(Rung::Standby));
    host.event(UNPAUSED);
    assert_eq!(host.rung(), Some(Rung::Active));
}

#[test]
fn a_pause_for_a_dump_or_a_snapshot_changes_nothing() {
    for reason in [PausedReason::Dump, PausedReason::Snapshot] {
        let mut host = Host::empty();
        host.list(&[RUNNING]);
        host.event(LifecycleKind::Suspended(SuspendedDetail::Paused));
        let effects = host.look(VmState::Paused(reason), None);
        assert_eq!((effects.transitions.len(), host.presence()), (0, Presence::Arrived));
    }
}

#[test]
fn a_panic_ends_the_route_before_qemu_is_gone() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.event(LifecycleKind::Suspended(SuspendedDetail::Paused));
    host.look(VmState::Crashed(crate::vm::CrashedReason::Panicked), None);
    assert_eq!(host.rung(), None);
}

#[test]
fn a_wake_up_arrives_although_the_vm_was_here_before() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.pass(Duration::from_secs(500));
    host.event(LifecycleKind::PmSuspended(crate::vm::PmSuspendedDetail::Memory));
    assert_eq!(host.rung(), Some(Rung::Standby));
    host.event(LifecycleKind::Started(StartedDetail::Wakeup));
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_restore_of_the_test_driver_runs_without_a_resumed() {
    let mut host = Host::empty();
    let effects = host.event(LifecycleKind::Started(StartedDetail::Restored));
    assert_eq!((host.rung(), effects.look), (Some(Rung::Standby), BTreeSet::from([VM])));
    host.look(VmState::Running(RunningReason::Restored), None);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn started_alone_does_not_mean_running() {
    let mut host = Host::empty();
    host.event(LifecycleKind::Started(StartedDetail::Booted));
    assert_eq!(host.rung(), None);
    host.look(PAUSED, None);
    assert_eq!(host.rung(), Some(Rung::Standby));
    host.event(UNPAUSED);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn an_answer_that_an_event_overtook_is_not_believed() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    let asked_at = host.now;
    host.event(LEAVES);
    let effects = host.mobility.looked(VM, asked_at, Some(&sighting(RUNNING, None)));
    assert_eq!((host.presence(), effects), (Presence::Departing, Effects::default()));
    host.mobility.listed(asked_at, &[]);
    assert_eq!(host.presence(), Presence::Departing);
}

#[test]
fn a_doubt_that_is_newer_than_the_answer_is_asked_again() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    let asked_at = host.now;
    host.event(LifecycleKind::Suspended(SuspendedDetail::Paused));
    let effects = host.mobility.looked(VM, asked_at, Some(&sighting(RUNNING, None)));
    assert_eq!(effects.look, BTreeSet::from([VM]));
    let effects = host.mobility.looked(VM, asked_at, None);
    assert_eq!((effects.look, host.presence()), (BTreeSet::from([VM]), Presence::Arrived));
}

#[test]
fn undefining_a_running_vm_changes_nothing() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.event(LifecycleKind::Undefined(UndefinedDetail::Removed));
    host.look(RUNNING, None);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_rename_moves_the_addresses_with_the_name() {
    let mut host = Host::empty();
    host.event_of(OTHER, "db-1", UNPAUSED);
    assert_eq!(host.rung(), None);
    host.event_of(OTHER, "db-1", LifecycleKind::Undefined(UndefinedDetail::Renamed));
    let effects = host.event_of(OTHER, "web-1", LifecycleKind::Defined(crate::vm::DefinedDetail::Renamed));
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Arrived)));
    let effects = host.event_of(OTHER, "db-1", LifecycleKind::Defined(crate::vm::DefinedDetail::Renamed));
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), None));
}

#[test]
fn a_pinned_vm_is_found_under_any_name_and_no_other_takes_its_place() {
    let (name, vm) = sample::configured("web-1", &["198.51.100.10"]);
    let pinned = Vm { uuid: Some(VM), ..(*vm).clone() };
    let mut host = Host::unlisted(sample::config([(name, Arc::new(pinned))]));
    host.list(&[]);
    host.event_of(OTHER, "web-1", UNPAUSED);
    assert_eq!(host.rung(), None);
    host.event_of(VM, "renamed", UNPAUSED);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_held_vm_and_an_address_outside_the_allowed_prefixes_have_no_route() {
    let vms = [sample::configured("web-1", &["198.51.100.10", "203.0.113.1"])];
    let mut config = sample::config(vms.clone());
    config.bgp.allowed_prefixes = Some(vec!["198.51.100.0/24".parse().unwrap()]);
    let mut host = Host::unlisted(config);
    host.list(&[RUNNING]);
    let prefixes: Vec<String> = host.mobility.routes(&web()).iter().map(|r| r.prefix.to_string()).collect();
    assert_eq!(prefixes, ["198.51.100.10/32"]);
    assert_eq!(host.mobility.prefixes(&web()), ["198.51.100.10".parse().unwrap()]);

    let mut config = sample::config(vms);
    config.hold.insert(web());
    let mut host = Host::unlisted(config);
    host.list(&[RUNNING]);
    assert_eq!((host.presence(), host.mobility.routes(&web())), (Presence::Present, Vec::new()));
    assert_eq!(host.mobility.prefixes(&web()), []);
}

#[test]
fn what_stands_still_has_the_route_that_is_configured() {
    use crate::config::Frozen;
    for (frozen, expected) in [
        (Frozen::Standby, Some(Rung::Standby)),
        (Frozen::Active, Some(Rung::Active)),
        (Frozen::Withdraw, None),
    ] {
        let mut config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
        config.mobility.frozen = frozen;
        let mut host = Host::unlisted(config);
        host.list(&[RUNNING]);
        host.event(IO_ERROR);
        assert_eq!(host.rung(), expected, "{frozen:?}");
    }
}

#[test]
fn without_standby_nothing_is_announced_before_the_vm_runs_here() {
    let mut config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
    config.mobility.standby = false;
    let mut host = Host::unlisted(config);
    host.list(&[]);
    host.event(INCOMING);
    assert_eq!((host.presence(), host.rung()), (Presence::Incoming, None));
    host.event(ARRIVES);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn libvirt_gone_past_its_lease_lowers_what_is_above_unsure_and_nothing_else() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.mobility.libvirt_lost(host.now);
    host.pass(Duration::from_secs(59));
    assert_eq!(host.rung(), Some(Rung::Active));
    let effects = host.pass(Duration::from_secs(1));
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Unsure)));
    host.event(LEAVES);
    assert_eq!(host.rung(), Some(Rung::Leaving), "an event since then is as good as ever");
    let effects = host.list(&[RUNNING]);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Arrived)));

    let mut standby = Host::empty();
    standby.event(INCOMING);
    standby.mobility.libvirt_lost(standby.now);
    standby.pass(Duration::from_secs(60));
    assert_eq!(standby.rung(), Some(Rung::Standby));
}

#[test]
fn a_connection_without_lists_is_as_good_as_none() {
    let mut config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
    config.libvirt.resync = Duration::from_secs(30);
    config.mobility.settle = Duration::from_secs(3_600);
    let mut host = Host::with_resync(config);
    host.list(&[RUNNING]);
    host.pass(Duration::from_secs(119));
    assert_eq!(host.rung(), Some(Rung::Active));
    let effects = host.pass(Duration::from_secs(1));
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Unsure)));
    host.list(&[RUNNING]);
    assert_eq!(host.rung(), Some(Rung::Active));
}

#[test]
fn a_shut_off_domain_is_known_and_absent() {
    let mut host = Host::empty();
    host.list(&[VmState::Shutoff(ShutoffReason::Destroyed)]);
    assert_eq!((host.mobility.known().count(), host.presence()), (1, Presence::Absent));
    assert_eq!(host.mobility.known_domain(VM).map(|known| known.presence), Some(Presence::Absent));
    assert_eq!(host.mobility.owner("198.51.100.10".parse().unwrap()), Some(&web()));
}

#[test]
fn what_made_a_presence_so_is_told_in_words() {
    for (cause, words) in [
        (Cause::Event(UNPAUSED), format!("event {UNPAUSED}")),
        (Cause::Listed(RUNNING), format!("listed {RUNNING}")),
        (Cause::Looked(RUNNING), format!("state {RUNNING}")),
        (Cause::Vanished, "unknown to libvirt".to_owned()),
        (Cause::Settled, "settled".to_owned()),
    ] {
        assert_eq!(cause.to_string(), words);
    }
}
