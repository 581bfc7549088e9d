use std::sync::Weak;

use super::*;
use crate::libvirt::event_loop;
use crate::libvirt::tests::daemon::Daemon;
use crate::libvirt::tests::follower::{eventually, uuid};
use crate::libvirt::tests::place::Place;

fn node() -> (Place, Connect) {
    event_loop::start().unwrap();
    let place = Place::new();
    let connect = Connect::open(Some(&place.node(&[(uuid(1), "web-1", 1)]))).unwrap();
    (place, connect)
}

type Events = Mutex<Vec<RawEvent>>;

/// Something for a sink to hold, and a way to see whether the sink still lives.
fn held() -> (Arc<Events>, Weak<Events>) {
    let held = Arc::new(Mutex::new(Vec::new()));
    let weak = Arc::downgrade(&held);
    (held, weak)
}

#[test]
fn a_sink_gets_events_in_libvirts_numbers_until_the_subscription_ends_and_is_freed_then() {
    let (_place, connect) = node();
    let (events, weak) = held();
    let subscription = subscribe(&connect, move |event| events.lock().unwrap().push(event)).unwrap();
    let before = Instant::now();
    let domain = connect.lookup_domain_by_uuid(uuid(1)).unwrap();
    domain.suspend().unwrap();
    let count = || weak.upgrade().map_or(0, |events| events.lock().unwrap().len());
    eventually("the event comes", || count() == 1);
    {
        let events = weak.upgrade().unwrap();
        let events = events.lock().unwrap();
        assert_eq!((events[0].uuid, events[0].name.as_str()), (uuid(1), "web-1"));
        // VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED
        assert_eq!((events[0].event, events[0].detail), (3, 0));
        assert!(events[0].at >= before);
    }
    drop(subscription);
    eventually("libvirt frees the sink", || weak.upgrade().is_none());
    domain.resume().unwrap();
}

#[test]
fn a_sink_is_freed_when_registering_fails() {
    event_loop::start().unwrap();
    let mut daemon = Daemon::start();
    let connect = Connect::open(Some(&daemon.uri())).unwrap();
    daemon.kill();
    eventually("the connection is dead", || matches!(connect.is_alive(), Ok(false)));
    let (events, weak) = held();
    let refused = subscribe(&connect, move |event| events.lock().unwrap().push(event));
    assert!(refused.is_err());
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_close_sink_is_called_once_when_the_server_dies_and_freed_with_its_watch() {
    event_loop::start().unwrap();
    let mut daemon = Daemon::start();
    let connect = Connect::open(Some(&daemon.uri())).unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let weak = Arc::downgrade(&reasons);
    let sink = Arc::clone(&reasons);
    let watch = watch_close(&connect, move |reason| sink.lock().unwrap().push(reason)).unwrap();
    daemon.kill();
    eventually("the callback comes", || !reasons.lock().unwrap().is_empty());
    drop(watch);
    // VIR_CONNECT_CLOSE_REASON_EOF
    assert_eq!(*reasons.lock().unwrap(), [1]);
    drop(reasons);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_close_sink_is_freed_where_the_driver_never_calls_back() {
    let (_place, connect) = node();
    let (held, weak) = held();
    let watch = watch_close(&connect, move |_| held.lock().unwrap().clear()).unwrap();
    assert!(weak.upgrade().is_some());
    drop(watch);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_look_tells_the_state_and_asks_for_the_job_only_when_told_to() {
    let (_place, connect) = node();
    let running = RawDomain { uuid: uuid(1), name: "web-1".to_owned(), state: 1, reason: 0 };
    let (domain, job) = look(&connect, uuid(1), |_, _| false).unwrap();
    assert_eq!(domain, running);
    assert!(job.is_none());
    let (domain, job) = look(&connect, uuid(1), |state, reason| (state, reason) == (1, 0)).unwrap();
    assert_eq!(domain, running);
    // The test driver has no job statistics.
    assert!(is(&job.unwrap().unwrap_err(), sys::VIR_ERR_NO_SUPPORT));
}

#[test]
fn a_look_at_an_unknown_domain_is_an_error_and_not_a_state() {
    let (_place, connect) = node();
    let error = look(&connect, uuid(2), |_, _| true).unwrap_err();
    assert!(is(&error, sys::VIR_ERR_NO_DOMAIN));
}
