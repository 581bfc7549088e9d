//! What a route leaves with the relay, for when nobody tells it anything any more.

use super::*;

/// The MED of the VM's route, that of its last will, and that of what it settles to.
fn meds(host: &Host) -> (u32, Option<u32>, Option<u32>) {
    let [route] = &host.mobility.routes(&web())[..] else { panic!("web-1 has one address") };
    let med = |attributes: &Arc<crate::route::Attributes>| attributes.med;
    (med(&route.attributes), route.unsure.as_ref().map(med), route.settled.as_ref().map(med))
}

#[test]
fn a_route_above_unsure_has_a_last_will_and_an_arrival_settles_without_its_agent() {
    let mut host = Host::empty();
    host.event(INCOMING);
    assert_eq!(meds(&host), (250, None, None), "standby");
    host.event(ARRIVES);
    assert_eq!(meds(&host), (50, Some(200), Some(100)), "arrived");
    host.pass(Duration::from_secs(180));
    assert_eq!(meds(&host), (100, Some(200), None), "active");
    host.mobility.libvirt_lost(host.now);
    host.pass(Duration::from_secs(60));
    assert_eq!(meds(&host), (200, None, None), "unsure");
    host.event(LEAVES);
    assert_eq!(meds(&host), (300, None, None), "leaving");
}
