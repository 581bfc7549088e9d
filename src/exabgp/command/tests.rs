use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::exabgp::Reply;
use crate::route::{Asn, Community, LargeCommunity, NextHop, Origin, Prefix, Rung};
use crate::vm::VmName;

const PLAIN: Audience = Audience { only: None, path_as: Asn::new(65_001) };

fn route() -> Route {
    Route {
        prefix: "198.51.100.10".parse().unwrap(),
        vm: VmName::new("shutdown ; crash"),
        rung: Rung::Active,
        next_hop: NextHop::Own,
        attributes: Arc::new(Attributes {
            med: 100,
            local_preference: 130,
            as_path_prepend: 2,
            origin: Origin::Igp,
            communities: ["65535:0".parse().unwrap(), "65001:7".parse().unwrap()].into(),
            large_communities: ["65001:82:1".parse().unwrap()].into(),
            extended_communities: [
                "target:65001:5".parse().unwrap(),
                "target:4200000000:7".parse().unwrap(),
                "origin:4200000000:9".parse().unwrap(),
            ]
            .into(),
        }),
        unsure: None,
        settled: None,
    }
}

fn with(change: impl FnOnce(&mut Attributes)) -> Route {
    let mut attributes = Attributes::default();
    change(&mut attributes);
    Route { attributes: Arc::new(attributes), ..route() }
}

#[test]
fn each_attribute_has_its_words() {
    assert_eq!(
        line(&Step::Announce(route()), &PLAIN),
        "announce route 198.51.100.10/32 next-hop self origin igp as-path [ 65001 65001 65001 ] med 100 \
         local-preference 130 community [ 65001:7 65535:0 ] large-community [ 65001:82:1 ] \
         extended-community [ target:65001:5 0x0202fa56ea000007 0x0203fa56ea000009 ]"
    );
}

#[test]
fn what_is_not_there_is_not_written() {
    assert_eq!(
        line(&Step::Announce(with(|_| {})), &PLAIN),
        "announce route 198.51.100.10/32 next-hop self origin igp med 0 local-preference 0"
    );
}

#[test]
fn a_path_is_given_to_ebgp_neighbors_only_and_only_with_prepends() {
    let cases = [
        (Asn::new(65_001), 0, ""),
        (Asn::new(65_001), 1, " as-path [ 65001 65001 ]"),
        (Asn::new(4_200_000_000), 1, " as-path [ 4200000000 4200000000 ]"),
        (None, 0, ""),
        (None, 3, ""),
    ];
    for (path_as, prepends, path) in cases {
        let route = with(|attributes| attributes.as_path_prepend = prepends);
        let audience = Audience { only: None, path_as };
        assert_eq!(
            line(&Step::Announce(route), &audience),
            format!(
                "announce route 198.51.100.10/32 next-hop self origin igp{path} med 0 local-preference 0"
            )
        );
    }
}

#[test]
fn a_withdraw_carries_what_was_announced_last() {
    let last = with(|attributes| attributes.med = 7);
    let step = Step::Withdraw { prefix: last.prefix, last: Some(last) };
    assert_eq!(
        line(&step, &PLAIN),
        "withdraw route 198.51.100.10/32 next-hop self origin igp med 7 local-preference 0"
    );
}

#[test]
fn a_withdraw_of_what_was_never_announced_is_bare() {
    let step = Step::Withdraw { prefix: "2001:DB8::0:5".parse().unwrap(), last: None };
    assert_eq!(line(&step, &PLAIN), "withdraw route 2001:db8::5/128");
}

#[test]
fn chosen_neighbors_stand_before_the_command() {
    let addresses: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "fd00::4".parse().unwrap()];
    let audience = Audience { only: Some(addresses.into()), path_as: None };
    let step = Step::Withdraw { prefix: "198.51.100.10".parse().unwrap(), last: None };
    assert_eq!(line(&step, &audience), "neighbor 10.0.0.1, neighbor fd00::4 withdraw route 198.51.100.10/32");
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), 1_u8..=32).prop_map(|(bits, length)| (IpAddr::from(bits.to_be_bytes()), length));
    let v6 =
        (any::<u128>(), 1_u8..=128).prop_map(|(bits, length)| (IpAddr::from(bits.to_be_bytes()), length));
    prop_oneof![v4, v6].prop_filter_map("no VM's prefix", |(address, length)| {
        Prefix::new(ipnet::IpNet::new(address, length).ok()?.trunc()).ok()
    })
}

fn extended() -> impl Strategy<Value = ExtendedCommunity> {
    let kind = prop_oneof![Just(ExtendedKind::Target), Just(ExtendedKind::Origin)];
    (kind, any::<u32>(), any::<u32>(), any::<bool>()).prop_map(|(kind, asn, value, wide)| {
        let (asn, value) = if wide { (asn, value & 0xffff) } else { (asn & 0xffff, value) };
        ExtendedCommunity { kind, asn, value }
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    use proptest::collection::btree_set;
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let community = any::<(u16, u16)>().prop_map(|(global, local)| Community { global, local });
    let large = any::<(u32, u32, u32)>().prop_map(|(global, a, b)| LargeCommunity::new(global, a, b));
    let numbers = (any::<u32>(), any::<u32>(), 0_u8..=64);
    let lists = (btree_set(community, 0..4), btree_set(large, 0..4), btree_set(extended(), 0..4));
    (numbers, origin, lists).prop_map(|((med, local_preference, as_path_prepend), origin, lists)| {
        let (communities, large_communities, extended_communities) = lists;
        Attributes {
            med,
            local_preference,
            as_path_prepend,
            origin,
            communities,
            large_communities,
            extended_communities,
        }
    })
}

/// The eight octets of a community as ExaBGP shows them.
fn as_shown(word: &str) -> String {
    let Some(hex) = word.strip_prefix("0x02") else { return word.to_owned() };
    let kind = if hex.starts_with("02") { "target" } else { "origin" };
    let number = |text| u32::from_str_radix(text, 16).unwrap();
    format!("{kind}:{}L:{}", number(&hex[2..10]), number(&hex[10..]))
}

/// What 4.2 and 5.0 look for anywhere in a line, followed by a blank or at its end.
const DANGEROUS: [&str; 8] = ["shutdown", "reload", "restart", "reset", "version", "help", "crash", "#"];

proptest! {
    #[test]
    fn whatever_is_written_is_harmless_and_is_read_back(
        prefix in prefixes(),
        attributes in attributes(),
        name in any::<String>(),
        next_hop in prop_oneof![Just(NextHop::Own), any::<u32>().prop_map(|bits| NextHop::Address(IpAddr::from(bits.to_be_bytes())))],
    ) {
        let vm = VmName::new(&name);
        let route = Route { prefix, vm, rung: Rung::Active, next_hop, attributes: Arc::new(attributes.clone()), unsure: None, settled: None };
        let written = line(&Step::Announce(route), &PLAIN);
        prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written}");
        for word in DANGEROUS {
            prop_assert!(!written.contains(word), "{written}");
        }

        let words: Vec<String> = written.split(' ').map(as_shown).collect();
        let family = if prefix.is_ipv6() { "ipv6" } else { "ipv4" };
        let shown = words.join(" ").replacen(
            "announce route",
            &format!("neighbor 127.0.0.2 local-ip 127.0.0.1 local-as 65001 peer-as 65000 router-id 10.0.0.1 \
                      family-allowed in-open {family} unicast"),
            1,
        );
        let Reply::Row(row) = Reply::parse(shown.as_bytes()) else {
            return Err(TestCaseError::fail(format!("no row: {shown}")));
        };
        prop_assert_eq!(row.prefix, prefix);
        prop_assert_eq!(row.next_hop, next_hop);
        prop_assert_eq!(row.attributes, attributes);
        prop_assert!(row.complete);
    }
}
