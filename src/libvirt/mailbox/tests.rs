use std::sync::Arc;
use std::thread;

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn mailbox() -> Mailbox {
    let mailbox = Mailbox::default();
    mailbox.begin(1);
    mailbox
}

fn now(mailbox: &Mailbox) -> Wake {
    mailbox.wait(Instant::now())
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

#[test]
fn lists_that_wait_are_one_list() {
    let mailbox = mailbox();
    mailbox.ask(Request::List);
    mailbox.ask(Request::List);
    assert_eq!(now(&mailbox), Wake::List);
    assert_eq!(now(&mailbox), Wake::Due);
}

#[test]
fn looks_come_in_order_and_each_uuid_waits_once() {
    let mailbox = mailbox();
    for number in [3, 1, 3, 2, 1] {
        mailbox.ask(Request::Look(uuid(number)));
    }
    let taken: Vec<_> = (0..3).map(|_| mailbox.next(Errand::Look, 1)).collect();
    assert_eq!(taken, [Some(uuid(3)), Some(uuid(1)), Some(uuid(2))]);
    mailbox.ask(Request::Look(uuid(3)));
    assert_eq!(mailbox.next(Errand::Look, 1), Some(uuid(3)), "one that was taken may be asked for again");
    mailbox.end();
    assert_eq!(mailbox.next(Errand::Look, 1), None);
}

#[test]
fn questions_about_nics_wait_apart_from_looks_and_each_uuid_once() {
    let mailbox = mailbox();
    for number in [5, 5, 4] {
        mailbox.ask(Request::Nics(uuid(number)));
    }
    mailbox.ask(Request::Look(uuid(5)));
    assert_eq!(mailbox.next(Errand::Look, 1), Some(uuid(5)));
    assert_eq!(mailbox.next(Errand::Nics, 1), Some(uuid(5)));
    assert_eq!(mailbox.next(Errand::Nics, 1), Some(uuid(4)));
    mailbox.put_back(Errand::Nics, uuid(4));
    mailbox.end();
    mailbox.begin(2);
    assert_eq!(mailbox.next(Errand::Nics, 2), Some(uuid(4)), "it waited for the next connection");
}

#[test]
fn looks_wait_for_the_next_connection() {
    let mailbox = mailbox();
    mailbox.lose(1, "gone");
    mailbox.put_back(Errand::Look, uuid(7));
    mailbox.ask(Request::Look(uuid(8)));
    assert_eq!(mailbox.next(Errand::Look, 1), None);
    mailbox.end();
    mailbox.begin(2);
    assert_eq!(mailbox.next(Errand::Look, 2), Some(uuid(7)));
    assert_eq!(mailbox.next(Errand::Look, 2), Some(uuid(8)));
}

#[test]
fn an_overflow_stays_until_it_is_told_and_comes_back_with_the_next_loss() {
    let mailbox = mailbox();
    mailbox.overflow(1);
    mailbox.overflow(1);
    assert_eq!(now(&mailbox), Wake::Overflowed);
    assert_eq!(now(&mailbox), Wake::Overflowed);
    mailbox.overflow_told();
    assert_eq!(now(&mailbox), Wake::Due);
    mailbox.overflow(1);
    assert_eq!(now(&mailbox), Wake::Overflowed);
}

#[test]
fn signals_of_another_connection_are_ignored() {
    let mailbox = mailbox();
    mailbox.end();
    mailbox.begin(2);
    mailbox.lose(1, "late");
    mailbox.overflow(1);
    assert_eq!(now(&mailbox), Wake::Due);
}

#[test]
fn a_new_connection_begins_without_the_signals_of_the_last_one() {
    let mailbox = mailbox();
    mailbox.lose(1, "gone");
    mailbox.overflow(1);
    mailbox.ask(Request::List);
    mailbox.begin(2);
    assert_eq!(now(&mailbox), Wake::Due);
}

#[test]
fn the_most_important_signal_comes_first() {
    let mailbox = mailbox();
    mailbox.ask(Request::List);
    mailbox.overflow(1);
    assert_eq!(now(&mailbox), Wake::Overflowed);
    mailbox.lose(1, "first");
    mailbox.lose(1, "second");
    assert_eq!(now(&mailbox), Wake::Lost("first".to_owned()));
    mailbox.stop();
    assert_eq!(now(&mailbox), Wake::Stopped);
    assert_eq!(mailbox.next(Errand::Look, 1), None);
    assert!(mailbox.pause(LONG));
}

#[test]
fn each_waiter_is_woken_by_what_it_waits_for() {
    type Waiter = fn(&Mailbox);
    type Signal = fn(&Mailbox);
    let cases: [(Waiter, Signal); 5] = [
        (
            |mailbox| assert_eq!(mailbox.wait(Instant::now() + LONG), Wake::List),
            |mailbox| {
                mailbox.ask(Request::List);
            },
        ),
        (
            |mailbox| assert_eq!(mailbox.wait(Instant::now() + LONG), Wake::Lost("x".to_owned())),
            |mailbox| {
                mailbox.lose(1, "x");
            },
        ),
        (|mailbox| assert_eq!(mailbox.wait(Instant::now() + LONG), Wake::Stopped), Mailbox::stop),
        (
            |mailbox| assert_eq!(mailbox.next(Errand::Look, 1), Some(Uuid::nil())),
            |mailbox| {
                mailbox.ask(Request::Look(Uuid::nil()));
            },
        ),
        (|mailbox| assert!(mailbox.pause(LONG)), Mailbox::stop),
    ];
    for (wait, signal) in cases {
        let mailbox = Arc::new(mailbox());
        let began = Instant::now();
        let waiter = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || wait(&mailbox)
        });
        signal(&mailbox);
        waiter.join().unwrap();
        assert!(began.elapsed() < LONG);
    }
}

#[test]
fn a_pause_ends_by_itself() {
    assert!(!mailbox().pause(Duration::from_millis(1)));
}
