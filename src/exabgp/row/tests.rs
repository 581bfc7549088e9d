use super::*;

const HEAD: &str = "neighbor 127.0.0.2 local-ip 127.0.0.1 local-as 65001 peer-as 65000 router-id 10.255.0.1 \
                    family-allowed in-open";

fn row(rest: &str) -> Row {
    Row::parse(&format!("{HEAD} {rest}")).unwrap().unwrap()
}

#[test]
fn a_route_of_4_2_is_read() {
    let row =
        row("ipv4 unicast 10.1.0.1/32 next-hop self origin egp as-path [ 65001 65001 65001 65001 ] med 50 \
                   local-preference 140 community [ 65001:7 65535:0 no-export ] extended-community \
                   [ target:65001:5 origin:65001:0.0.0.6 target:4200000000L:7 ] large-community \
                   [ 65001:82:1 4200000000:1:2 ]");
    assert_eq!(row.peer, IpAddr::from([127, 0, 0, 2]));
    assert_eq!(row.local_address, Some(IpAddr::from([127, 0, 0, 1])));
    assert_eq!(row.prefix, "10.1.0.1/32".parse().unwrap());
    assert_eq!(row.next_hop, NextHop::Own);
    assert!(row.complete);
    assert_eq!(
        row.attributes,
        Attributes {
            med: 50,
            local_preference: 140,
            as_path_prepend: 3,
            origin: Origin::Egp,
            communities: ["65001:7", "65535:0", "65535:65281"].map(|one| one.parse().unwrap()).into(),
            large_communities: ["65001:82:1", "4200000000:1:2"].map(|one| one.parse().unwrap()).into(),
            extended_communities: ["target:65001:5", "origin:65001:6", "target:4200000000:7"]
                .map(|one| one.parse().unwrap())
                .into(),
        }
    );
}

#[test]
fn a_route_of_5_0_is_read() {
    let row = row("ipv6 unicast 2001:db8:5::1/128 next-hop 2001:db8::1 as-path ( 65001 65001 ) med 1 \
                   large-community 65001:82:1 extended-community target:4200000000:7");
    assert_eq!(row.prefix, "2001:db8:5::1/128".parse().unwrap());
    assert_eq!(row.next_hop, NextHop::Address("2001:db8::1".parse().unwrap()));
    assert_eq!(row.attributes.as_path_prepend, 1);
    assert_eq!(row.attributes.large_communities, ["65001:82:1".parse().unwrap()].into());
    assert_eq!(row.attributes.extended_communities, ["target:4200000000:7".parse().unwrap()].into());
    assert!(row.complete);
}

#[test]
fn a_neighbor_without_its_word_is_read() {
    let row = Row::parse("10.0.0.1 ipv4 unicast 10.1.0.1/32 next-hop 10.0.0.9").unwrap().unwrap();
    assert_eq!(row.peer, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(row.local_address, None);
}

#[test]
fn what_roamd_never_writes_makes_a_row_incomplete_and_keeps_the_mark() {
    let strange = [
        "as-path [ 65001 64999 ]",
        "as-path [ 65001 ( 64999 ) ]",
        "as-path [ 65001",
        "as-path",
        "med fifty",
        "origin strange",
        "community [ 65001:7 llgr-stale ]",
        "extended-community [ target:250.86.234.0:7 ]",
        "extended-community [ encap:vxlan ]",
        "aggregator ( 65001:10.0.0.1 )",
        "atomic-aggregate",
        "attribute [ 0x20 0xC0 0x0000 ]",
    ];
    for part in strange {
        let row = row(&format!("ipv4 unicast 10.1.0.1/32 next-hop self large-community 65001:82:1 {part}"));
        assert!(!row.complete, "{part}");
        assert_eq!(row.attributes.large_communities, ["65001:82:1".parse().unwrap()].into(), "{part}");
    }
}

#[test]
fn what_can_not_be_ours_is_passed_over() {
    for rest in [
        "ipv4 unicast 0.0.0.0/0 next-hop self",
        "ipv4 unicast 10.1.0.1/32",
        "ipv4 unicast 10.1.0.1/32 next-hop nowhere",
        "ipv4 flow flow-ipv4 { source 10.0.0.0/8 }",
        "l2vpn evpn whatever",
    ] {
        assert_eq!(Row::parse(&format!("{HEAD} {rest}")), Ok(None), "{rest}");
    }
}

#[test]
fn anything_else_is_no_row() {
    for line in
        ["", "neighbor", "neighbor x", "neighbor 10.0.0.1", "10.0.0.1 ipv4", "10.0.0.1 ipv4 unicast x"]
    {
        assert_eq!(Row::parse(line), Err(NoRow), "{line}");
    }
}
