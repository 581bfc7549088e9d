//! What becomes of a VM that has just arrived when nobody can see whether it stays.

use proptest::prelude::*;

use super::interleavings::{World, config, happenings};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);
const OFF: VmState = VmState::Shutoff(ShutoffReason::Crashed);

/// A host on which `web-1` has just arrived.
fn arrived() -> Host {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    host.look(RUNNING, None);
    assert_eq!(host.rung(), Some(Rung::Arrived));
    host
}

fn table(rung: Rung) -> BTreeMap<Prefix, Rung> {
    BTreeMap::from([("198.51.100.10".parse().unwrap(), rung)])
}

#[test]
fn a_vm_that_has_just_arrived_is_lowered_when_libvirt_stays_away_and_raised_by_the_next_list() {
    let mut host = arrived();
    host.mobility.libvirt_lost(host.now);
    assert_eq!(host.mobility.deadline(), Some(host.now + SECOND));
    assert_eq!(host.pass(SECOND.saturating_sub(MOMENT)), Effects::default());
    assert_eq!(host.rung(), Some(Rung::Arrived));
    let effects = host.pass(MOMENT);
    assert_eq!((effects.touched, effects.transitions), (BTreeSet::from([web()]), Vec::new()));
    assert_eq!((host.rung(), host.presence()), (Some(Rung::Active), Presence::Arrived));
    // Attempts that fail tell nothing new.
    host.mobility.libvirt_lost(host.now);
    assert_eq!(host.pass(Duration::from_secs(10)), Effects::default());
    let effects = host.list(&[RUNNING]);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Arrived)));
}

#[test]
fn a_host_that_stood_still_believes_nothing_for_some_seconds_and_then_the_next_list() {
    let mut host = arrived();
    host.now += Duration::from_secs(90);
    let effects = host.mobility.stood_still(host.now);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Unsure)));
    // libvirtd may have stood still as well, and tell how things were.
    host.list(&[RUNNING]);
    host.event(UNPAUSED);
    assert_eq!(host.rung(), Some(Rung::Unsure));
    let wakes = host.mobility.deadline().unwrap().saturating_duration_since(host.now);
    assert!(wakes <= Duration::from_secs(5));
    assert!(host.pass(wakes).list);
    let effects = host.list(&[RUNNING]);
    assert_eq!(effects.touched, BTreeSet::from([web()]));
    assert!(matches!(host.rung(), Some(Rung::Arrived | Rung::Active)));
}

#[test]
fn after_a_standstill_a_list_counts_from_the_moment_for_which_one_is_asked() {
    let mut host = arrived();
    host.mobility.stood_still(host.now);
    let trusted = host.mobility.deadline().unwrap();
    for (asked_at, expected) in
        [(trusted.checked_sub(MOMENT).unwrap(), Rung::Unsure), (trusted, Rung::Arrived)]
    {
        host.mobility.listed(asked_at, &[sighting(RUNNING, None)]);
        assert_eq!(host.rung(), Some(expected));
    }
}

#[test]
fn the_lease_is_over_when_libvirt_has_been_silent_for_as_long_and_not_because_of_a_standstill() {
    let mut host = Host::empty();
    let lease = Duration::from_secs(60);
    host.mobility.libvirt_lost(host.now);
    assert!(!host.mobility.is_lease_over(host.now + lease.saturating_sub(MOMENT)));
    assert!(host.mobility.is_lease_over(host.now + lease));
    host.mobility.stood_still(host.now + lease);
    assert!(host.mobility.is_lapsed());
    assert!(!host.mobility.is_lease_over(host.now + lease));
}

#[test]
fn a_vm_that_is_gone_when_its_host_goes_on_is_withdrawn_at_once() {
    let mut host = arrived();
    host.now += Duration::from_secs(90);
    host.mobility.stood_still(host.now);
    host.list(&[]);
    assert_eq!(host.rung(), None);
}

#[test]
fn an_end_that_is_heard_of_late_takes_no_route_away_until_libvirt_has_been_asked() {
    for (answer, rung) in [(Some(RUNNING), Some(Rung::Arrived)), (Some(OFF), None), (None, None)] {
        let mut host = arrived();
        host.now += Duration::from_secs(20);
        host.mobility.woke(host.now);
        let effects = host.event(FAILED);
        assert_eq!((effects.touched, effects.look), (BTreeSet::new(), BTreeSet::from([VM])));
        assert_eq!(host.rung(), Some(Rung::Arrived));
        match answer {
            Some(state) => host.look(state, None),
            None => host.mobility.looked(VM, host.now, None),
        };
        assert_eq!(host.rung(), rung, "{answer:?}");
    }
}

#[test]
fn an_end_that_is_heard_of_when_its_host_is_awake_is_believed() {
    let awake = Duration::from_secs(5);
    for (passed, rung) in [(awake.saturating_sub(MOMENT), Some(Rung::Arrived)), (awake, None)] {
        let mut host = arrived();
        host.mobility.woke(host.now);
        // The event is a millisecond later.
        host.now += passed.saturating_sub(MOMENT);
        host.event(FAILED);
        assert_eq!(host.rung(), rung, "{passed:?}");
    }
}

#[test]
fn a_restart_of_libvirtd_within_a_second_moves_nothing() {
    let mut host = arrived();
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND.saturating_sub(MOMENT * 2));
    assert_eq!(host.list(&[RUNNING]), Effects::default());
    assert_eq!(host.pass(SECOND), Effects::default());
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_vm_that_settles_in_an_outage_stays_where_it_was_lowered_to() {
    let mut host = arrived();
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND);
    host.pass(Duration::from_secs(58));
    host.list(&[RUNNING]);
    host.pass(Duration::from_secs(119));
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND);
    assert_eq!(host.rung(), Some(Rung::Active));
    host.pass(SECOND);
    assert_eq!((host.presence(), host.list(&[RUNNING])), (Presence::Present, Effects::default()));
    assert_eq!(host.rung(), Some(Rung::Active));
}

#[test]
fn an_arrival_that_is_told_on_the_new_connection_does_not_wait_for_its_list() {
    let mut host = arrived();
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND);
    host.event(LEAVES);
    host.event(UNPAUSED);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn a_lease_shorter_than_a_second_is_kept() {
    let mut config = sample::config([sample::configured("web-1", &["198.51.100.10"])]);
    config.libvirt.lease = SECOND / 2;
    let mut host = Host::unlisted(config);
    host.list(&[]);
    host.event(UNPAUSED);
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND / 2);
    assert_eq!(host.rung(), Some(Rung::Unsure));
    assert_eq!(host.pass(SECOND).touched, BTreeSet::from([web()]));
    assert_eq!(host.rung(), Some(Rung::Unsure));
}

#[test]
fn an_agent_that_waits_for_its_first_list_keeps_what_it_found_until_it_hears_that_libvirt_is_away() {
    let mut host = Host::unlisted(sample::config([sample::configured("web-1", &["198.51.100.10"])]));
    host.mobility.found(table(Rung::Arrived), host.now);
    assert_eq!(host.pass(SECOND * 30), Effects::default());
    assert_eq!(host.rung(), Some(Rung::Arrived), "a list may take its time");
    host.mobility.libvirt_lost(host.now);
    let effects = host.pass(SECOND);
    assert_eq!((effects.touched, host.rung()), (BTreeSet::from([web()]), Some(Rung::Active)));
    host.list(&[RUNNING]);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

#[test]
fn of_what_was_found_only_arrivals_are_lowered_after_a_second() {
    let mut host = Host::unlisted(config());
    host.mobility.found(table(Rung::Active), host.now);
    host.mobility.libvirt_lost(host.now);
    assert_eq!((host.pass(SECOND), host.rung()), (Effects::default(), Some(Rung::Active)));
}

#[test]
fn how_long_libvirt_has_been_away_is_told() {
    let mut host = Host::unlisted(config());
    let told = |host: &Host| {
        let mobility = &host.mobility;
        (mobility.is_listed(), mobility.is_blind(), mobility.is_lapsed())
    };
    assert_eq!(told(&host), (false, false, false));
    host.list(&[]);
    assert_eq!(told(&host), (true, false, false));
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND);
    assert_eq!(told(&host), (true, true, false));
    host.pass(Duration::from_secs(59));
    assert_eq!(told(&host), (true, true, true));
    host.list(&[]);
    assert_eq!(told(&host), (true, false, false));
}

#[test]
fn a_vm_that_comes_back_under_another_identity_is_raised_too() {
    let mut host = arrived();
    host.mobility.libvirt_lost(host.now);
    host.pass(SECOND);
    host.now += MOMENT;
    host.mobility.listed(host.now, &[Sighting { uuid: OTHER, ..sighting(RUNNING, None) }]);
    assert_eq!(host.rung(), Some(Rung::Arrived));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Between the loss of libvirt and the next list nothing is on `arrived` for longer than a second, nothing is raised,
    /// and with that list everything is as on a host that was watched all the while.
    #[test]
    fn an_outage_lowers_arrivals_and_leaves_no_trace(
        steps in happenings(),
        outages in prop::collection::vec(0..90_000_u64, 40),
    ) {
        let config = config();
        let (mut watched, mut blinded) = (World::new(&config), World::new(&config));
        for ((happening, _, seconds), outage) in steps.into_iter().zip(outages) {
            for world in [&mut watched, &mut blinded] {
                world.host.pass(Duration::from_secs(seconds));
                world.happens(happening, true);
            }
            blinded.host.mobility.libvirt_lost(blinded.host.now);
            let outage = Duration::from_millis(outage);
            watched.host.pass(outage);
            blinded.host.pass(outage);
            let (seen, rung) = (watched.host.rung(), blinded.host.rung());
            prop_assert!(rung >= seen, "{:?} above {:?}", rung, seen);
            prop_assert!(outage < SECOND || rung != Some(Rung::Arrived), "after {:?}", outage);
            prop_assert_eq!(rung.is_some(), seen.is_some(), "nothing is withdrawn");
            watched.list();
            blinded.list();
            prop_assert_eq!(blinded.routes(), watched.routes(), "after {:?}", happening);
        }
    }
}

#[test]
fn an_agent_that_begins_while_libvirt_is_away_counts_from_when_nobody_watched_any_more() {
    let lease = sample::config([]).libvirt.lease;
    let mut host = Host::unlisted(config());
    assert!(!host.mobility.vouches(host.now));
    host.mobility.unwatched(host.now.checked_sub(lease / 2).unwrap());
    host.mobility.found(table(Rung::Active), host.now);
    host.pass((lease / 2).saturating_sub(MOMENT));
    assert_eq!(host.rung(), Some(Rung::Active));
    host.pass(MOMENT);
    assert_eq!(host.rung(), Some(Rung::Unsure));
    host.list(&[RUNNING]);
    assert!(host.mobility.vouches(host.now));
    // Of an agent that has listed, what a relay tells is nothing new.
    host.mobility.unwatched(host.now.checked_sub(lease).unwrap());
    assert!(host.mobility.vouches(host.now));
    host.mobility.libvirt_lost(host.now);
    assert!(!host.mobility.vouches(host.now));
}

#[test]
fn lists_that_do_not_come_are_no_knowledge() {
    let host = Host::empty();
    let resync = host.mobility.config.libvirt.resync;
    assert!(host.mobility.vouches(host.now + resync));
    assert!(!host.mobility.vouches(host.now + 3 * resync));
}
