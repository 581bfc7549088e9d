//! A part dies, comes back, and everything converges without a hand; what is not concerned does not flap.

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, UNSURE, Wanted, db, mail, prefixes, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::process::signal;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    routes_stay_while_libvirtd_is_away_and_what_vanished_meanwhile_is_withdrawn,
    a_vm_that_has_just_arrived_is_lowered_while_libvirtd_is_away_and_raised_by_its_return,
    routes_fall_to_unsure_when_libvirtd_stays_away_and_return_with_it,
    a_libvirtd_that_hangs_is_noticed_and_given_up_for_its_successor,
    a_new_exabgp_gets_every_route_again,
    a_killed_agent_comes_back_and_withdraws_what_stopped_meanwhile,
    a_terminated_agent_leaves_the_routes_to_its_successor,
    a_returning_switch_gets_every_route_again_and_readiness_follows_it,
    what_changes_while_the_switch_is_away_ends_there_as_it_is,
}

fn routes_stay_while_libvirtd_is_away_and_what_vanished_meanwhile_is_withdrawn(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();

    lab.libvirtd.kill();
    wait::until("the agent has noticed", || {
        let status = lab.rest.json("/api/v1/status")?;
        if status["libvirt"]["connected"] == false { Ok(()) } else { Err(status.to_string()) }
    });
    let both: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    assert_eq!(lab.switch_has(&both.iter().collect::<Vec<_>>()), Ok(()));
    assert_eq!(lab.bird.removed_since(mark), [].into());

    lab.libvirtd.restart(&["web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));

    // Events are followed on the new connection too.
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..]]);
}

/// On `arrived` it would tie with the host on which the VM is started again, and nobody would see that it ended here.
fn a_vm_that_has_just_arrived_is_lowered_while_libvirtd_is_away_and_raised_by_its_return(version: Version) {
    let config = format!("{VMS}mobility: {{settle: 1h}}\n");
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: &config });
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let mark = lab.bird.mark();

    lab.libvirtd.kill();
    // Long before libvirt's lease of a minute ends.
    let lowered: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    wait::until("what has just arrived is lowered", || lab.switch_has(&lowered.iter().collect::<Vec<_>>()));
    lab.libvirtd.restart(&["web", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    assert_eq!(lab.bird.announced_since(mark), prefixes(&db(ARRIVED)), "what is below stays as it is");
}

fn routes_fall_to_unsure_when_libvirtd_stays_away_and_return_with_it(version: Version) {
    let config = format!("{VMS}mobility: {{settle: 61s}}\n");
    let mut lab = Lab::start_with_lease(version, &Plan { running: &["web", "db"], config: &config }, "1s");
    lab.libvirtd.virsh(&["suspend", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    let mark = lab.bird.mark();

    lab.libvirtd.kill();
    let lowered: Vec<_> = web(UNSURE).into_iter().chain(db(STANDBY)).collect();
    wait::until("what ran is unsure", || lab.switch_has(&lowered.iter().collect::<Vec<_>>()));
    lab.libvirtd.restart(&["web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(STANDBY)), "web's routes were never withdrawn");
}

fn a_libvirtd_that_hangs_is_noticed_and_given_up_for_its_successor(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();

    lab.libvirtd.hang();
    // The REST view answers all the while.
    wait::until("keep-alive has noticed", || {
        let status = lab.rest.json("/api/v1/status")?;
        if status["libvirt"]["connected"] == false { Ok(()) } else { Err(status.to_string()) }
    });
    let both: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    assert_eq!(lab.switch_has(&both.iter().collect::<Vec<_>>()), Ok(()));
    // As an init system's watchdog does.
    lab.libvirtd.kill();
    lab.libvirtd.restart(&["web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
    assert_eq!(lab.bird.announced_since(mark), [].into());
}

fn a_new_exabgp_gets_every_route_again(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.libvirtd.virsh(&["suspend", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    let old = lab.exabgp.agent();

    lab.exabgp.kill();
    wait::until("the switch has lost the host", || {
        let table = lab.bird.table()?;
        if table.is_empty() { Ok(()) } else { Err(format!("{table:?}")) }
    });
    lab.exabgp.restart();
    lab.exabgp.agent_after(old);
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
}

fn a_killed_agent_comes_back_and_withdraws_what_stopped_meanwhile(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.libvirtd.define("mail");
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    // Only now: what runs before the agent's first list is `active`.
    lab.libvirtd.virsh(&["start", "mail"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE), &mail(ARRIVED)]);
    let mark = lab.bird.mark();

    // Stopped, so that it sees nothing of what follows.
    let old = lab.exabgp.agent();
    signal("STOP", old);
    lab.libvirtd.virsh(&["destroy", "db"]);
    signal("KILL", old);
    lab.exabgp.agent_after(old);
    // `mail` stays where it was: the restart knows from ExaBGP's table that it has arrived only a moment ago.
    lab.agrees_on([&web(ACTIVE)[..], &mail(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
}

fn a_terminated_agent_leaves_the_routes_to_its_successor(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();

    let old = lab.exabgp.agent();
    signal("TERM", old);
    lab.exabgp.agent_after(old);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    assert_eq!(lab.bird.announced_since(mark), [].into());
}

fn a_returning_switch_gets_every_route_again_and_readiness_follows_it(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web", "db"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);

    lab.bird.stop();
    wait::until("the agent is not ready, and says why", || {
        let (readyz, status) = (lab.rest.get("/readyz")?, lab.rest.json("/api/v1/status")?);
        let neighbor = &status["exabgp"]["neighbors"][0];
        if readyz.status == 503 && status["ready"] == false && neighbor["state"] != "up" {
            Ok(())
        } else {
            Err(format!("{readyz:?} {status}"))
        }
    });
    assert_eq!(lab.rest.get("/healthz").expect("it answers").status, 200);
    // What changes while there is no session counts when there is one.
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.bird.restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
}

/// All in one pause between two attempts to have a session. ExaBGP sorts it by attributes, in the order in which each is first
/// told: `active` behind both `standby`, and `arrived` where it was taken back in `standby`.
fn what_changes_while_the_switch_is_away_ends_there_as_it_is(version: Version) {
    let config = format!("{VMS}mobility: {{settle: 1h}}\n");
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: &config });
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.bird.kill();
    // The pauses grow by a second and a fifth each; this one is of five seconds or more.
    wait::until("ExaBGP has tried often enough", || {
        let tried = lab.agent_log().matches("state=down").count();
        if tried >= 6 { Ok(()) } else { Err(format!("{tried} times")) }
    });
    let acknowledged = |lab: &Lab, wanted: &[&[Wanted]]| {
        let wanted: Vec<&Wanted> = wanted.iter().copied().flatten().collect();
        wait::until("ExaBGP has acknowledged it", || lab.routes_are(&wanted));
    };
    for (verb, rung) in [("suspend", STANDBY), ("resume", ACTIVE), ("suspend", STANDBY)] {
        lab.libvirtd.virsh(&[verb, "web"]);
        acknowledged(&lab, &[&web(rung)]);
    }
    for (verb, rung) in [("start", ARRIVED), ("suspend", STANDBY)] {
        lab.libvirtd.virsh(&[verb, "db"]);
        acknowledged(&lab, &[&web(STANDBY), &db(rung)]);
    }
    lab.libvirtd.virsh(&["destroy", "db"]);
    acknowledged(&lab, &[&web(STANDBY)]);
    lab.bird.restart();
    lab.agrees_on([&web(STANDBY)[..]]);
}
