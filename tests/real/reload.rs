//! ExaBGP is told to read its configuration again (SIGUSR1): routes of VMs stay, whatever became of it.

use std::fs;

use crate::agreement::{ACTIVE, ARRIVED, db, web};
use crate::bird::BirdRoute;
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    a_reload_of_exabgp_moves_no_route_of_a_vm,
    a_reload_of_exabgp_with_a_fault_moves_no_route_of_a_vm_though_no_later_one_is_taken,
}

impl Lab {
    /// Has ExaBGP reload, and waits until its log says so in these words once more.
    fn reload_exabgp(&self, words: &str) {
        let count = || {
            let said =
                |log| fs::read(log).map_or(0, |log| String::from_utf8_lossy(&log).matches(words).count());
            said(self.exabgp.log()) + said(self.exabgp.agent_log())
        };
        let before = count();
        self.exabgp.signal("USR1");
        wait::until(&format!("ExaBGP says {words:?}"), || {
            if count() > before { Ok(()) } else { Err("it does not".to_owned()) }
        });
    }
}

const LOADED: &str = "loaded new configuration successfully";

fn a_reload_of_exabgp_moves_no_route_of_a_vm(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let relay = lab.exabgp.agent();
    let (mark, session) = (lab.bird.mark(), lab.bird.up_since());

    lab.reload_exabgp(LOADED);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);

    lab.exabgp.edit("static {\n", "static {\n    route 192.0.2.2/32 next-hop self;\n");
    lab.operators.insert("192.0.2.2/32".to_owned(), BirdRoute::plain(&lab.network));
    lab.reload_exabgp(LOADED);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    assert_eq!(
        lab.bird.announced_since(mark),
        ["192.0.2.2/32".to_owned(), "198.51.100.20/32".to_owned()].into()
    );
    assert_eq!(lab.bird.up_since(), session);

    // This takes a new session, over which ExaBGP sends everything again by itself.
    lab.exabgp.edit("hold-time 30;", "hold-time 45;");
    lab.reload_exabgp(LOADED);
    wait::until("there is a new session", || {
        let now = lab.bird.up_since();
        if now.is_ok() && now != session { Ok(()) } else { Err(format!("{now:?}")) }
    });
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.exabgp.agent(), relay, "the relay was never replaced");
    lab.another_reconcile_sends_nothing();
}

/// Seen on 4.2 and 5.0: after a fault in its file ExaBGP takes no other one until it is restarted, for it finds its
/// API process already there.
fn a_reload_of_exabgp_with_a_fault_moves_no_route_of_a_vm_though_no_later_one_is_taken(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let relay = lab.exabgp.agent();
    let (mark, session) = (lab.bird.mark(), lab.bird.up_since());

    lab.exabgp.edit("hold-time 30;", "hold-tyme 30;");
    lab.reload_exabgp("hold-tyme");
    lab.exabgp.edit("hold-tyme 30;", "hold-time 30;");
    lab.reload_exabgp("already exists");
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    assert_eq!(lab.bird.announced_since(mark), ["198.51.100.20/32".to_owned()].into());
    assert_eq!((lab.bird.up_since(), lab.exabgp.agent()), (session, relay));
    lab.another_reconcile_sends_nothing();

    // The way out costs no route, thanks to graceful restart.
    let mark = lab.bird.mark();
    lab.restart_exabgp_with(&[]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
}
