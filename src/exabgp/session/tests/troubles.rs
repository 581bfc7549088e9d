//! An ExaBGP of the wrong version, a silent one, one that is gone, and garbage.

use std::time::Duration;

use super::model::Bench;
use super::{announce, doubts, settings};
use crate::exabgp::{Notice, Order, Report};

#[test]
fn an_exabgp_that_can_not_be_spoken_to_is_named_with_the_cure() {
    let cases = [
        ("3.4.27", "too old"),
        ("4.1.5", "too old"),
        ("7.0.0", "unknown"),
        ("main", "did not tell its version"),
    ];
    for (version, words) in cases {
        let mut bench = Bench::of_version(settings(), version);
        bench.answer_all();
        let reasons = doubts(&mut bench);
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{version}: {reasons:?}");
    }
    let mut bench = Bench::new(settings());
    bench.say(r#"{ "answer": "error", "message": "unknown command" }"#);
    let reasons = doubts(&mut bench);
    assert!(reasons[0].contains("exabgp_api_version=4"), "{reasons:?}");
    bench.order(Order::Do(vec![announce(1)]));
    assert_eq!(doubts(&mut bench), reasons);
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn switched_off_acknowledgements_are_named() {
    let mut bench = Bench::new(settings());
    bench.say("exabgp 4.2.21");
    bench.say("Peer            AS        up/down state       |     #sent     #recvd");
    bench.pass(Duration::from_secs(10));
    assert_eq!(
        doubts(&mut bench),
        ["ExaBGP shows its neighbors but acknowledges nothing; exabgp.api.ack must be true"]
    );
}

#[test]
fn a_silent_exabgp_is_asked_less_and_less_often() {
    let mut bench = Bench::new(settings());
    for _ in 0..3_600 {
        bench.pass(Duration::from_secs(1));
    }
    let fences = bench.written.iter().filter(|line| *line == "show neighbor summary").count();
    assert!((5..=20).contains(&fences), "{fences}");
    assert_eq!(doubts(&mut bench).len(), 1, "one trouble is told once");
}

#[test]
fn nothing_follows_the_end_of_exabgp() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1)]));
    bench.session.gone("end of file".to_owned());
    bench.say("done");
    bench.order(Order::Do(vec![announce(2)]));
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.reports, [Report::Gone { reason: "end of file".to_owned() }]);
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn garbage_is_told_when_it_begins_and_when_the_table_was_read_after_it() {
    let mut bench = Bench::ready(settings());
    bench.say("%$!");
    bench.say("%$!");
    assert_eq!(bench.notices, [Notice::GarbageBegan]);
    bench.say("done");
    bench.answer_all();
    assert_eq!(bench.notices, [Notice::GarbageBegan, Notice::GarbageEnded(2)]);
}

#[test]
fn doubts_of_long_ago_do_not_make_the_session_hesitate() {
    let mut bench = Bench::ready(settings());
    for _ in 0..10 {
        bench.say("done");
        bench.answer_all();
        assert!(bench.usable, "the table is read again at once");
        bench.pass(Duration::from_secs(60));
    }
}

#[test]
fn an_exabgp_that_was_silent_for_long_is_in_step_as_soon_as_it_goes_on() {
    for silence in [10, 100, 1_000, 10_000] {
        let mut bench = Bench::ready(settings());
        bench.order(Order::Do(vec![announce(1)]));
        bench.pass(Duration::from_secs(silence));
        assert_eq!(doubts(&mut bench).len(), 1, "{silence}");
        bench.answer_all();
        assert!(matches!(bench.reports[..], [Report::Ready { .. }]), "{silence}: {:?}", bench.reports);
    }
}

#[test]
fn an_answer_that_never_comes_is_waited_for_once() {
    let mut bench = Bench::ready(settings());
    bench.order(Order::Do(vec![announce(1)]));
    bench.pass(Duration::from_secs(100));
    // Of several fences ExaBGP answers the last only, as it might where something garbled its lines.
    bench.queue.drain(..bench.queue.len() - 1);
    bench.answer_all();
    bench.reports.clear();
    bench.pass(Duration::from_secs(10));
    bench.answer_all();
    assert!(matches!(bench.reports[..], [Report::Ready { .. }]), "{:?}", bench.reports);
}
