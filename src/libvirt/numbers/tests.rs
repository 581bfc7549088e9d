//! The tables are typed from libvirt-domain.h, number by number, not taken from the code.

use proptest::prelude::*;

use super::*;

/// No enum of libvirt's has this many values; a newer one may send such a number.
const UNKNOWN: [i32; 4] = [99, i32::MAX, -1, i32::MIN];

#[test]
fn every_running_reason_has_its_number() {
    let table = [
        (0, RunningReason::Unknown),
        (1, RunningReason::Booted),
        (2, RunningReason::Migrated),
        (3, RunningReason::Restored),
        (4, RunningReason::FromSnapshot),
        (5, RunningReason::Unpaused),
        (6, RunningReason::MigrationCanceled),
        (7, RunningReason::SaveCanceled),
        (8, RunningReason::Wakeup),
        (9, RunningReason::Crashed),
        (10, RunningReason::Postcopy),
        (11, RunningReason::PostcopyFailed),
    ];
    assert_eq!(table.len(), RunningReason::NAMED.len());
    for (number, reason) in table {
        assert_eq!(state(1, number), VmState::Running(reason));
    }
    for number in UNKNOWN.into_iter().chain([12]) {
        assert_eq!(state(1, number), VmState::Running(RunningReason::Other(number)));
    }
}

#[test]
fn every_paused_reason_has_its_number() {
    let table = [
        (0, PausedReason::Unknown),
        (1, PausedReason::User),
        (2, PausedReason::Migration),
        (3, PausedReason::Save),
        (4, PausedReason::Dump),
        (5, PausedReason::IoError),
        (6, PausedReason::Watchdog),
        (7, PausedReason::FromSnapshot),
        (8, PausedReason::ShuttingDown),
        (9, PausedReason::Snapshot),
        (10, PausedReason::Crashed),
        (11, PausedReason::StartingUp),
        (12, PausedReason::Postcopy),
        (13, PausedReason::PostcopyFailed),
        (14, PausedReason::ApiError),
    ];
    assert_eq!(table.len(), PausedReason::NAMED.len());
    for (number, reason) in table {
        assert_eq!(state(3, number), VmState::Paused(reason));
    }
    for number in UNKNOWN.into_iter().chain([15]) {
        assert_eq!(state(3, number), VmState::Paused(PausedReason::Other(number)));
    }
}

#[test]
fn every_shutoff_reason_has_its_number() {
    let table = [
        (0, ShutoffReason::Unknown),
        (1, ShutoffReason::Shutdown),
        (2, ShutoffReason::Destroyed),
        (3, ShutoffReason::Crashed),
        (4, ShutoffReason::Migrated),
        (5, ShutoffReason::Saved),
        (6, ShutoffReason::Failed),
        (7, ShutoffReason::FromSnapshot),
        (8, ShutoffReason::Daemon),
    ];
    assert_eq!(table.len(), ShutoffReason::NAMED.len());
    for (number, reason) in table {
        assert_eq!(state(5, number), VmState::Shutoff(reason));
    }
    for number in UNKNOWN.into_iter().chain([9]) {
        assert_eq!(state(5, number), VmState::Shutoff(ShutoffReason::Other(number)));
    }
}

#[test]
fn every_reason_of_the_other_states_has_its_number() {
    let table = [
        ((0, 0), VmState::NoState(PlainReason::Unknown)),
        ((0, 1), VmState::NoState(PlainReason::Other(1))),
        ((2, 0), VmState::Blocked(PlainReason::Unknown)),
        ((2, 1), VmState::Blocked(PlainReason::Other(1))),
        ((4, 0), VmState::Shutdown(ShutdownReason::Unknown)),
        ((4, 1), VmState::Shutdown(ShutdownReason::User)),
        ((4, 2), VmState::Shutdown(ShutdownReason::Other(2))),
        ((6, 0), VmState::Crashed(CrashedReason::Unknown)),
        ((6, 1), VmState::Crashed(CrashedReason::Panicked)),
        ((6, 2), VmState::Crashed(CrashedReason::Other(2))),
        ((7, 0), VmState::PmSuspended(PlainReason::Unknown)),
        ((7, 1), VmState::PmSuspended(PlainReason::Other(1))),
    ];
    assert_eq!(ShutdownReason::NAMED.len() + CrashedReason::NAMED.len() + PlainReason::NAMED.len(), 5);
    for ((number, reason), expected) in table {
        assert_eq!(state(number, reason), expected);
    }
    for number in UNKNOWN {
        assert_eq!(state(0, number), VmState::NoState(PlainReason::Other(number)));
        assert_eq!(state(2, number), VmState::Blocked(PlainReason::Other(number)));
        assert_eq!(state(4, number), VmState::Shutdown(ShutdownReason::Other(number)));
        assert_eq!(state(6, number), VmState::Crashed(CrashedReason::Other(number)));
        assert_eq!(state(7, number), VmState::PmSuspended(PlainReason::Other(number)));
    }
}

#[test]
fn an_unknown_state_keeps_both_numbers() {
    for number in UNKNOWN.into_iter().chain([8]) {
        assert_eq!(state(number, 2), VmState::Other { state: number, reason: 2 });
    }
}

#[test]
fn every_event_detail_has_its_number() {
    let table = [
        ((0, 0), LifecycleKind::Defined(DefinedDetail::Added)),
        ((0, 1), LifecycleKind::Defined(DefinedDetail::Updated)),
        ((0, 2), LifecycleKind::Defined(DefinedDetail::Renamed)),
        ((0, 3), LifecycleKind::Defined(DefinedDetail::FromSnapshot)),
        ((1, 0), LifecycleKind::Undefined(UndefinedDetail::Removed)),
        ((1, 1), LifecycleKind::Undefined(UndefinedDetail::Renamed)),
        ((2, 0), LifecycleKind::Started(StartedDetail::Booted)),
        ((2, 1), LifecycleKind::Started(StartedDetail::Migrated)),
        ((2, 2), LifecycleKind::Started(StartedDetail::Restored)),
        ((2, 3), LifecycleKind::Started(StartedDetail::FromSnapshot)),
        ((2, 4), LifecycleKind::Started(StartedDetail::Wakeup)),
        ((2, 5), LifecycleKind::Started(StartedDetail::Recreated)),
        ((3, 0), LifecycleKind::Suspended(SuspendedDetail::Paused)),
        ((3, 1), LifecycleKind::Suspended(SuspendedDetail::Migrated)),
        ((3, 2), LifecycleKind::Suspended(SuspendedDetail::IoError)),
        ((3, 3), LifecycleKind::Suspended(SuspendedDetail::Watchdog)),
        ((3, 4), LifecycleKind::Suspended(SuspendedDetail::Restored)),
        ((3, 5), LifecycleKind::Suspended(SuspendedDetail::FromSnapshot)),
        ((3, 6), LifecycleKind::Suspended(SuspendedDetail::ApiError)),
        ((3, 7), LifecycleKind::Suspended(SuspendedDetail::Postcopy)),
        ((3, 8), LifecycleKind::Suspended(SuspendedDetail::PostcopyFailed)),
        ((3, 9), LifecycleKind::Suspended(SuspendedDetail::GuestShutdown)),
        ((4, 0), LifecycleKind::Resumed(ResumedDetail::Unpaused)),
        ((4, 1), LifecycleKind::Resumed(ResumedDetail::Migrated)),
        ((4, 2), LifecycleKind::Resumed(ResumedDetail::FromSnapshot)),
        ((4, 3), LifecycleKind::Resumed(ResumedDetail::Postcopy)),
        ((4, 4), LifecycleKind::Resumed(ResumedDetail::PostcopyFailed)),
        ((5, 0), LifecycleKind::Stopped(StoppedDetail::Shutdown)),
        ((5, 1), LifecycleKind::Stopped(StoppedDetail::Destroyed)),
        ((5, 2), LifecycleKind::Stopped(StoppedDetail::Crashed)),
        ((5, 3), LifecycleKind::Stopped(StoppedDetail::Migrated)),
        ((5, 4), LifecycleKind::Stopped(StoppedDetail::Saved)),
        ((5, 5), LifecycleKind::Stopped(StoppedDetail::Failed)),
        ((5, 6), LifecycleKind::Stopped(StoppedDetail::FromSnapshot)),
        ((5, 7), LifecycleKind::Stopped(StoppedDetail::Recreated)),
        ((6, 0), LifecycleKind::Shutdown(ShutdownDetail::Finished)),
        ((6, 1), LifecycleKind::Shutdown(ShutdownDetail::Guest)),
        ((6, 2), LifecycleKind::Shutdown(ShutdownDetail::Host)),
        ((7, 0), LifecycleKind::PmSuspended(PmSuspendedDetail::Memory)),
        ((7, 1), LifecycleKind::PmSuspended(PmSuspendedDetail::Disk)),
        ((8, 0), LifecycleKind::Crashed(CrashedDetail::Panicked)),
        ((8, 1), LifecycleKind::Crashed(CrashedDetail::Crashloaded)),
    ];
    let named = DefinedDetail::NAMED.len()
        + UndefinedDetail::NAMED.len()
        + StartedDetail::NAMED.len()
        + SuspendedDetail::NAMED.len()
        + ResumedDetail::NAMED.len()
        + StoppedDetail::NAMED.len()
        + ShutdownDetail::NAMED.len()
        + PmSuspendedDetail::NAMED.len()
        + CrashedDetail::NAMED.len();
    assert_eq!(table.len(), named);
    for ((event, detail), expected) in table {
        assert_eq!(lifecycle(event, detail), expected);
    }
}

#[test]
fn an_unknown_detail_keeps_its_number() {
    for number in UNKNOWN {
        assert_eq!(lifecycle(0, number), LifecycleKind::Defined(DefinedDetail::Other(number)));
        assert_eq!(lifecycle(1, number), LifecycleKind::Undefined(UndefinedDetail::Other(number)));
        assert_eq!(lifecycle(2, number), LifecycleKind::Started(StartedDetail::Other(number)));
        assert_eq!(lifecycle(3, number), LifecycleKind::Suspended(SuspendedDetail::Other(number)));
        assert_eq!(lifecycle(4, number), LifecycleKind::Resumed(ResumedDetail::Other(number)));
        assert_eq!(lifecycle(5, number), LifecycleKind::Stopped(StoppedDetail::Other(number)));
        assert_eq!(lifecycle(6, number), LifecycleKind::Shutdown(ShutdownDetail::Other(number)));
        assert_eq!(lifecycle(7, number), LifecycleKind::PmSuspended(PmSuspendedDetail::Other(number)));
        assert_eq!(lifecycle(8, number), LifecycleKind::Crashed(CrashedDetail::Other(number)));
    }
}

#[test]
fn an_unknown_event_keeps_both_numbers() {
    for number in UNKNOWN.into_iter().chain([9]) {
        assert_eq!(lifecycle(number, 3), LifecycleKind::Other { event: number, detail: 3 });
    }
}

#[test]
fn only_a_running_outgoing_job_makes_this_host_the_source() {
    // virDomainJobType: 0 none, 2 unbounded; virDomainJobOperation: 1 start, 2 save, 3 restore, 4 in, 5 out.
    assert_eq!(role_of_job(2, Some(5)), Some(MigrationRole::Source));
    assert_eq!(role_of_job(0, Some(5)), None);
    assert_eq!(role_of_job(0, None), None);
    assert_eq!(role_of_job(2, None), None);
    for operation in [-1, 0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 99] {
        assert_eq!(role_of_job(2, Some(operation)), None, "operation {operation}");
    }
}

#[test]
fn every_close_reason_is_said_in_its_own_words() {
    let mut words: Vec<&str> = (0..=4).map(close_reason).collect();
    assert!(close_reason(1).contains("restarts") && close_reason(2).contains("keep-alive"));
    assert_eq!(close_reason(4), close_reason(-1));
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), 5);
}

#[test]
fn a_version_is_split_in_three() {
    assert_eq!(version(9_000_000), "9.0.0");
    assert_eq!(version(11_003_002), "11.3.2");
    assert_eq!(version(0), "0.0.0");
}

proptest! {
    #[test]
    fn no_pair_of_numbers_panics_and_unknown_ones_are_shown(first: i32, second: i32) {
        let state = state(first, second);
        let kind = lifecycle(first, second);
        if !(0..=7).contains(&first) {
            prop_assert_eq!(state.to_string(), format!("other/other({first}/{second})"));
        }
        if !(0..=8).contains(&first) {
            prop_assert_eq!(kind.to_string(), format!("other({first}/{second})"));
        }
    }
}
