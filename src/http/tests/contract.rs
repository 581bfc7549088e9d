//! Field names and enum values as clients outside this repository rely on them, written out by hand.

use super::*;
use crate::exabgp::NeighborState;
use crate::route::NextHop;
use std::time::Duration;

use crate::snapshot::{MigrationView, Millis, PhaseView};
use crate::vm::{MigrationDirection, MigrationOutcome, MigrationPhase, VmName};

fn web_route(prefix: &str) -> Value {
    json!({
        "prefix": prefix,
        "vm": "web-1",
        "preference": "active",
        "next_hop": "self",
        "attributes": {
            "med": 100,
            "local_preference": 130,
            "as_path_prepend": 3,
            "origin": "igp",
            "communities": [],
            "large_communities": ["65101:82:1"],
            "extended_communities": [],
        },
        "state": "announced",
        "since": "2026-03-01T10:00:00.500Z",
        "confirmed_at": null,
        "error": null,
        "host_route": null,
    })
}

fn db_route() -> Value {
    json!({
        "prefix": "198.51.100.20/32",
        "vm": "db-1",
        "preference": "leaving",
        "next_hop": "self",
        "attributes": {
            "med": 300,
            "local_preference": 105,
            "as_path_prepend": 12,
            "origin": "igp",
            "communities": [],
            "large_communities": ["65101:82:4"],
            "extended_communities": [],
        },
        "state": "withdrawing",
        "since": "2026-03-01T10:00:00.500Z",
        "confirmed_at": null,
        "error": null,
        "host_route": null,
    })
}

fn web_1() -> Value {
    json!({
        "name": "web-1",
        "uuid": "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d",
        "managed": true,
        "presence": "present",
        "preference": "active",
        "state": "running",
        "reason": "booted",
        "since": "2026-03-01T09:59:59.123Z",
        "cause": {"kind": "event", "detail": "resumed/unpaused", "at": "2026-03-01T09:59:59.123Z"},
        "domain": "web-1",
        "service_ips": ["198.51.100.10", "2001:db8:5::10", "198.51.100.64/28"],
        "routes": [
            web_route("198.51.100.10/32"),
            web_route("2001:db8:5::10/128"),
            web_route("198.51.100.64/28"),
        ],
        "last_migration": null,
    })
}

fn db_1() -> Value {
    json!({
        "name": "db-1",
        "uuid": "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d",
        "managed": true,
        "presence": "departing",
        "preference": "leaving",
        "state": "running",
        "reason": "booted",
        "since": "2026-03-01T09:59:59.123Z",
        "cause": {"kind": "event", "detail": "resumed/unpaused", "at": "2026-03-01T09:59:59.123Z"},
        "domain": "db-1",
        "service_ips": ["198.51.100.20"],
        "routes": [db_route()],
        "last_migration": null,
    })
}

fn web_2() -> Value {
    json!({
        "name": "web-2",
        "uuid": null,
        "managed": true,
        "presence": "absent",
        "preference": null,
        "state": null,
        "reason": null,
        "since": null,
        "cause": null,
        "domain": null,
        "service_ips": ["198.51.100.11", "2001:db8:6::/64"],
        "routes": [],
        "last_migration": null,
    })
}

#[tokio::test]
async fn status() {
    let answer = get(&serving(sample::host()), "/api/v1/status").await;
    let expected = json!({
        "host": "kvm1.example.net",
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": "2026-03-01T08:00:00.250Z",
        "generation": 7,
        "ready": true,
        "not_ready": [],
        "config": {
            "path": "/etc/roamd/config.yaml",
            "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "vms_sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
            "loaded_at": "2026-03-01T08:00:00.000Z",
            "errors": [],
            "wait_for_restart": [],
        },
        "libvirt": {
            "uri": "qemu:///system",
            "connected": true,
            "since": "2026-03-01T08:00:01.000Z",
            "version": "9.0.0",
            "error": null,
            "trust": "full",
        },
        "exabgp": {
            "transport": "relay",
            "connected": true,
            "since": "2026-03-01T08:00:02.000Z",
            "version": "4.2.21",
            "epoch": "4711-99-boot",
            "neighbors": [
                {"address": "192.0.2.1", "asn": 65001, "state": "up", "since": "2026-03-01T08:00:03.000Z"},
            ],
            "error": null,
            "contradictions": 0,
        },
        "conflicts": {"total": 0, "open": []},
        "host_routes": {"enabled": false, "error": null, "conflicts": [], "repairs": 0, "warnings": []},
        "counts": {
            "vms": {"arrived": 0, "present": 1, "incoming": 0, "frozen": 0, "departing": 1, "absent": 1},
            "routes": {"pending": 0, "announced": 3, "withdrawing": 1, "failed": 0},
        },
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn vms() {
    let router = serving(sample::host());
    let list = get(&router, "/api/v1/vms").await.json();
    assert_eq!(list, json!({"generation": 7, "vms": [db_1(), web_1(), web_2()]}));
    for (path, expected) in [("web-1", web_1()), ("db-1", db_1()), ("web-2", web_2())] {
        assert_eq!(get(&router, &format!("/api/v1/vms/{path}")).await.json(), expected);
    }
}

#[tokio::test]
async fn routes() {
    let router = serving(sample::host());
    let all = [
        web_route("198.51.100.10/32"),
        db_route(),
        web_route("198.51.100.64/28"),
        web_route("2001:db8:5::10/128"),
    ];
    assert_eq!(get(&router, "/api/v1/routes").await.json(), json!({"generation": 7, "routes": all}));
    assert_eq!(get(&router, "/api/v1/routes/198.51.100.20").await.json(), db_route());
}

#[tokio::test]
async fn an_empty_host_has_empty_lists() {
    let router = serving(sample::snapshot(sample::config([]), []));
    assert_eq!(get(&router, "/api/v1/vms").await.body, r#"{"generation":7,"vms":[]}"#);
    assert_eq!(get(&router, "/api/v1/routes").await.body, r#"{"generation":7,"routes":[]}"#);
}

#[tokio::test]
async fn explain() {
    let router = serving(sample::host());
    let json = get(&router, "/api/v1/explain/web-1").await.json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["at", "chain", "generation", "subject", "summary", "vm"]);
    assert_eq!(json["generation"], 7);
    assert_eq!(json["subject"], json!({"kind": "vm", "name": "web-1"}));
    let steps: Vec<&Value> = json["chain"].as_array().unwrap().iter().map(|link| &link["step"]).collect();
    let expected = [
        "configuration",
        "identity",
        "libvirt",
        "presence",
        "preference",
        "route",
        "route",
        "route",
        "exabgp",
        "neighbors",
    ];
    assert_eq!(steps, expected);
    for path in ["198.51.100.64/28", "198.51.100.64%2F28", "198.51.100.70"] {
        let json = get(&router, &format!("/api/v1/explain/{path}")).await.json();
        assert_eq!(json["subject"], json!({"kind": "prefix", "prefix": "198.51.100.64/28"}), "{path}");
        assert_eq!(json["vm"], "web-1", "{path}");
    }
    let answer = get(&router, "/api/v1/explain/no%20such%2Fvm").await;
    assert_problem(&answer, 404, "Not Found", "/api/v1/explain/no%20such%2Fvm");
    assert!(answer.json()["detail"].as_str().unwrap().contains(r#""no such/vm""#), "{}", answer.body);
    assert_problem(&get(&router, "/api/v1/explain/%ff").await, 400, "Bad Request", "/api/v1/explain/%ff");
    assert_problem(&get(&router, "/api/v1/explain/").await, 404, "Not Found", "/api/v1/explain/");
}

#[tokio::test]
async fn config_comes_whole_however_many_vms_it_has() {
    for count in [0, 1, 5_000] {
        let fleet = (0..count).map(|number| {
            sample::configured(
                &format!("vm-{number:05}"),
                &[&format!("10.0.{}.{}", number / 256, number % 256)],
            )
        });
        let config = sample::config(fleet);
        let mut expected = serde_json::to_value(config.effective()).unwrap();
        expected["vms"] = json!({});
        for (name, vm) in &config.vms {
            expected["vms"][name.as_str()] = serde_json::to_value(vm.effective()).unwrap();
        }
        let answer = get(&serving(sample::snapshot(config, [])), "/api/v1/config").await;
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
        assert_eq!(answer.json(), expected);
        if count == 1 {
            assert_eq!(
                answer.json()["vms"],
                json!({"vm-00000": {
                    "uuid": null, "service_ips": ["10.0.0.0/32"], "nic": {}, "nics": {}, "attributes": {},
                }})
            );
        }
    }
}

#[tokio::test]
async fn health() {
    let router = serving(sample::host());
    assert_eq!(get(&router, "/healthz").await.json(), json!({"status": "alive"}));
    assert_eq!(get(&router, "/readyz").await.json(), json!({"ready": true, "reasons": []}));
}

#[tokio::test]
async fn a_route_that_was_refused_and_belongs_to_no_vm() {
    let mut host = sample::host();
    let found = RouteView {
        vm: None,
        next_hop: NextHop::Address("192.0.2.7".parse().unwrap()),
        error: Some("refused".to_owned()),
        ..(*sample::route("198.51.100.99", "", Rung::Unsure, RouteState::Failed)).clone()
    };
    host.routes.insert(found.prefix, Arc::new(found));
    let json = get(&serving(host), "/api/v1/routes/198.51.100.99").await.json();
    assert_eq!(json["vm"], Value::Null);
    assert_eq!(json["next_hop"], "192.0.2.7");
    assert_eq!(json["error"], "refused");
    assert_eq!((&json["state"], &json["preference"]), (&json!("failed"), &json!("unsure")));
}

#[tokio::test]
async fn a_migration() {
    let migrations = [
        (MigrationDirection::In, MigrationOutcome::Running, json!("in"), json!("running")),
        (MigrationDirection::In, MigrationOutcome::Completed, json!("in"), json!("completed")),
        (MigrationDirection::Out, MigrationOutcome::Failed, json!("out"), json!("failed")),
    ];
    for (direction, outcome, direction_text, outcome_text) in migrations {
        let started_at = sample::time("2026-03-01T10:00:00.042Z");
        let phase = |name, after: u64| PhaseView {
            name,
            at: sample::time("2026-03-01T10:00:00.042Z"),
            after_ms: Millis(Duration::from_nanos(after)),
        };
        let last_migration = Some(Arc::new(MigrationView {
            id: 3,
            vm: VmName::new("a"),
            direction,
            started_at,
            ended_at: None,
            outcome,
            phases: vec![phase(MigrationPhase::IncomingSeen, 0), phase(MigrationPhase::Resumed, 308_400_999)],
        }));
        let vm = VmView { last_migration, ..sample::vm("a", Presence::Arrived, Vec::new()) };
        let router = serving(sample::snapshot(sample::config([]), [vm]));
        let json = get(&router, "/api/v1/vms/a").await.json();
        let expected = json!({
            "id": 3,
            "vm": "a",
            "direction": direction_text,
            "started_at": "2026-03-01T10:00:00.042Z",
            "ended_at": null,
            "outcome": outcome_text,
            "phases": [
                {"name": "incoming_seen", "at": "2026-03-01T10:00:00.042Z", "after_ms": 0.0},
                {"name": "resumed", "at": "2026-03-01T10:00:00.042Z", "after_ms": 308.401},
            ],
        });
        assert_eq!(json["last_migration"], expected);
    }
}

#[tokio::test]
async fn enum_values() {
    let presences = [
        (Presence::Arrived, "arrived"),
        (Presence::Present, "present"),
        (Presence::Incoming, "incoming"),
        (Presence::Frozen, "frozen"),
        (Presence::Departing, "departing"),
        (Presence::Absent, "absent"),
    ];
    for (presence, text) in presences {
        let router = serving(sample::snapshot(sample::config([]), [sample::vm("a", presence, Vec::new())]));
        assert_eq!(get(&router, "/api/v1/vms/a").await.json()["presence"], text);
    }
    let rungs = [
        (Rung::Arrived, "arrived"),
        (Rung::Active, "active"),
        (Rung::Unsure, "unsure"),
        (Rung::Standby, "standby"),
        (Rung::Leaving, "leaving"),
    ];
    let states = [
        (RouteState::Pending, "pending"),
        (RouteState::Announced, "announced"),
        (RouteState::Withdrawing, "withdrawing"),
        (RouteState::Failed, "failed"),
    ];
    for (rung, rung_text) in rungs {
        for (state, state_text) in states {
            let route = sample::route("198.51.100.1", "a", rung, state);
            let vm = sample::vm("a", Presence::Present, vec![route]);
            let router = serving(sample::snapshot(sample::config([]), [vm]));
            let json = get(&router, "/api/v1/routes/198.51.100.1").await.json();
            assert_eq!((&json["preference"], &json["state"]), (&json!(rung_text), &json!(state_text)));
            let vm = get(&router, "/api/v1/vms/a").await.json();
            assert_eq!((&vm["preference"], &vm["routes"]), (&json!(rung_text), &json!([json])));
        }
    }
    let neighbors =
        [(NeighborState::Down, "down"), (NeighborState::Connected, "connected"), (NeighborState::Up, "up")];
    for (state, text) in neighbors {
        let mut host = sample::host();
        host.exabgp.neighbors[0].state = state;
        let json = get(&serving(host), "/api/v1/status").await.json();
        assert_eq!(json["exabgp"]["neighbors"][0]["state"], text);
    }
}
