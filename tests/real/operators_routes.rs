//! Routes that an operator announces beside roamd, in whatever way, are never touched, and his looking on is not felt.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, UNSURE, Wanted, db, web};
use crate::bird::BirdRoute;
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::operator::{Cli, add_process};
use crate::process::signal;
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    what_an_operator_announces_is_never_touched,
    an_operator_who_looks_on_again_and_again_disturbs_nothing,
}

/// The routes as the operator announces them, and as the switch has them: in the loopbacks' range and in the VMs',
/// with communities of which none is roamd's mark `65101:82:0` to `65101:82:4`.
fn announce_beside(lab: &mut Lab) {
    let plain = || BirdRoute::plain(&lab.network);
    let with = |communities: &[&str], large: &[&str]| BirdRoute {
        communities: communities.iter().map(|&text| text.to_owned()).collect(),
        large_communities: large.iter().map(|&text| text.to_owned()).collect(),
        ..plain()
    };
    let configured = BirdRoute { med: Some(100), ..with(&["65101:10"], &["65101:83:1"]) };
    let by_process = with(&["65101:999", "65535:0"], &["65102:82:1"]);
    let operators = [
        ("192.0.2.2/32", plain()),
        ("198.51.100.200/32", configured),
        ("192.0.2.3/32", plain()),
        ("198.51.100.201/32", by_process),
    ];
    lab.operators.extend(operators.map(|(prefix, route)| (prefix.to_owned(), route)));
    add_process(
        lab,
        &[
            "announce route 192.0.2.3/32 next-hop self",
            "announce route 198.51.100.201/32 next-hop self community [ 65101:999 65535:0 ] large-community [ 65102:82:1 ]",
        ],
    );
    lab.restart_exabgp_with(&[(
        "static {\n",
        "static {\n    route 192.0.2.2/32 next-hop self;\n    \
         route 198.51.100.200/32 next-hop self med 100 community [ 65101:10 ] large-community [ 65101:83:1 ];\n",
    )]);
}

fn what_an_operator_announces_is_never_touched(version: Version) {
    let section = "{transport: relay, socket: 'SOCKET', lease: 2s, on_stop: withdraw}";
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, section);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let cli = Cli::prepare(&lab, version);
    announce_beside(&mut lab);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    cli.run("announce route 198.51.100.202/32 next-hop self large-community [ 65101:820:1 ]")
        .expect("it works");
    let by_hand = BirdRoute {
        large_communities: BTreeSet::from(["65101:820:1".to_owned()]),
        ..BirdRoute::plain(&lab.network)
    };
    lab.operators.insert("198.51.100.202/32".to_owned(), by_hand);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();

    let has = |lab: &Lab, wanted: Vec<Wanted>| {
        let wanted: Vec<&Wanted> = wanted.iter().collect();
        wait::until("the switch has the routes", || lab.switch_has(&wanted));
    };
    // The agent is killed, its lease ends, and another finds the table.
    lab.agent().kill();
    lab.libvirtd.virsh(&["destroy", "db"]);
    has(&lab, web(UNSURE).into_iter().chain(db(UNSURE)).collect());
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    // Another relay has the agent look at the table.
    let old = lab.exabgp.agent();
    signal("KILL", old);
    lab.exabgp.agent_after(old);
    lab.exabgp_is_connected(true);
    lab.agrees_on([&web(ACTIVE)[..]]);
    // It takes its own routes along, and brings them back.
    lab.agent().terminate();
    has(&lab, Vec::new());
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);

    let moved: BTreeSet<String> =
        lab.bird.removed_since(mark).union(&lab.bird.announced_since(mark)).cloned().collect();
    let theirs: BTreeSet<String> = lab.operators.keys().cloned().collect();
    assert!(moved.is_disjoint(&theirs), "{moved:?}");
}

fn an_operator_who_looks_on_again_and_again_disturbs_nothing(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let cli = Cli::prepare(&lab, version);
    lab.restart_exabgp_with(&[]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    let logged = lab.agents_log().len();

    let ended = AtomicBool::new(false);
    let (peer, network) = (lab.network.tor.to_string(), "198.51.100.10/32");
    thread::scope(|scope| {
        let operator = scope.spawn(|| {
            let mut looks = 0;
            while !ended.load(Ordering::Relaxed) {
                let summary = cli.run("show neighbor summary").expect("ExaBGP answers");
                assert!(summary.contains(&peer) && summary.contains("established"), "{summary}");
                let table = cli.run("show adj-rib out").expect("ExaBGP answers");
                assert!(table.contains(network), "{table}");
                looks += 1;
            }
            looks
        });
        let ending = wait::Ending(&ended);
        for _ in 0..5 {
            lab.libvirtd.virsh(&["start", "db"]);
            lab.libvirtd.virsh(&["suspend", "web"]);
            lab.agrees_on([&web(STANDBY)[..], &db(ARRIVED)]);
            lab.libvirtd.virsh(&["destroy", "db"]);
            lab.libvirtd.virsh(&["resume", "web"]);
            lab.agrees_on([&web(ACTIVE)[..]]);
        }
        drop(ending);
        assert!(operator.join().expect("it was answered") > 0);
    });
    let log = &lab.agents_log()[logged..];
    assert!(!log.contains("what ExaBGP did is unknown") && !log.contains("not understood"), "{log}");
    lab.another_reconcile_sends_nothing();
}
