//! What becomes of routes on `arrived` when their agent is there and says nothing.

use super::demotion::exabgp_answers;
use super::*;
use crate::link::SILENCE;
use crate::relay::vigil::RESTART;

const MOMENT: Duration = Duration::from_millis(1);

/// With an agent that tells for how long it is silent at most.
fn watched() -> Bench {
    let mut bench = Bench::new();
    bench.greet_with(Some(SILENCE));
    bench.at_exabgp();
    bench
}

/// Lets so much time pass; whether the agent was given up, and only at its end.
fn given_up_after(bench: &mut Bench, time: Duration) -> bool {
    bench.unlinked = false;
    bench.pass(time.saturating_sub(MOMENT));
    assert!(!bench.unlinked, "before its time");
    bench.pass(MOMENT);
    bench.unlinked
}

#[test]
fn an_agent_that_hangs_is_given_up_and_its_arrivals_are_lowered_when_it_does_not_greet_again() {
    let mut bench = watched();
    bench.arrived(1);
    bench.keep(2, &[will(2)]);
    assert!(given_up_after(&mut bench, SILENCE));
    assert_eq!(bench.notices.last(), Some(&Notice::AgentLeft("the agent says nothing".to_owned())));
    // The kernel takes the connection that the agent does not.
    bench.relay.linked();
    bench.pass(RESTART.saturating_sub(MOMENT));
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(MOMENT);
    assert_eq!(bench.notices.last(), Some(&Notice::AgentStaysAway(1)));
    exabgp_answers(&mut bench, &demotion(1));
    bench.pass(LEASE);
    assert_eq!(bench.notices.last(), Some(&Notice::LeaseEnded(2)), "the lease began with the last heartbeat");
}

#[test]
fn an_agent_that_was_only_slow_greets_again_and_nothing_moves() {
    let mut bench = watched();
    bench.arrived(1);
    assert!(given_up_after(&mut bench, SILENCE));
    bench.greet_with(Some(SILENCE));
    bench.pass(RESTART);
    bench.beat();
    assert_eq!(bench.at_exabgp(), [""; 0]);
}

#[test]
fn an_agent_that_is_slow_again_and_again_is_waited_for_longer_and_longer() {
    let mut bench = watched();
    bench.arrived(1);
    for patience in [1, 2, 4, 8] {
        assert!(given_up_after(&mut bench, patience * SILENCE), "{patience}");
        bench.greet_with(Some(SILENCE));
    }
    // For once it was well for longer than that.
    for _ in 0..60 {
        bench.pass(Duration::from_secs(1));
        bench.beat();
    }
    for patience in [16, 2, 4] {
        assert!(given_up_after(&mut bench, patience * SILENCE), "{patience}");
        bench.greet_with(Some(SILENCE));
    }
    // A link that ended otherwise says nothing of the kind.
    bench.dies();
    bench.greet_with(Some(SILENCE));
    assert!(given_up_after(&mut bench, SILENCE));
}

#[test]
fn whatever_an_agent_says_it_is_not_silent() {
    let mut bench = watched();
    bench.arrived(1);
    for _ in 0..20 {
        bench.pass(SILENCE.saturating_sub(MOMENT));
        // The first part of a message.
        bench.relay.received(b" ", bench.now);
    }
    assert!(!bench.unlinked);
    bench.pass(SILENCE.saturating_sub(MOMENT));
    assert!(bench.notices.contains(&Notice::LeaseEnded(1)), "only a heartbeat holds the lease");
}

#[test]
fn silence_without_arrivals_means_nothing_before_the_lease_ends() {
    let mut bench = watched();
    bench.keep(1, &[will(1)]);
    bench.arrived(2);
    bench.keep(2, &[will(2)]);
    assert!(given_up_after(&mut bench, LEASE));
}

#[test]
fn an_agent_that_does_not_tell_how_long_it_may_be_silent_has_its_lease() {
    let mut bench = Bench::linked();
    bench.arrived(1);
    assert!(given_up_after(&mut bench, LEASE));
}

#[test]
fn a_lease_that_is_shorter_than_the_silence_ends_before_it() {
    let mut bench = watched();
    bench.arrived(1);
    let lease = SILENCE.saturating_sub(Duration::from_secs(1));
    bench.send(&ToRelay::Heartbeat {
        lease_ms: link::millis(lease),
        unwatched: false,
        libvirt_lease_ms: None,
    });
    assert!(given_up_after(&mut bench, lease));
    exabgp_answers(&mut bench, &will(1));
    bench.pass(LEASE);
    assert_eq!(bench.at_exabgp(), [""; 0], "there is nothing left to lower");
}

#[test]
fn a_relay_that_is_started_anew_counts_the_lease_from_where_its_predecessor_did() {
    let mut bench = Bench::new();
    let uptime = Duration::from_secs(1_000);
    let began = bench.now;
    bench.relay = Relay::new(identity(), Ledger::default(), began).with_uptime(uptime, began);
    bench.greet();
    bench.beat();
    bench.keep(1, &[will(1)]);
    bench.dies();
    for _ in 0..3 {
        bench.pass(LEASE / 4);
        let text = [Ledger::default().text("41-1000-boot"), bench.journal.clone()].concat();
        let (now, shown) = (bench.now, uptime + bench.now.duration_since(began));
        let ledger = Ledger::read(&text, "41-1000-boot");
        bench.relay = Relay::new(identity(), ledger, now).with_uptime(shown, now);
    }
    assert_eq!(bench.at_exabgp(), ["# roamd relay"]);
    bench.pass((LEASE / 4).saturating_sub(Duration::from_millis(1)));
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    exabgp_answers(&mut bench, &will(1));
}

#[test]
fn agents_that_never_see_libvirt_do_not_put_the_lease_off_and_are_told_for_how_long_none_has() {
    let mut bench = Bench::new();
    bench.greet();
    bench.beat();
    bench.keep(1, &[will(1)]);
    bench.dies();
    bench.at_exabgp();
    for number in 1..=3_u32 {
        bench.pass(LEASE / 4);
        bench.greet();
        let unwatched_ms = Some(link::millis(LEASE / 4 * number));
        assert!(
            matches!(&bench.at_agent()[..], [ToAgent::Hello(hello), ..] if hello.unwatched_ms == unwatched_ms)
        );
        bench.beat_with(true, None);
        bench.dies();
    }
    bench.pass((LEASE / 4).saturating_sub(Duration::from_millis(1)));
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    exabgp_answers(&mut bench, &will(1));
}

/// An agent that has known nothing of libvirt for so long, and goes on without it for `libvirt_lease`.
fn blind(libvirt_lease: Duration, unwatched: Duration) -> Bench {
    let mut bench = Bench::new();
    bench.greet();
    bench.beat_with(false, Some(libvirt_lease));
    bench.keep(1, &[will(1)]);
    bench.at_exabgp();
    let mut left = unwatched;
    while !left.is_zero() {
        let step = left.min(LEASE / 2);
        bench.pass(step);
        bench.beat_with(true, Some(libvirt_lease));
        left -= step;
    }
    bench
}

/// Nothing is told before so much time has passed, and the will then.
fn willed_after(bench: &mut Bench, time: Duration) {
    bench.pass(time.saturating_sub(MOMENT));
    assert_eq!(bench.at_exabgp(), [""; 0], "before its time");
    bench.pass(MOMENT);
    exabgp_answers(bench, &will(1));
}

#[test]
fn an_agent_that_may_do_without_libvirt_for_longer_than_its_lease_is_restarted_without_a_flap() {
    let mut bench = blind(10 * LEASE, 2 * LEASE);
    bench.dies();
    bench.pass(LEASE / 2);
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.greet();
    bench.beat_with(true, Some(10 * LEASE));
    bench.dies();
    willed_after(&mut bench, LEASE);
}

#[test]
fn agents_that_come_and_go_without_libvirt_do_not_put_the_end_of_its_lease_off() {
    let mut bench = blind(3 * LEASE, 2 * LEASE);
    bench.dies();
    bench.pass(LEASE / 2);
    bench.greet();
    bench.beat_with(true, Some(3 * LEASE));
    bench.dies();
    willed_after(&mut bench, LEASE / 2);
}

#[test]
fn a_libvirt_lease_that_is_shorter_does_not_shorten_the_agents() {
    let mut bench = blind(LEASE / 4, Duration::ZERO);
    bench.dies();
    willed_after(&mut bench, LEASE);
}

#[test]
fn a_relay_that_is_started_anew_knows_for_how_long_the_agent_may_do_without_libvirt() {
    let uptime = Duration::from_secs(1_000);
    let mut bench = Bench::new();
    let began = bench.now;
    bench.relay = Relay::new(identity(), Ledger::default(), began).with_uptime(uptime, began);
    bench.greet();
    bench.beat_with(false, Some(10 * LEASE));
    bench.keep(1, &[will(1)]);
    for _ in 0..4 {
        bench.pass(LEASE / 2);
        bench.beat_with(true, Some(10 * LEASE));
    }
    let text = [Ledger::default().text("41-1000-boot"), bench.journal.clone()].concat();
    let (now, shown) = (bench.now, uptime + bench.now.duration_since(began));
    let ledger = Ledger::read(&text, "41-1000-boot");
    bench.relay = Relay::new(identity(), ledger, now).with_uptime(shown, now);
    assert_eq!(bench.at_exabgp(), ["# roamd relay"]);
    willed_after(&mut bench, LEASE);
}
