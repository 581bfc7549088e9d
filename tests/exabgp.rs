//! The session against real ExaBGP, 4.2 as the system has it and 5.0 in a venv, with a real BIRD as the peer.
//!
//! ExaBGP runs `exabgp/relay.py`, which passes its standard streams to a socket of the test's; there the session
//! runs in real time, without the agent. All traffic is on loopback, with a port and a folder of its own.
#![allow(clippy::unwrap_used, reason = "a test states what it expects by unwrapping it")]

#[path = "exabgp/bench.rs"]
mod bench;
#[path = "exabgp/exchange.rs"]
mod exchange;

use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, MARK, OWN_AS, Peers, Version};
use exchange::Exchange;
use roamd::exabgp::{FoundRoute, NeighborState, Outcome, Report};
use roamd::plan::Step;
use roamd::route::{Attributes, NextHop, Prefix, Route, Rung};
use roamd::vm::VmName;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn route(to: &str, rung: Rung, prepends: u8) -> Route {
    let prefix = prefix(to);
    let next_hop = if prefix.is_ipv6() { "2001:db8::1" } else { "127.0.0.1" };
    let attributes = Attributes {
        med: 50 + rung.number(),
        local_preference: 140 - rung.number(),
        as_path_prepend: prepends,
        communities: ["65001:10".parse().unwrap(), "65535:0".parse().unwrap()].into(),
        large_communities: [MARK.of(rung), "4200000000:1:2".parse().unwrap()].into(),
        extended_communities: ["target:65001:5".parse().unwrap(), "origin:4200000000:9".parse().unwrap()]
            .into(),
        ..Attributes::default()
    };
    Route {
        prefix,
        vm: VmName::new("web-1"),
        rung,
        next_hop: NextHop::Address(next_hop.parse().unwrap()),
        attributes: Arc::new(attributes),
        unsure: None,
        settled: None,
    }
}

fn found(route: &Route) -> FoundRoute {
    FoundRoute {
        prefix: route.prefix,
        rung: route.rung,
        next_hop: route.next_hop,
        attributes: (*route.attributes).clone(),
        prepended: true,
    }
}

fn announce(route: &Route) -> Step {
    Step::Announce(route.clone())
}

fn withdraw(route: &Route) -> Step {
    Step::Withdraw { prefix: route.prefix, last: Some(route.clone()) }
}

/// Orders `steps` and waits until each is acknowledged.
fn acknowledged(exchange: &mut Exchange, steps: Vec<Step>) {
    for (prefix, outcome) in exchange.settle(steps) {
        assert_eq!(outcome, Outcome::Acknowledged, "{prefix}");
    }
}

fn table_of(exchange: &mut Exchange) -> Vec<FoundRoute> {
    let (version, epoch, table) = exchange.ready();
    assert!(version.is_some(), "no version");
    assert_eq!(epoch, None);
    table
}

fn what_is_ordered_arrives_at_the_peers(version: Version) {
    let mut bench = Bench::start(version, Peers::Both);
    let mut exchange = bench.connect(&[]);
    let (told, _, table) = exchange.ready();
    assert_eq!(told.as_deref(), Some(version.number()));
    assert_eq!(table, []);

    // The kinds come from the configuration: no session is up yet.
    assert_eq!(exchange.neighbor("127.0.0.2"), Some((65_000, OWN_AS.get(), NeighborState::Down)));
    assert_eq!(exchange.neighbor("127.0.0.3"), Some((OWN_AS.get(), OWN_AS.get(), NeighborState::Down)));
    assert_eq!(exchange.neighbor("127.0.0.4"), None, "a neighbor without our process");

    // What is announced while the sessions are down is sent when they come up.
    let (v4, v6) =
        (route("198.51.100.10/32", Rung::Active, 3), route("2001:db8:5::10/128", Rung::Arrived, 0));
    acknowledged(&mut exchange, vec![announce(&v4), announce(&v6)]);
    bench.start_bird();
    exchange.until("both sessions up", |exchange| {
        ["127.0.0.2", "127.0.0.3"]
            .iter()
            .all(|peer| exchange.neighbor(peer).is_some_and(|(.., state)| state == NeighborState::Up))
    });

    let ebgp = bench.bird_route("e4", "198.51.100.10/32", |shown| shown.contains("BGP.as_path"));
    assert!(ebgp.contains("BGP.as_path: 65001 65001 65001 65001\n"), "{ebgp}");
    assert!(ebgp.contains("BGP.next_hop: 127.0.0.1\n"), "{ebgp}");
    assert!(ebgp.contains("BGP.med: 51\n"), "{ebgp}");
    assert!(ebgp.contains("BGP.community: (65001,10) (65535,0)\n"), "{ebgp}");
    assert!(ebgp.contains("BGP.large_community: (65001, 82, 1) (4200000000, 1, 2)\n"), "{ebgp}");
    assert!(ebgp.contains("(rt, 65001, 5)") && ebgp.contains("(ro, 4200000000, 9)"), "{ebgp}");
    let ibgp = bench.bird_route("i4", "198.51.100.10/32", |shown| shown.contains("BGP.origin"));
    assert!(ibgp.contains("BGP.as_path: \n"), "{ibgp}");
    assert!(ibgp.contains("BGP.local_pref: 139\n"), "{ibgp}");
    let ebgp6 = bench.bird_route("e6", "2001:db8:5::10/128", |shown| shown.contains("BGP.as_path"));
    assert!(ebgp6.contains("BGP.as_path: 65001\n"), "{ebgp6}");
    assert!(ebgp6.contains("BGP.next_hop: 2001:db8::1"), "{ebgp6}");
    assert!(ebgp6.contains("(65001, 82, 0)"), "{ebgp6}");

    // A change of rung is one announce.
    let leaving = route("198.51.100.10/32", Rung::Leaving, 12);
    acknowledged(&mut exchange, vec![announce(&leaving)]);
    let replaced = bench.bird_route("e4", "198.51.100.10/32", |shown| shown.contains("(65001, 82, 4)"));
    assert_eq!(replaced.matches("65001 ").count(), 12, "{replaced}");

    // The table is what was announced, of both kinds of neighbor one entry.
    exchange.again();
    assert_eq!(table_of(&mut exchange), [found(&leaving), found(&v6)]);

    acknowledged(&mut exchange, vec![withdraw(&leaving), withdraw(&v6)]);
    for (table, to) in [("e4", leaving.prefix), ("i4", leaving.prefix), ("e6", v6.prefix), ("i6", v6.prefix)]
    {
        bench.bird_route(table, &to.to_string(), |shown| !shown.contains("BGP.origin"));
    }
    exchange.again();
    assert_eq!(table_of(&mut exchange), []);

    // A withdraw of something that ExaBGP never heard of is carried out too.
    let unknown = Step::Withdraw { prefix: prefix("198.51.100.99/32"), last: None };
    acknowledged(&mut exchange, vec![unknown]);
    assert_eq!(exchange.doubts, Vec::<String>::new());
}

#[test]
fn what_is_ordered_arrives_at_the_peers_of_exabgp_4_2() {
    what_is_ordered_arrives_at_the_peers(Version::System);
}

#[test]
fn what_is_ordered_arrives_at_the_peers_of_exabgp_5_0() {
    what_is_ordered_arrives_at_the_peers(Version::Venv);
}

fn a_successor_finds_the_table_behind_stale_replies(version: Version) {
    let mut bench = Bench::start(version, Peers::Ebgp);
    let routes: Vec<Route> =
        (1..=8).map(|host| route(&format!("198.51.100.{host}/32"), Rung::Active, 3)).collect();
    let mut first = bench.connect(&[]);
    assert_eq!(table_of(&mut first), []);
    acknowledged(&mut first, routes.iter().map(announce).collect());
    bench.start_bird();
    first.until("session up", |first| {
        first.neighbor("127.0.0.2").is_some_and(|(.., state)| state == NeighborState::Up)
    });

    // The predecessor dies with answers of every kind outstanding, and in the middle of a line.
    bench.die_writing(
        first,
        "show adj-rib out extensive\nwithdraw route 192.0.2.7/32\nshow neighbor configuration\n\
         show neighbor summary\nannounce route 192.0.2.9/32 next-hop 127.0.0.1 large-comm",
    );

    let mut second = bench.connect(&[]);
    let expected: Vec<FoundRoute> = routes.iter().map(found).collect();
    assert_eq!(table_of(&mut second), expected);
    assert_eq!(
        second.neighbor("127.0.0.2"),
        Some((65_000, OWN_AS.get(), NeighborState::Up)),
        "no event tells a successor that the session is up"
    );
    // And answers and commands fit together from here on.
    let last = routes.last().unwrap();
    acknowledged(&mut second, vec![withdraw(last)]);
    second.again();
    assert_eq!(table_of(&mut second).len(), 7);
}

#[test]
fn a_successor_finds_the_table_of_exabgp_4_2_behind_stale_replies() {
    a_successor_finds_the_table_behind_stale_replies(Version::System);
}

#[test]
fn a_successor_finds_the_table_of_exabgp_5_0_behind_stale_replies() {
    a_successor_finds_the_table_behind_stale_replies(Version::Venv);
}

fn what_exabgp_refuses_is_refused(version: Version) {
    let bench = Bench::start(version, Peers::Ebgp);
    // ExaBGP has no such neighbor.
    let mut exchange = bench.connect(&["127.0.0.9"]);
    assert_eq!(table_of(&mut exchange), []);
    let refused = exchange.settle(vec![announce(&route("198.51.100.10/32", Rung::Active, 3))]);
    let [(_, Outcome::Refused(why))] = &refused[..] else { panic!("{refused:?}") };
    assert!(why.contains("neighbor 127.0.0.9 announce route 198.51.100.10/32"), "{why}");
    assert_eq!(exchange.doubts, Vec::<String>::new());
}

#[test]
fn what_exabgp_4_2_refuses_is_refused() {
    what_exabgp_refuses_is_refused(Version::System);
}

#[test]
fn what_exabgp_5_0_refuses_is_refused() {
    what_exabgp_refuses_is_refused(Version::Venv);
}

fn the_end_of_exabgp_is_the_end_of_the_session(version: Version) {
    let mut bench = Bench::start(version, Peers::Ebgp);
    let mut exchange = bench.connect(&[]);
    assert_eq!(table_of(&mut exchange), []);
    bench.stop_exabgp();
    let gone = exchange.report(Duration::from_secs(20), |report| match report {
        Report::Gone { reason } => Some(reason.clone()),
        Report::Ready { .. }
        | Report::Settled { .. }
        | Report::InDoubt { .. }
        | Report::Lost { .. }
        | Report::Neighbor(_)
        | Report::Wire(_)
        | Report::Unwatched { .. } => None,
    });
    assert!(gone.contains("end of file"), "{gone}");
}

#[test]
fn the_end_of_exabgp_4_2_is_the_end_of_the_session() {
    the_end_of_exabgp_is_the_end_of_the_session(Version::System);
}

#[test]
fn the_end_of_exabgp_5_0_is_the_end_of_the_session() {
    the_end_of_exabgp_is_the_end_of_the_session(Version::Venv);
}
