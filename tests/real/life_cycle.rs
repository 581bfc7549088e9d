//! What a VM does shows in every view.

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, db, prefixes, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Network, Plan, VMS};
use crate::on_each_exabgp;

on_each_exabgp! {
    a_vm_that_runs_at_start_is_announced_over_both_families,
    a_started_vm_arrives_and_a_destroyed_one_is_withdrawn,
    a_suspended_vm_falls_to_standby_and_a_resumed_one_comes_back,
    unmanaged_and_held_vms_are_never_announced,
}

fn a_vm_that_runs_at_start_is_announced_over_both_families(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    let status = lab.rest.json("/api/v1/status").expect("it was ready");
    let shown = status["exabgp"]["version"].as_str().expect("a version is shown");
    assert!(shown.starts_with(version.number()), "{status}");
}

fn a_started_vm_arrives_and_a_destroyed_one_is_withdrawn(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);

    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);

    lab.libvirtd.virsh(&["destroy", "web"]);
    lab.agrees_on([&db(ARRIVED)[..]]);
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([]);

    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&db(ARRIVED)[..]]);
}

fn a_suspended_vm_falls_to_standby_and_a_resumed_one_comes_back(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();

    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..], &db(ACTIVE)]);
    lab.libvirtd.virsh(&["resume", "web"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);

    // A changed rung is one announce: no prefix was ever taken back.
    assert_eq!(lab.bird.removed_since(mark), [].into());
}

fn unmanaged_and_held_vms_are_never_announced(version: Version) {
    let config = format!("hold: [mail]\n{VMS}");
    let mut lab = Lab::start(version, &Plan { running: &["web", "mail", "stranger"], config: &config });
    lab.agrees_on([&web(ACTIVE)[..]]);
    for name in ["stranger", "mail"] {
        lab.libvirtd.virsh(&["suspend", name]);
        lab.libvirtd.virsh(&["resume", name]);
    }
    // Only when this later change is seen, the events before it have been.
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..]]);

    let mut ours = lab.bird.announced_since(0);
    assert!(ours.remove(Network::LOOPBACK), "the operator's own route was announced");
    assert_eq!(ours, prefixes(&web(ACTIVE)));
    let stranger = lab.rest.json("/api/v1/vms/stranger").expect("it is known");
    assert_eq!((&stranger["managed"], &stranger["routes"]), (&false.into(), &serde_json::json!([])));
}
