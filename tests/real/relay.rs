//! The agent beside ExaBGP, and `roamd relay` between them: whatever dies, in whatever number, comes back, and
//! what is not concerned does not flap.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, db, mail, prefixes, web};
use crate::exabgp::{Exabgp, Session, Version};
use crate::lab::{Lab, Plan, VMS};
use crate::process::signal;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    routes_go_through_the_relay_and_follow_the_vms,
    a_killed_agent_finds_what_it_left_and_withdraws_what_vanished_meanwhile,
    a_stopped_agent_leaves_the_routes_to_its_successor,
    a_stopped_agent_that_is_to_withdraw_takes_its_routes_along,
    a_killed_relay_moves_nothing,
    a_relay_that_hangs_is_ended_and_the_next_one_withdraws_what_vanished_meanwhile,
    a_restarted_exabgp_behind_the_relay_gets_every_route_again,
    a_killed_exabgp_costs_no_route_and_the_switch_drops_what_left_meanwhile,
    agent_and_relay_killed_together_leave_nothing_behind,
    a_second_agent_on_the_same_socket_is_refused_in_words,
}

/// A lease that no test outlives.
pub(crate) const RELAY: &str = "{transport: relay, socket: 'SOCKET'}";

impl Lab {
    /// A successor of the agent sends nothing: what stands is what is wanted.
    pub(crate) fn another_reconcile_sends_nothing(&mut self) {
        // It would else do it in the other's place, as it should. After each session has come up there is one more repeat.
        wait::until("every withdraw was repeated", || {
            let status = self.rest.json("/api/v1/status")?;
            let leaving = &status["counts"]["routes"]["withdrawing"];
            let log = self.agents_log();
            let left = not_told_twice(&log);
            if left.is_empty() && leaving == 0 {
                Ok(())
            } else {
                Err(format!("{left:?}, {leaving} on their way out"))
            }
        });
        let mark = self.bird.mark();
        self.agent().terminate();
        let before = self.agents_log().len();
        assert!(self.agents_log().contains("DEBUG announce"), "steps show in the log");
        self.agent().restart();
        wait::patiently("the successor is ready", || {
            if self.agents_log()[before..].contains("all desired routes acknowledged") {
                self.is_ready()
            } else {
                Err("it has not settled".to_owned())
            }
        });
        let log = &self.agents_log()[before..];
        let sent: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("DEBUG announce") || line.contains("DEBUG withdraw"))
            .collect();
        assert_eq!(sent, [""; 0]);
        assert_eq!((self.bird.removed_since(mark), self.bird.announced_since(mark)), ([].into(), [].into()));
    }

    pub(crate) fn agents_log(&mut self) -> String {
        let log = std::fs::read(self.agent().log()).expect("the log is there");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until `status.exabgp.connected` says so, with or without an error.
    pub(crate) fn exabgp_is_connected(&self, connected: bool) {
        wait::until(&format!("status.exabgp.connected is {connected}"), || {
            let status = self.rest.json("/api/v1/status")?;
            let exabgp = &status["exabgp"];
            if exabgp["connected"] == connected && exabgp["error"].is_null() == connected {
                Ok(())
            } else {
                Err(status.to_string())
            }
        });
    }

    /// Kills ExaBGP and starts another with parts of its configuration replaced.
    pub(crate) fn restart_exabgp_with(&mut self, edits: &[(&str, &str)]) {
        self.restart_exabgp(|exabgp| edits.iter().for_each(|(from, to)| exabgp.edit(from, to)));
    }

    /// Kills ExaBGP and starts another with these sessions.
    pub(crate) fn restart_exabgp_over(&mut self, sessions: &[Session]) {
        self.restart_exabgp(|exabgp| exabgp.configure(sessions));
    }

    fn restart_exabgp(&mut self, meanwhile: impl FnOnce(&Exabgp)) {
        self.exabgp.kill();
        self.exabgp_is_connected(false);
        meanwhile(&self.exabgp);
        self.exabgp.restart();
        self.exabgp_is_connected(true);
    }

    fn epoch(&self) -> String {
        let status = self.rest.json("/api/v1/status").expect("the agent answers");
        status["exabgp"]["epoch"].as_str().expect("an epoch is shown").to_owned()
    }
}

/// The prefixes that the last agent of a log has still to tell once more, or ExaBGP to acknowledge: each withdraw (`REPEAT` in
/// `src/agent.rs`), and routes that are to be announced twice more, with another MED and without, for a session that came up.
fn not_told_twice(log: &str) -> Vec<&str> {
    let start = log.rfind("INFO roamd starts").expect("it tells of its start");
    // How often each was told, and whether the last time is open: one before it may have been put in doubt.
    let mut withdrawn = BTreeMap::<&str, (u32, bool)>::new();
    let mut announced = BTreeMap::<&str, (u32, bool)>::new();
    for line in log[start..].lines() {
        let of = |name| line.split_once(name).and_then(|(_, rest)| rest.split([' ', ',']).next());
        if let Some(prefix) = of("DEBUG withdraw prefix=") {
            announced.remove(prefix);
            let (told, open) = withdrawn.entry(prefix).or_default();
            (*told, *open) = (*told + 1, true);
        } else if let Some(prefix) = of("to be announced once more prefix=") {
            announced.insert(prefix, (0, false));
        } else if line.contains("INFO ExaBGP answers") && line.ends_with("routes_found=0") {
            // That is a new one, to which nothing was told before.
            announced.clear();
        } else if let Some(prefix) = of("DEBUG announce prefix=") {
            withdrawn.remove(prefix);
            if let Some((told, open)) = announced.get_mut(prefix) {
                (*told, *open) = (*told + 1, true);
            }
        } else if let Some(prefix) = of("DEBUG ExaBGP report=Settled { prefix: ") {
            for (_, open) in
                [&mut withdrawn, &mut announced].into_iter().filter_map(|told| told.get_mut(prefix))
            {
                *open = false;
            }
        }
    }
    let left = withdrawn.into_iter().chain(announced).filter(|(_, (told, open))| *told < 2 || *open);
    left.map(|(prefix, _)| prefix).collect()
}

fn routes_go_through_the_relay_and_follow_the_vms(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.libvirtd.define("mail");
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let status = lab.rest.json("/api/v1/status").expect("it is ready");
    assert_eq!(status["exabgp"]["transport"], "relay");
    assert!(lab.epoch().starts_with(&format!("{}-", lab.exabgp.pid())), "{status}");
    let mark = lab.bird.mark();

    lab.libvirtd.virsh(&["start", "mail"]);
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..], &db(ACTIVE), &mail(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([&web(STANDBY)[..], &mail(ARRIVED)]);
    lab.another_reconcile_sends_nothing();
}

fn a_killed_agent_finds_what_it_left_and_withdraws_what_vanished_meanwhile(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (relay, mark) = (lab.exabgp.agent(), lab.bird.mark());

    lab.agent().kill();
    lab.libvirtd.virsh(&["destroy", "db"]);
    let both: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    assert_eq!(lab.switch_has(&both.iter().collect::<Vec<_>>()), Ok(()));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
    assert_eq!(lab.bird.announced_since(mark), [].into());
    assert_eq!(lab.exabgp.agent(), relay, "the relay never left");
    lab.another_reconcile_sends_nothing();
}

fn a_stopped_agent_leaves_the_routes_to_its_successor(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let mark = lab.bird.mark();
    lab.agent().terminate();
    let both: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    assert_eq!(lab.switch_has(&both.iter().collect::<Vec<_>>()), Ok(()));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
}

fn a_stopped_agent_that_is_to_withdraw_takes_its_routes_along(version: Version) {
    let section = "{transport: relay, socket: 'SOCKET', on_stop: withdraw}";
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, section);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    lab.agent().terminate();
    wait::until("the routes are gone", || lab.switch_has(&[]));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
}

fn a_killed_relay_moves_nothing(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (mark, epoch) = (lab.bird.mark(), lab.epoch());
    let old = lab.exabgp.agent();
    signal("KILL", old);
    lab.exabgp.agent_after(old);
    lab.exabgp_is_connected(true);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(lab.epoch(), epoch, "it is the same life of ExaBGP");
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));

    // The link works on, and what changes goes through.
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.another_reconcile_sends_nothing();
}

/// Nobody but the kernel could: not even the agent may end it, which is another user.
fn a_relay_that_hangs_is_ended_and_the_next_one_withdraws_what_vanished_meanwhile(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (mark, old, since) = (lab.bird.mark(), lab.exabgp.agent(), Instant::now());
    wait::until("the relay has run for longer than its watchdog waits", || {
        let age = since.elapsed();
        if age > Duration::from_secs(12) { Ok(()) } else { Err(format!("for {age:?}")) }
    });
    assert_eq!(lab.exabgp.agent(), old);

    signal("STOP", old);
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.exabgp.agent_after(old);
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
    assert_eq!(lab.bird.announced_since(mark), [].into());
    lab.another_reconcile_sends_nothing();
}

fn a_restarted_exabgp_behind_the_relay_gets_every_route_again(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (old, epoch) = (lab.exabgp.agent(), lab.epoch());
    lab.exabgp.kill();
    lab.exabgp_is_connected(false);
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.exabgp.restart();
    lab.exabgp.agent_after(old);
    lab.agrees_on([&web(STANDBY)[..], &db(ACTIVE)]);
    assert_ne!(lab.epoch(), epoch);
    lab.another_reconcile_sends_nothing();
}

/// Graceful restart (RFC 4724): the switch keeps the routes until roamd, not ExaBGP, says that all are announced.
fn a_killed_exabgp_costs_no_route_and_the_switch_drops_what_left_meanwhile(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (mark, old) = (lab.bird.mark(), lab.exabgp.agent());
    // Nobody is left who would withdraw anything: the next agent and the next ExaBGP never hear of `db`.
    lab.agent().kill();
    lab.exabgp.kill();
    lab.libvirtd.virsh(&["destroy", "db"]);
    let both: Vec<_> = web(ACTIVE).into_iter().chain(db(ACTIVE)).collect();
    assert_eq!(lab.switch_has(&both.iter().collect::<Vec<_>>()), Ok(()), "the switch waits");
    lab.exabgp.restart();
    lab.exabgp.agent_after(old);
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
}

fn agent_and_relay_killed_together_leave_nothing_behind(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (mark, old) = (lab.bird.mark(), lab.exabgp.agent());
    lab.agent().kill();
    signal("KILL", old);
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.exabgp.agent_after(old);
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
    assert_eq!(lab.bird.announced_since(mark), [].into());
    lab.another_reconcile_sends_nothing();
}

fn a_second_agent_on_the_same_socket_is_refused_in_words(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..]]);
    // Another configuration, but for the socket.
    let (status, log) = lab.second_agent();
    assert_eq!(status, Some(1), "{log}");
    assert!(log.contains("another roamd listens on"), "{log}");
    lab.agrees_on([&web(ACTIVE)[..]]);
}
