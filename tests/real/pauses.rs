//! ExaBGP is stopped and continued (SIGSTOP, SIGCONT) while VMs come and go.

use crate::agreement::{ACTIVE, ARRIVED, db, mail, prefixes, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    an_exabgp_that_pauses_gets_what_it_missed_and_its_session_holds,
    an_exabgp_that_pauses_past_its_hold_time_gets_a_new_session_and_every_route,
}

fn start(version: Version) -> Lab {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.libvirtd.define("mail");
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    lab
}

fn an_exabgp_that_pauses_gets_what_it_missed_and_its_session_holds(version: Version) {
    let mut lab = start(version);
    // Far beyond the pauses that follow.
    lab.restart_exabgp_with(&[("hold-time 30;", "hold-time 600;")]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let (mark, session) = (lab.bird.mark(), lab.bird.up_since());

    lab.exabgp.signal("STOP");
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.libvirtd.virsh(&["start", "mail"]);
    wait::until("commands are open", || {
        let mail = lab.rest.json("/api/v1/routes/198.51.100.30")?;
        if mail["state"] == "pending" { Ok(()) } else { Err(mail.to_string()) }
    });
    lab.exabgp.signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &mail(ARRIVED)]);

    // Longer than an answer may take: nothing that was open is believed.
    lab.exabgp.signal("STOP");
    lab.libvirtd.virsh(&["destroy", "mail"]);
    lab.libvirtd.virsh(&["start", "db"]);
    wait::until("the agent is in doubt", || {
        let exabgp = lab.rest.json("/api/v1/status")?["exabgp"].clone();
        if exabgp["connected"] == false { Ok(()) } else { Err(exabgp.to_string()) }
    });
    lab.exabgp.signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);

    let gone: Vec<_> = db(ARRIVED).into_iter().chain(mail(ARRIVED)).collect();
    assert_eq!(lab.bird.removed_since(mark), prefixes(&gone), "web's routes never moved");
    assert_eq!(lab.bird.announced_since(mark), prefixes(&gone));
    assert_eq!(lab.bird.up_since(), session);
    lab.another_reconcile_sends_nothing();
}

fn an_exabgp_that_pauses_past_its_hold_time_gets_a_new_session_and_every_route(version: Version) {
    let mut lab = start(version);
    lab.restart_exabgp_with(&[("hold-time 30;", "hold-time 9;")]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);

    lab.exabgp.signal("STOP");
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.libvirtd.virsh(&["start", "mail"]);
    wait::until("the switch has given the host up", || match lab.bird.up_since() {
        Ok(since) => Err(format!("the session is up: {since:?}")),
        Err(_) => Ok(()),
    });
    lab.exabgp.signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &mail(ARRIVED)]);
    lab.another_reconcile_sends_nothing();
}
