//! How often the heart beats.

use super::*;
use crate::link::SILENCE;
use crate::snapshot::sample;

/// The beats of an agent that is looked at every millisecond, in so much time.
fn beats(transport: Transport, lease: Duration, time: Duration) -> usize {
    let mut exabgp = sample::config([]).exabgp;
    (exabgp.transport, exabgp.lease) = (transport, lease);
    let start = Instant::now();
    let mut heartbeat = Heartbeat::new(&exabgp, start);
    let millis = u64::try_from(time.as_millis()).unwrap();
    (1..=millis).filter(|&millis| heartbeat.beats(start + Duration::from_millis(millis))).count()
}

#[test]
fn several_beats_fit_into_the_silence_and_into_any_lease() {
    let hour = Duration::from_secs(3_600);
    assert_eq!(beats(Transport::Relay, hour, SILENCE), 6);
    let short = Duration::from_millis(400);
    assert_eq!(beats(Transport::Relay, short, short), 4);
}

#[test]
fn without_a_relay_nobody_waits_for_it() {
    for transport in [Transport::Child, Transport::Print] {
        assert_eq!(beats(transport, Duration::from_secs(1), Duration::from_secs(2)), 0, "{transport:?}");
    }
}
