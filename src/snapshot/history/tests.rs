use proptest::prelude::*;

use super::*;
use crate::snapshot::event::Life;
use crate::snapshot::sample::time;

fn history(count: usize) -> History {
    let mut history = History::default();
    add(&mut history, count);
    history
}

fn add(history: &mut History, count: usize) {
    for _ in 0..count {
        history.push(time("2026-03-01T10:00:00Z"), None, None, What::Agent { what: Life::Started });
    }
}

fn seqs(history: &History, after: u64) -> Vec<u64> {
    history.after(after).map(|event| event.seq).collect()
}

#[test]
fn nothing_has_happened_yet() {
    let empty = History::default();
    assert_eq!((empty.first_seq(), empty.last_seq(), seqs(&empty, 0)), (1, 0, Vec::new()));
}

#[test]
fn the_last_ten_thousand_stay_and_older_ones_go() {
    let full = history(History::KEPT);
    assert_eq!((full.first_seq(), full.last_seq()), (1, 10_000));
    let mut more = full.clone();
    add(&mut more, 100_000);
    assert_eq!(more.last_seq(), 110_000);
    let kept = seqs(&more, 0);
    assert!((10_000..10_000 + PIECE).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept, (more.first_seq()..=110_000).collect::<Vec<_>>());
    assert_eq!(seqs(&full, 9_998), [9_999, 10_000], "what was shared before has not changed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_comes_behind_a_number_is_what_is_kept_of_it_without_a_gap(
        count in 0..25_000_usize,
        after in prop_oneof![0..26_000_u64, Just(u64::MAX)],
    ) {
        let history = history(count);
        let expected: Vec<u64> =
            (history.first_seq()..=history.last_seq()).filter(|seq| *seq > after).collect();
        prop_assert_eq!(seqs(&history, after), expected);
        prop_assert_eq!(history.last_seq(), count as u64);
    }
}
