//! The line that `systemctl status` shows.

use super::super::life::Phase;
use super::super::status::{line, one_line};
use crate::exabgp::NeighborState;
use crate::snapshot::{NotReady, Snapshot, sample};

fn missing(part: &'static str, reason: &str) -> NotReady {
    NotReady { part, reason: reason.to_owned() }
}

fn serving(change: impl FnOnce(&mut Snapshot)) -> String {
    let mut snapshot = sample::host();
    change(&mut snapshot);
    line(&snapshot, Phase::Serving)
}

#[test]
fn a_start_says_what_it_waits_for_and_nothing_else() {
    let mut snapshot = sample::host();
    snapshot.not_ready = vec![
        missing("libvirt", "qemu:///system: not connected yet"),
        missing("exabgp", "it has not answered yet"),
        missing("neighbors", "no BGP session is up"),
    ];
    assert_eq!(
        line(&snapshot, Phase::Starting),
        "Waits for libvirt: qemu:///system: not connected yet; exabgp: it has not answered yet"
    );
}

#[test]
fn a_service_says_what_it_serves_and_what_is_wrong() {
    assert_eq!(
        serving(|_| ()),
        "2 VMs with 3 routes; 1 of 1 BGP sessions up; configuration of 2026-03-01T08:00:00.000Z"
    );
    let wrong = serving(|snapshot| {
        snapshot.exabgp.neighbors[0].state = NeighborState::Down;
        snapshot.not_ready =
            vec![missing("neighbors", "no BGP session is up"), missing("routes", "not every one")];
        snapshot.config_status.errors = vec!["a.yaml:1:1: x: y: z".to_owned(), "another".to_owned()];
        snapshot.config_status.wait_for_restart = vec!["log.level", "http.listen"];
    });
    assert_eq!(
        wrong,
        "2 VMs with 3 routes; 0 of 1 BGP sessions up; not ready: neighbors: no BGP session is up; the configuration of \
         2026-03-01T08:00:00.000Z is kept, the new one has 2 faults: a.yaml:1:1: x: y: z; takes a restart: log.level, \
         http.listen"
    );
}

#[test]
fn nothing_that_others_put_into_it_is_a_word_of_its_own_or_makes_it_too_long_to_be_heard() {
    assert_eq!(one_line("no\nREADY=1\r\u{85}\0"), "no READY=1   ");
    let long = one_line(&"ü𝄞".repeat(1_000));
    assert_eq!(long.chars().count(), 801);
    assert!(long.ends_with('…') && long.len() < 4_096 - 500);
}
