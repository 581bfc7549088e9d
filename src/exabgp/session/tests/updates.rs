//! The wire echo, and what neighbors offer.

use super::*;
use crate::exabgp::{Path, WireReport};

/// A session that has read its first table, in which one prefix is a VM's.
fn bench() -> Bench {
    let service_ips = [prefix(1)].into();
    Bench::ready(Settings { service_ips, ..settings() })
}

fn update(direction: &str, peer: &str, message: &str) -> String {
    format!(
        r#"{{ "exabgp": "4.0.1", "type": "update", "neighbor": {{ "address": {{ "local": "10.0.0.9", "peer": "{peer}" }}, "asn": {{ "local": 65001, "peer": 65000 }} , "direction": "{direction}", "message": {{ "update": {message} }} }} }}"#
    )
}

/// An announcement of 198.51.100.`host` with these attributes.
fn announced(host: u8, attributes: &str) -> String {
    format!(
        r#"{{ "attribute": {{ "origin": "igp"{attributes} }}, "announce": {{ "ipv4 unicast": {{ "10.0.0.1": [ {{ "nlri": "198.51.100.{host}/32" }} ] }} }} }}"#
    )
}

fn withdrawn(host: u8) -> String {
    format!(r#"{{ "withdraw": {{ "ipv4 unicast": [ {{ "nlri": "198.51.100.{host}/32" }} ] }} }}"#)
}

fn wire(bench: &mut Bench) -> Vec<WireReport> {
    let reports = std::mem::take(&mut bench.reports);
    reports
        .into_iter()
        .filter_map(|report| match report {
            Report::Wire(report) => Some(report),
            Report::Ready { .. }
            | Report::Settled { .. }
            | Report::InDoubt { .. }
            | Report::Neighbor(_)
            | Report::Lost { .. }
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .collect()
}

/// The prefixes that were confirmed.
fn confirmed(bench: &mut Bench) -> Vec<Prefix> {
    wire(bench)
        .into_iter()
        .map(|report| match report {
            WireReport::Confirmed { prefix, .. } => prefix,
            WireReport::Contradicted { .. } | WireReport::Offered { .. } | WireReport::Missed => {
                panic!("{report:?}")
            }
        })
        .collect()
}

/// What ExaBGP shows of the step [`announce`].
fn echo(host: u8) -> String {
    announced(host, r#", "med": 0, "large-community": [ [ 65001, 82 , 1 ] ]"#)
}

#[test]
fn an_acknowledged_step_is_confirmed_by_its_echo() {
    let mut bench = bench();
    bench.order(Order::Do(vec![announce(1), announce(2)]));
    bench.answer(Say::Done);
    bench.answer(Say::Done);
    assert_eq!(confirmed(&mut bench), []);
    bench.say(&update("send", "10.0.0.1", &echo(2)));
    assert_eq!(confirmed(&mut bench), [prefix(2)]);
    bench.pass(Duration::from_secs(2));
    bench.order(Order::Do(vec![withdraw(2)]));
    bench.answer(Say::Done);
    bench.say(&update("send", "10.0.0.1", &withdrawn(2)));
    assert_eq!(confirmed(&mut bench), [prefix(2)]);
}

#[test]
fn a_neighbor_that_is_down_is_not_waited_for() {
    let mut bench = Bench::new(settings());
    bench.neighbors.push(("10.0.0.2".to_owned(), 65_000));
    bench.answer_all();
    bench.reports.clear();
    bench.order(Order::Do(vec![announce(1), announce(2)]));
    bench.answer_all();
    bench.say(&update("send", "10.0.0.1", &echo(1)));
    assert_eq!(confirmed(&mut bench), [], "the other is up");
    bench.say(&model::state("10.0.0.2", 65_000, "down"));
    bench.say(&update("send", "10.0.0.1", &echo(2)));
    assert_eq!(confirmed(&mut bench), [prefix(2)]);
}

#[test]
fn a_neighbor_that_is_told_otherwise_is_reported() {
    let mut bench = bench();
    let stands = sample::route(prefix(1), Attributes { med: 100, ..Attributes::default() });
    bench.order(Order::Keep(vec![stands]));
    bench.say(&update(
        "send",
        "10.0.0.1",
        &announced(1, r#", "med": 100, "large-community": [ [ 65001, 82 , 1 ] ]"#),
    ));
    bench.pass(Duration::from_secs(5));
    assert_eq!(confirmed(&mut bench), [prefix(1)]);
    bench.say(&update("send", "10.0.0.1", &withdrawn(1)));
    bench.pass(Duration::from_millis(999));
    assert_eq!(wire(&mut bench), []);
    bench.pass(Duration::from_millis(1));
    let neighbor = "10.0.0.1".parse().unwrap();
    let expected = WireReport::Contradicted { prefix: prefix(1), neighbor, told: None, again: false };
    assert_eq!(wire(&mut bench), [expected]);
}

#[test]
fn others_routes_on_the_wire_are_none_of_our_business() {
    let mut bench = bench();
    bench.say(&update("send", "10.0.0.1", &announced(1, "")));
    bench.say(&update("send", "10.0.0.1", &announced(7, r#", "large-community": [ [ 65009, 82 , 1 ] ]"#)));
    bench.say(&update("send", "10.0.0.1", &withdrawn(8)));
    // A neighbor that is not ours keeps what an earlier configuration of ours told it.
    let marked = r#", "large-community": [ [ 65001, 82 , 1 ] ]"#;
    bench.say(&update("send", "10.9.9.9", &announced(9, marked)));
    bench.pass(Duration::from_secs(60));
    assert_eq!(wire(&mut bench), []);
}

#[test]
fn paths_to_vms_are_reported_with_the_mark_of_their_host() {
    let mut bench = bench();
    let (marked, neighbor) = (r#", "large-community": [ [ 65009, 1, 1 ], [ 65002, 82 , 3 ] ]"#, "10.0.0.1");
    bench.say(&update("receive", neighbor, &announced(1, marked)));
    bench.say(&update("receive", neighbor, &announced(2, marked)));
    bench.say(&update("receive", "10.9.9.9", &announced(1, marked)));
    bench.say(&update("receive", neighbor, &announced(1, "")));
    bench.say(&update("receive", neighbor, &withdrawn(1)));
    let next_hop = Some(neighbor.parse().unwrap());
    let expected = [
        Some(Path { rung: Some(Rung::Standby), marked_by: Some(65_002), next_hop }),
        Some(Path { rung: None, marked_by: None, next_hop }),
        None,
    ];
    let offered: Vec<Option<Path>> = wire(&mut bench)
        .into_iter()
        .map(|report| match report {
            WireReport::Offered { prefix: of, path, .. } if of == prefix(1) => path,
            WireReport::Offered { .. }
            | WireReport::Confirmed { .. }
            | WireReport::Contradicted { .. }
            | WireReport::Missed => {
                panic!("{report:?}")
            }
        })
        .collect();
    assert_eq!(offered, expected, "only of a VM's prefix, only of our neighbor");
}

#[test]
fn our_own_path_that_comes_back_is_nobody_elses() {
    let mut bench = bench();
    let back = [
        // Over eBGP it has our AS in it, as 4.2 and as 5.0 write it.
        r#", "as-path": [ 65000, 65009, 65001 ], "large-community": [ [ 65001, 82 , 1 ] ]"#,
        r#", "as-path": {"0": {"element": "as-sequence", "value": [65000, 65001]}}"#,
    ];
    for attributes in back {
        bench.say(&update("receive", "10.0.0.1", &announced(1, attributes)));
    }
    // Over iBGP it has our next hop.
    let own_next_hop = announced(1, "").replace("10.0.0.1", "10.0.0.9");
    bench.say(&update("receive", "10.0.0.1", &own_next_hop));
    let offered: Vec<bool> = wire(&mut bench)
        .into_iter()
        .map(|report| matches!(report, WireReport::Offered { path: Some(_), .. }))
        .collect();
    assert_eq!(offered, [false, false, false]);
}

#[test]
fn what_was_missed_is_said() {
    let mut bench = bench();
    bench.session.missed();
    assert_eq!(bench.session.effects().reports, [Report::Wire(WireReport::Missed)]);
}
