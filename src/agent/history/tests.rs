use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::agent::Command;
use crate::agent::tests::{Rig, VM, running};
use crate::config::Transport;
use crate::route::Rung;
use crate::snapshot::{Event, RouteState, Snapshot, sample};
use crate::vm::{LifecycleKind, Presence, ResumedDetail, StartedDetail, Uuid};

fn texts(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.events.after(0).map(|event| event.text.as_str()).collect()
}

#[test]
fn a_migration_is_told_from_its_beginning_to_its_acknowledgement() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    let began = rig.published().events.last_seq();
    for (millis, kind) in [
        (10.0, LifecycleKind::Started(StartedDetail::Migrated)),
        (300.0, LifecycleKind::Resumed(ResumedDetail::Migrated)),
    ] {
        rig.tells(1, millis, kind);
        rig.commands();
        rig.published();
    }
    let snapshot = rig.published();
    let told: Vec<&str> = snapshot.events.after(began).map(|event| event.text.as_str()).collect();
    let expected = [
        "web-1: migration to this host began",
        "web-1: unknown → incoming: event started/migrated",
        "198.51.100.10/32: none → announced, on standby",
        "web-1: migration to this host completed",
        "web-1: incoming → arrived: event resumed/migrated",
        "198.51.100.10/32: announced → announced, from standby to arrived",
    ];
    assert_eq!(told, expected);
    let seqs: Vec<u64> = snapshot.events.after(0).map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=snapshot.events.last_seq()).collect::<Vec<_>>());
    let [migration] = &snapshot.migrations[..] else { panic!("{:?}", snapshot.migrations) };
    let vm = snapshot.vm(&VmName::new("web-1")).unwrap();
    assert!(Arc::ptr_eq(migration, vm.last_migration.as_ref().unwrap()), "it is the same object");
}

#[test]
fn a_vm_that_is_not_managed_has_its_migration_too() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    for (millis, kind) in [
        (10.0, LifecycleKind::Started(StartedDetail::Migrated)),
        (300.0, LifecycleKind::Resumed(ResumedDetail::Migrated)),
    ] {
        rig.tells_of(Uuid::from_u128(9), "stranger", millis, kind);
    }
    let snapshot = rig.published();
    let shown = snapshot.vm(&VmName::new("stranger")).unwrap();
    assert!(!shown.managed);
    let migration = shown.last_migration.as_ref().unwrap();
    let names: Vec<&str> = migration.phases.iter().map(|phase| phase.name.name()).collect();
    assert_eq!(names, ["incoming_seen", "resumed"]);
    assert!(Arc::ptr_eq(migration, &snapshot.migrations[0]));
}

#[test]
fn a_start_and_a_stop_are_events_and_the_last_one_is_published() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.agent.command(Command::Stop);
    let snapshot = rig.published();
    assert_eq!(texts(&snapshot), ["roamd starts", "ExaBGP answers: version none", "roamd is stopping"]);
}

#[test]
fn libvirt_s_coming_and_going_is_told_once_each() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    for millis in [2.0, 3.0] {
        let at = rig.start + Duration::from_secs_f64(millis / 1_000.0);
        let error = "end of file".to_owned();
        rig.agent.libvirt(crate::libvirt::Report::Disconnected { error, at });
    }
    rig.connects(2, 4.0);
    let snapshot = rig.published();
    let of_libvirt: Vec<&str> =
        texts(&snapshot).into_iter().filter(|text| text.starts_with("libvirt")).collect();
    let expected = ["libvirt connected", "libvirt is not reachable: end of file", "libvirt connected"];
    assert_eq!(of_libvirt, expected);
}

#[test]
fn a_reload_is_told_with_its_faults() {
    let mut rig = Rig::new(Transport::Print);
    let same = rig.agent.config.as_ref().clone();
    rig.agent.command(Command::Reload(Ok(Box::new(same))));
    let snapshot = rig.published();
    let last = snapshot.events.after(0).last().unwrap();
    assert_eq!(last.what, What::Config { errors: Vec::new() });
}

#[test]
fn readiness_is_told_when_it_turns_and_not_for_each_route_on_its_way() {
    let mut readiness = Readiness::default();
    let reason = |part| NotReady { part, reason: "missing".to_owned() };
    let at = |millis| Instant::now() + Duration::from_millis(millis);
    assert_eq!(readiness.judge(&[reason("libvirt")], at(0)), None, "nobody was told that it is");
    assert_eq!(readiness.judge(&[], at(10)), Some(true));
    assert_eq!(readiness.judge(&[], at(20)), None);
    assert_eq!(readiness.judge(&[reason("routes")], at(30)), None);
    assert_eq!(readiness.judge(&[], at(40)), None);
    assert_eq!(readiness.deadline(), None);
    assert_eq!(readiness.judge(&[reason("routes")], at(50)), None);
    assert!(readiness.deadline() > Some(at(900)));
    assert_eq!(readiness.judge(&[reason("routes")], at(60_000)), Some(false));
    assert_eq!(readiness.judge(&[], at(60_010)), Some(true));
    assert_eq!(readiness.judge(&[reason("routes"), reason("exabgp")], at(60_020)), Some(false));
    assert_eq!(readiness.deadline(), None);
}

#[test]
fn a_host_that_starts_with_ten_thousand_routes_tells_them_in_sums() {
    let now = Instant::now();
    let clock = Clock::new(Box::new(crate::agent::Reading::of_the_system));
    let mut history = History::new(now);
    for number in 0..10_000_u32 {
        let prefix = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
        let view = sample::route(&prefix, "vm", Rung::Active, RouteState::Announced);
        let changes = RouteChange::between(None, Some(&view)).collect();
        history.routes(changes, &clock, now);
        if number % 1_000 == 999 {
            history.sum_up(&clock, now);
        }
    }
    let (mut single, mut summed) = (0, 0);
    for event in history.events.after(0) {
        if let What::Bulk { of: Mass::Route, count, from: None, to: Some("announced") } = &event.what {
            assert_eq!(event.text, format!("{count} more routes: none → announced"));
            summed += count;
        } else {
            assert_eq!(event.what.kind(), "route");
            single += 1;
        }
    }
    assert_eq!(single + summed, 10_000);
    assert!(single <= 500 && history.events.last_seq() <= 510, "{single}");
}

#[test]
fn after_a_mass_routes_are_told_one_by_one_again() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    assert_eq!((0..2_000).filter(|_| budget.take(now)).count(), 500);
    let later = now + Duration::from_secs(1);
    assert_eq!((0..2_000).filter(|_| budget.take(later)).count(), 10);
    let much_later = now + Duration::from_secs(3_600);
    assert_eq!((0..2_000).filter(|_| budget.take(much_later)).count(), 500);
}

#[test]
fn the_difference_between_two_views_of_a_route() {
    let view = |state, rung| sample::route("198.51.100.10", "web-1", rung, state);
    let pending = view(RouteState::Pending, Rung::Standby);
    let announced = view(RouteState::Announced, Rung::Standby);
    let raised = view(RouteState::Announced, Rung::Arrived);
    let mut confirmed = (*raised).clone();
    confirmed.confirmed_at = Some(sample::time("2026-03-01T10:00:01Z"));
    for (before, after, count) in [
        (None, Some(&*pending), 1),
        (Some(&*pending), Some(&*announced), 1),
        (Some(&*announced), Some(&*raised), 1),
        (Some(&*raised), Some(&confirmed), 0),
        (Some(&confirmed), None, 1),
        (None, None, 0),
    ] {
        let changes: Vec<_> = RouteChange::between(before, after).collect();
        assert_eq!(changes.len(), count, "{before:?} {after:?}");
        assert!(changes.iter().all(|change| change.vm == Some(VmName::new("web-1"))));
    }
}

#[test]
fn only_the_last_thousand_migrations_are_shown_and_the_last_of_a_managed_vm_stays_with_it() {
    let clock = Clock::new(Box::new(crate::agent::Reading::of_the_system));
    let at = Instant::now();
    let (mut courses, mut migrations) = (Courses::default(), Migrations::default());
    for number in 0..2_500_u32 {
        let name = VmName::new(&format!("vm-{number}"));
        let vm = (number == 0).then(|| name.clone());
        let turn = crate::mobility::Turn::Passed(
            crate::vm::MigrationDirection::Out,
            crate::vm::MigrationPhase::Stopped,
        );
        let told = Move { uuid: Uuid::from_u128(number.into()), name, vm, turn, at };
        for course in courses.told(&told, &[]) {
            migrations.put(&course, &clock);
        }
    }
    let ids: Vec<u64> = migrations.all().iter().map(|migration| migration.id).collect();
    assert_eq!(ids, (1_501..=2_500).rev().collect::<Vec<_>>());
    assert_eq!(migrations.of(&VmName::new("vm-0")).map(|migration| migration.id), Some(1));
    assert_eq!(migrations.of(&VmName::new("vm-1")), None);
    assert_eq!(migrations.of(&VmName::new("vm-2499")).map(|migration| migration.id), Some(2_500));
}

#[test]
fn the_vms_of_a_first_list_are_events_with_their_presence() {
    let mut rig = Rig::new(Transport::Print);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    let snapshot = rig.published();
    let presence = snapshot.events.after(0).find(|event| event.what.kind() == "presence").unwrap();
    let Event { vm, what: What::Presence { uuid, managed, from, to, .. }, .. } = presence.as_ref() else {
        panic!("{presence:?}")
    };
    assert_eq!((vm.as_ref().map(VmName::as_str), *uuid, *managed), (Some("web-1"), VM, true));
    assert_eq!((*from, *to), (None, Presence::Present));
    let kinds: BTreeSet<&str> = snapshot.events.after(0).map(|event| event.what.kind()).collect();
    assert!(kinds.contains("agent") && kinds.contains("exabgp"), "{kinds:?}");
}
