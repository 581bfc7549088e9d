use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::*;
use crate::agent::tests::{Rig, VM, neighbor, running};
use crate::config::{Config, Transport};
use crate::exabgp::Report;
use crate::snapshot::Histogram;
use crate::vm::{
    LifecycleKind, MigrationDirection, MigrationOutcome, MigrationPhase, PausedReason, Presence,
    ResumedDetail, StartedDetail, StoppedDetail, SuspendedDetail, VmName, VmState,
};

/// How often, and how many milliseconds in all.
fn times(histogram: &Histogram) -> (u64, u128) {
    (histogram.count(), histogram.sum().as_millis())
}

/// An agent that has `web-1` running for a minute, announced.
fn settled() -> Rig {
    settled_with(|_| ())
}

fn settled_with(change: impl FnOnce(&mut Config)) -> Rig {
    let mut rig = Rig::with(|config| {
        config.exabgp.transport = Transport::Child;
        change(config);
    });
    rig.start -= Duration::from_secs(60);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    assert_eq!(rig.acknowledge(2.0, 5.0), 1);
    rig
}

#[test]
fn each_command_is_counted_by_what_it_is() {
    let mut rig = settled();
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!(tally.exabgp.announcements[&crate::route::Rung::Active], 1);
    assert_eq!(tally.exabgp.announcements.values().sum::<u64>(), 1);
    assert_eq!((tally.exabgp.withdrawals, times(&tally.exabgp.acknowledgement)), (0, (1, 3)));
    assert_eq!(tally.presences[&Presence::Present], 1);

    rig.tells(1, 100.0, LifecycleKind::Stopped(StoppedDetail::Destroyed));
    assert_eq!(rig.acknowledge(101.0, 103.0), 1);
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!(times(&tally.exabgp.acknowledgement), (2, 5));
    assert_eq!(tally.exabgp.withdrawals, 2, "and its repeat, which is due");
    assert_eq!((tally.presences[&Presence::Absent], tally.libvirt.events["stopped"]), (1, 1));
    assert_eq!((tally.libvirt.connections, tally.libvirt.lists), (1, 1));
}

#[test]
fn a_repeated_withdraw_is_no_late_answer_to_its_event() {
    let mut rig = settled_with(|config| config.mobility.standby = false);
    rig.tells(1, 100.0, LifecycleKind::Stopped(StoppedDetail::Destroyed));
    assert_eq!(rig.acknowledge(101.0, 103.0), 1);
    // It comes again, and has no route before it runs, while the repeat is open.
    rig.tells(1, 200.0, LifecycleKind::Started(StartedDetail::Migrated));
    assert_eq!(rig.acknowledge(30_000.0, 30_001.0), 1, "the repeat");
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!((tally.exabgp.withdrawals, times(&tally.exabgp.by_event)), (2, (1, 1)));
}

#[test]
fn a_step_that_was_written_before_the_event_is_none_of_its_own() {
    let mut rig = Rig::new(Transport::Child);
    rig.start -= Duration::from_secs(60);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    rig.tells(1, 100.0, LifecycleKind::Suspended(SuspendedDetail::IoError));
    assert_eq!(rig.acknowledge(2.0, 110.0), 1, "what the list led to");
    assert_eq!(rig.acknowledge(112.0, 113.0), 1, "what the event led to");
    assert_eq!(times(&rig.published().tally.exabgp.by_event), (1, 12));
}

#[test]
fn what_exabgp_already_has_when_it_answers_again_leaves_no_event_behind() {
    let mut rig = settled();
    rig.agent.exabgp(Report::Lost { reason: "gone".to_owned(), at: Instant::now() });
    rig.tells(1, 100.0, LifecycleKind::Stopped(StoppedDetail::Destroyed));
    rig.tells(1, 110.0, LifecycleKind::Resumed(ResumedDetail::Unpaused));
    rig.tells(1, 120.0, LifecycleKind::Stopped(StoppedDetail::Destroyed));
    rig.exabgp_answers(Vec::new());
    assert_eq!(rig.acknowledge(200.0, 201.0), 1, "the withdraw, which may be on its way");
    rig.tells(1, 300.0, LifecycleKind::Resumed(ResumedDetail::Unpaused));
    assert_eq!(rig.acknowledge(301.0, 302.0), 1);
    assert_eq!(times(&rig.published().tally.exabgp.by_event), (2, 81));
}

#[test]
fn what_took_a_look_is_timed_apart() {
    let mut rig = settled();
    rig.tells(1, 100.0, LifecycleKind::Suspended(SuspendedDetail::Paused));
    assert_eq!(rig.acknowledge(0.0, 0.0), 0, "libvirt must be asked why");
    rig.agent.libvirt(libvirt::Report::Looked {
        connection: 1,
        uuid: VM,
        asked_at: rig.start + Duration::from_millis(101),
        answer: Answer::Found(crate::vm::Sighting {
            uuid: VM,
            name: VmName::new("web-1"),
            state: VmState::Paused(PausedReason::User),
            role: None,
        }),
    });
    assert_eq!(rig.acknowledge(107.0, 108.0), 1);
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!((times(&tally.exabgp.by_look), times(&tally.exabgp.by_event)), ((1, 7), (0, 0)));
    assert_eq!((tally.libvirt.looks, tally.libvirt.looks_failed), (1, 0));
}

#[test]
fn a_doubt_is_no_reconnect_and_a_new_epoch_is_a_new_life() {
    let mut counting = Counting::new(false);
    let ready = |epoch: &str| Report::Ready {
        version: None,
        epoch: Some(epoch.to_owned()),
        table: Vec::new(),
        ledger: BTreeMap::new(),
        at: Instant::now(),
    };
    let doubt = Report::InDoubt { reason: "an answer is missing".to_owned() };
    let lost = Report::Lost { reason: "the relay is gone".to_owned(), at: Instant::now() };
    for (report, expected) in [
        (ready("a"), (1, 1, 0)),
        (doubt.clone(), (1, 1, 1)),
        (ready("a"), (1, 1, 1)),
        (lost.clone(), (1, 1, 1)),
        (ready("a"), (2, 1, 1)),
        (doubt, (2, 1, 2)),
        (lost, (2, 1, 2)),
        (ready("b"), (3, 2, 2)),
    ] {
        counting.exabgp(&report);
        let tally = &counting.tally.exabgp;
        assert_eq!((tally.connections, tally.epochs, tally.in_doubt), expected, "{report:?}");
    }
}

#[test]
fn refusals_are_counted_and_what_is_only_printed_is_not_acknowledged() {
    for (prints, acknowledged) in [(false, 1), (true, 0)] {
        let mut counting = Counting::new(prints);
        for outcome in [Outcome::Acknowledged, Outcome::Refused("no".to_owned())] {
            let at = Instant::now();
            let prefix = "198.51.100.10".parse().unwrap();
            counting.exabgp(&Report::Settled { prefix, outcome, written_at: at, at });
        }
        let tally = &counting.tally.exabgp;
        assert_eq!((tally.refused, tally.acknowledgement.count()), (1, acknowledged), "prints: {prints}");
    }
}

#[test]
fn a_session_counts_when_it_comes_up() {
    use NeighborState::{Connected, Down, Up};
    let mut counting = Counting::new(false);
    for (state, sessions) in [(Down, 0), (Connected, 0), (Up, 1), (Up, 1), (Down, 1), (Up, 2)] {
        counting.exabgp(&neighbor(65_101, state));
        assert_eq!(counting.tally.exabgp.sessions.values().sum::<u64>(), sessions, "{state:?}");
    }
}

#[test]
fn what_libvirt_reports_is_counted_by_kind() {
    let mut rig = settled();
    rig.agent.libvirt(libvirt::Report::Overflowed { connection: 1 });
    let answer = Answer::Failed("busy".to_owned());
    rig.agent.libvirt(libvirt::Report::Looked { connection: 1, uuid: VM, asked_at: rig.start, answer });
    rig.connects(2, 1_000.0);
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!((tally.libvirt.overflows, tally.libvirt.looks_failed, tally.libvirt.connections), (1, 1, 2));
}

#[test]
fn what_is_only_counted_is_published_and_no_change_of_the_state() {
    let mut rig = settled();
    let before = rig.published();
    rig.lists(1, 2_000.0, Some(running()));
    let after = rig.published();
    assert_eq!((before.tally.libvirt.lists, after.tally.libvirt.lists), (1, 2));
    assert_eq!(before.generation, after.generation);
    let again = rig.published();
    assert!(Arc::ptr_eq(&after, &again), "nothing was counted since");
}

#[test]
fn reloads_are_counted_by_what_came_of_them() {
    let mut rig = settled();
    let same = rig.agent.config.as_ref().clone();
    rig.agent.command(crate::agent::Command::Reload(Ok(Box::new(same))));
    let faults = Config::load(Path::new("/no/such/file")).unwrap_err();
    rig.agent.command(crate::agent::Command::Reload(Err(faults)));
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!((tally.reloads_accepted, tally.reloads_refused), (1, 1));
}

#[test]
fn the_phases_of_a_migration_are_timed_as_they_come() {
    let mut rig = Rig::new(Transport::Child);
    rig.start -= Duration::from_secs(60);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, None);
    rig.tells(1, 100.0, LifecycleKind::Started(StartedDetail::Migrated));
    assert_eq!(rig.acknowledge(101.0, 104.0), 1);
    let key = |phase| (MigrationDirection::In, phase);
    let tally = Arc::clone(&rig.published().tally);
    assert_eq!(times(&tally.migrations.phases[&key(MigrationPhase::StandbyAnnounced)]), (1, 4));
    assert_eq!(tally.migrations.ended.values().sum::<u64>(), 0);

    rig.tells(1, 5_100.0, LifecycleKind::Resumed(ResumedDetail::Migrated));
    assert_eq!(rig.acknowledge(5_101.0, 5_103.0), 1);
    let tally = Arc::clone(&rig.published().tally);
    for (phase, expected) in [
        (MigrationPhase::StandbyAnnounced, (1, 4)),
        (MigrationPhase::Resumed, (1, 5_000)),
        (MigrationPhase::ArrivedAnnounced, (1, 1)),
        (MigrationPhase::Acknowledged, (1, 3)),
        (MigrationPhase::ConfirmedOnTheWire, (0, 0)),
    ] {
        assert_eq!(times(&tally.migrations.phases[&key(phase)]), expected, "{phase}");
    }
    assert_eq!(tally.migrations.ended[&(MigrationDirection::In, MigrationOutcome::Completed)], 1);
}

#[test]
fn a_migration_that_was_dropped_is_not_counted_again() {
    let mut counting = Counting::new(false);
    let view = |id| {
        let at = crate::snapshot::sample::time("2026-03-01T10:00:00Z");
        Arc::new(MigrationView {
            id,
            vm: VmName::new("a"),
            direction: MigrationDirection::Out,
            started_at: at,
            ended_at: Some(at),
            outcome: MigrationOutcome::Completed,
            phases: Vec::new(),
        })
    };
    let ended = |counting: &Counting| counting.tally.migrations.ended.values().sum::<u64>();
    for id in 1..=1_001 {
        counting.migration(&view(id));
    }
    assert_eq!(ended(&counting), 1_001);
    counting.migration(&view(1));
    counting.migration(&view(2));
    assert_eq!((ended(&counting), counting.migrations.len()), (1_001, Snapshot::MIGRATIONS));
}
