//! `/api/v1/events` and `/api/v1/migrations`: their JSON, written out by hand, and their parameters.

use super::*;
use crate::snapshot::{Life, Mass, MigrationView, Millis, PhaseView, What};
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase, VmName};

fn host(events: impl IntoIterator<Item = What>) -> Snapshot {
    let mut host = sample::host();
    for what in events {
        let (vm, prefix) = (VmName::new("web-1"), "198.51.100.10".parse().unwrap());
        let at = sample::time("2026-03-01T10:00:00.042Z");
        host.events.push(at, Some(vm), Some(prefix), what);
    }
    host
}

fn seqs(answer: &Answer) -> Vec<u64> {
    let json = answer.json();
    json["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// An event of each kind with its sentence and the fields of the kind: of VMs, routes and services.
fn of_parts() -> Vec<(What, &'static str, Value)> {
    let started_at = sample::time("2026-03-01T09:00:00Z");
    vec![
        (
            What::Presence {
                uuid: "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d".parse().unwrap(),
                managed: true,
                from: Some(Presence::Incoming),
                to: Presence::Arrived,
                cause: "event resumed/migrated".to_owned(),
            },
            "web-1: incoming → arrived: event resumed/migrated",
            json!({
                "kind": "presence", "uuid": "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d", "managed": true,
                "from": "incoming", "to": "arrived", "cause": "event resumed/migrated",
            }),
        ),
        (
            What::Route {
                from: Some(RouteState::Announced),
                to: Some(RouteState::Failed),
                preference_before: Some(Rung::Standby),
                preference: Rung::Arrived,
                error: Some("refused".to_owned()),
            },
            "198.51.100.10/32: announced → failed, from standby to arrived: refused",
            json!({
                "kind": "route", "from": "announced", "to": "failed", "preference_before": "standby",
                "preference": "arrived", "error": "refused",
            }),
        ),
        (
            What::Migration {
                id: 3,
                direction: MigrationDirection::Out,
                outcome: MigrationOutcome::Failed,
                started_at,
            },
            "web-1: migration away from this host failed",
            json!({
                "kind": "migration", "id": 3, "direction": "out", "outcome": "failed",
                "started_at": "2026-03-01T09:00:00.000Z",
            }),
        ),
        (
            What::Libvirt { connected: false, error: Some("refused".to_owned()) },
            "libvirt is not reachable: refused",
            json!({"kind": "libvirt", "connected": false, "error": "refused"}),
        ),
        (
            What::Exabgp {
                connected: true,
                version: Some("4.2.21".to_owned()),
                epoch: Some("1-2-3".to_owned()),
                error: None,
            },
            "ExaBGP answers: version 4.2.21",
            json!({"kind": "exabgp", "connected": true, "version": "4.2.21", "epoch": "1-2-3", "error": null}),
        ),
    ]
}

/// The other kinds.
fn of_the_rest() -> Vec<(What, &'static str, Value)> {
    let reasons = vec![NotReady { part: "libvirt", reason: "no connection".to_owned() }];
    vec![
        (
            What::Neighbor {
                address: "192.0.2.1".parse().unwrap(),
                asn: 65_001,
                state: crate::exabgp::NeighborState::Up,
            },
            "BGP session with 192.0.2.1 (AS 65001): up",
            json!({"kind": "neighbor", "address": "192.0.2.1", "asn": 65001, "state": "up"}),
        ),
        (
            What::Conflict { neighbor: "192.0.2.1".parse().unwrap(), open: true },
            "web-1: another host announces 198.51.100.10/32 to 192.0.2.1 as well",
            json!({"kind": "conflict", "neighbor": "192.0.2.1", "open": true}),
        ),
        (
            What::HostRoute { from: None, to: Some(crate::snapshot::HostRouteState::Transit), error: None },
            "host route 198.51.100.10/32: none → transit",
            json!({"kind": "host_route", "from": null, "to": "transit", "error": null}),
        ),
        (
            What::Config { errors: vec!["a".to_owned(), "b".to_owned()] },
            "the configuration has faults; the running one is kept: a; b",
            json!({"kind": "config", "errors": ["a", "b"]}),
        ),
        (
            What::Ready { ready: false, reasons },
            "not ready: libvirt: no connection",
            json!({
                "kind": "ready", "ready": false,
                "reasons": [{"part": "libvirt", "reason": "no connection"}],
            }),
        ),
        (
            What::Agent { what: Life::Stopping },
            "roamd is stopping",
            json!({"kind": "agent", "what": "stopping"}),
        ),
        (
            What::Bulk { of: Mass::Route, count: 9_500, from: Some("pending"), to: Some("announced") },
            "9500 more routes: pending → announced",
            json!({"kind": "bulk", "of": "route", "count": 9500, "from": "pending", "to": "announced"}),
        ),
    ]
}

#[tokio::test]
async fn each_kind_of_event() {
    let kinds: Vec<_> = of_parts().into_iter().chain(of_the_rest()).collect();
    let router = serving(host(kinds.iter().map(|(what, ..)| what.clone())));
    let answer = get(&router, "/api/v1/events").await.json();
    assert_eq!(
        (&answer["generation"], &answer["first_seq"], &answer["last_seq"]),
        (&json!(7), &json!(1), &json!(12))
    );
    for (place, (_, text, fields)) in kinds.into_iter().enumerate() {
        let mut expected = json!({
            "seq": place + 1, "at": "2026-03-01T10:00:00.042Z", "vm": "web-1", "prefix": "198.51.100.10/32",
            "text": text,
        });
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(answer["events"][place], expected);
    }
}

#[tokio::test]
async fn events_come_behind_a_number_or_else_the_newest() {
    let router = serving(host((0..1_500).map(|_| What::Agent { what: Life::Started })));
    for (query, first, last) in [
        ("", 1_401, 1_500),
        ("?limit=3", 1_498, 1_500),
        ("?limit=1000", 501, 1_500),
        ("?after=0", 1, 100),
        ("?after=1499", 1_500, 1_500),
        ("?after=10&limit=2", 11, 12),
        ("?x=y&limit=1&after=0", 1, 1),
    ] {
        let answer = get(&router, &format!("/api/v1/events{query}")).await;
        assert_eq!(seqs(&answer), (first..=last).collect::<Vec<u64>>(), "{query}");
    }
    for query in ["?after=1500", "?after=18446744073709551615"] {
        assert_eq!(seqs(&get(&router, &format!("/api/v1/events{query}")).await), [0; 0], "{query}");
    }
}

#[tokio::test]
async fn parameters_that_are_no_numbers_are_refused() {
    let router = serving(sample::host());
    for query in ["after=x", "after=-1", "limit=0", "limit=1001", "limit=1&limit=2", "after="] {
        let answer = get(&router, &format!("/api/v1/events?{query}")).await;
        assert_problem(&answer, 400, "Bad Request", query);
        assert!(!answer.body.contains(query), "the query is not reflected: {}", answer.body);
    }
}

#[tokio::test]
async fn migrations_come_latest_first() {
    let mut host = sample::host();
    let migration = |id| MigrationView {
        id,
        vm: VmName::new("<web>"),
        direction: MigrationDirection::In,
        started_at: sample::time("2026-03-01T10:00:00.042Z"),
        ended_at: Some(sample::time("2026-03-01T10:00:00.350Z")),
        outcome: MigrationOutcome::Completed,
        phases: vec![PhaseView {
            name: MigrationPhase::IncomingSeen,
            at: sample::time("2026-03-01T10:00:00.042Z"),
            after_ms: Millis::default(),
        }],
    };
    let all: Vec<_> = (1..=1_000).rev().map(|id| Arc::new(migration(id))).collect();
    host.migrations = Arc::new(all);
    let answer = get(&serving(host), "/api/v1/migrations").await;
    assert!(answer.body.len() > 2 * 64 * 1024, "several pages");
    let json = answer.json();
    assert_eq!(json["generation"], 7);
    let shown = json["migrations"].as_array().unwrap();
    let ids: Vec<u64> = shown.iter().map(|migration| migration["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=1_000).rev().collect::<Vec<_>>());
    let expected = json!({
        "id": 1000,
        "vm": "<web>",
        "direction": "in",
        "started_at": "2026-03-01T10:00:00.042Z",
        "ended_at": "2026-03-01T10:00:00.350Z",
        "outcome": "completed",
        "phases": [{"name": "incoming_seen", "at": "2026-03-01T10:00:00.042Z", "after_ms": 0.0}],
    });
    assert_eq!(shown[0], expected);
}

#[tokio::test]
async fn the_names_of_phases() {
    let names: Vec<Value> = MigrationPhase::ALL.iter().map(|phase| json!(phase)).collect();
    let expected = [
        "incoming_seen",
        "standby_announced",
        "paused",
        "demoted",
        "resumed",
        "arrived_announced",
        "acknowledged",
        "confirmed_on_the_wire",
        "stopped",
        "withdrawn",
    ];
    assert_eq!(names, expected);
    assert_eq!(names, MigrationPhase::ALL.map(MigrationPhase::name));
}
