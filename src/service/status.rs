//! The line that `systemctl status` shows. Pure.

use super::life::Phase;
use crate::exabgp::NeighborState;
use crate::snapshot::{ConfigStatus, NotReady, RouteState, Snapshot};

/// How many characters it may have: the manager drops messages of more than 4,096 bytes whole.
const LONGEST: usize = 800;

/// What is said of this state.
pub(super) fn line(snapshot: &Snapshot, phase: Phase) -> String {
    one_line(&match phase {
        Phase::Starting => waits(snapshot),
        Phase::Serving => serves(snapshot),
        Phase::Reloading => format!("Reads its configuration again; {}", serves(snapshot)),
        Phase::Stopping => "Stops".to_owned(),
    })
}

/// As much of it as fits on one line, whatever libvirt or ExaBGP have put into it: a line of its own would be a word of its own.
pub(super) fn one_line(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

fn waits(snapshot: &Snapshot) -> String {
    let waits_for = |part| ["libvirt", "exabgp"].contains(&part);
    format!("Waits for {}", reasons(snapshot.not_ready.iter().filter(|missing| waits_for(missing.part))))
}

fn serves(snapshot: &Snapshot) -> String {
    let vms = snapshot.vms.values().filter(|vm| vm.preference.is_some()).count();
    let announced = snapshot.routes.values().filter(|route| route.state == RouteState::Announced).count();
    let neighbors = &snapshot.exabgp.neighbors;
    let up = neighbors.iter().filter(|neighbor| neighbor.state == NeighborState::Up).count();
    let mut parts = vec![format!("{} with {}", many(vms, "VM"), many(announced, "route"))];
    if !neighbors.is_empty() {
        parts.push(format!("{up} of {} BGP sessions up", neighbors.len()));
    }
    // Each change of a VM's route is on its way for a moment.
    let lasting: Vec<&NotReady> =
        snapshot.not_ready.iter().filter(|missing| missing.part != "routes").collect();
    if !lasting.is_empty() {
        parts.push(format!("not ready: {}", reasons(lasting)));
    }
    let ConfigStatus { loaded_at, errors, wait_for_restart, .. } = &snapshot.config_status;
    if let Some(first) = errors.first() {
        let faults = many(errors.len(), "fault");
        parts.push(format!("the configuration of {loaded_at} is kept, the new one has {faults}: {first}"));
    } else {
        parts.push(format!("configuration of {loaded_at}"));
    }
    if !wait_for_restart.is_empty() {
        parts.push(format!("takes a restart: {}", wait_for_restart.join(", ")));
    }
    parts.join("; ")
}

fn reasons<'a>(missing: impl IntoIterator<Item = &'a NotReady>) -> String {
    let reasons: Vec<String> =
        missing.into_iter().map(|missing| format!("{}: {}", missing.part, missing.reason)).collect();
    reasons.join("; ")
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
