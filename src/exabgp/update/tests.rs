//! Lines as ExaBGP 4.2.21 and 5.0.15 wrote them, beside a BIRD that sent some of the routes.

use super::*;

const SENT_4_2: &str = r#"{ "exabgp": "4.0.1", "time": 1795386185.1, "host" : "vm", "pid" : 9551, "ppid" : 9549, "counter": 9, "type": "update", "neighbor": { "address": { "local": "127.9.0.1", "peer": "127.9.0.2" }, "asn": { "local": 65101, "peer": 65000 } , "direction": "send", "message": { "update": { "attribute": { "origin": "igp", "as-path": [ 65101, 65101 ], "confederation-path": [], "med": 100, "community": [ [ 65101, 10 ], [ 65535, 0 ] ], "extended-community": [ { "value": 842127122628613, "string": "target:65001:5" } ], "large-community": [ [ 65101, 82 , 1 ], [ 4200000000, 1 , 2 ] ] }, "announce": { "ipv4 unicast": { "127.9.0.1": [ { "nlri": "198.51.100.10/32" } ] } } } } } }"#;
const SENT_5_0: &str = r#"{ "exabgp": "5.0.0", "time": 1795386194.1, "host" : "vm", "pid" : 10297, "ppid" : 10295, "counter": 9, "type": "update", "neighbor": { "address": { "local": "127.9.0.1", "peer": "127.9.0.2" }, "asn": { "local": 65101, "peer": 65000 }, "router-id": "127.9.0.1" , "direction": "send", "message": { "update": { "attribute": { "origin": "igp", "as-path": {"0": {"element": "as-sequence", "value": [65101, 65101]}}, "med": 100, "community": [ [ 65101, 10 ], [ 65535, 0 ] ], "large-community": [ [ 65101, 82 , 1 ], [ 4200000000, 1 , 2 ] ] }, "announce": { "ipv4 unicast": { "127.9.0.1": [ { "nlri": "198.51.100.10/32" } ] } } } } } }"#;
const SENT_V6: &str = r#"{ "exabgp": "4.0.1", "time": 1795386185.4, "host" : "vm", "pid" : 9551, "ppid" : 9549, "counter": 10, "type": "update", "neighbor": { "address": { "local": "127.9.0.1", "peer": "127.9.0.2" }, "asn": { "local": 65101, "peer": 65000 } , "direction": "send", "message": { "update": { "attribute": { "origin": "igp", "as-path": [ 65101 ], "confederation-path": [] }, "withdraw": { "ipv6 unicast": [ { "nlri": "2001:db8:5::10/128" } ] } } } } }"#;
const RECEIVED: &str = r#"{ "exabgp": "5.0.0", "time": 1795386193.1, "host" : "vm", "pid" : 10297, "ppid" : 10295, "counter": 5, "type": "update", "neighbor": { "address": { "local": "127.9.0.1", "peer": "127.9.0.2" }, "asn": { "local": 65101, "peer": 65000 }, "router-id": "127.9.0.1" , "direction": "receive", "message": { "update": { "attribute": { "origin": "igp", "as-path": {"0": {"element": "as-sequence", "value": [65000, 65102]}}, "large-community": [ [ 65102, 82 , 1 ] ] }, "announce": { "ipv4 unicast": { "127.9.0.2": [ { "nlri": "0.0.0.0/0" }, { "nlri": "198.51.100.77/32" } ] } } } } } }"#;
const END_OF_RIB: &str = r#"{ "exabgp": "5.0.0", "time": 1795386193.1, "host" : "vm", "pid" : 10297, "ppid" : 10295, "counter": 6, "type": "update", "neighbor": { "address": { "local": "127.9.0.1", "peer": "127.9.0.2" }, "asn": { "local": 65101, "peer": 65000 }, "router-id": "127.9.0.1" , "direction": "receive", "message": { "eor": { "afi" : "ipv4", "safi" : "unicast" } } } }"#;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn an_announcement_is_read_alike_from_either_version() {
    for line in [SENT_4_2, SENT_5_0] {
        assert!(is_update(line));
        let update = Update::parse(line).unwrap().unwrap();
        assert_eq!((update.peer, update.direction), ("127.9.0.2".parse().unwrap(), Direction::Sent));
        assert_eq!((update.med, update.as_path), (100, vec![65_101, 65_101]));
        assert_eq!(update.local, Some("127.9.0.1".parse().unwrap()));
        let communities = [LargeCommunity::new(65_101, 82, 1), LargeCommunity::new(4_200_000_000, 1, 2)];
        assert_eq!(update.large_communities, communities);
        let next_hop = Some("127.9.0.1".parse().unwrap());
        assert_eq!(update.announced, [(prefix("198.51.100.10/32"), next_hop)]);
        assert_eq!(update.withdrawn, []);
    }
}

#[test]
fn a_withdrawal_is_read_and_needs_no_attributes() {
    let update = Update::parse(SENT_V6).unwrap().unwrap();
    assert_eq!((update.announced, update.withdrawn), (vec![], vec![prefix("2001:db8:5::10/128")]));
}

#[test]
fn a_default_route_among_others_is_left_out() {
    let update = Update::parse(RECEIVED).unwrap().unwrap();
    assert_eq!(update.direction, Direction::Received);
    let next_hop = Some("127.9.0.2".parse().unwrap());
    assert_eq!(update.announced, [(prefix("198.51.100.77/32"), next_hop)]);
    assert_eq!(update.as_path, [65_000, 65_102]);
    assert!(update.concerns(&[prefix("198.51.100.77")].into()));
    assert!(!update.concerns(&[prefix("198.51.100.78")].into()), "nor is a default route anybody's");
}

#[test]
fn a_set_in_a_path_is_read_too() {
    let (list, segments) = (
        RECEIVED.replace(
            r#"{"0": {"element": "as-sequence", "value": [65000, 65102]}}"#,
            "[ 65000, [ 65102, 65103 ] ]",
        ),
        RECEIVED
            .replace("[65000, 65102]}", r#"[65000]}, "1": {"element": "as-set", "value": [65102, 65103]}"#),
    );
    for line in [list, segments] {
        assert_eq!(Update::parse(&line).unwrap().unwrap().as_path, [65_000, 65_102, 65_103], "{line}");
    }
}

#[test]
fn an_end_of_rib_marker_and_other_families_say_nothing_of_routes() {
    assert_eq!(Update::parse(END_OF_RIB), Ok(None));
    let vpn = SENT_4_2.replace("ipv4 unicast", "ipv4 mpls-vpn");
    assert_eq!(Update::parse(&vpn), Ok(None));
}

#[test]
fn what_is_cut_off_or_glued_together_is_no_update() {
    let half = SENT_4_2.split_at(300).0;
    assert!(is_update(SENT_4_2) && !is_update(&SENT_4_2[2..]));
    for line in [half, &format!("{half}{SENT_5_0}"), &format!("{SENT_4_2}done")] {
        assert_eq!(Update::parse(line), Err(NoUpdate), "{line}");
    }
}
