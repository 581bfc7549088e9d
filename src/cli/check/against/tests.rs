//! What is read out of an agent's answers, and the words.

use serde_json::json;

use super::*;

fn side(vm: &str, preference: Option<Rung>) -> Side {
    Side { vm: VmName::new(vm), preference }
}

fn change(
    action: Action,
    before: impl Into<Option<Side>>,
    after: impl Into<Option<Side>>,
    other: Option<&str>,
    attributes: Vec<AttributeChange>,
) -> Change {
    let prefix = "198.51.100.12/32".parse().unwrap();
    let (before, after) = (before.into(), after.into());
    Change { prefix, action, before, after, other: other.map(VmName::new), attributes }
}

fn attribute(preference: Option<Rung>, attribute: &str, before: Value, after: Value) -> AttributeChange {
    AttributeChange { preference, attribute: attribute.to_owned(), before, after }
}

#[test]
fn each_change_has_a_line_and_names_move_no_cursor() {
    let active = |vm| side(vm, Some(Rung::Active));
    let texts = vec![
        attribute(None, "communities", json!(["65101:10"]), json!(["65101:20", "65101:30"])),
        attribute(None, "large_communities", json!([]), json!(["1:2:3"])),
        attribute(None, "extended_communities", json!(["target:1:2"]), json!([])),
        attribute(Some(Rung::Leaving), "med", json!(300), json!(310)),
        attribute(None, "next_hop", json!("self"), json!("192.0.2.1")),
    ];
    let changes = vec![
        change(Action::Announce, None, active("web-3"), None, vec![]),
        change(Action::Announce, None, active("web-3"), Some("web-2"), vec![]),
        change(Action::Withdraw, active("a\x1b[2Jb"), None, Some("c\u{202e}d"), vec![]),
        change(Action::Move, active("web-1"), side("web-2", Some(Rung::Standby)), None, vec![]),
        change(Action::Change, side("web-1", None), side("web-1", None), None, texts),
        change(Action::Change, side("web-1", Some(Rung::Standby)), active("web-1"), None, vec![]),
    ];
    let rules = vec![Rule { presence: Presence::Frozen, before: Some(Rung::Standby), after: None }];
    let outlook = Outlook {
        what: "unix:/run/\x07",
        here: true,
        wait_for_restart: vec!["bgp.local_as", "http.listen"],
        difference: Difference { changes, rules, unmoved: 2, elsewhere: 3 },
    };
    let expected = [
        "announce 198.51.100.12/32 (web-3, active)",
        "announce 198.51.100.12/32 (web-3, active): it led to web-2, which has no route here",
        "withdraw 198.51.100.12/32 (a\\u{1b}[2Jb, active): it leads to c\\u{202e}d, which has no route here",
        "move 198.51.100.12/32 (web-1, active) → (web-2, standby)",
        "change 198.51.100.12/32 (web-1): communities 65101:10 → 65101:20 65101:30; large_communities + 1:2:3; \
         extended_communities − target:1:2; med on leaving 300 → 310; next_hop self → 192.0.2.1",
        "change 198.51.100.12/32 (web-1, standby) → (web-1, active)",
        "every VM that is frozen: standby → no route",
        "2 VMs are configured otherwise, and their routes stay as they are",
        "3 VMs that it is about are not here or held: nothing of theirs changes",
        "waits for a restart: bgp.local_as, http.listen",
        "2 announced, 1 withdrawn, 1 moved, 2 changed on the host of unix:/run/\\u{7}",
    ];
    assert_eq!(outlook.lines(), expected);
}

#[test]
fn nothing_is_said_to_change_where_nothing_does() {
    let difference = Difference { elsewhere: 1, ..Difference::default() };
    let outlook = Outlook { what: "http://[::1]:9179", here: true, wait_for_restart: vec![], difference };
    let expected = [
        "1 VMs that it is about are not here or held: nothing of theirs changes",
        "no route changes on the host of http://[::1]:9179",
    ];
    assert_eq!(outlook.lines(), expected);
    let outlook = Outlook {
        what: "old.yaml",
        here: false,
        wait_for_restart: vec![],
        difference: Difference::default(),
    };
    assert_eq!(outlook.lines(), ["no route changes on a host that has the VMs, in place of old.yaml"]);
}

#[test]
fn the_domains_come_out_of_the_agents_answers() {
    let uuid = "6f0b2c9e-3f5d-4c0a-9b1e-2d7c5a1f0e44";
    let vms = json!({"generation": 7, "vms": [
        {"name": "web-1", "domain": "web", "uuid": uuid, "presence": "present", "preference": "active"},
        {"name": "web-2", "domain": "web-2", "uuid": uuid, "presence": "frozen", "preference": null},
        {"name": "far", "domain": null, "uuid": uuid, "presence": "absent", "preference": null},
    ]});
    let with =
        |trust: &str| residents(&json!({"libvirt": {"trust": trust}}).to_string(), &vms.to_string()).unwrap();
    for (trust, told_since, silent) in [
        ("full", Rung::Arrived, Rung::Arrived),
        ("blind", Rung::Active, Rung::Active),
        ("lapsed", Rung::Active, Rung::Unsure),
    ] {
        let resident = |name, presence, best| Resident {
            uuid: uuid.parse().unwrap(),
            name: VmName::new(name),
            presence,
            best,
        };
        let expected =
            vec![resident("web", Presence::Present, told_since), resident("web-2", Presence::Frozen, silent)];
        assert_eq!(with(trust), Some(expected), "{trust}");
    }
    assert_eq!(with("unlisted"), None);
    for wrong in [json!({}), json!({"libvirt": {"trust": "blind faith"}})] {
        assert!(residents(&wrong.to_string(), &vms.to_string()).is_err());
    }
}
