mod interleavings;
mod model;
mod troubles;
mod updates;

use std::time::Duration;

use super::*;
use crate::config::Transport;
use crate::exabgp::{NeighborState, Outcome, sample};
use crate::plan::Step;
use crate::route::{Attributes, Prefix, Rung};

use model::{Bench, Say};

fn settings() -> Settings {
    let epoch = Some("42-4711-boot".to_owned());
    Settings { epoch, ..sample::settings(Transport::Child, Duration::from_secs(10)) }
}

fn prefix(host: u8) -> Prefix {
    format!("198.51.100.{host}").parse().unwrap()
}

fn announce(host: u8) -> Step {
    let attributes = Attributes { as_path_prepend: 1, ..Attributes::default() };
    Step::Announce(sample::route(prefix(host), attributes))
}

fn withdraw(host: u8) -> Step {
    Step::Withdraw { prefix: prefix(host), last: None }
}

/// What was settled since the last call, by the last octet.
fn settled(bench: &mut Bench) -> Vec<(Prefix, bool)> {
    let reports = std::mem::take(&mut bench.reports);
    reports
        .into_iter()
        .filter_map(|report| match report {
            Report::Settled { prefix, outcome, .. } => Some((prefix, outcome == Outcome::Acknowledged)),
            Report::Ready { .. }
            | Report::InDoubt { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Lost { .. }
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .collect()
}

/// The reasons of the doubts since the last call.
fn doubts(bench: &mut Bench) -> Vec<String> {
    let reports = std::mem::take(&mut bench.reports);
    reports
        .into_iter()
        .filter_map(|report| match report {
            Report::InDoubt { reason } => Some(reason),
            Report::Ready { .. }
            | Report::Settled { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Lost { .. }
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .collect()
}

#[test]
fn a_session_asks_in_order_and_is_ready_with_the_table() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.written, ["# roamd", "version", "show neighbor summary"]);
    bench.table.push("neighbor 10.0.0.1 local-ip 10.0.0.9 ipv4 unicast 198.51.100.7/32 next-hop self large-community 65001:82:3".to_owned());
    bench.answer_all();
    assert_eq!(bench.written[3..], ["show neighbor configuration", "show adj-rib out extensive"]);
    let Some(Report::Ready { version, epoch, table, .. }) = bench.reports.last() else {
        panic!("{:?}", bench.reports)
    };
    assert_eq!(version.as_deref(), Some("4.2.21"));
    assert_eq!(epoch.as_deref(), Some("42-4711-boot"));
    assert_eq!(
        table.iter().map(|found| (found.prefix, found.rung)).collect::<Vec<_>>(),
        [(prefix(7), Rung::Standby)]
    );
    let Some(Report::Neighbor(neighbor)) = bench.reports.first() else { panic!("{:?}", bench.reports) };
    assert_eq!((neighbor.asn, neighbor.local_asn, neighbor.state), (65_000, 65_001, NeighborState::Up));
}

#[test]
fn steps_are_acknowledged_by_position_and_refused_by_name() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1), withdraw(2), announce(3)]));
    bench.answer(Say::Done);
    bench.answer(Say::Error);
    bench.answer(Say::Done);
    let outcomes: Vec<(Prefix, Outcome)> = bench
        .reports
        .drain(..)
        .filter_map(|report| match report {
            Report::Settled { prefix, outcome, .. } => Some((prefix, outcome)),
            Report::Ready { .. }
            | Report::InDoubt { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Lost { .. }
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            (prefix(1), Outcome::Acknowledged),
            (
                prefix(2),
                Outcome::Refused(
                    "ExaBGP refused `withdraw route 198.51.100.2/32`; its log says why".to_owned()
                )
            ),
            (prefix(3), Outcome::Acknowledged),
        ]
    );
}

#[test]
fn what_no_session_carries_is_refused_and_its_withdraw_is_done() {
    let mut bench = Bench::ready(settings());
    let v6: Prefix = "2001:db8:5::10".parse().unwrap();
    bench.order(Order::Do(vec![Step::Announce(sample::route(v6, Attributes::default()))]));
    assert_eq!(settled(&mut bench), [(v6, false)]);
    bench.order(Order::Do(vec![Step::Withdraw { prefix: v6, last: None }]));
    assert_eq!(settled(&mut bench), [(v6, true)]);
    assert_eq!(bench.queue, Vec::<String>::new());
}

#[test]
fn no_more_lines_are_outstanding_than_an_urgent_step_may_wait_for() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do((1..=60).map(announce).collect()));
    assert_eq!(bench.queue.len(), 25);
    bench.answer(Say::Done);
    assert_eq!(bench.queue.len(), 25);
    bench.answer_all();
    assert_eq!(settled(&mut bench).len(), 60);
}

#[test]
fn steps_that_are_ordered_together_are_one_write() {
    let mut bench = Bench::ready(settings());
    bench.writes = 0;
    bench.order(Order::Do((1..=20).map(announce).collect()));
    assert_eq!(bench.writes, 1);
}

#[test]
fn a_later_step_for_a_prefix_waits_for_the_earlier_one() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1), withdraw(1), announce(2)]));
    assert_eq!(bench.queue.len(), 2, "{:?}", bench.queue);
    bench.answer(Say::Done);
    assert!(bench.queue.iter().any(|line| line == "withdraw route 198.51.100.1/32"), "{:?}", bench.queue);
    bench.answer_all();
    assert_eq!(settled(&mut bench), [(prefix(1), true), (prefix(2), true), (prefix(1), true)]);
}

#[test]
fn a_step_is_settled_when_the_neighbors_of_both_kinds_have_it() {
    let mut bench = Bench::new(settings());
    bench.neighbors.push(("10.0.0.2".to_owned(), 65_001));
    bench.answer_all();
    bench.reports.clear();
    bench.order(Order::Do(vec![announce(1)]));
    assert_eq!(
        bench.queue,
        [
            "neighbor 10.0.0.2 announce route 198.51.100.1/32 next-hop self origin igp med 0 local-preference 0",
            "neighbor 10.0.0.1 announce route 198.51.100.1/32 next-hop self origin igp as-path [ 65001 65001 ] \
             med 0 local-preference 0",
        ]
    );
    bench.answer(Say::Error);
    assert_eq!(settled(&mut bench), []);
    bench.answer(Say::Done);
    assert_eq!(settled(&mut bench), [(prefix(1), false)]);
}

#[test]
fn written_at_is_when_the_last_line_was_written() {
    let mut session = Bench::ready(settings()).session;
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    session.order(Order::Do(vec![announce(1), announce(2)]), at(0));
    let through = session.effects().through;
    session.written(through, at(5));
    session.reply(Reply::Done, at(9));
    session.reply(Reply::Done, at(11));
    let times: Vec<_> = session
        .effects()
        .reports
        .into_iter()
        .map(|report| match report {
            Report::Settled { written_at, at, .. } => (written_at, at),
            Report::Ready { .. }
            | Report::InDoubt { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Lost { .. }
            | Report::Unwatched { .. }
            | Report::Gone { .. } => {
                panic!("{report:?}")
            }
        })
        .collect();
    assert_eq!(times, [(at(5), at(9)), (at(5), at(11))]);
}

#[test]
fn a_missing_acknowledgement_puts_all_in_doubt_and_ends_in_a_new_table() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1), announce(2)]));
    bench.answer(Say::Done);
    bench.answer(Say::Nothing);
    assert_eq!(settled(&mut bench), [(prefix(1), true)]);
    bench.pass(Duration::from_millis(9_999));
    assert_eq!(bench.reports, []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(doubts(&mut bench), ["ExaBGP owes an answer for 10 s"]);
    assert_eq!(bench.queue, ["show neighbor summary"]);
    bench.answer_all();
    assert!(matches!(bench.reports[..], [Report::Ready { .. }]), "{:?}", bench.reports);
    bench.order(Order::Do(vec![announce(2)]));
    bench.answer_all();
    assert_eq!(settled(&mut bench), [(prefix(2), true)]);
}

#[test]
fn an_answer_that_comes_late_settles_nothing() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1)]));
    bench.pass(Duration::from_secs(10));
    bench.reports.clear();
    bench.answer_all();
    assert!(matches!(bench.reports[..], [Report::Ready { .. }]), "{:?}", bench.reports);
}

#[test]
fn one_answer_too_many_puts_all_in_doubt() {
    for line in [
        "done",
        "error",
        "exabgp 4.2.21",
        "shutdown in progress",
        "}",
        "10.0.0.1 ipv4 unicast 0.0.0.0/0 next-hop self",
    ] {
        let mut bench = Bench::ready(settings());
        bench.say(line);
        assert_eq!(doubts(&mut bench).len(), 1, "{line}");
        assert_eq!(bench.queue, ["show neighbor summary"], "{line}");
    }
}

#[test]
fn orders_that_cross_a_doubt_are_covered_by_it() {
    let mut bench = Bench::ready(settings());
    bench.say("done");
    bench.order(Order::Do(vec![announce(1)]));
    bench.answer_all();
    assert_eq!(settled(&mut bench), []);
    assert!(bench.written.iter().all(|line| !line.starts_with("announce")));
}

#[test]
fn an_order_before_the_table_is_read_is_put_in_doubt() {
    let mut bench = Bench::new(settings());
    bench.order(Order::Do(vec![announce(1)]));
    assert_eq!(doubts(&mut bench), ["ExaBGP's table is not read yet"]);
}

#[test]
fn a_predecessors_answers_are_dropped() {
    let mut bench = Bench::new(settings());
    for stale in [
        "error",
        "done",
        "10.0.0.1 ipv4 unicast 198.51.100.9/32 next-hop self large-community 65001:82:1",
        "neighbor 10.0.0.7 {",
        "}",
        "done",
    ] {
        bench.say(stale);
    }
    bench.answer_all();
    let Some(Report::Ready { table, .. }) = bench.reports.last() else { panic!("{:?}", bench.reports) };
    assert_eq!(table[..], []);
    assert!(!bench.reports.iter().any(|report| matches!(report, Report::InDoubt { .. })));
}

#[test]
fn a_predecessors_own_fences_are_found_out_before_any_step() {
    for predecessors in 1..=20 {
        let mut bench = Bench::new(settings());
        for _ in 0..predecessors {
            bench.queue.insert(0, "show neighbor summary".to_owned());
        }
        bench.answer_all();
        assert!(!bench.usable, "{predecessors}: {:?}", bench.reports);
        bench.pass(Duration::from_millis(200));
        bench.answer_all();
        assert!(bench.usable, "{predecessors}: {:?}", bench.reports);
        bench.reports.clear();
        bench.order(Order::Do(vec![announce(1), withdraw(2)]));
        bench.answer(Say::Error);
        bench.answer(Say::Done);
        assert_eq!(settled(&mut bench), [(prefix(1), false), (prefix(2), true)]);
    }
}

#[test]
fn a_neighbor_of_another_kind_is_reported_and_redone() {
    let mut bench = Bench::ready(settings());
    bench.say(&model::state("10.0.0.1", 65_001, "up"));
    assert_eq!(doubts(&mut bench), ["neighbor 10.0.0.1 is new, or of the other kind now"]);
    bench.neighbors = vec![("10.0.0.1".to_owned(), 65_001)];
    bench.answer_all();
    assert!(bench.reports.iter().any(|report| matches!(report, Report::Neighbor(one) if one.asn == 65_001)));
    bench.order(Order::Do(vec![announce(1)]));
    assert!(!bench.queue[0].contains("as-path"), "{:?}", bench.queue);
}

#[test]
fn a_state_is_reported_and_disturbs_nothing() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1)]));
    bench.say(&model::state("10.0.0.1", 65_000, "down"));
    bench.say(r#"{ "exabgp": "4.0.1", "type": "update", "neighbor": {} }"#);
    let [Report::Neighbor(neighbor)] = &bench.reports[..] else { panic!("{:?}", bench.reports) };
    assert_eq!(neighbor.state, NeighborState::Down);
    bench.answer(Say::Done);
    assert_eq!(settled(&mut bench), [(prefix(1), true)]);
}
