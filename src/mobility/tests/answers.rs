//! What libvirt answers, against the events that came since it was asked.

use super::*;

#[test]
fn an_answer_that_was_asked_for_when_an_event_came_is_no_older_than_it() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    host.mobility.looked(VM, host.now, Some(&sighting(PAUSED, None)));
    assert_eq!(host.presence(), Presence::Frozen);
    host.mobility.looked(VM, host.now, None);
    assert_eq!(host.mobility.known().count(), 0);
}

#[test]
fn a_domain_is_called_as_the_newest_word_calls_it() {
    // (when the list is asked for; the event comes after one millisecond)
    for (millis, expected) in [(0, None), (1, Some(Rung::Arrived)), (2, Some(Rung::Arrived))] {
        let mut host = Host::empty();
        let asked_at = host.now + Duration::from_millis(millis);
        host.event_of(VM, "other-name", UNPAUSED);
        host.mobility.listed(asked_at, &[sighting(RUNNING, None)]);
        assert_eq!(host.rung(), expected, "{millis}");
    }
}
