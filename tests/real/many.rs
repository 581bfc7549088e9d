//! Ten thousand routes.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use crate::bird::{BirdRoute, Table};
use crate::exabgp::Version;
use crate::lab::{Lab, Network, Plan};
use crate::process::{bytes_read, peak_resident_kib, signal};
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    ten_thousand_routes_pass_are_found_again_and_outlive_exabgp,
}

const COUNT: u16 = 10_000;

/// What the relay keeps at most for an agent that does not read, and as much again for its other buffers.
const GROWTH_KIB: u64 = 2 * (8 << 10);

fn ten_thousand_routes_pass_are_found_again_and_outlive_exabgp(version: Version) {
    let address = |number| Ipv6Addr::new(0x2001, 0xdb8, 5, 0, 0, 0, 1, number);
    let addresses: Vec<String> = (0..COUNT).map(|number| format!("'{}'", address(number))).collect();
    // A lease that outlives the pause below.
    let section = "{transport: relay, socket: 'SOCKET', lease: 20m}";
    let config =
        format!("mobility: {{settle: 1h}}\nvms: {{web: {{service_ips: [{}]}}}}", addresses.join(", "));
    let lab = &mut Lab::start_with_relay(version, &Plan { running: &["web"], config: &config }, section);
    // It executes since before the agent's first list: `active`, one step of three prepends.
    let route = BirdRoute {
        as_path: vec![Network::HOST_AS; 4],
        next_hop: Network::NEXT_HOP_V6.to_owned(),
        med: Some(100),
        large_communities: BTreeSet::from(["65101:82:1".to_owned()]),
        ..BirdRoute::plain(&lab.network)
    };
    let mut expected: Table =
        (0..COUNT).map(|number| (format!("{}/128", address(number)), route.clone())).collect();
    expected.extend(lab.operators.clone());
    let switch_has_all = |lab: &Lab| {
        wait::patiently("every route is acknowledged", || lab.is_ready());
        wait::patiently("the switch has every route", || {
            let table = lab.bird.table()?;
            if table == expected {
                Ok(())
            } else {
                Err(format!("{} routes of {}", table.len(), expected.len()))
            }
        });
    };
    switch_has_all(lab);
    let mark = lab.bird.mark();
    lab.another_reconcile_sends_nothing();

    // An agent that stops in the middle of the table.
    let relay = lab.exabgp.agent();
    let (read, peak) = (bytes_read(relay), peak_resident_kib(relay));
    lab.agent().kill();
    lab.agent().restart();
    let comes = |bytes: u64| {
        wait::patiently("the table comes", || {
            let come = bytes_read(relay) - read;
            if come > bytes { Ok(()) } else { Err(format!("{come} bytes")) }
        });
    };
    comes(64 << 10);
    lab.agent().signal("STOP");
    comes(100 * u64::from(COUNT));
    lab.agent().signal("CONT");
    switch_has_all(lab);
    let grown = peak_resident_kib(relay) - peak;
    assert!(grown < GROWTH_KIB, "{grown} KiB");

    // A relay that is new to it all.
    signal("KILL", relay);
    lab.exabgp.agent_after(relay);
    lab.exabgp_is_connected(true);
    switch_has_all(lab);
    lab.another_reconcile_sends_nothing();
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));

    // An ExaBGP that knows nothing: the switch waits until it has heard everything again.
    lab.restart_exabgp_with(&[]);
    switch_has_all(lab);
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
}
