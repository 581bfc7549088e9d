//! How often the heart beats.

use super::*;
use crate::config::Transport;
use crate::link::SILENCE;
use crate::snapshot::sample;

fn config(transport: Transport, lease: Duration) -> Config {
    let mut config = sample::config([]);
    (config.exabgp.transport, config.exabgp.lease, config.libvirt.lease) = (transport, lease, lease);
    config
}

/// The beats of an agent that is looked at every millisecond, in so much time.
fn beats(lease: Duration, watchdog: Option<Duration>, time: Duration) -> usize {
    let start = Instant::now();
    let mut heartbeat = Heartbeat::new(&config(Transport::Relay, lease), watchdog, start);
    let millis = u64::try_from(time.as_millis()).unwrap();
    (1..=millis).filter(|&millis| heartbeat.beats(start + Duration::from_millis(millis))).count()
}

#[test]
fn several_beats_fit_into_the_silence_and_into_any_lease_and_watchdog() {
    let hour = Duration::from_secs(3_600);
    assert_eq!(beats(hour, None, SILENCE), 6);
    assert_eq!(beats(hour, Some(hour), SILENCE), 6);
    let short = Duration::from_millis(400);
    assert_eq!(beats(short, None, short), 4);
    assert_eq!(beats(hour, Some(short), short), 4);
}

#[test]
fn what_waited_for_more_than_a_second_may_be_out_of_date() {
    let start = Instant::now();
    let heartbeat = Heartbeat::new(&config(Transport::Child, Duration::from_secs(60)), None, start);
    let second = Duration::from_secs(1);
    assert!(!heartbeat.is_late(start + second));
    assert!(heartbeat.is_late(start + second + Duration::from_millis(1)));
}

#[test]
fn an_agent_that_is_late_by_more_than_a_lease_stood_still_with_any_transport() {
    let (start, lease) = (Instant::now(), Duration::from_secs(60));
    for transport in [Transport::Relay, Transport::Child, Transport::Print] {
        let mut heartbeat = Heartbeat::new(&config(transport, lease), None, start);
        heartbeat.beats(start);
        let due = heartbeat.deadline();
        assert_eq!(heartbeat.stood_still(due), None);
        assert_eq!(heartbeat.stood_still(due + lease), None);
        let late = lease + Duration::from_millis(1);
        assert_eq!(heartbeat.stood_still(due + late), Some(late), "{transport:?}");
        heartbeat.beats(due + late);
        assert_eq!(heartbeat.stood_still(due + late), None);
    }
}
