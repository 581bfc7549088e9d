//! What an agent that only lists makes of a VM, with ExaBGP's table as its memory.

use super::*;
use crate::vm::MigrationRole;

/// The presence after a first list that shows `state`, with `found` in ExaBGP's table.
fn restarted(state: VmState, found: Option<Rung>, role: Option<MigrationRole>) -> Presence {
    let config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
    let mut orders = Vec::new();
    for table_first in [true, false] {
        let mut host = Host::unlisted(config.clone());
        let table: BTreeMap<Prefix, Rung> =
            found.map(|rung| ("198.51.100.10".parse().unwrap(), rung)).into_iter().collect();
        if table_first {
            host.mobility.found(table, host.now);
            host.list(&[state]);
        } else {
            host.list(&[state]);
            host.mobility.found(table, host.now);
        }
        if role.is_some() {
            host.look(state, role);
        }
        orders.push(host.presence());
    }
    assert_eq!(
        orders[0], orders[1],
        "the order of list and table must not matter: {state} {found:?} {role:?}"
    );
    orders[0]
}

#[test]
fn what_runs_is_present_and_arrived_only_if_the_table_says_so() {
    for (found, expected) in [
        (None, Presence::Present),
        (Some(Rung::Arrived), Presence::Arrived),
        (Some(Rung::Active), Presence::Present),
        (Some(Rung::Unsure), Presence::Present),
        // It stood still when it was last looked at, so it has begun to run since.
        (Some(Rung::Standby), Presence::Arrived),
        (Some(Rung::Leaving), Presence::Present),
    ] {
        assert_eq!(restarted(RUNNING, found, None), expected, "{found:?}");
    }
}

#[test]
fn a_copy_in_migration_keeps_the_side_that_the_table_shows() {
    for role in [None, Some(MigrationRole::Source), Some(MigrationRole::Destination)] {
        assert_eq!(restarted(MIGRATING, Some(Rung::Standby), role), Presence::Incoming, "{role:?}");
        assert_eq!(restarted(MIGRATING, Some(Rung::Leaving), role), Presence::Departing, "{role:?}");
    }
}

#[test]
fn a_copy_in_migration_without_a_trace_is_on_the_side_that_the_job_tells() {
    assert_eq!(restarted(MIGRATING, None, None), Presence::Incoming);
    assert_eq!(restarted(MIGRATING, None, Some(MigrationRole::Source)), Presence::Departing);
    assert_eq!(restarted(MIGRATING, None, Some(MigrationRole::Destination)), Presence::Incoming);
}

#[test]
fn a_vm_that_executed_here_and_is_in_migration_now_is_leaving() {
    for found in [Rung::Arrived, Rung::Active, Rung::Unsure] {
        assert_eq!(restarted(MIGRATING, Some(found), None), Presence::Departing, "{found}");
    }
}

#[test]
fn a_first_list_without_information_shows_nothing_here() {
    for state in [
        VmState::NoState(crate::vm::PlainReason::Unknown),
        VmState::Other { state: 42, reason: 0 },
        VmState::Paused(PausedReason::StartingUp),
    ] {
        assert_eq!(restarted(state, Some(Rung::Active), None), Presence::Absent, "{state}");
    }
}

#[test]
fn a_second_list_before_the_table_leaves_it_to_the_table_what_was_before() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    host.list(&[RUNNING]);
    host.list(&[RUNNING]);
    host.mobility.found(BTreeMap::from([("198.51.100.10".parse().unwrap(), Rung::Arrived)]), host.now);
    assert_eq!(host.presence(), Presence::Arrived);
}

#[test]
fn what_an_event_told_is_not_left_to_the_table() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    host.event(UNPAUSED);
    host.list(&[RUNNING]);
    host.mobility.found(BTreeMap::from([("198.51.100.10".parse().unwrap(), Rung::Active)]), host.now);
    assert_eq!(host.presence(), Presence::Arrived);
}

#[test]
fn a_guess_asks_which_side_it_is() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    let effects = host.list(&[MIGRATING]);
    assert_eq!(effects.look, BTreeSet::from([VM]));
    host.look(MIGRATING, Some(MigrationRole::Source));
    assert_eq!(host.presence(), Presence::Departing);
    assert_eq!(host.list(&[MIGRATING]), Effects::default());
}

#[test]
fn a_list_confirms_what_events_told_of_a_migration_and_never_raises_it() {
    let mut source = Host::empty();
    source.event(UNPAUSED);
    source.event(LEAVES);
    source.list(&[MIGRATING]);
    assert_eq!(source.presence(), Presence::Departing);
    let mut destination = Host::empty();
    destination.event(INCOMING);
    destination.list(&[MIGRATING]);
    assert_eq!(destination.presence(), Presence::Incoming);
    destination.list(&[VmState::NoState(crate::vm::PlainReason::Unknown)]);
    assert_eq!(destination.presence(), Presence::Incoming);
}

#[test]
fn until_libvirt_is_listed_the_table_is_kept_and_falls_to_unsure_with_the_lease() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    let table = BTreeMap::from([("198.51.100.10".parse().unwrap(), Rung::Active)]);
    let effects = host.mobility.found(table, host.now);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Active)));
    let effects = host.pass(Duration::from_secs(60));
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Unsure)));
    let effects = host.list(&[]);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), None));
}

#[test]
fn a_later_table_says_nothing_about_the_vms() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    host.mobility.found(BTreeMap::new(), host.now);
    host.list(&[RUNNING]);
    let stale = BTreeMap::from([("198.51.100.10".parse().unwrap(), Rung::Arrived)]);
    assert_eq!(host.mobility.found(stale, host.now), Effects::default());
    assert_eq!(host.presence(), Presence::Present);
}

#[test]
fn a_vm_that_a_later_list_shows_under_another_identity_goes_on_as_it_was() {
    let again = Sighting { uuid: OTHER, ..sighting(RUNNING, None) };
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    host.list(&[RUNNING]);
    host.now += Duration::from_millis(1);
    host.mobility.listed(host.now, std::slice::from_ref(&again));
    assert_eq!(host.rung(), Some(Rung::Active));

    let mut host = Host::empty();
    host.now += Duration::from_millis(1);
    host.mobility.listed(host.now, &[again]);
    assert_eq!(host.rung(), Some(Rung::Arrived), "it was not here when libvirt was last listed");
}

#[test]
fn of_a_vm_of_which_the_table_shows_anything_the_ledger_says_nothing() {
    let two = ["198.51.100.10", "198.51.100.11"];
    let config =
        sample::config([sample::configured("web-1", &two), sample::configured("db-1", &["198.51.100.20"])]);
    let host = Host::unlisted(config);
    let [first, second, others, strange] =
        [two[0], two[1], "198.51.100.20", "198.51.100.99"].map(|address| address.parse::<Prefix>().unwrap());
    for shown in [Rung::Arrived, Rung::Leaving] {
        let table = BTreeMap::from([(first, shown)]);
        let ledger = [first, second, others, strange].map(|prefix| (prefix, Some(Rung::Active))).into();
        assert_eq!(
            host.mobility.stood(table, &ledger),
            BTreeMap::from([(first, shown), (others, Rung::Unsure)])
        );
    }
}

#[test]
fn what_only_the_ledger_has_is_unsure_at_best_and_nothing_where_it_was_on_its_way_out() {
    let host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    let prefix: Prefix = "198.51.100.10".parse().unwrap();
    for (rung, stood) in [
        (Some(Rung::Arrived), Some(Rung::Unsure)),
        (Some(Rung::Unsure), Some(Rung::Unsure)),
        (Some(Rung::Standby), Some(Rung::Standby)),
        (Some(Rung::Leaving), Some(Rung::Leaving)),
        (None, None),
    ] {
        let ledger = BTreeMap::from([(prefix, rung)]);
        let expected = stood.map(|rung| (prefix, rung)).into_iter().collect();
        assert_eq!(host.mobility.stood(BTreeMap::new(), &ledger), expected);
    }
}
