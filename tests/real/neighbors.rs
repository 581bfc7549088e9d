//! Several switches: eBGP and iBGP at once, one of them chosen, a family each.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv6Addr;

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, db, mail, web};
use crate::bird::{Bird, BirdRoute, Table};
use crate::exabgp::{Child, Session, Version, configuration};
use crate::lab::{Dir, Lab, Network, Plan, VMS};
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    each_kind_of_switch_gets_the_attributes_that_count_there,
    only_the_named_neighbor_hears_of_vms,
    each_family_goes_over_its_own_session,
    exabgp_takes_every_way_to_divide_the_sessions,
}

/// Starts another switch and has ExaBGP speak to it as to the first.
fn with_another_switch(lab: &mut Lab, tor_as: u32) -> Bird {
    let network = lab.network.with_another_tor(tor_as);
    let bird = Bird::start(lab.dir(), &network);
    lab.restart_exabgp_over(&[Session::to(&lab.network), Session::to(&network)]);
    bird
}

/// What a switch has, in a row each: `PREFIX path LENGTH med MED pref PREFERENCE RUNG`.
fn rows(bird: &Bird) -> Result<BTreeSet<String>, String> {
    let row = |(prefix, route): (String, BirdRoute)| {
        let BirdRoute { as_path, med, local_preference, large_communities, .. } = route;
        let own = as_path.iter().all(|asn| *asn == Network::HOST_AS);
        let number = |number: Option<u32>| number.map_or("none".to_owned(), |number| number.to_string());
        let marks: Vec<String> = large_communities.into_iter().collect();
        format!(
            "{prefix} path {}{} med {} pref {} {}",
            as_path.len(),
            if own { "" } else { " foreign" },
            number(med),
            number(local_preference),
            marks.join(" ")
        )
    };
    let table: Table = bird.table()?;
    Ok(table.into_iter().map(row).collect())
}

fn has(bird: &Bird, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|row| row.trim_end().to_owned()).collect();
    wait::until("the switch has these rows", || {
        let shown = rows(bird)?.into_iter().map(|row| row.trim_end().to_owned()).collect::<BTreeSet<_>>();
        if shown == expected { Ok(()) } else { Err(format!("expected {expected:#?}\nshown {shown:#?}")) }
    });
}

/// With `prepend_step` 3 an eBGP path has the host's AS once, and three times more for each step of the rung; MED comes
/// along, local preference does not (BIRD puts in 100). An iBGP path is empty, for a router drops its own AS as a
/// loop, and local preference decides.
fn each_kind_of_switch_gets_the_attributes_that_count_there(version: Version) {
    let plan = Plan { running: &["web", "mail"], config: VMS };
    let mut lab = Lab::start_with_relay(version, &plan, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..], &mail(ACTIVE)]);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.libvirtd.virsh(&["suspend", "mail"]);
    let mut internal = with_another_switch(&mut lab, Network::HOST_AS);
    let external_has = [
        "192.0.2.1/32 path 1 med none pref 100",
        "198.51.100.10/32 path 4 med 100 pref 100 65101:82:1",
        "2001:db8:5::10/128 path 4 med 100 pref 100 65101:82:1",
        "198.51.100.20/32 path 1 med 50 pref 100 65101:82:0",
        "198.51.100.30/32 path 10 med 250 pref 100 65101:82:3",
    ];
    let internal_has = [
        "192.0.2.1/32 path 0 med none pref 100",
        "198.51.100.10/32 path 0 med 100 pref 130 65101:82:1",
        "2001:db8:5::10/128 path 0 med 100 pref 130 65101:82:1",
        "198.51.100.20/32 path 0 med 50 pref 140 65101:82:0",
        "198.51.100.30/32 path 0 med 250 pref 110 65101:82:3",
    ];
    has(&lab.bird, &external_has);
    has(&internal, &internal_has);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED), &mail(STANDBY)]);
    let mark = internal.mark();
    lab.another_reconcile_sends_nothing();
    assert_eq!((internal.removed_since(mark), internal.announced_since(mark)), ([].into(), [].into()));

    // One switch is away while a VM leaves: the other one hears of it at once.
    internal.kill();
    lab.libvirtd.virsh(&["destroy", "db"]);
    let left = |rows: [&'static str; 5]| [rows[0], rows[1], rows[2], rows[4]];
    has(&lab.bird, &left(external_has));
    internal.restart();
    has(&internal, &left(internal_has));
    wait::until("roamd has heard that both are up", || {
        let status = lab.rest.json("/api/v1/status")?;
        let mut neighbors = status["exabgp"]["neighbors"].as_array().into_iter().flatten();
        if neighbors.all(|neighbor| neighbor["state"] == "up") { Ok(()) } else { Err(status.to_string()) }
    });
    lab.agrees_on([&web(ACTIVE)[..], &mail(STANDBY)]);
    lab.another_reconcile_sends_nothing();
}

fn only_the_named_neighbor_hears_of_vms(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.agent().terminate();
    lab.edit_config("bgp:\n", &format!("bgp:\n  neighbors: [{}]\n", lab.network.tor));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    let other = with_another_switch(&mut lab, 65_001);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    has(&other, &["192.0.2.1/32 path 1 med none pref 100"]);
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.another_reconcile_sends_nothing();
    let shown: Vec<String> = other.announced_since(0).into_iter().collect();
    assert_eq!(shown, [Network::LOOPBACK], "it never heard of anything else");
}

fn each_family_goes_over_its_own_session(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let network = lab.network.with_another_tor(65_001);
    let six = Bird::start(lab.dir(), &network);
    lab.restart_exabgp_over(&[
        Session { families: "ipv4 unicast;", ..Session::to(&lab.network) },
        Session { families: "ipv6 unicast;", route: String::new(), ..Session::to(&network) },
    ]);
    lab.libvirtd.virsh(&["start", "db"]);
    let web_v4 = "198.51.100.10/32 path 4 med 100 pref 100 65101:82:1";
    let db_v4 = "198.51.100.20/32 path 1 med 50 pref 100 65101:82:0";
    let web_v6 = "2001:db8:5::10/128 path 4 med 100 pref 100 65101:82:1";
    let own = "192.0.2.1/32 path 1 med none pref 100";
    has(&lab.bird, &[own, web_v4, db_v4]);
    has(&six, &[web_v6]);
    let mark = six.mark();
    lab.another_reconcile_sends_nothing();
    assert_eq!((six.removed_since(mark), six.announced_since(mark)), ([].into(), [].into()));

    lab.libvirtd.virsh(&["destroy", "web"]);
    has(&lab.bird, &[own, db_v4]);
    has(&six, &[]);
}

/// Both configurations that ship, with the sessions that a host may have.
fn exabgp_takes_every_way_to_divide_the_sessions(version: Version) {
    let (dir, network) = (Dir::new(), Network::new());
    let path = dir.path().join("exabgp.conf");
    let children = [
        Child::Agent { config: dir.path().join("roamd.yaml") },
        Child::Relay { socket: dir.path().join("agent.sock"), ledger: dir.path().join("ledger") },
    ];
    let tries = |child: &Child, sessions: &[Session]| {
        fs::write(&path, configuration(child, sessions)).expect("it is written");
        version.tries(&path)
    };
    let both = || Session::to(&network);
    let four = || Session { families: "ipv4 unicast;", ..both() };
    let six = |route: &str| Session {
        tor: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2).into(),
        host: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1).into(),
        families: "ipv6 unicast;",
        route: route.to_owned(),
        ..both()
    };
    let loopback = "route 2001:db8:2::1/128 next-hop 2001:db8:1::1;";
    for child in &children {
        let divisions = [
            vec![both()],
            vec![both(), Session::to(&network.with_another_tor(65_001))],
            vec![four(), six("")],
            vec![six(loopback)],
            vec![Session { route: loopback.to_owned(), ..both() }],
        ];
        for sessions in divisions {
            let (taken, said) = tries(child, &sessions);
            assert!(taken, "{said}\n{}", configuration(child, &sessions));
        }
        let (taken, said) = tries(child, &[Session { families: "ipv5 unicast;", ..both() }]);
        assert!(!taken && said.contains("ipv5"), "{said}");
    }
}
