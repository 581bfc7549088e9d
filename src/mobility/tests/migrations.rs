//! Live migrations, seen from either side.

use super::*;
use crate::vm::MigrationDirection::{In, Out};
use crate::vm::MigrationOutcome::{Completed, Failed as HasFailed, Running as Runs};

#[test]
fn a_copy_that_is_filled_stands_by_and_arrives_when_it_runs() {
    let mut host = Host::empty();
    host.event(INCOMING);
    assert_eq!((host.rung(), host.outcome()), (Some(Rung::Standby), Some((In, Runs))));
    host.event(ARRIVES);
    assert_eq!((host.rung(), host.outcome()), (Some(Rung::Arrived), Some((In, Completed))));
    host.pass(Duration::from_secs(180));
    assert_eq!((host.presence(), host.rung()), (Presence::Present, Some(Rung::Active)));
}

#[test]
fn the_settle_time_counts_from_the_arrival_and_not_from_the_second_resumed() {
    let mut host = Host::empty();
    host.event(LifecycleKind::Resumed(ResumedDetail::Postcopy));
    host.pass(Duration::from_secs(100));
    host.event(ARRIVES);
    host.pass(Duration::from_secs(79));
    assert_eq!(host.presence(), Presence::Arrived);
    host.pass(Duration::from_secs(1));
    assert_eq!(host.presence(), Presence::Present);
    let deadline = host.mobility.deadline();
    assert!(
        deadline > Some(host.now + Duration::from_secs(80_000)),
        "only libvirt's silence is left: {deadline:?}"
    );
}

#[test]
fn a_source_leaves_at_the_switch_over_and_is_gone_when_stopped() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.event(LEAVES);
    assert_eq!((host.rung(), host.outcome()), (Some(Rung::Leaving), Some((Out, Runs))));
    host.event(LifecycleKind::Suspended(SuspendedDetail::Postcopy));
    assert_eq!(host.rung(), Some(Rung::Leaving));
    host.event(LEFT);
    assert_eq!((host.rung(), host.outcome()), (None, Some((Out, Completed))));
    assert_eq!(host.last.map(|course| course.id), Some(1), "it was one migration");
}

#[test]
fn a_transient_source_that_is_only_missed_has_left() {
    let mut host = Host::empty();
    host.list(&[RUNNING]);
    host.event(LEAVES);
    host.list(&[]);
    assert_eq!((host.presence(), host.outcome()), (Presence::Absent, Some((Out, Completed))));
    assert_eq!(host.mobility.known().count(), 0);
}

#[test]
fn a_source_whose_end_is_told_by_its_state_has_left_if_that_says_so() {
    for (reason, outcome) in [(ShutoffReason::Migrated, Completed), (ShutoffReason::Destroyed, HasFailed)] {
        let told_by: [fn(&mut Host, VmState); 2] =
            [|host, state| drop(host.list(&[state])), |host, state| drop(host.look(state, None))];
        for tell in told_by {
            let mut host = Host::empty();
            host.list(&[RUNNING]);
            host.event(LEAVES);
            tell(&mut host, VmState::Shutoff(reason));
            assert_eq!(
                (host.presence(), host.outcome()),
                (Presence::Absent, Some((Out, outcome))),
                "{reason:?}"
            );
        }
    }
}

#[test]
fn a_migration_that_fails_in_the_copy_leaves_the_source_alone_and_ends_the_standby() {
    let mut host = Host::empty();
    host.event(INCOMING);
    host.event(FAILED);
    assert_eq!((host.rung(), host.outcome()), (None, Some((In, HasFailed))));
}

#[test]
fn a_migration_that_fails_in_the_frozen_time_returns_the_source_to_what_it_was() {
    for resumed in [UNPAUSED, ARRIVES] {
        let mut settled = Host::empty();
        settled.event(UNPAUSED);
        settled.pass(Duration::from_secs(500));
        settled.event(LEAVES);
        settled.event(resumed);
        assert_eq!((settled.rung(), settled.outcome()), (Some(Rung::Active), Some((Out, HasFailed))));

        let mut fresh = Host::empty();
        fresh.event(UNPAUSED);
        fresh.event(LEAVES);
        fresh.event(resumed);
        assert_eq!(fresh.rung(), Some(Rung::Arrived));
    }
}

#[test]
fn a_vm_that_comes_straight_back_arrives_again() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    host.pass(Duration::from_secs(500));
    for kind in [LEAVES, LEFT, INCOMING] {
        host.event(kind);
    }
    assert_eq!(host.rung(), Some(Rung::Standby));
    host.event(ARRIVES);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_paused_guest_that_migrates_is_frozen_at_the_destination_and_arrives_when_resumed() {
    let mut host = Host::empty();
    host.event(INCOMING);
    let effects = host.event(LifecycleKind::Suspended(SuspendedDetail::Paused));
    assert_eq!(effects.look, BTreeSet::from([VM]));
    host.look(PAUSED, None);
    assert_eq!((host.presence(), host.outcome()), (Presence::Frozen, Some((In, Completed))));
    host.event(UNPAUSED);
    assert_eq!(host.presence(), Presence::Arrived);
}

#[test]
fn a_paused_guest_that_leaves_gives_no_sign_but_its_stop() {
    let mut host = Host::empty();
    host.list(&[PAUSED]);
    host.event(LEFT);
    assert_eq!((host.rung(), host.outcome()), (None, Some((Out, Completed))));
}

#[test]
fn a_vm_that_was_executing_when_it_was_missed_is_on_the_side_that_the_job_tells() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    let effects = host.list(&[MIGRATING]);
    assert_eq!((host.presence(), effects.look), (Presence::Departing, BTreeSet::from([VM])));
    host.look(MIGRATING, Some(crate::vm::MigrationRole::Destination));
    assert_eq!(host.presence(), Presence::Incoming);
    host.event(ARRIVES);
    assert_eq!(host.presence(), Presence::Arrived);
}

#[test]
fn a_copy_of_which_nothing_tells_the_side_stands_by_unless_it_executed_here() {
    let mut paused = Host::empty();
    paused.list(&[PAUSED]);
    let mut executed = Host::empty();
    executed.event(UNPAUSED);
    for (host, expected) in [(&mut paused, Presence::Incoming), (&mut executed, Presence::Departing)] {
        for _ in 0..2 {
            host.list(&[MIGRATING]);
            assert_eq!(host.presence(), expected);
        }
    }
}

#[test]
fn an_arrival_whose_beginning_was_missed_is_a_migration_all_the_same() {
    let mut host = Host::empty();
    host.event(ARRIVES);
    assert_eq!(host.outcome(), Some((In, Completed)));

    let mut restarted = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    restarted.list(&[MIGRATING]);
    assert_eq!((restarted.presence(), restarted.outcome()), (Presence::Incoming, None));
    restarted.event(ARRIVES);
    assert_eq!(restarted.outcome(), Some((In, Completed)));
}

#[test]
fn a_resumed_that_ends_no_copy_is_no_arrival() {
    let mut source = Host::empty();
    source.event(UNPAUSED);
    let mut goes_on = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    goes_on.mobility.found([("198.51.100.10".parse().unwrap(), Rung::Active)].into(), goes_on.now);
    goes_on.list(&[MIGRATING]);
    assert_eq!(goes_on.presence(), Presence::Departing, "the agent was started in the switch-over");
    for host in [&mut source, &mut goes_on] {
        // The second RESUMED of a post-copy, and a source that goes on after a failure.
        host.event(ARRIVES);
        assert_eq!(host.outcome(), None);
    }
}

#[test]
fn a_domain_that_is_not_managed_has_migrations_too() {
    let mut host = Host::empty();
    host.event_of(OTHER, "stranger", INCOMING);
    let moves = host.event_of(OTHER, "stranger", ARRIVES).moves;
    let [told] = &moves[..] else { panic!("{moves:?}") };
    assert_eq!((told.name.as_str(), &told.vm), ("stranger", &None));
    assert_eq!(host.outcome(), Some((In, Completed)));
}
