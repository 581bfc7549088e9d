//! What a prefix, a community and a ladder may be, and how attributes add up.

use proptest::prelude::*;

use super::*;

fn mark() -> Mark {
    Mark { local_as: Asn::new(65_101).unwrap(), mark: 82 }
}

fn default_ladder() -> Ladder {
    Ladder::new(mark(), 3, &Default::default()).unwrap()
}

#[test]
fn an_address_stands_for_its_host_route_in_canonical_form() {
    for (text, canonical) in [
        ("198.51.100.10", "198.51.100.10/32"),
        ("198.51.100.16/28", "198.51.100.16/28"),
        ("2001:DB8:0:0::10", "2001:db8::10/128"),
        ("2001:db8:5::/64", "2001:db8:5::/64"),
    ] {
        assert_eq!(text.parse::<Prefix>().unwrap().to_string(), canonical);
    }
}

#[test]
fn what_can_not_lead_to_a_vm_says_why() {
    for (text, rule) in [
        ("", "must be an IPv4 or IPv6 address"),
        ("198.51.100.300", "must be an IPv4 or IPv6 address"),
        ("198.51.100.1/33", "must be an IPv4 or IPv6 address"),
        ("198.51.100.010", "must be an IPv4 or IPv6 address"),
        ("198.51.100.1/24", "has host bits set; the prefix itself is 198.51.100.0/24"),
        ("::ffff:198.51.100.10", "write 198.51.100.10"),
        ("0.0.0.0/0", "default route"),
        ("::/0", "default route"),
        ("0.0.0.0", "is unspecified"),
        ("::", "is unspecified"),
        ("127.0.0.1", "is loopback"),
        ("::1", "is loopback"),
        ("169.254.1.1", "is link-local"),
        ("fe80::1", "is link-local"),
        ("224.0.0.1", "is multicast"),
        ("ff02::1", "is multicast"),
        ("255.255.255.255", "is reserved"),
        ("128.0.0.0/1", "which can't lead to a VM"),
    ] {
        let error = text.parse::<Prefix>().unwrap_err().to_string();
        assert!(error.contains(rule), "{text}: {error}");
    }
}

#[test]
fn prefixes_overlap_when_one_lies_in_the_other() {
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    assert!(prefix("198.51.100.0/24").overlaps(prefix("198.51.100.10")));
    assert!(prefix("198.51.100.10").overlaps(prefix("198.51.100.0/24")));
    assert!(!prefix("198.51.100.10").overlaps(prefix("198.51.100.11")));
    assert!(!prefix("198.51.100.10").overlaps(prefix("2001:db8::10")));
}

#[test]
fn communities_are_numbers_in_range() {
    for good in ["0:0", "65535:65535", "65101:10"] {
        assert_eq!(good.parse::<Community>().unwrap().to_string(), good);
    }
    for bad in ["65536:0", "0:65536", "1", "1:2:3", "a:1", "+1:1", "01:1", " 1:1", "1:", ""] {
        assert_eq!(bad.parse::<Community>(), Err(CommunityError::Standard), "{bad}");
    }
    for good in ["0:0:0", "4294967295:4294967295:4294967295"] {
        assert_eq!(good.parse::<LargeCommunity>().unwrap().to_string(), good);
    }
    for bad in ["4294967296:0:0", "1:2", "1:2:3:4", "1::3"] {
        assert_eq!(bad.parse::<LargeCommunity>(), Err(CommunityError::Large), "{bad}");
    }
    for good in ["target:65101:4294967295", "origin:4200000000:65535"] {
        assert_eq!(good.parse::<ExtendedCommunity>().unwrap().to_string(), good);
    }
    for bad in ["target:65536:65536", "other:1:2", "target:1", "0x0002fde900000005"] {
        assert_eq!(bad.parse::<ExtendedCommunity>(), Err(CommunityError::Extended), "{bad}");
    }
}

#[test]
fn a_well_known_name_is_answered_with_its_number() {
    let error = "graceful-shutdown".parse::<Community>().unwrap_err();
    assert_eq!(error, CommunityError::WellKnown("65535:0"));
}

#[test]
fn the_default_ladder_is_the_documented_one() {
    let none = AttributeOverrides::default();
    let rungs = Rung::ALL.map(|rung| {
        let of = default_ladder().attributes(rung, &none, &none);
        let marks: Vec<String> = of.large_communities.iter().map(ToString::to_string).collect();
        (rung.name(), of.as_path_prepend, of.med, of.local_preference, marks.join(" "))
    });
    let row =
        |name, prepends, med, preference, mark: &str| (name, prepends, med, preference, mark.to_owned());
    assert_eq!(
        rungs,
        [
            row("arrived", 0, 50, 140, "65101:82:0"),
            row("active", 3, 100, 130, "65101:82:1"),
            row("unsure", 6, 200, 120, "65101:82:2"),
            row("standby", 9, 250, 110, "65101:82:3"),
            row("leaving", 12, 300, 105, "65101:82:4"),
        ]
    );
}

#[test]
fn a_rungs_attributes_override_a_vms_and_a_vms_the_general_ones_and_communities_are_united() {
    let communities = |text: &str| [text.parse::<Community>().unwrap()].into();
    let general = AttributeOverrides {
        med: Some(1),
        origin: Some(Origin::Incomplete),
        communities: communities("1:1"),
        ..Default::default()
    };
    let vm = AttributeOverrides {
        med: Some(2),
        origin: Some(Origin::Egp),
        communities: communities("2:2"),
        ..Default::default()
    };
    let mut overrides: [AttributeOverrides; 5] = Default::default();
    overrides[1] = AttributeOverrides { med: Some(3), communities: communities("3:3"), ..Default::default() };
    let ladder = Ladder::new(mark(), 3, &overrides).unwrap();
    let active = ladder.attributes(Rung::Active, &vm, &general);
    assert_eq!((active.med, active.origin), (3, Origin::Egp));
    let united: Vec<String> = active.communities.iter().map(ToString::to_string).collect();
    assert_eq!(united, ["1:1", "2:2", "3:3"]);
    let standby = ladder.attributes(Rung::Standby, &vm, &general);
    assert_eq!((standby.med, standby.communities.len()), (250, 2));
}

#[test]
fn a_ladder_that_some_router_could_read_wrongly_is_refused() {
    let with = |rung: Rung, overrides: AttributeOverrides| {
        let mut all: [AttributeOverrides; 5] = Default::default();
        all[rung.number() as usize] = overrides;
        Ladder::new(mark(), 3, &all)
    };
    let flat = with(Rung::Active, AttributeOverrides { local_preference: Some(120), ..Default::default() });
    assert_eq!(
        flat,
        Err(vec![LadderError::LocalPreference {
            better: Rung::Active,
            worse: Rung::Unsure,
            better_value: 120,
            worse_value: 120
        }])
    );
    let short = with(Rung::Standby, AttributeOverrides { as_path_prepend: Some(5), ..Default::default() });
    assert!(matches!(
        short.unwrap_err()[..],
        [LadderError::PathLength { better: Rung::Unsure, worse: Rung::Standby, .. }]
    ));
    let equal = AttributeOverrides { as_path_prepend: Some(6), ..Default::default() };
    assert!(with(Rung::Standby, equal).is_ok(), "MED breaks the tie");
    assert!(Ladder::new(mark(), 0, &Default::default()).is_ok(), "MED alone, for one ToR");
    let mut incomplete: [AttributeOverrides; 5] = Default::default();
    incomplete[1].origin = Some(Origin::Incomplete);
    assert!(Ladder::new(mark(), 3, &incomplete).is_ok(), "the path's length decides before");
    assert!(matches!(
        Ladder::new(mark(), 0, &incomplete).unwrap_err()[..],
        [
            LadderError::Origin { better: Rung::Arrived, worse: Rung::Active },
            LadderError::Origin { better: Rung::Active, worse: Rung::Unsure }
        ]
    ));
}

#[test]
fn only_our_own_large_community_marks_a_route_as_ours() {
    let communities =
        |texts: &[&str]| -> Vec<LargeCommunity> { texts.iter().map(|text| text.parse().unwrap()).collect() };
    for (carried, rung) in [
        (vec![], None),
        (vec!["65101:82:0"], Some(Rung::Arrived)),
        (vec!["65101:1:1", "65101:82:4"], Some(Rung::Leaving)),
        (vec!["65102:82:1"], None),
        (vec!["65101:83:1"], None),
        (vec!["65101:82:5"], None),
    ] {
        assert_eq!(mark().rung_in(&communities(&carried)), rung, "{carried:?}");
    }
}

proptest! {
    /// Whatever is taken as a prefix has one text, which is taken as the same prefix.
    #[test]
    fn a_prefix_survives_its_own_text(text in "[0-9a-f:./]{1,40}") {
        if let Ok(prefix) = text.parse::<Prefix>() {
            prop_assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
            prop_assert!(prefix.to_string().is_ascii());
        }
    }

    /// Each rung beats the one below it inside an AS and between ASes, at every step that may be configured.
    #[test]
    fn a_better_rung_always_wins(step in 0..=Ladder::MAX_PREPEND_STEP) {
        let ladder = Ladder::new(mark(), step, &Default::default()).unwrap();
        let none = AttributeOverrides::default();
        let rungs = Rung::ALL.map(|rung| ladder.attributes(rung, &none, &none));
        for pair in rungs.windows(2) {
            prop_assert!(pair[0].local_preference > pair[1].local_preference);
            let path = |of: &Attributes| (of.as_path_prepend, of.med);
            prop_assert!(path(&pair[0]) < path(&pair[1]));
            prop_assert!(pair[1].as_path_prepend <= Ladder::MAX_PREPEND);
        }
    }
}
