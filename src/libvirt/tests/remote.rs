//! A private libvirtd that is killed, started again, hung.

use std::sync::Arc;
use std::time::{Duration, Instant};

use virt::connect::Connect;
use virt::domain::Domain;

use super::daemon::Daemon;
use super::follower::{Follower, PATIENCE, eventually, settings, uuid};
use super::place::Place;
use crate::libvirt::connection::Connection;
use crate::libvirt::supervisor::Served as _;
use crate::libvirt::{Answer, Mailbox, NicsAnswer, Report, Request, event_loop};
use crate::vm::{LifecycleKind, PausedReason, ResumedDetail, SuspendedDetail, Uuid, VmState};

/// A client that changes domains, and keeps the test driver's state alive.
struct Operator {
    connect: Connect,
}

impl Operator {
    fn connect(daemon: &Daemon) -> Self {
        event_loop::start().unwrap();
        Self { connect: Connect::open(Some(&daemon.uri())).unwrap() }
    }

    fn domain(&self) -> Domain {
        self.connect.lookup_domain_by_name("test").unwrap()
    }
}

#[test]
fn a_killed_libvirtd_is_noticed_and_its_next_life_is_listed_under_a_higher_number() {
    let mut daemon = Daemon::start();
    let mut follower = Follower::start(settings(&daemon.uri()), 8);
    assert_eq!(follower.connected(), 1);
    assert_eq!(follower.listed().2.len(), 1);
    let mut last = 1;
    for _ in 0..3 {
        let killed = Instant::now();
        daemon.kill();
        let error = follower.disconnected();
        assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
        assert!(error.contains("lost the connection to libvirt at test+unix:///default"), "{error}");
        let error = follower.disconnected();
        assert!(error.contains("Connection refused") && error.contains("systemctl"), "{error}");
        daemon.start_again();
        let connection = follower.connected();
        assert_eq!(connection, last + 1);
        let (of, _, vms) = follower.listed();
        assert_eq!((of, vms.len()), (connection, 1));
        last = connection;
    }
    follower.end();
}

#[test]
fn events_of_a_remote_libvirt_come_in_order_on_a_read_only_connection() {
    let daemon = Daemon::start();
    let operator = Operator::connect(&daemon);
    let mut follower = Follower::start(settings(&daemon.uri()), 64);
    follower.listed();
    let domain = operator.domain();
    for _ in 0..5 {
        domain.suspend().unwrap();
        domain.resume().unwrap();
    }
    for _ in 0..5 {
        for expected in [
            LifecycleKind::Suspended(SuspendedDetail::Paused),
            LifecycleKind::Resumed(ResumedDetail::Unpaused),
        ] {
            let (connection, event) = follower.event();
            assert_eq!((connection, event.kind), (1, expected));
            assert_eq!((event.uuid, event.name.as_str()), (domain.uuid().unwrap(), "test"));
        }
    }
    follower.end();
}

#[test]
fn lost_events_end_in_an_overflow_and_a_list_that_is_newer_than_all_of_them() {
    let daemon = Daemon::start();
    let operator = Operator::connect(&daemon);
    let mut follower = Follower::start(settings(&daemon.uri()), 1);
    follower.listed();
    let domain = operator.domain();
    // Nothing is taken meanwhile: of these, one fits into the channel.
    for _ in 0..20 {
        domain.suspend().unwrap();
        domain.resume().unwrap();
    }
    domain.suspend().unwrap();
    let last_loss = Instant::now();
    follower.until(|report| matches!(report, Report::Overflowed { connection: 1 }).then_some(()));
    let (_, asked_at, vms) = follower.listed();
    assert!(asked_at >= last_loss);
    assert_eq!(vms[0].state, VmState::Paused(PausedReason::User));
    follower.end();
}

#[test]
fn a_libvirtd_that_accepts_but_does_not_answer_is_reported_once_and_the_attempt_goes_on() {
    let daemon = Daemon::start();
    daemon.hang();
    let mut settings = settings(&daemon.uri());
    settings.open_deadline = Duration::from_millis(300);
    let began = Instant::now();
    let mut follower = Follower::start(settings, 8);
    for _ in 0..1000 {
        follower.ask(Request::List);
        follower.ask(Request::Look(Uuid::nil()));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "asking must not wait for libvirt");
    let error = follower.disconnected();
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < PATIENCE);
    assert!(error.contains("accepts connections but has not answered for 0.3 s"), "{error}");
    assert_eq!(follower.within(Duration::from_secs(1)), None, "once, and no second attempt meanwhile");
    daemon.go_on();
    assert_eq!(follower.connected(), 1);
    assert_eq!(follower.listed().2.len(), 1);
    assert_eq!(follower.looked(), (1, Uuid::nil(), Answer::Gone));
    assert_eq!(follower.within(Duration::from_millis(200)), None, "a thousand looks at one VM are one");
    follower.end();
}

#[test]
fn dropping_the_handle_while_libvirtd_hangs_does_not_wait_for_it() {
    let daemon = Daemon::start();
    daemon.hang();
    let mut settings = settings(&daemon.uri());
    settings.open_deadline = Duration::from_millis(100);
    let mut follower = Follower::start(settings, 8);
    follower.disconnected();
    follower.drop_handle();
    daemon.go_on();
    follower.end();
}

#[test]
fn a_libvirtd_that_hangs_while_connected_is_given_up_by_keep_alive_and_found_again() {
    let mut daemon = Daemon::start();
    let mut settings = settings(&daemon.uri());
    (settings.keep_alive_seconds, settings.keep_alive_count) = (1, 4);
    let mut follower = Follower::start(settings, 8);
    follower.listed();
    daemon.hang();
    // A look is on its way when the connection is given up, and is answered on the next one. Maybe a list too, which then is the
    // first to find out: then this libvirtd may still answer the look, before that is given up as well.
    follower.ask(Request::Look(Uuid::nil()));
    let error = follower.disconnected();
    assert!(error.contains("keep-alive") || error.contains("keepalive timeout"), "{error}");
    daemon.go_on();
    // Two threads of libvirtd now find the client gone, one by its hang-up and one by the answer to the look. Those
    // of 9.0.0 may free the client's registrations both, and libvirtd crashes: then there is a new one to be found.
    let (mut standing, mut looked) = (1, None);
    let looked = follower.until(|report| {
        match report {
            Report::Connected { connection, .. } => standing = *connection,
            Report::Disconnected { .. } => daemon.start_again_if_crashed(),
            Report::Looked { connection, uuid, answer, .. } => {
                assert_eq!(*connection, standing);
                looked = Some((*uuid, answer.clone()));
            }
            Report::Event { .. }
            | Report::Listed { .. }
            | Report::Devices { .. }
            | Report::Nics { .. }
            | Report::Overflowed { .. } => {}
        }
        looked.clone().filter(|_| standing > 1)
    });
    assert_eq!(looked, (Uuid::nil(), Answer::Gone));
    follower.end();
}

/// With all of them on one connection libvirt 9.0 waited in one thread for another one's answer, beyond any keep-alive, and read
/// memory that was not there any more when it came (CVE-2024-4418): this process ended with it.
#[test]
fn whatever_is_on_its_way_when_libvirtd_hangs_ends_by_keep_alive_and_is_asked_again() {
    for _ in 0..3 {
        let mut daemon = Daemon::start();
        let mut settings = settings(&daemon.uri());
        (settings.keep_alive_seconds, settings.keep_alive_count) = (1, 2);
        let mut follower = Follower::start(settings, 8);
        follower.listed();
        daemon.hang();
        for request in [Request::List, Request::Look(Uuid::nil()), Request::Nics(Uuid::nil())] {
            follower.ask(request);
        }
        follower.disconnected();
        daemon.go_on();
        let (mut listed, mut looked, mut nics) = (false, false, false);
        follower.until(|report| {
            match report {
                Report::Listed { connection, .. } => listed |= *connection > 1,
                Report::Looked { answer, .. } => looked |= *answer == Answer::Gone,
                Report::Nics { answer, .. } => nics |= *answer == NicsAnswer::Gone,
                // libvirtd 9.0 may crash when it goes on after its clients have left.
                Report::Disconnected { .. } => daemon.start_again_if_crashed(),
                Report::Connected { .. }
                | Report::Event { .. }
                | Report::Devices { .. }
                | Report::Overflowed { .. } => {}
            }
            (listed && looked && nics).then_some(())
        });
        follower.end();
    }
}

#[test]
fn a_dropped_connection_is_closed_at_the_other_end_too() {
    event_loop::start().unwrap();
    let daemon = Daemon::start();
    let _operator = Operator::connect(&daemon);
    let (reports, _receiver) = tokio::sync::mpsc::channel(8);
    let mailbox = Arc::new(Mailbox::default());
    let mut while_open = Vec::new();
    for number in 1..=4 {
        let connection = Connection::open(&settings(&daemon.uri()), number, &reports, &mailbox).ok().unwrap();
        assert_eq!(connection.list().unwrap().len(), 1);
        while_open.push(daemon.sockets());
    }
    eventually("libvirtd closes its ends", || daemon.sockets() < while_open[0]);
    assert_eq!(Arc::strong_count(&mailbox), 1, "no callback is left behind");
}

#[test]
fn a_list_that_libvirt_refuses_is_not_reported_as_empty_and_looks_go_on() {
    let daemon = Daemon::start();
    let place = Place::new();
    // One more than REMOTE_DOMAIN_LIST_MAX of libvirt's protocol: the daemon refuses to send the list.
    let names: Vec<String> = (1..=16_385).map(|number| format!("vm-{number}")).collect();
    let domains: Vec<_> =
        (1_u128..).zip(&names).map(|(number, name)| (uuid(number), name.as_str(), 5)).collect();
    let node = place.node(&domains).replacen("test://", "test+unix://", 1);
    let mut follower = Follower::start(settings(&format!("{node}?socket={}", daemon.socket().display())), 8);
    assert_eq!(follower.connected(), 1);
    for round in 0..3 {
        follower.ask(Request::List);
        follower.ask(Request::Look(uuid(16_385)));
        let report = follower.next();
        let Report::Looked { connection: 1, answer: Answer::Found(found), .. } = report else {
            panic!("expected only looks, got {report:?} in round {round}");
        };
        assert_eq!(found.name.as_str(), "vm-16385");
    }
    assert_eq!(follower.within(Duration::from_secs(1)), None);
    follower.end();
}
