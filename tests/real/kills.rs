//! `kill -9` for each part and for any two at once, while one VM leaves and another arrives; then they are started
//! again, as an init system does.

use std::thread;

use crate::agreement::{ACTIVE, ARRIVED, Rung, UNSURE, Wanted, db, mail, prefixes, web};
use crate::exabgp::{GRACEFUL_RESTART, Version};
use crate::lab::{Lab, Plan, VMS};
use crate::on_each_exabgp;
use crate::process::kill_at_once;
use crate::relay::RELAY;
use crate::wait;

on_each_exabgp! {
    whatever_is_killed_with_graceful_restart_no_route_of_a_vm_that_stays_is_lost,
    whatever_is_killed_without_graceful_restart_everything_converges,
    with_libvirtd_away_a_new_agent_withdraws_nothing_of_what_the_last_exabgp_told,
}

/// What may die. ExaBGP starts the relay again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Agent,
    Relay,
    Exabgp,
    Bird,
}

use Part::{Agent, Bird, Exabgp, Relay};

/// Each alone and all pairs. ExaBGP ends itself when its child dies six times in a minute; in none of its lives here
/// are there so many.
const KILLS: [&[Part]; 10] = [
    &[Agent],
    &[Relay],
    &[Agent, Relay],
    &[Exabgp],
    &[Bird],
    &[Agent, Exabgp],
    &[Agent, Bird],
    &[Relay, Exabgp],
    &[Relay, Bird],
    &[Exabgp, Bird],
];

/// Says which row of the table it was when a test fails.
struct Row(String);

impl Drop for Row {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this failed: {}", self.0);
        }
    }
}

fn whatever_is_killed_with_graceful_restart_no_route_of_a_vm_that_stays_is_lost(version: Version) {
    let lab = start(version);
    kill_all_in_turn(lab, |killed, lab, mark, leaving, arriving| {
        if !killed.contains(&Bird) {
            assert_eq!(lab.bird.removed_since(mark), prefixes(leaving));
            assert_eq!(lab.bird.announced_since(mark), prefixes(arriving));
        }
    });
}

fn whatever_is_killed_without_graceful_restart_everything_converges(version: Version) {
    let mut lab = start(version);
    // The line by itself; the comment above it has the same words.
    lab.restart_exabgp_with(&[(&format!("\n  {GRACEFUL_RESTART}\n"), "\n")]);
    kill_all_in_turn(lab, |killed, lab, mark, leaving, arriving| {
        if !killed.contains(&Bird) && !killed.contains(&Exabgp) {
            assert_eq!(lab.bird.removed_since(mark), prefixes(leaving));
            assert_eq!(lab.bird.announced_since(mark), prefixes(arriving));
        }
    });
}

/// The switch keeps the routes of the ExaBGP that died, and the agent knows them by the relay's ledger alone.
fn with_libvirtd_away_a_new_agent_withdraws_nothing_of_what_the_last_exabgp_told(version: Version) {
    let mut lab = start(version);
    let mark = lab.bird.mark();
    lab.libvirtd.kill();
    kill(&mut lab, &[Agent, Exabgp]);
    start_again(&mut lab, &[Exabgp, Agent]);
    let unsure: Vec<_> = web(UNSURE).into_iter().chain(db(UNSURE)).collect();
    wait::until("all that stood is unsure", || lab.switch_has(&unsure.iter().collect::<Vec<_>>()));
    assert_eq!(lab.bird.removed_since(mark), [].into());
    lab.libvirtd.restart(&["web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(UNSURE)), "web's route was never withdrawn");
}

/// `web` runs for good, `db` has just arrived, `mail` may come.
fn start(version: Version) -> Lab {
    // Longer than all of it takes: a VM that has arrived stays `arrived`.
    let config = format!("{VMS}mobility: {{settle: 1h}}\n");
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: &config }, RELAY);
    lab.libvirtd.define("db");
    lab.libvirtd.define("mail");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    lab
}

/// `judge` is told what died, where BIRD's record began, who left and who arrived.
fn kill_all_in_turn(mut lab: Lab, judge: impl Fn(&[Part], &Lab, usize, &[Wanted], &[Wanted])) {
    type Vm = (&'static str, fn(Rung) -> [Wanted; 1]);
    let (mut here, mut away): (Vm, Vm) = (("db", db), ("mail", mail));
    let mut rung = ARRIVED;
    for killed in KILLS {
        let row = Row(format!("{killed:?} killed, {} leaves, {} arrives", here.0, away.0));
        lab.agrees_on([&web(ACTIVE)[..], &here.1(rung)]);
        let mark = lab.bird.mark();
        kill(&mut lab, killed);
        lab.libvirtd.virsh(&["destroy", here.0]);
        lab.libvirtd.virsh(&["start", away.0]);
        start_again(&mut lab, killed);
        // Whoever sees a VM for the first time in a list can't tell when it came.
        rung = if killed.contains(&Agent) { ACTIVE } else { ARRIVED };
        lab.agrees_on([&web(ACTIVE)[..], &away.1(rung)]);
        judge(killed, &lab, mark, &here.1(rung), &away.1(rung));
        lab.another_reconcile_sends_nothing();
        drop(row);
        (here, away) = (away, here);
    }
}

fn kill(lab: &mut Lab, parts: &[Part]) {
    let relay = lab.exabgp.agent();
    let pids: Vec<u32> = parts
        .iter()
        .map(|part| match part {
            Agent => lab.agent().pid(),
            Relay => relay,
            Exabgp => lab.exabgp.pid(),
            Bird => lab.bird.pid(),
        })
        .collect();
    kill_at_once(&pids);
    for part in parts {
        match part {
            Agent => lab.agent().kill(),
            Relay => {}
            Exabgp => lab.exabgp.kill(),
            Bird => lab.bird.kill(),
        }
    }
}

fn start_again(lab: &mut Lab, parts: &[Part]) {
    for part in parts {
        match part {
            Agent => lab.agent().restart(),
            Relay => {}
            Exabgp => lab.exabgp.restart(),
            Bird => lab.bird.restart(),
        }
    }
}
