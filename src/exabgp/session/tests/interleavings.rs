//! Properties over random interleavings of orders, answers, lost answers, events and garbage.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::model::{self, Bench, Say};
use super::{announce, prefix, settings, settled};
use crate::exabgp::{Order, Report, Session};
use crate::route::Prefix;

/// Something that happens.
#[derive(Debug, Clone)]
enum Happens {
    Order(Vec<u8>),
    Answer(Say),
    Event,
    Garbage,
    Stray,
    Pass(u64),
}

fn happens(lossy: bool) -> impl Strategy<Value = Happens> {
    let answer = if lossy {
        prop_oneof![4 => Just(Say::Done), 1 => Just(Say::Error), 1 => Just(Say::Nothing)].boxed()
    } else {
        prop_oneof![4 => Just(Say::Done), 1 => Just(Say::Error)].boxed()
    };
    let stray = if lossy { Happens::Stray } else { Happens::Event };
    prop_oneof![
        4 => proptest::collection::vec(1_u8..60, 1..40).prop_map(Happens::Order),
        12 => answer.prop_map(Happens::Answer),
        2 => Just(Happens::Event),
        1 => Just(Happens::Garbage),
        1 => Just(stray),
        1 => (0..9_000_u64).prop_map(Happens::Pass),
    ]
}

/// Runs `events` against the model and checks all along. Gives what was settled, each with what ExaBGP said.
fn play(events: Vec<Happens>) -> Result<(), TestCaseError> {
    let mut bench = Bench::ready(settings());
    let mut open = BTreeSet::new();
    let mut events = events.into_iter();
    let mut rest = 0;
    loop {
        match events.next() {
            Some(Happens::Order(hosts)) if bench.usable => {
                let new: BTreeSet<u8> =
                    hosts.into_iter().filter(|&host| !open.contains(&prefix(host))).collect();
                open.extend(new.iter().map(|&host| prefix(host)));
                bench.order(Order::Do(new.into_iter().map(announce).collect()));
            }
            Some(Happens::Order(_)) => {}
            Some(Happens::Answer(say)) => bench.answer(say),
            Some(Happens::Event) => bench.say(&model::state("10.0.0.1", 65_000, "down")),
            Some(Happens::Garbage) => bench.say("10.0.0.1 what"),
            Some(Happens::Stray) => bench.say("done"),
            Some(Happens::Pass(ms)) => bench.pass(Duration::from_millis(ms)),
            None if rest == 50 => break,
            None => {
                rest += 1;
                bench.answer_all();
                bench.pass(Duration::from_secs(10));
            }
        }
        for report in std::mem::take(&mut bench.reports) {
            match report {
                Report::Settled { prefix, .. } => {
                    prop_assert!(open.remove(&prefix), "settled without an order: {prefix}");
                }
                Report::InDoubt { .. } => open.clear(),
                Report::Ready { .. } | Report::Unwatched { .. } | Report::Neighbor(_) | Report::Wire(_) => {}
                Report::Lost { reason, .. } | Report::Gone { reason } => {
                    return Err(TestCaseError::fail(reason));
                }
            }
        }
        prop_assert!(bench.session.steps.outstanding() <= Session::MAX_OUTSTANDING);
        prop_assert_eq!(&bench.fault, &None);
    }
    prop_assert!(open.is_empty(), "neither settled nor in doubt: {open:?}");
    prop_assert!(bench.usable, "not ready in the end");
    Ok(())
}

proptest! {
    #[test]
    fn every_order_is_settled_or_in_doubt_whatever_exabgp_does(
        events in proptest::collection::vec(happens(true), 0..120),
    ) {
        play(events)?;
    }

    #[test]
    fn without_a_lost_answer_each_step_gets_its_own_and_nothing_is_in_doubt(
        hosts in proptest::collection::btree_set(1_u8..200, 1..100),
        events in proptest::collection::vec(happens(false), 0..200),
    ) {
        let mut bench = Bench::ready(settings());
        bench.order(Order::Do(hosts.iter().map(|&host| announce(host)).collect()));
        for event in events {
            match event {
                Happens::Answer(say) => bench.answer(say),
                Happens::Garbage => bench.say("%$!"),
                Happens::Event | Happens::Stray => bench.say(&model::state("10.0.0.1", 65_000, "connected")),
                Happens::Order(_) | Happens::Pass(_) => {}
            }
        }
        bench.answer_all();
        let said = std::mem::take(&mut bench.said);
        prop_assert_eq!(doubts_and_settled(&mut bench), (0, said));
    }
}

fn doubts_and_settled(bench: &mut Bench) -> (usize, Vec<(Prefix, bool)>) {
    let doubts = bench.reports.iter().filter(|report| matches!(report, Report::InDoubt { .. })).count();
    (doubts, settled(bench))
}
