use serde_json::{Value, json};

use super::super::text::{Paint, fitted};
use super::*;

/// What the REST view answers for a host that is made by hand, in the contract's words.
fn host(change: impl FnOnce(&mut Value)) -> Host {
    let route = |prefix: &str, vm: Value, state: &str| {
        json!({
            "prefix": prefix, "vm": vm, "preference": "active", "next_hop": "self", "attributes": {}, "state": state,
            "since": "2026-03-01T10:00:00.500Z", "confirmed_at": null, "error": null, "host_route": null,
        })
    };
    let [one, two] =
        ["198.51.100.10/32", "2001:db8:5::10/128"].map(|prefix| route(prefix, json!("web-1"), "announced"));
    let mut all = json!({
        "status": {
            "host": "kvm1.example.net", "version": "0.1.0", "started_at": "2026-03-01T08:00:00.250Z", "generation": 7,
            "ready": true, "not_ready": [],
            "config": {
                "path": "/etc/roamd/config.yaml", "sha256": "aa", "vms_sha256": "bb", "loaded_at": "x", "errors": [],
                "wait_for_restart": [],
            },
            "libvirt": {
                "uri": "qemu:///system", "connected": true, "since": "2026-03-01T08:00:01.000Z", "version": "9.0.0",
                "error": null, "trust": "full",
            },
            "exabgp": {
                "transport": "relay", "connected": true, "since": "2026-03-01T08:00:02.000Z", "version": "4.2.21",
                "epoch": "x", "error": null, "contradictions": 0,
                "neighbors": [
                    {"address": "192.0.2.1", "asn": 65001, "state": "up", "since": "2026-03-01T08:00:03.000Z"},
                ],
            },
            "conflicts": {"total": 0, "open": []},
            "host_routes": {"enabled": false, "error": null, "conflicts": [], "warnings": []},
            "counts": {
                "vms": {"arrived": 0, "present": 1, "incoming": 0, "frozen": 1, "departing": 0, "absent": 1},
                "routes": {"pending": 0, "announced": 2, "withdrawing": 1, "failed": 0},
            },
        },
        "vms": [
            {"name": "lost", "managed": true, "presence": "absent", "since": null, "routes": []},
            {"name": "other", "managed": false, "presence": "frozen", "since": "2026-03-01T09:00:00.000Z", "routes": []},
            {"name": "web-1", "managed": true, "presence": "present", "since": "2026-03-01T09:59:59.123Z", "routes": [one, two]},
        ],
        "routes": [one, two, route("198.51.100.99/32", json!(null), "withdrawing")],
    });
    change(&mut all);
    let part = |key: &str| all[key].to_string();
    let (vms, routes) =
        (format!(r#"{{"vms":{}}}"#, part("vms")), format!(r#"{{"routes":{}}}"#, part("routes")));
    Answers { status: part("status"), vms, routes, generation: 7, ready: true }.read().unwrap()
}

fn text(host: &Host, width: Option<usize>) -> String {
    fitted(&lines(host, width), width, Paint::Plain)
}

#[test]
fn a_ready_host() {
    let expected = "\
kvm1.example.net  roamd 0.1.0  ready
libvirt   connected      9.0.0  qemu:///system  since 2026-03-01T08:00:01.000Z
ExaBGP    connected      4.2.21  relay  since 2026-03-01T08:00:02.000Z
neighbor  up             192.0.2.1  AS 65001  since 2026-03-01T08:00:03.000Z

VM       PRESENCE  SINCE                     PREFIX              RUNG    STATE        SINCE
other    frozen    2026-03-01T09:00:00.000Z  not managed         -       -
web-1    present   2026-03-01T09:59:59.123Z  198.51.100.10/32    active  announced    2026-03-01T10:00:00.500Z
                                             2001:db8:5::10/128  active  announced    2026-03-01T10:00:00.500Z
(no VM)  -         -                         198.51.100.99/32    active  withdrawing  2026-03-01T10:00:00.500Z

3 VMs: 1 absent, 1 frozen, 1 present; 3 routes: 2 announced, 1 withdrawing
";
    assert_eq!(text(&host(|_| {}), None), expected);
}

#[test]
fn every_trouble_stands_above_the_table() {
    let host = host(|all| {
        let status = &mut all["status"];
        status["ready"] = json!(false);
        status["not_ready"] = json!([{"part": "host_routes", "reason": "none can be set"}]);
        status["config"]["errors"] = json!(["c.yaml:1:1: bgp: x: y"]);
        status["config"]["wait_for_restart"] = json!(["bgp.local_as"]);
        status["libvirt"] = json!({
            "uri": "qemu:///system", "connected": false, "since": "T", "version": null, "error": "no socket", "trust": "lapsed",
        });
        status["exabgp"]["connected"] = json!(false);
        status["exabgp"]["error"] = json!("no relay is connected");
        status["exabgp"]["neighbors"][0]["state"] = json!("down");
        status["conflicts"]["open"] = json!([{
            "prefix": "198.51.100.10/32", "vm": "web-1", "neighbor": "192.0.2.1", "preference": "active", "marked_by": 65102,
            "next_hop": null, "since": "T",
        }]);
        status["host_routes"] = json!({
            "enabled": true, "error": "Operation not permitted", "warnings": ["rp_filter of br0 is 1"],
            "conflicts": [
                {"prefix": "198.51.100.10/32", "vm": "web-1", "table": 254, "protocol": 4, "metric": 0, "device": null},
            ],
        });
        all["routes"][0]["error"] = json!("announce refused");
        all["routes"][1]["host_route"] = json!({"state": "failed", "device": null, "error": "no tap"});
    });
    let text = text(&host, None);
    let (head, _) = text.split_once("\n\n").unwrap();
    let expected = "\
kvm1.example.net  roamd 0.1.0  not ready
libvirt   not connected  qemu:///system  since T  no socket
ExaBGP    not connected  4.2.21  relay  since 2026-03-01T08:00:02.000Z  no relay is connected
neighbor  down           192.0.2.1  AS 65001  since 2026-03-01T08:00:03.000Z
! not ready, host routes: none can be set
! split brain: 192.0.2.1 has another path to 198.51.100.10/32 of web-1, since T
! host routes: Operation not permitted
! host routes: somebody else has 198.51.100.10/32 in table 254 (protocol 4)
! host routes: rp_filter of br0 is 1
! 198.51.100.10/32 of web-1: announce refused
! 2001:db8:5::10/128 of web-1: no tap
! /etc/roamd/config.yaml is not taken: c.yaml:1:1: bgp: x: y
! bgp.local_as in the configuration takes effect with a restart of roamd";
    assert_eq!(head, expected);
}

#[test]
fn names_from_libvirt_move_nothing_on_the_terminal() {
    let host = host(|all| {
        all["vms"][2]["name"] = json!("evil\u{1b}[2J\u{202e}\r\n");
        all["status"]["host"] = json!("kvm\u{7}");
        all["status"]["libvirt"]["error"] = json!("line\nline");
    });
    let text = text(&host, None);
    assert!(text.contains(r"evil\u{1b}[2J\u{202e}\u{d}\u{a}"), "{text}");
    assert!(text.contains(r"kvm\u{7}") && text.contains(r"line\u{a}line"), "{text}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let host = host(|all| all["vms"][2]["name"] = json!("東".repeat(80)));
    for width in [1, 10, 40, 80, 120, 200] {
        let text = text(&host, Some(width));
        for line in text.lines() {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width, "{width}: {line:?}");
        }
    }
    // The columns that say most are kept at 80.
    let text = text(&host, Some(80));
    assert!(text.contains("present") && text.contains("announced"), "{text}");
}

#[test]
fn an_empty_host_has_no_table() {
    let host = host(|all| (all["vms"], all["routes"]) = (json!([]), json!([])));
    assert!(!text(&host, None).contains("PRESENCE"));
}
