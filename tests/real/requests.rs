//! What the REST view does with requests, asked for and not.

use crate::agreement::{ACTIVE, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::on_each_exabgp;

on_each_exabgp! {
    routes_and_vms_are_found_by_prefix_address_and_name,
    malformed_requests_are_refused_and_change_nothing,
}

fn routes_and_vms_are_found_by_prefix_address_and_name(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    for path in ["198.51.100.10/32", "198.51.100.10%2F32", "198.51.100.10"] {
        let route = lab.rest.json(&format!("/api/v1/routes/{path}")).expect("it is found");
        assert_eq!((&route["prefix"], &route["vm"]), (&"198.51.100.10/32".into(), &"web".into()), "{path}");
    }
    let route = lab.rest.json("/api/v1/routes/2001:db8:5::10").expect("it is found");
    assert_eq!(route["prefix"], "2001:db8:5::10/128");
    let vm = lab.rest.json("/api/v1/vms/web").expect("it is found");
    assert_eq!(vm["service_ips"], serde_json::json!(["198.51.100.10", "2001:db8:5::10"]));
    // Lists carry the number that grows with each change.
    for list in ["/api/v1/vms", "/api/v1/routes"] {
        let list = lab.rest.json(list).expect("it is there");
        assert!(list["generation"].is_u64(), "{list}");
    }
    let head = lab.rest.request("HEAD", "/api/v1/status", "127.0.0.1").expect("it is answered");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

fn malformed_requests_are_refused_and_change_nothing(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    let rest = lab.rest;
    let generation = rest.json("/api/v1/routes").expect("it is ready")["generation"].clone();

    for path in ["/api/v1/routes", "/api/v1/migrations", "/api/v1/events", "/api/v1/events/stream"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let refused = rest.request(method, path, "localhost").expect("it is answered");
            assert_eq!(refused.status, 405, "{method} {path}");
            let allowed: Vec<&str> = refused.header("allow").split(',').map(str::trim).collect();
            assert!(
                allowed.contains(&"GET") && allowed.contains(&"HEAD") && allowed.len() == 2,
                "{refused:?}"
            );
        }
        // Also of a stream, which has no end of its own.
        let head = rest.request("HEAD", path, "localhost").expect("it is answered");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    for path in ["/nothing", "/api/v1/vms/nobody", "/api/v1/routes/198.51.100.99", "/api/v2/status"] {
        let missing = rest.get(path).expect("it is answered");
        assert_eq!(missing.status, 404, "{path}");
        assert_eq!(missing.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(missing.json().expect("a problem document")["status"], 404, "{path}");
    }
    for path in ["/api/v1/routes/198.51.100.10%2F99", "/api/v1/routes/%ff", "/api/v1/routes/10.0.0.1%2F8"] {
        let refused = rest.get(path).expect("it is answered");
        assert!((400..500).contains(&refused.status), "{path}: {refused:?}");
        assert_eq!(refused.header("content-type"), "application/problem+json", "{path}");
    }
    // A page of another site that resolves to this address (DNS rebinding) gets nothing.
    let foreign = rest.request("GET", "/api/v1/status", "attacker.example").expect("it is answered");
    assert!((400..500).contains(&foreign.status) && !foreign.body.contains("libvirt"), "{foreign:?}");
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        // Closed at once, or refused in words.
        if let Ok(refused) = rest.raw(bytes) {
            assert!((400..=505).contains(&refused.status), "{refused:?}");
        }
    }
    let endless = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20));
    if let Ok(refused) = rest.raw(endless.as_bytes()) {
        assert!((400..500).contains(&refused.status), "{refused:?}");
    }

    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(rest.json("/api/v1/routes").expect("it is ready")["generation"], generation);
}
