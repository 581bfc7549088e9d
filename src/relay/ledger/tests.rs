//! What is written is read again, in the same life of ExaBGP only, and as far as it got.

use proptest::prelude::*;

use super::*;

const EPOCH: &str = "41-1000-boot";

fn prefix(number: u8) -> Prefix {
    format!("198.51.100.{number}").parse().unwrap()
}

fn keep(number: u8, will: &[&str]) -> Change {
    let will = will.iter().map(|&line| line.to_owned()).collect();
    Change::Keep(Keep { prefix: prefix(number), rung: Some(1), demotion: Vec::new(), will })
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ -~]{0,20}", 0..3)
}

fn change() -> impl Strategy<Value = Change> {
    let number = 0_u8..6;
    prop_oneof![
        (1_u64..100_000).prop_map(Change::LeaseMs),
        (1_u64..100_000).prop_map(Change::LibvirtLeaseMs),
        (1_u64..100_000).prop_map(Change::VouchedMs),
        (number.clone(), lines(), lines(), proptest::option::of(0_u32..5)).prop_map(
            |(number, demotion, will, rung)| {
                Change::Keep(Keep { prefix: prefix(number), rung, demotion, will })
            }
        ),
        number.clone().prop_map(|number| Change::Demoted(prefix(number))),
        number.clone().prop_map(|number| Change::Willed(prefix(number))),
        number.prop_map(|number| Change::Forget(prefix(number))),
    ]
}

fn journal(changes: &[Change]) -> Vec<u8> {
    let mut text = Ledger::default().text(EPOCH);
    for change in changes {
        link::encode(change, &mut text);
    }
    text
}

fn after(changes: &[Change]) -> Ledger {
    let mut ledger = Ledger::default();
    for change in changes {
        ledger.apply(change);
    }
    ledger
}

proptest! {
    #[test]
    fn a_journal_and_its_shortest_form_are_read_alike(changes in proptest::collection::vec(change(), 0..40)) {
        let ledger = after(&changes);
        prop_assert_eq!(&Ledger::read(&journal(&changes), EPOCH), &ledger);
        prop_assert_eq!(&Ledger::read(&ledger.text(EPOCH), EPOCH), &ledger);
    }

    #[test]
    fn a_journal_cut_short_anywhere_is_read_up_to_its_last_whole_line(
        changes in proptest::collection::vec(change(), 0..12),
        cut in any::<proptest::sample::Index>(),
    ) {
        let text = journal(&changes);
        let cut = cut.index(text.len() + 1);
        let whole = text[..cut].split(|&byte| byte == b'\n').count() - 1;
        let expected = if whole == 0 { Ledger::default() } else { after(&changes[..whole - 1]) };
        prop_assert_eq!(Ledger::read(&text[..cut], EPOCH), expected);
    }

    #[test]
    fn what_is_counted_as_due_is_due(changes in proptest::collection::vec(change(), 0..40)) {
        let ledger = after(&changes);
        for stage in Stage::ALL {
            prop_assert_eq!(ledger.due(stage), ledger.lines(stage).count());
        }
    }

    #[test]
    fn bytes_of_any_kind_are_an_empty_ledger(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Ledger::read(&bytes, EPOCH).is_empty());
    }
}

#[test]
fn a_change_that_only_a_later_release_knows_is_passed_over() {
    let mut text = journal(&[keep(1, &["announce"])]);
    text.extend(b"{\"of_a_later_release\":{\"what\":[1]}}\n");
    link::encode(&keep(2, &["announce"]), &mut text);
    assert_eq!(Ledger::read(&text, EPOCH), after(&[keep(1, &["announce"]), keep(2, &["announce"])]));
    // What is no change at all ends it.
    text.extend(b"{\"keep\":\n");
    link::encode(&keep(3, &["announce"]), &mut text);
    assert_eq!(Ledger::read(&text, EPOCH).len(), 2);
}

#[test]
fn what_an_older_release_does_not_know_comes_after_all_that_it_does() {
    let changes =
        [Change::VouchedMs(1), Change::LibvirtLeaseMs(2), Change::LeaseMs(3), keep(1, &["announce"])];
    let text = String::from_utf8(after(&changes).text(EPOCH)).unwrap();
    let older = |line: &&str| !line.contains("vouched_ms") && !line.contains("libvirt_lease_ms");
    assert_eq!(text.lines().take_while(older).count(), 3, "{text}");
}

#[test]
fn another_life_of_exabgp_has_everything_to_carry_out_again() {
    let changes = [Change::LeaseMs(1), Change::VouchedMs(2), keep(1, &["announce"])];
    let willed = [&changes[..], &[Change::Willed(prefix(1))]].concat();
    assert_eq!(Ledger::read(&journal(&willed), EPOCH).due(Stage::LeaseEnded), 0);
    assert_eq!(Ledger::read(&journal(&willed), "42-2000-boot"), after(&changes));
}

#[test]
fn another_boot_of_the_machine_begins_empty() {
    let text = journal(&[keep(1, &["announce"])]);
    for other in ["41-1000-another", "41-1000", ""] {
        assert_eq!(Ledger::read(&text, other), Ledger::default());
    }
}

#[test]
fn a_will_is_due_once_until_it_is_kept_anew() {
    let mut ledger = after(&[keep(1, &["announce one"]), keep(2, &[])]);
    let due = |ledger: &Ledger| ledger.due(Stage::LeaseEnded);
    let prefixes: Vec<Prefix> = ledger.lines(Stage::LeaseEnded).map(|(prefix, _)| prefix).collect();
    assert_eq!(prefixes, [prefix(1)]);
    ledger.apply(&Change::Willed(prefix(1)));
    assert_eq!(due(&ledger), 0);
    ledger.apply(&keep(1, &["announce one"]));
    assert_eq!(due(&ledger), 1);
    ledger.apply(&Change::Forget(prefix(1)));
    assert_eq!((due(&ledger), ledger.len()), (0, 1));
}

#[test]
fn a_demotion_comes_before_the_will_and_not_after_it() {
    let keep = Change::Keep(Keep {
        prefix: prefix(1),
        rung: Some(0),
        demotion: vec!["announce active".to_owned()],
        will: vec!["announce unsure".to_owned()],
    });
    let due = |ledger: &Ledger| (ledger.due(Stage::Left), ledger.due(Stage::LeaseEnded));
    let mut ledger = after(std::slice::from_ref(&keep));
    assert_eq!(due(&ledger), (1, 1));
    ledger.apply(&Change::Demoted(prefix(1)));
    assert_eq!(due(&ledger), (0, 1));
    ledger.apply(&Change::Willed(prefix(1)));
    assert_eq!(due(&ledger), (0, 0));
    assert_eq!(due(&after(&[keep, Change::Willed(prefix(1))])), (0, 0));
}

#[test]
fn a_will_that_could_be_more_than_one_line_is_none() {
    let ledger = after(&[keep(1, &["announce one\nshutdown", "announce \u{e9}", "announce two"])]);
    let wills: Vec<&[String]> = ledger.lines(Stage::LeaseEnded).map(|(_, will)| will).collect();
    assert_eq!(wills, [["announce two".to_owned()]]);
}
