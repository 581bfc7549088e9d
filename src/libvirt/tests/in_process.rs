//! The test driver inside this process, with node files that are private to each connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follower::{Follower, eventually, settings, uuid};
use super::place::Place;
use crate::libvirt::mailbox::Mailbox;
use crate::libvirt::supervisor::Served as _;
use crate::libvirt::{Answer, NicsAnswer, Report, Request, connection::Connection, event_loop, ffi};
use crate::vm::{PausedReason, RunningReason, ShutoffReason, Sighting, Uuid, VmName, VmState};

fn sighting(number: u128, name: &str, state: VmState) -> Sighting {
    Sighting { uuid: uuid(number), name: VmName::new(name), state, role: None }
}

fn three() -> [(Uuid, &'static str, i32); 3] {
    [(uuid(1), "web-1", 1), (uuid(2), "d\u{e9}j\u{e0} vu", 3), (uuid(3), "db-1", 5)]
}

#[test]
fn a_connect_is_followed_by_a_list_of_all_domains_with_their_states() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 8);
    let before = Instant::now();
    let first = follower.next();
    let Report::Connected { connection: 1, version, at } = first else {
        panic!("expected the first connection, got {first:?}");
    };
    assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{version}");
    assert!(at >= before);
    let (connection, asked_at, vms) = follower.listed();
    assert_eq!(connection, 1);
    assert!(asked_at >= before && asked_at <= Instant::now());
    assert_eq!(
        vms,
        [
            sighting(1, "web-1", VmState::Running(RunningReason::Unknown)),
            sighting(2, "d\u{e9}j\u{e0} vu", VmState::Paused(PausedReason::Unknown)),
            sighting(3, "db-1", VmState::Shutoff(ShutoffReason::Unknown)),
        ]
    );
    follower.end();
}

#[test]
fn an_empty_host_is_listed_as_empty() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&[])), 8);
    assert_eq!(follower.connected(), 1);
    assert_eq!(follower.listed().2, []);
    follower.end();
}

#[test]
fn the_nics_of_a_domain_are_read_from_its_definition() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 8);
    for number in [1, 9] {
        follower.ask(Request::Nics(uuid(number)));
    }
    let mut answers = BTreeMap::new();
    while answers.len() < 2 {
        let answered = follower.until(|report| {
            let Report::Nics { connection: 1, uuid, answer, .. } = report else { return None };
            Some((*uuid, answer.clone()))
        });
        answers.extend([answered]);
    }
    // The test driver's domains have none of their own.
    assert_eq!(answers[&uuid(1)], NicsAnswer::Found(Vec::new()));
    assert_eq!(answers[&uuid(9)], NicsAnswer::Gone);
    follower.end();
}

#[test]
fn a_look_finds_a_domain_or_says_that_it_is_gone() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 8);
    // Asked before there is a connection: they wait for one.
    follower.ask(Request::Look(uuid(2)));
    follower.ask(Request::Look(uuid(99)));
    let expected = sighting(2, "d\u{e9}j\u{e0} vu", VmState::Paused(PausedReason::Unknown));
    assert_eq!(follower.looked(), (1, uuid(2), Answer::Found(expected)));
    assert_eq!(follower.looked(), (1, uuid(99), Answer::Gone));
    follower.end();
}

#[test]
fn a_list_comes_when_asked_for() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 8);
    follower.listed();
    for _ in 0..3 {
        let before = Instant::now();
        follower.ask(Request::List);
        let (connection, asked_at, vms) = follower.listed();
        assert_eq!((connection, vms.len()), (1, 3));
        assert!(asked_at >= before);
    }
    follower.end();
}

#[test]
fn lists_come_by_themselves_once_after_the_connect_and_at_each_resync() {
    let place = Place::new();
    let mut settings = settings(&place.node(&three()));
    settings.settle = Duration::from_millis(50);
    let mut follower = Follower::start(settings.clone(), 8);
    let (_, first, _) = follower.listed();
    let (_, second, _) = follower.listed();
    assert!(second > first);
    assert_eq!(follower.within(Duration::from_millis(200)), None, "then nothing until the resync");
    follower.end();

    settings.settle = Duration::from_secs(3600);
    settings.resync = Duration::from_millis(20);
    let mut follower = Follower::start(settings, 8);
    let times: Vec<Instant> = (0..4).map(|_| follower.listed().1).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(20)));
    follower.end();
}

#[test]
fn a_wrong_uri_is_reported_at_each_attempt_with_what_to_do() {
    let place = Place::new();
    let socket = place.path().join("nobody-listens");
    let missing = format!("test+unix:///default?socket={}", socket.display());
    let cases = [
        (missing.as_str(), "No such file or directory", "is libvirtd (or virtqemud) running"),
        ("foo", "no connection driver", "check `libvirt.uri`"),
        ("test:///no/such/node.xml", "failed to parse xml", ""),
        ("te\0st:///default", "Null byte", "check `libvirt.uri`"),
    ];
    for (uri, cause, advice) in cases {
        let mut follower = Follower::start(settings(uri), 8);
        for _ in 0..3 {
            let report = follower.next();
            let Report::Disconnected { error, .. } = report else {
                panic!("expected a failed attempt, got {report:?}");
            };
            assert!(error.contains("could not connect to libvirt at"), "{error}");
            assert!(error.contains(cause) && error.contains(advice), "{error}");
        }
        follower.end();
    }
}

#[test]
fn the_threads_end_when_nobody_listens_any_more() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 8);
    follower.listed();
    let requests = follower.stop_listening();
    requests.ask(Request::List);
    eventually("only the handle holds the mailbox", || Arc::strong_count(&requests.0.mailbox) == 1);
}

#[test]
fn a_full_channel_delays_lists_and_looks_but_loses_none() {
    let place = Place::new();
    let mut follower = Follower::start(settings(&place.node(&three())), 1);
    for number in 1..=50 {
        follower.ask(Request::Look(uuid(number)));
    }
    let looked: Vec<_> = (0..50).map(|_| follower.looked()).collect();
    for (number, (_, uuid, answer)) in (1..).zip(&looked) {
        assert_eq!(*uuid, Uuid::from_u128(number));
        assert_eq!(matches!(answer, Answer::Found(_)), number <= 3);
        assert_eq!(*answer == Answer::Gone, number > 3);
    }
    follower.end();
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
fn a_thousand_domains_are_listed_right_and_two_hundred_lists_leak_nothing() {
    event_loop::start().unwrap();
    let place = Place::new();
    let names: Vec<String> = (0..1000).map(|number| format!("vm-{number}")).collect();
    let domains: Vec<_> = (0..1000_u128)
        .zip(&names)
        .map(|(number, name)| (uuid(number + 1), name.as_str(), if number % 3 == 0 { 5 } else { 1 }))
        .collect();
    let (reports, _receiver) = tokio::sync::mpsc::channel(8);
    let settings = settings(&place.node(&domains));
    let connection = Connection::open(&settings, 1, &reports, &Arc::new(Mailbox::default())).ok().unwrap();

    let mut vms = connection.list().unwrap();
    vms.sort_by_key(|vm| vm.uuid);
    let expected: Vec<Sighting> = (0..1000_u128)
        .map(|number| {
            let state = if number % 3 == 0 {
                VmState::Shutoff(ShutoffReason::Unknown)
            } else {
                VmState::Running(RunningReason::Unknown)
            };
            sighting(number + 1, &format!("vm-{number}"), state)
        })
        .collect();
    assert_eq!(vms, expected);

    // A leak of the records would be 70 MB in each round; the other tests of this process allocate in some.
    let growths: Vec<usize> = (0..5)
        .map(|_| {
            let before = resident();
            for _ in 0..200 {
                assert_eq!(connection.list().unwrap().len(), 1000);
            }
            resident().saturating_sub(before)
        })
        .take_while(|grown| *grown > 4_000_000)
        .collect();
    assert!(growths.len() < 5, "bytes more after each 200 lists: {growths:?}");
}

#[test]
fn asking_domain_by_domain_finds_the_same_as_the_statistics() {
    event_loop::start().unwrap();
    let place = Place::new();
    let connect = virt::connect::Connect::open_read_only(Some(&place.node(&three()))).unwrap();
    let mut by_stats = ffi::list_by_stats(&connect).unwrap();
    let mut singly = ffi::list_singly(&connect).unwrap();
    by_stats.sort_by_key(|domain| domain.uuid);
    singly.sort_by_key(|domain| domain.uuid);
    assert_eq!(by_stats.len(), 3);
    assert_eq!(by_stats, singly);
}
