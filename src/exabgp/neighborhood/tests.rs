use super::*;
use crate::exabgp::Reply;

const OWN: Asn = Asn::new(65_001).unwrap();

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A neighbor's configuration as ExaBGP shows it.
fn shown(address: &str, asn: &str, families: &[&str], process: &str) -> String {
    let families =
        families.iter().map(|family| format!("    {family} unicast;\n")).collect::<Vec<_>>().concat();
    format!(
        "neighbor {address} {{\n  local-as 65001;\n  peer-as {asn};\n\n  family {{\n{families}  }}\n  api {{\n    \
         processes [ {process} ];\n  }}\n}}\n"
    )
}

fn read(neighborhood: &mut Neighborhood, text: &str) -> bool {
    neighborhood.begin_configuration();
    for line in text.lines() {
        let Reply::Configuration(line) = Reply::parse(line.as_bytes()) else { panic!("{line}") };
        neighborhood.configure(line);
    }
    neighborhood.adopt()
}

fn of(selected: &[&str], text: &str) -> Neighborhood {
    let selected = selected.iter().map(|one| address(one)).collect();
    let mut neighborhood = Neighborhood::new(selected, OWN);
    assert!(read(&mut neighborhood, text));
    neighborhood
}

const BOTH: &[&str] = &["ipv4", "ipv6"];

fn mixed() -> String {
    shown("10.0.0.1", "65000", BOTH, "roamd") + &shown("10.0.0.2", "65001", BOTH, "roamd")
}

/// The audiences of an IPv4 prefix, each as its addresses (empty: all) and path.
fn audiences(neighborhood: &Neighborhood) -> Vec<(Vec<IpAddr>, Option<u32>)> {
    let prefix = "198.51.100.10".parse().unwrap();
    let next_hop = NextHop::Address(address("10.0.0.9"));
    let all = neighborhood.audiences(prefix, Some(next_hop));
    all.into_iter()
        .map(|audience| (audience.only.into_iter().flatten().collect(), audience.path_as.map(Asn::get)))
        .collect()
}

fn told(peer: &str, numbers: Option<(u32, u32)>, state: NeighborState) -> Told {
    Told { address: address(peer), numbers, state }
}

#[test]
fn neighbors_of_one_kind_hear_one_plain_line() {
    let ebgp = shown("10.0.0.1", "65000", BOTH, "roamd") + &shown("10.0.0.2", "65002", BOTH, "roamd");
    assert_eq!(audiences(&of(&[], &ebgp)), [(vec![], Some(65_001))]);
    let ibgp = shown("10.0.0.1", "65001", BOTH, "roamd");
    assert_eq!(audiences(&of(&[], &ibgp)), [(vec![], None)]);
}

#[test]
fn neighbors_of_both_kinds_hear_a_line_a_kind() {
    assert_eq!(
        audiences(&of(&[], &mixed())),
        [(vec![address("10.0.0.2")], None), (vec![address("10.0.0.1")], Some(65_001))]
    );
}

#[test]
fn a_session_without_the_prefixs_family_hears_nothing_of_it() {
    let v6_only = shown("10.0.0.1", "65000", &["ipv6"], "roamd");
    assert_eq!(audiences(&of(&[], &v6_only)), []);
    let one_of_two = v6_only + &shown("10.0.0.2", "65002", BOTH, "roamd");
    assert_eq!(audiences(&of(&[], &one_of_two)), [(vec![address("10.0.0.2")], Some(65_001))]);
}

#[test]
fn chosen_neighbors_are_named_and_no_other_hears_anything() {
    assert_eq!(audiences(&of(&["10.0.0.2"], &mixed())), [(vec![address("10.0.0.2")], None)]);
    // One that ExaBGP doesn't have is named all the same, so that ExaBGP refuses the line.
    assert_eq!(audiences(&of(&["10.0.0.3"], &mixed())), [(vec![address("10.0.0.3")], Some(65_001))]);
    let one_of_two = of(&["10.0.0.1", "10.0.0.3"], &mixed());
    assert_eq!(audiences(&one_of_two), [(vec![address("10.0.0.1")], Some(65_001))]);
}

#[test]
fn a_neighbor_without_an_api_process_is_not_ours() {
    let foreign = shown("10.0.0.1", "65000", BOTH, "roamd")
        + &shown("10.0.0.2", "65001", BOTH, "").replace("    processes [  ];\n", "");
    assert_eq!(audiences(&of(&[], &foreign)), [(vec![], Some(65_001))]);
}

#[test]
fn it_is_told_when_processes_differ_and_no_neighbor_is_chosen() {
    let text = shown("10.0.0.1", "65000", BOTH, "roamd") + &shown("10.0.0.2", "65001", BOTH, "other");
    assert!(of(&[], &text).is_ambiguous());
    assert!(!of(&["10.0.0.1"], &text).is_ambiguous());
    assert!(!of(&[], &mixed()).is_ambiguous());
}

#[test]
fn next_hop_self_is_for_sessions_of_its_own_family_only() {
    let text = shown("10.0.0.1", "65000", BOTH, "roamd") + &shown("fd00::1", "65000", BOTH, "roamd");
    let neighborhood = of(&[], &text);
    let v6 = "2001:db8::5".parse().unwrap();
    let only = |audiences: Vec<Audience>| audiences.into_iter().map(|one| one.only).collect::<Vec<_>>();
    assert_eq!(only(neighborhood.audiences(v6, Some(NextHop::Own))), [Some([address("fd00::1")].into())]);
    assert_eq!(only(neighborhood.audiences(v6, Some(NextHop::Address(address("2001:db8::1"))))), [None]);
    assert_eq!(only(neighborhood.audiences(v6, None)), [None]);
    let v4_only = of(&[], &shown("10.0.0.1", "65000", BOTH, "roamd"));
    assert_eq!(v4_only.audiences(v6, Some(NextHop::Own)), []);
}

#[test]
fn a_path_begins_with_the_sessions_own_as() {
    let text = shown("10.0.0.1", "65000", BOTH, "roamd").replace("local-as 65001", "local-as 64999");
    assert_eq!(audiences(&of(&[], &text)), [(vec![], Some(64_999))]);
}

#[test]
fn a_neighbor_of_unknown_as_gets_no_path_until_it_is_told() {
    let mut neighborhood = of(&[], &shown("10.0.0.1", "auto", BOTH, "roamd"));
    assert_eq!(audiences(&neighborhood), [(vec![], None)]);
    assert!(!neighborhood.tell(told("10.0.0.1", None, NeighborState::Connected)));
    assert!(neighborhood.tell(told("10.0.0.1", Some((65_000, 65_001)), NeighborState::Up)));
    assert_eq!(audiences(&neighborhood), [(vec![], Some(65_001))]);
    // Reading the same configuration again does not forget it.
    assert!(read(&mut neighborhood, &shown("10.0.0.1", "auto", BOTH, "roamd")));
    assert_eq!(audiences(&neighborhood), [(vec![], Some(65_001))]);
}

#[test]
fn only_a_new_neighbor_or_kind_upsets_what_was_written() {
    let mut neighborhood = of(&[], &mixed());
    assert!(!neighborhood.tell(told("10.0.0.1", Some((65_000, 65_001)), NeighborState::Up)));
    assert!(!neighborhood.tell(told("10.0.0.1", Some((65_007, 65_001)), NeighborState::Up)));
    assert!(neighborhood.tell(told("10.0.0.1", Some((65_001, 65_001)), NeighborState::Up)));
    assert!(neighborhood.tell(told("10.0.0.3", Some((65_003, 65_001)), NeighborState::Connected)));
    assert!(!neighborhood.tell(told("10.0.0.3", Some((65_003, 65_001)), NeighborState::Up)));
}

#[test]
fn a_configuration_that_says_something_new_beats_what_was_told() {
    let mut neighborhood = of(&[], &mixed());
    neighborhood.tell(told("10.0.0.1", Some((65_001, 65_001)), NeighborState::Up));
    assert_eq!(audiences(&neighborhood), [(vec![], None)]);
    let changed = mixed().replace("peer-as 65000", "peer-as 65005");
    assert!(read(&mut neighborhood, &changed));
    assert_eq!(audiences(&neighborhood).len(), 2);
}

#[test]
fn an_empty_or_cut_off_configuration_is_no_answer() {
    let mut neighborhood = of(&[], &mixed());
    assert!(!read(&mut neighborhood, ""));
    assert!(!read(&mut neighborhood, "neighbor 10.0.0.5 {\n  local-as 65001;\n"));
    assert_eq!(audiences(&neighborhood).len(), 2, "what was known before holds");
}

#[test]
fn each_change_is_reported_once() {
    let at = Instant::now();
    let mut neighborhood = of(&[], &mixed());
    let state = |changes: Vec<Neighbor>| {
        changes.into_iter().map(|one| (one.address.to_string(), one.asn, one.state)).collect::<Vec<_>>()
    };
    let entry = |peer: &str, asn, state| (peer.to_owned(), asn, state);
    assert_eq!(
        state(neighborhood.changes(at)),
        [entry("10.0.0.1", 65_000, NeighborState::Down), entry("10.0.0.2", 65_001, NeighborState::Down)]
    );
    assert_eq!(state(neighborhood.changes(at)), []);
    neighborhood.begin_summary();
    neighborhood.summarise(address("10.0.0.1"), NeighborState::Up);
    assert_eq!(state(neighborhood.changes(at)), [entry("10.0.0.1", 65_000, NeighborState::Up)]);
    // A reload took it away.
    assert!(read(&mut neighborhood, &shown("10.0.0.2", "65001", BOTH, "roamd")));
    assert_eq!(state(neighborhood.changes(at)), [entry("10.0.0.1", 65_000, NeighborState::Down)]);
}

#[test]
fn a_route_is_held_by_neighbors_that_carry_its_family() {
    let text = shown("10.0.0.1", "65000", BOTH, "roamd") + &shown("10.0.0.2", "65001", &["ipv4"], "roamd");
    let neighborhood = of(&[], &text);
    let next_hop = NextHop::Address(address("2001:db8::1"));
    let holders = |prefix: &str| neighborhood.holders(prefix.parse().unwrap(), next_hop).collect::<Vec<_>>();
    assert_eq!(holders("2001:db8::5"), [address("10.0.0.1")]);
    assert_eq!(holders("198.51.100.10"), [address("10.0.0.1"), address("10.0.0.2")]);
}
