//! A configuration with faults, and a changed one.

use crate::agreement::{ACTIVE, db, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Network, Plan, VMS};
use crate::process::signal;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    an_agent_with_a_faulty_configuration_stays_and_heals_when_told_to_reload,
    a_reload_with_a_fault_keeps_the_routes_and_says_so,
    a_reload_touches_what_it_changes_and_nothing_else,
    a_storm_of_reloads_moves_no_route_of_a_vm_that_stays,
}

/// ExaBGP ends itself, and every route with it, when its child exits again and again.
fn an_agent_with_a_faulty_configuration_stays_and_heals_when_told_to_reload(version: Version) {
    let faulty = VMS.replace("198.51.100.20", "198.51.100.300");
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: &faulty });
    let agent = lab.exabgp.agent();
    wait::until("the fault is logged", || {
        let log = lab.agent_log();
        if log.contains("198.51.100.300") { Ok(()) } else { Err(log) }
    });
    wait::until("the operator's own route is at the switch", || lab.switch_has(&[]));

    lab.edit_config("198.51.100.300", "198.51.100.20");
    signal("HUP", agent);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(lab.exabgp.agent(), agent, "the process never changed");
    assert_eq!(lab.bird.announced_since(0).len(), 4, "one ExaBGP announced each prefix and its own");
    assert!(!lab.bird.removed_since(0).contains(Network::LOOPBACK));
}

fn a_reload_with_a_fault_keeps_the_routes_and_says_so(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (agent, mark) = (lab.exabgp.agent(), lab.bird.mark());

    lab.edit_config("198.51.100.20", "203.0.113.20");
    signal("HUP", agent);
    wait::until("status names the fault", || {
        let errors = lab.rest.json("/api/v1/status")?["config"]["errors"].to_string();
        if errors.contains("203.0.113.20") { Ok(()) } else { Err(errors) }
    });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);

    lab.edit_config("203.0.113.20", "198.51.100.20");
    signal("HUP", agent);
    wait::until("the fault is gone", || {
        let errors = &lab.rest.json("/api/v1/status")?["config"]["errors"];
        if errors == &serde_json::json!([]) { Ok(()) } else { Err(errors.to_string()) }
    });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
}

fn a_reload_touches_what_it_changes_and_nothing_else(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (agent, mark) = (lab.exabgp.agent(), lab.bird.mark());

    let lines = "  db:\n    service_ips: [198.51.100.20]\n";
    lab.edit_config(lines, "");
    signal("HUP", agent);
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.edit_config("vms:\n", &format!("vms:\n{lines}"));
    signal("HUP", agent);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(lab.exabgp.agent(), agent, "the process never changed");
    assert!(lab.bird.removed_since(mark).iter().all(|prefix| prefix.contains("198.51.100.20")));
    assert!(lab.bird.announced_since(mark).iter().all(|route| route.contains("198.51.100.20")));
}

fn a_storm_of_reloads_moves_no_route_of_a_vm_that_stays(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (agent, mark) = (lab.exabgp.agent(), lab.bird.mark());
    for turn in 0..30 {
        let (from, to) = if turn % 2 == 0 {
            ("[198.51.100.20]", "[198.51.100.21]")
        } else {
            ("[198.51.100.21]", "[198.51.100.20]")
        };
        lab.edit_config(from, to);
        for _ in 0..3 {
            signal("HUP", agent);
        }
    }
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert!(lab.bird.removed_since(mark).iter().all(|prefix| prefix.contains("198.51.100.2")));
    assert!(lab.bird.announced_since(mark).iter().all(|route| route.contains("198.51.100.2")));
}
