//! What is asked for and what is understood of the answer are the same thing: the kernel's answers have the form of the requests.

use super::*;

const OURS: u8 = 82;

fn mac_address() -> Mac {
    "52:54:00:00:00:10".parse().unwrap()
}

/// What the kernel reads of a message, after it was written and read as bytes.
fn over_the_wire(message: Message) -> (u16, RouteNetlinkMessage) {
    let mut message = message;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let read = Message::deserialize(&bytes).unwrap();
    let NetlinkPayload::InnerMessage(inner) = read.payload else { panic!("no request") };
    (read.header.flags, inner)
}

#[test]
fn routes_are_read_as_they_were_written() {
    for (prefix, target) in [
        ("198.51.100.10/32", Target::Device { index: 7, gateway: None }),
        ("2001:db8:5::10/128", Target::Device { index: 7, gateway: None }),
        ("198.51.100.64/28", Target::Device { index: 7, gateway: Some([198, 51, 100, 64].into()) }),
        ("2001:db8:5:1::/64", Target::Device { index: 7, gateway: Some("fe80::1".parse().unwrap()) }),
        ("198.51.0.0/16", Target::Blackhole),
    ] {
        let key = RouteKey { table: 400, prefix: prefix.parse().unwrap() };
        let (flags, message) = over_the_wire(request(&Operation::AddRoute(key, target), OURS));
        assert_eq!(flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, "never replaces");
        let RouteNetlinkMessage::NewRoute(message) = message else { panic!("{message:?}") };
        let (read, found) = route(&message).unwrap();
        assert_eq!((read, found.target, found.protocol), (key, target, OURS));
        assert_eq!(found.metric, metric(key.prefix));
    }
}

#[test]
fn a_route_is_removed_by_its_protocol_and_metric() {
    let key = RouteKey { table: 254, prefix: "198.51.100.10/32".parse().unwrap() };
    let (_, message) = over_the_wire(request(&Operation::RemoveRoute(key, 100), OURS));
    let RouteNetlinkMessage::DelRoute(message) = message else { panic!("{message:?}") };
    assert_eq!((u8::from(message.header.protocol), message.header.scope), (OURS, RouteScope::NoWhere));
    assert!(message.attributes.contains(&RouteAttribute::Priority(100)));
}

#[test]
fn neighbours_and_rules_are_read_as_they_were_written() {
    let key = (7, IpAddr::from([198, 51, 100, 10]));
    let (_, message) = over_the_wire(request(&Operation::SetNeighbor(key, mac_address()), OURS));
    let RouteNetlinkMessage::NewNeighbour(message) = message else { panic!("{message:?}") };
    let set = Neighbor { protocol: OURS, mac: Some(mac_address()), permanent: true };
    assert_eq!(neighbor(&message), Some((key, set)));
    for ipv6 in [false, true] {
        let wanted = Rule { ipv6, uplink: InterfaceName::new("eth0").unwrap(), table: 900, priority: 82 };
        let (_, message) = over_the_wire(request(&Operation::AddRule(wanted.clone()), OURS));
        let RouteNetlinkMessage::NewRule(message) = message else { panic!("{message:?}") };
        assert_eq!(rule(&message), Some((wanted, OURS)));
    }
}

#[test]
fn a_vrf_is_known_by_its_table_and_a_bridge_as_one() {
    let mut message = LinkMessage::default();
    message.header.index = 9;
    message.attributes = vec![
        LinkAttribute::IfName("vrf-blue".to_owned()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Vrf),
            LinkInfo::Data(InfoData::Vrf(vec![InfoVrf::TableId(1000)])),
        ]),
    ];
    let (index, found) = link(&message).unwrap();
    assert_eq!((index, found.vrf_table, found.is_bridge), (9, Some(1000), false));
    message.attributes[1] = LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]);
    assert!(link(&message).unwrap().1.is_bridge);
    // Changes of a bridge's ports come as messages of another family.
    message.header.interface_family = AddressFamily::Bridge;
    assert_eq!(link(&message), None);
}
