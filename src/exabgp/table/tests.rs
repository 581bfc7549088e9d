use super::*;
use crate::exabgp::reply::ConfigurationLine;
use crate::route::Asn;

const OWN: Asn = Asn::new(65_001).unwrap();
const MARK: Mark = Mark { local_as: OWN, mark: 82 };

fn neighbors(addresses: &[&str]) -> Neighborhood {
    let mut neighborhood = Neighborhood::new([].into(), OWN);
    neighborhood.begin_configuration();
    for address in addresses {
        neighborhood.configure(ConfigurationLine::Neighbor(address.parse().unwrap()));
        neighborhood.configure(ConfigurationLine::Ipv4);
        neighborhood.configure(ConfigurationLine::End);
    }
    assert!(neighborhood.adopt());
    neighborhood
}

fn found(rows: &[&str], own_next_hop: bool, neighborhood: &Neighborhood) -> Vec<FoundRoute> {
    let mut table = Table::new(MARK, own_next_hop, false);
    for row in rows {
        table.add(Row::parse(row).unwrap().unwrap());
    }
    table.finish(neighborhood)
}

const ONE: &str = "neighbor 10.0.0.1 local-ip 10.0.0.9 ipv4 unicast 198.51.100.10/32 next-hop 10.0.0.9";
const TWO: &str = "neighbor 10.0.0.2 local-ip 10.0.0.8 ipv4 unicast 198.51.100.10/32 next-hop 10.0.0.8";

fn attributes(med: u32, prepends: u8, rung: Rung) -> Attributes {
    Attributes {
        med,
        as_path_prepend: prepends,
        large_communities: [MARK.of(rung)].into(),
        ..Attributes::default()
    }
}

fn one(next_hop: NextHop, rung: Rung, attributes: Attributes) -> Vec<FoundRoute> {
    vec![FoundRoute { prefix: "198.51.100.10".parse().unwrap(), rung, next_hop, attributes, prepended: true }]
}

#[test]
fn only_what_carries_the_mark_is_found() {
    let neighborhood = neighbors(&["10.0.0.1"]);
    for foreign in
        ["", " large-community 65001:83:1", " large-community 65002:82:1", " large-community 65001:82:5"]
    {
        assert_eq!(found(&[&format!("{ONE}{foreign}")], true, &neighborhood), [], "{foreign}");
    }
    assert_eq!(
        found(&[&format!("{ONE} med 7 large-community 65001:82:1")], true, &neighborhood),
        one(NextHop::Own, Rung::Active, attributes(7, 0, Rung::Active))
    );
}

#[test]
fn an_address_is_self_only_where_self_is_announced() {
    let neighborhood = neighbors(&["10.0.0.1"]);
    let row = format!("{ONE} large-community 65001:82:1");
    let shown = NextHop::Address("10.0.0.9".parse().unwrap());
    for (own, next_hop) in [(true, NextHop::Own), (false, shown)] {
        assert_eq!(
            found(&[&row], own, &neighborhood),
            one(next_hop, Rung::Active, attributes(0, 0, Rung::Active))
        );
    }
}

#[test]
fn entries_that_differ_by_their_paths_only_are_one_route() {
    let neighborhood = neighbors(&["10.0.0.1", "10.0.0.2"]);
    let rows = [
        format!("{ONE} as-path [ 65001 65001 65001 65001 ] large-community 65001:82:1"),
        format!("{TWO} large-community 65001:82:1"),
    ];
    assert_eq!(
        found(&[&rows[0], &rows[1]], true, &neighborhood),
        one(NextHop::Own, Rung::Active, attributes(0, 3, Rung::Active))
    );
}

#[test]
fn what_is_not_the_same_everywhere_equals_no_wanted_route() {
    let neighborhood = neighbors(&["10.0.0.1", "10.0.0.2"]);
    let better = format!("{ONE} large-community 65001:82:1");
    let others = [
        None,
        Some(format!("{TWO} large-community 65001:82:3")),
        Some(format!("{TWO} med 9 large-community 65001:82:1")),
        Some(format!("{TWO} large-community 65001:82:1 aggregator ( 65001:10.0.0.1 )")),
    ];
    for other in others {
        let rows: Vec<&str> = [Some(better.as_str()), other.as_deref()].into_iter().flatten().collect();
        assert_eq!(
            found(&rows, true, &neighborhood),
            one(NextHop::Own, Rung::Active, Attributes::default()),
            "{other:?}"
        );
    }
}

#[test]
fn entries_of_neighbors_that_are_not_ours_are_found_too() {
    let neighborhood = neighbors(&["10.0.0.1"]);
    let row = format!("{TWO} large-community 65001:82:4");
    assert_eq!(found(&[&row], true, &neighborhood), one(NextHop::Own, Rung::Leaving, Attributes::default()));
}
