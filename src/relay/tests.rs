//! The relay on a virtual clock, between an agent and an ExaBGP that are played here.

mod anything;
mod demotion;
mod end_of_rib;
mod silence;

use std::time::Duration;

use super::*;
use crate::link::{Held, Hello, Keep, PROTOCOL, ToRelay, Welcome};
use crate::route::Prefix;

const LEASE: Duration = Duration::from_secs(60);
const ALMOST: Duration = Duration::from_millis(59_999);

fn prefix(number: u32) -> Prefix {
    format!("10.0.{}.{}", number / 256, number % 256).parse().unwrap()
}

fn will(number: u32) -> String {
    format!("announce route {} next-hop self med 200", prefix(number))
}

fn demotion(number: u32) -> String {
    format!("announce route {} next-hop self med 100", prefix(number))
}

fn identity() -> Identity {
    Identity { pid: 7, epoch: Some("41-1000-boot".to_owned()) }
}

/// A relay whose clock is set by hand.
struct Bench {
    relay: Relay,
    now: Instant,
    journal: Vec<u8>,
    notices: Vec<Notice>,
    unlinked: bool,
}

impl Bench {
    fn new() -> Self {
        Self::after(Ledger::default())
    }

    fn after(ledger: Ledger) -> Self {
        let now = Instant::now();
        let relay = Relay::new(identity(), ledger, now);
        Self { relay, now, journal: Vec::new(), notices: Vec::new(), unlinked: false }
    }

    /// With an agent that has greeted, and everything read on either side.
    fn linked() -> Self {
        let mut bench = Self::new();
        bench.greet();
        bench.at_exabgp();
        bench.at_agent();
        bench
    }

    fn effects(&mut self) {
        let Effects { journal, unlink, notices } = self.relay.effects();
        self.journal.extend(journal);
        self.notices.extend(notices);
        self.unlinked |= unlink;
    }

    fn send(&mut self, message: &ToRelay) {
        let mut bytes = Vec::new();
        link::encode(message, &mut bytes);
        self.relay.received(&bytes, self.now);
        self.effects();
    }

    fn greet(&mut self) {
        self.greet_with(None);
    }

    fn greet_with(&mut self, silence: Option<Duration>) {
        self.relay.linked();
        let (lease_ms, silence_ms) = (link::millis(LEASE), silence.map(link::millis));
        self.send(&ToRelay::Welcome(Welcome { protocol: PROTOCOL, lease_ms, silence_ms }));
    }

    /// A route on `arrived`.
    fn arrived(&mut self, number: u32) {
        let (demotion, will) = (vec![demotion(number)], vec![will(number)]);
        self.send(&ToRelay::Keep(Keep { prefix: prefix(number), rung: Some(0), demotion, will }));
    }

    fn beat(&mut self) {
        self.beat_with(false, None);
    }

    fn beat_with(&mut self, unwatched: bool, libvirt_lease: Option<Duration>) {
        let libvirt_lease_ms = libvirt_lease.map(link::millis);
        self.send(&ToRelay::Heartbeat { lease_ms: link::millis(LEASE), unwatched, libvirt_lease_ms });
    }

    fn keep(&mut self, number: u32, will: &[String]) {
        let keep = Keep { prefix: prefix(number), rung: Some(1), demotion: Vec::new(), will: will.to_vec() };
        self.send(&ToRelay::Keep(keep));
    }

    fn dies(&mut self) {
        self.relay.unlinked("it died", self.now);
    }

    fn says(&mut self, text: &str) {
        self.relay.heard(text.as_bytes(), self.now);
        self.effects();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.relay.tick(self.now);
        self.effects();
    }

    /// What ExaBGP reads, line by line.
    fn at_exabgp(&mut self) -> Vec<String> {
        let text = String::from_utf8(self.relay.to_exabgp().to_vec()).unwrap();
        self.relay.wrote_to_exabgp(text.len());
        text.lines().map(str::to_owned).collect()
    }

    /// What the agent reads.
    fn at_agent(&mut self) -> Vec<ToAgent> {
        let bytes = self.relay.to_agent().to_vec();
        self.relay.wrote_to_agent(bytes.len());
        bytes.split_inclusive(|&byte| byte == b'\n').map(|line| link::decode(line).unwrap()).collect()
    }
}

const STATE: &str = r#"{ "exabgp": "4.0.1", "type": "state", "neighbor": { "address": { "local": "10.255.0.1", "peer": "10.255.0.2" }, "asn": { "local": 65001, "peer": 65000 } , "state": "up" } }"#;
const UPDATE: &str = r#"{ "exabgp": "4.0.1", "type": "update", "neighbor": {} }"#;
const SUMMARY: &str = "Peer            AS        up/down state       |     #sent     #recvd\n";

#[test]
fn the_first_line_ends_what_a_predecessor_left_half_written() {
    assert_eq!(Bench::new().at_exabgp(), ["# roamd relay"]);
}

#[test]
fn nothing_is_said_to_an_agent_that_has_not_spoken() {
    let mut bench = Bench::new();
    bench.relay.linked();
    bench.says(&format!("{STATE}\ndone\n"));
    assert_eq!(bench.at_agent(), []);
    bench.greet();
    let hello = Hello { protocol: PROTOCOL, pid: 7, epoch: identity().epoch, unwatched_ms: Some(0) };
    assert_eq!(bench.at_agent(), [ToAgent::Hello(hello), ToAgent::Line(STATE.to_owned())]);
    bench.says("done\nerr");
    bench.says("or\n");
    let lines = ["done", "error"].map(|line| ToAgent::Line(line.to_owned()));
    assert_eq!(bench.at_agent(), lines);
}

#[test]
fn commands_pass_as_they_are() {
    let mut bench = Bench::linked();
    bench.send(&ToRelay::Commands("one\ntwo\n".to_owned()));
    assert_eq!(bench.at_exabgp(), ["one", "two"]);
}

#[test]
fn an_overlong_line_is_told_and_not_passed() {
    let mut bench = Bench::linked();
    bench.says(&("x".repeat(link::MAX_LINE + 1) + "\ndone\n"));
    assert_eq!(bench.at_agent(), [ToAgent::Overlong, ToAgent::Line("done".to_owned())]);
}

#[test]
fn a_new_agent_hears_what_stands() {
    let mut bench = Bench::linked();
    bench.keep(1, &[will(1)]);
    bench.keep(2, &[]);
    bench.keep(3, &[]);
    bench.send(&ToRelay::Forget(prefix(2)));
    bench.dies();
    bench.greet();
    let held = |number| Held { prefix: prefix(number), rung: Some(1), willed: false };
    assert_eq!(bench.at_agent()[1..], [ToAgent::Holds(vec![held(1), held(3)])]);
    let read = Ledger::read(
        &[Ledger::default().text("41-1000-boot"), bench.journal.clone()].concat(),
        "41-1000-boot",
    );
    assert_eq!(&read, bench.relay.ledger(), "the journal says the same");
}

#[test]
fn heartbeats_hold_the_wills_back_and_silence_carries_them_out_behind_a_fence() {
    let mut bench = Bench::linked();
    bench.keep(1, &[will(1)]);
    bench.keep(2, &[]);
    for _ in 0..20 {
        bench.pass(LEASE / 4);
        bench.beat();
    }
    bench.dies();
    bench.pass(ALMOST);
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"]);
    // Answers to what the agent had asked.
    bench.says("done\nerror\ndone\n");
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.says(SUMMARY);
    bench.says("10.255.0.2  65000  0:00:03 established  5  2\ndone\n");
    assert_eq!(bench.at_exabgp(), [will(1)]);
    bench.says("done\n");
    assert_eq!(bench.notices.last(), Some(&Notice::WillsTold(1, 0)));
    assert_eq!(bench.at_exabgp(), ["show neighbor configuration"], "a neighbor is up");
    bench.says("neighbor 10.255.0.2 {\n}\n\ndone\n");
    assert_eq!(bench.relay.deadline(), None, "told once");
    bench.greet();
    let held = |number, willed| Held { prefix: prefix(number), rung: Some(1), willed };
    assert_eq!(bench.at_agent()[1..], [ToAgent::Holds(vec![held(1, true), held(2, false)])]);
}

#[test]
fn an_agent_that_hangs_loses_its_link_with_its_lease() {
    let mut bench = Bench::linked();
    bench.keep(1, &[will(1)]);
    assert!(!bench.unlinked);
    bench.pass(LEASE);
    assert!(bench.unlinked);
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"]);
}

#[test]
fn wills_go_out_in_chunks_each_acknowledged_before_the_next() {
    let mut bench = Bench::linked();
    for number in 0..60 {
        bench.keep(number, &[will(number), will(number)]);
    }
    bench.pass(LEASE);
    bench.at_exabgp();
    bench.says(&format!("{SUMMARY}done\n"));
    let mut told = Vec::new();
    loop {
        let chunk = bench.at_exabgp();
        if chunk.is_empty() {
            break;
        }
        assert!(chunk.len() <= 25, "{} lines at once", chunk.len());
        for line in &chunk[1..] {
            bench.says("done\n");
            assert!(bench.relay.to_exabgp().is_empty(), "{line} is not acknowledged yet");
        }
        bench.says("done\n");
        told.extend(chunk);
    }
    let expected: Vec<String> = (0..60).flat_map(|number| [will(number), will(number)]).collect();
    assert_eq!(told, expected);
    assert_eq!(bench.notices.last(), Some(&Notice::WillsTold(60, 0)));
}

#[test]
fn a_silent_exabgp_is_asked_again_but_not_while_it_does_not_read() {
    let mut bench = Bench::linked();
    bench.keep(1, &[will(1)]);
    bench.pass(LEASE);
    for _ in 0..1_000 {
        bench.pass(wills::PATIENCE);
    }
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"], "it did not read");
    bench.pass(wills::PATIENCE);
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"]);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), [will(1)]);
    bench.pass(wills::PATIENCE);
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"]);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), [will(1)], "not acknowledged, so told again");
    bench.says("error\n");
    assert_eq!(bench.notices.last(), Some(&Notice::WillsTold(1, 1)));
}

#[test]
fn a_returning_agent_ends_the_wills_and_what_was_not_written_of_them() {
    let mut bench = Bench::linked();
    for number in 0..60 {
        bench.keep(number, &[will(number)]);
    }
    bench.pass(LEASE);
    bench.at_exabgp();
    bench.says(&format!("{SUMMARY}done\n"));
    bench.relay.wrote_to_exabgp(3);
    bench.greet();
    assert_eq!(bench.at_exabgp(), [will(0)[3..].to_owned()]);
    bench.says("done\n");
    assert_eq!(bench.at_exabgp(), [""; 0]);
    assert_eq!(bench.at_agent().last(), Some(&ToAgent::Line("done".to_owned())));
    // Should it go again, everything is still due.
    bench.pass(LEASE);
    assert_eq!(
        bench.notices.last(),
        Some(&Notice::AgentLeft("the agent sent no heartbeat for its lease".to_owned()))
    );
    assert!(bench.notices.contains(&Notice::LeaseEnded(60)));
}

#[test]
fn a_respawned_relay_begins_the_lease_anew_and_tells_only_what_was_not_told() {
    let mut bench = Bench::linked();
    for number in 0..2 {
        bench.keep(number, &[will(number)]);
    }
    bench.send(&ToRelay::Keep(Keep {
        prefix: prefix(1),
        rung: Some(1),
        demotion: Vec::new(),
        will: vec![will(1)],
    }));
    let mut text = Ledger::default().text("41-1000-boot");
    text.extend(&bench.journal);
    link::encode(&Change::Willed(prefix(0)), &mut text);

    let mut bench = Bench::after(Ledger::read(&text, "41-1000-boot"));
    bench.at_exabgp();
    bench.pass(ALMOST);
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), ["show neighbor summary".to_owned(), will(1)]);
}

#[test]
fn an_agent_that_does_not_read_loses_updates_first_and_then_its_link() {
    let mut bench = Bench::linked();
    let mut updates = 0;
    while bench.relay.to_agent().len() <= Relay::CROWDED {
        bench.says(&format!("{UPDATE}\n"));
        updates += 1;
    }
    let mut crowded = bench.relay.to_agent().len();
    // That is said once.
    let mut said = Vec::new();
    link::encode(&ToAgent::Skipped, &mut said);
    crowded += said.len();
    bench.says(&format!("{UPDATE}\n").repeat(1_000));
    assert_eq!(bench.relay.to_agent().len(), crowded, "{updates} were passed on, no more");
    bench.says(&format!("{STATE}\n"));
    assert!(bench.relay.to_agent().len() > crowded, "states still are");
    while !bench.unlinked {
        bench.says(&"10.255.0.2 ipv4 unicast 10.1.0.1/32 next-hop self\n".repeat(1_000));
        assert!(bench.relay.to_agent().len() <= Relay::MAX_TO_AGENT);
    }
    assert!(matches!(
        bench.notices.last(),
        Some(Notice::AgentLeft(reason)) if reason.contains("does not read") && reason.contains("1000 events")
    ));
}

#[test]
fn an_agent_that_floods_an_exabgp_that_does_not_read_loses_its_link() {
    let mut bench = Bench::linked();
    while !bench.unlinked {
        bench.send(&ToRelay::Commands("show adj-rib out extensive\n".repeat(10_000)));
        assert!(bench.relay.to_exabgp().len() <= Relay::MAX_TO_EXABGP);
    }
}

#[test]
fn an_agent_of_another_release_hears_our_version_and_is_refused_once_in_words() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.relay.linked();
        bench.relay.received(b"{\"welcome\":{\"protocol\":2,\"lease\":\"another kind\"}}\n", bench.now);
        bench.effects();
        assert!(matches!(&bench.at_agent()[..], [ToAgent::Hello(Hello { protocol: PROTOCOL, .. })]));
        bench.relay.unlinked("it closed its socket", bench.now);
    }
    let [Notice::AgentRefused(reason)] = &bench.notices[..] else { panic!("{:?}", bench.notices) };
    assert!(reason.contains("different releases"), "{reason}");
}

#[test]
fn what_is_no_message_ends_the_link() {
    for text in ["done\n", "{\"keep\":{\"prefix\":\"10.0.0.1/8\",\"rung\":1,\"will\":[]}}\n", "\u{0}\n"] {
        let mut bench = Bench::linked();
        bench.relay.received(text.as_bytes(), bench.now);
        bench.effects();
        assert!(bench.unlinked, "{text:?}");
    }
}
