//! How a VM that has arrived settles, through pauses and lists.

use super::*;

const SETTLE: Duration = Duration::from_secs(180);

#[test]
fn a_vm_settles_by_time_alone_so_that_it_stays_known_why_it_runs_here() {
    let mut host = Host::empty();
    host.event(UNPAUSED);
    let causes = |host: &Host| host.mobility.known_vm(&web()).map(|known| (known.cause, known.told_by));
    let event = Some(Cause::Event(UNPAUSED));
    assert_eq!(causes(&host), Some((event, event)));
    host.now += SETTLE;
    // The list comes before the timer.
    host.list(&[RUNNING]);
    assert_eq!(host.presence(), Presence::Arrived);
    host.pass(Duration::ZERO);
    assert_eq!((host.presence(), causes(&host)), (Presence::Present, Some((Some(Cause::Settled), event))));
}

#[test]
fn a_pause_counts_into_the_time_that_a_vm_takes_to_settle() {
    for (millis, expected) in [(179_999, Rung::Arrived), (180_000, Rung::Active)] {
        let mut host = Host::empty();
        host.event(UNPAUSED);
        let resumed = host.now + Duration::from_millis(millis);
        host.event(IO_ERROR);
        let kind = UNPAUSED;
        host.mobility.event(&Lifecycle { uuid: VM, name: web(), kind, at: resumed });
        assert_eq!(host.rung(), Some(expected), "{millis}");
    }
}
