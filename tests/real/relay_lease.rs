//! Nobody vouches for the routes: the relay lowers them to `unsure` when the agent's lease ends, and the returning
//! agent takes them back without a flap.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, UNSURE, Wanted, db, prefixes, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::process::signal;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    routes_without_an_agent_fall_to_unsure_and_come_back_without_a_withdraw,
    an_agent_that_hangs_counts_as_gone,
    a_vm_that_has_just_arrived_is_lowered_as_soon_as_its_agent_stays_away,
    a_vm_that_has_just_arrived_is_lowered_while_its_agent_hangs_long_before_its_lease_ends,
    a_relay_that_was_respawned_still_knows_the_last_wills,
    a_vm_that_left_while_the_lease_ran_out_is_withdrawn_by_the_next_agent,
    a_route_that_no_will_was_left_for_is_gone_when_the_lease_has_ended,
    a_living_agent_keeps_its_lease,
    exabgp_is_drained_while_an_agent_reads_nothing,
}

const SHORT: &str = "{transport: relay, socket: 'SOCKET', lease: 2s}";

fn at_the_switch(lab: &Lab, wanted: impl IntoIterator<Item = Wanted>) {
    let wanted: Vec<Wanted> = wanted.into_iter().collect();
    let wanted: Vec<&Wanted> = wanted.iter().collect();
    wait::until("the switch has the routes", || lab.switch_has(&wanted));
}

/// Two VMs that run, one of them frozen.
fn start(version: Version) -> Lab {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, SHORT);
    lab.libvirtd.virsh(&["suspend", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    lab
}

fn routes_without_an_agent_fall_to_unsure_and_come_back_without_a_withdraw(version: Version) {
    let mut lab = start(version);
    let mark = lab.bird.mark();
    let killed = Instant::now();
    lab.agent().kill();
    at_the_switch(&lab, web(UNSURE).into_iter().chain(db(STANDBY)));
    assert!(
        killed.elapsed() >= Duration::from_millis(1_400),
        "the lease is 2 s, less a quarter since the last beat"
    );
    assert_eq!(lab.bird.announced_since(mark), prefixes(&web(UNSURE)), "what is below stays as it is");

    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    lab.another_reconcile_sends_nothing();
}

fn an_agent_that_hangs_counts_as_gone(version: Version) {
    let mut lab = start(version);
    let mark = lab.bird.mark();
    lab.agent().signal("STOP");
    at_the_switch(&lab, web(UNSURE).into_iter().chain(db(STANDBY)));
    lab.agent().signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    lab.another_reconcile_sends_nothing();
}

/// On `arrived` it would tie with the host to which it goes next, and nobody is there to take it down.
fn a_vm_that_has_just_arrived_is_lowered_as_soon_as_its_agent_stays_away(version: Version) {
    let section = "{transport: relay, socket: 'SOCKET'}";
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, section);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let mark = lab.bird.mark();
    lab.agent().kill();
    // Long before its lease of a minute ends.
    at_the_switch(&lab, web(ACTIVE).into_iter().chain(db(ACTIVE)));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
    assert_eq!(lab.bird.announced_since(mark), prefixes(&db(ACTIVE)));
    lab.another_reconcile_sends_nothing();
}

fn a_vm_that_has_just_arrived_is_lowered_while_its_agent_hangs_long_before_its_lease_ends(version: Version) {
    let section = "{transport: relay, socket: 'SOCKET', lease: 30s}";
    let config = format!("{VMS}mobility: {{settle: 1h}}\n");
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: &config }, section);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let mark = lab.bird.mark();

    lab.agent().signal("STOP");
    at_the_switch(&lab, web(ACTIVE).into_iter().chain(db(ACTIVE)));
    lab.agent().signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.announced_since(mark), prefixes(&db(ARRIVED)), "what is below stays as it is");

    lab.agent().signal("STOP");
    at_the_switch(&lab, web(UNSURE).into_iter().chain(db(UNSURE)));
    lab.agent().signal("CONT");
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(lab.bird.removed_since(mark), [].into());
}

fn a_relay_that_was_respawned_still_knows_the_last_wills(version: Version) {
    let mut lab = start(version);
    let mark = lab.bird.mark();
    let old = lab.exabgp.agent();
    lab.agent().kill();
    signal("KILL", old);
    lab.exabgp.agent_after(old);
    at_the_switch(&lab, web(UNSURE).into_iter().chain(db(STANDBY)));

    // Carried out once: another respawn has nothing to say.
    let told = lab.bird.mark();
    let old = lab.exabgp.agent();
    signal("KILL", old);
    lab.exabgp.agent_after(old);
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
    assert_eq!(lab.bird.announced_since(told), prefixes(&web(ACTIVE)));
    assert_eq!(lab.bird.removed_since(mark), [].into());
    lab.another_reconcile_sends_nothing();
}

fn a_vm_that_left_while_the_lease_ran_out_is_withdrawn_by_the_next_agent(version: Version) {
    let mut lab = start(version);
    let mark = lab.bird.mark();
    lab.agent().kill();
    lab.libvirtd.virsh(&["destroy", "web"]);
    at_the_switch(&lab, web(UNSURE).into_iter().chain(db(STANDBY)));
    lab.agent().restart();
    lab.agrees_on([&db(STANDBY)[..]]);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&web(ACTIVE)));
    lab.another_reconcile_sends_nothing();
}

/// As of a host that has crashed: the switch keeps what it was told over the graceful restart, the ledger went with the host's
/// memory, and the agent that comes does not stay.
fn a_route_that_no_will_was_left_for_is_gone_when_the_lease_has_ended(version: Version) {
    let mut lab = start(version);
    let (mark, before) = (lab.bird.mark(), lab.bird.up_since().expect("the session is up"));
    lab.agent().kill();
    lab.exabgp.kill();
    fs::remove_file(lab.dir().join("relay/ledger")).expect("the relay has kept one");
    fs::remove_file(lab.socket()).expect("the killed agent left its socket");
    let listener = UnixListener::bind(lab.socket()).expect("the place is free");
    listener.set_nonblocking(true).expect("it is a socket");
    lab.exabgp.restart();
    let agent = Played::accept_for(&listener, Duration::from_secs(4));
    wait::until("there is another session", || match lab.bird.up_since()? {
        since if since == before => Err(format!("{since:?}")),
        _ => Ok(()),
    });
    let kept: Vec<Wanted> = web(ACTIVE).into_iter().chain(db(STANDBY)).collect();
    assert_eq!(
        lab.switch_has(&kept.iter().collect::<Vec<_>>()),
        Ok(()),
        "an agent may come and say otherwise"
    );
    drop((agent, listener));
    at_the_switch(&lab, []);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&kept));
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(STANDBY)]);
}

fn a_living_agent_keeps_its_lease(version: Version) {
    let lab = start(version);
    let mark = lab.bird.mark();
    // Three leases go by, and the agent lives.
    let until = Instant::now() + Duration::from_secs(6);
    wait::until("three leases have passed", || {
        if Instant::now() < until { Err("not yet".to_owned()) } else { Ok(()) }
    });
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
    let log = fs::read_to_string(lab.exabgp.agent_log()).expect("the relay logs");
    assert!(log.contains("the agent is connected"), "{log}");
    assert!(!log.contains("lease has ended"), "{log}");
}

/// An agent played by the test.
struct Played {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Played {
    fn accept(listener: &UnixListener) -> Self {
        Self::accept_for(listener, Duration::from_secs(3_600))
    }

    fn accept_for(listener: &UnixListener, lease: Duration) -> Self {
        let stream = wait::until("the relay connects", || {
            listener.accept().map(|(stream, _)| stream).map_err(|error| error.to_string())
        });
        stream.set_nonblocking(false).expect("it is a socket");
        stream.set_read_timeout(Some(Duration::from_secs(40))).expect("it is a socket");
        let lines = BufReader::new(stream.try_clone().expect("a file descriptor is left"));
        let mut played = Self { stream, lines };
        played.send(&format!(r#"{{"welcome":{{"protocol":1,"lease_ms":{}}}}}"#, lease.as_millis()));
        assert!(played.line().starts_with(r#"{"hello":{"protocol":1,"#));
        played
    }

    fn send(&mut self, message: &str) {
        writeln!(self.stream, "{message}").expect("the relay reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("the relay says something in time");
        line
    }
}

/// More than ExaBGP's pipe, the relay's queue and the socket hold together; without a relay that drains it ExaBGP
/// would stop after the first 64 KiB.
fn exabgp_is_drained_while_an_agent_reads_nothing(version: Version) {
    let many: Vec<String> = (0..1_024).map(|n| format!("'2001:db8:5::1:{n:x}'")).collect();
    let config = format!("vms: {{web: {{service_ips: [{}]}}}}", many.join(", "));
    let section = "{transport: relay, socket: 'SOCKET'}";
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: &config }, section);
    wait::until("every route is acknowledged", || lab.is_ready());
    // Acknowledged is in ExaBGP's table; at the switch it is a little later. One more is the operator's own.
    wait::until("the switch has them all", || {
        let count = lab.bird.table()?.len();
        if count == 1_025 { Ok(()) } else { Err(format!("{count} routes")) }
    });
    let (relay, mark) = (lab.exabgp.agent(), lab.bird.mark());

    lab.agent().kill();
    fs::remove_file(lab.socket()).expect("the killed agent left its socket");
    let listener = UnixListener::bind(lab.socket()).expect("the place is free");
    listener.set_nonblocking(true).expect("it is a socket");
    let mut deaf = Played::accept(&listener);
    let tables = "show adj-rib out extensive\\n".repeat(40);
    deaf.send(&format!(r#"{{"commands":"{tables}"}}"#));

    // The relay has given the deaf one up, and ExaBGP answers the next one.
    let mut next = Played::accept(&listener);
    next.send(r#"{"commands":"show neighbor summary\n"}"#);
    while !next.line().contains("Peer ") {}
    lab.exabgp.assert_alive();
    assert_eq!(lab.exabgp.agent(), relay, "the relay was never replaced");
    let log = fs::read_to_string(lab.exabgp.agent_log()).expect("the relay logs");
    assert!(log.contains("the agent does not read"), "{log}");

    drop((next, deaf, listener));
    lab.agent().restart();
    wait::until("every route is acknowledged", || lab.is_ready());
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
}
