//! ExaBGP has much to say, and the agent does not listen: ExaBGP must not be held up, nor the relay grow.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::agreement::{ACTIVE, ARRIVED, db, mail, prefixes, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::process::{bytes_read, peak_resident_kib};
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    an_agent_that_stops_or_is_slow_holds_up_no_exabgp_that_floods,
}

/// Far more than the pipe (64 KiB), the socket (some 200 KiB) and the relay's queue (256 KiB) hold together.
const FLOOD: u64 = 3 << 20;

/// The relay keeps 256 KiB of events for an agent that does not read; the rest is its buffers, and memory that was
/// freed and not given back.
const GROWTH_KIB: u64 = 2 << 10;

fn an_agent_that_stops_or_is_slow_holds_up_no_exabgp_that_floods(version: Version) {
    // A lease that outlives the pause, and no VM that has just arrived before it: what is tried here is that nothing is
    // held up.
    let section = "{transport: relay, socket: 'SOCKET', lease: 20m}";
    let config = format!("{VMS}mobility: {{settle: 1h}}\n");
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: &config }, section);
    lab.libvirtd.define("mail");
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    lab.restart_exabgp_with(&[("neighbor-changes;", "neighbor-changes;\n    receive { parsed; update; }")]);
    lab.bird.stop();
    let (routes, export) = flood();
    lab.bird.edit("template bgp hosts {", &format!("{routes}\ntemplate bgp hosts {{"));
    lab.bird.edit("not even that.\n    export none;", &format!("not even that.\n    export {export};"));
    lab.bird.restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let (mark, session) = (lab.bird.mark(), lab.bird.up_since());
    let relay = lab.exabgp.agent();
    let (read, peak) = (bytes_read(relay), peak_resident_kib(relay));

    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        let bird = &lab.bird;
        let flooding = scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                bird.send_again().expect("BIRD does as it is told");
                thread::yield_now();
            }
        });
        let ending = wait::Ending(&enough);
        let agent = lab.agent.as_ref().expect("ExaBGP runs the relay");
        let passes = |bytes: u64| {
            let from = bytes_read(relay);
            wait::until("ExaBGP's flood passes through the relay", || {
                let passed = bytes_read(relay) - from;
                if passed >= bytes { Ok(()) } else { Err(format!("{passed} bytes")) }
            });
        };
        agent.signal("STOP");
        lab.libvirtd.virsh(&["destroy", "db"]);
        passes(FLOOD);
        for _ in 0..16 {
            agent.signal("CONT");
            passes(FLOOD / 64);
            agent.signal("STOP");
            passes(FLOOD / 64);
        }
        lab.libvirtd.virsh(&["start", "mail"]);
        agent.signal("CONT");
        drop(ending);
        flooding.join().expect("it ends");
    });
    lab.agrees_on([&web(ACTIVE)[..], &mail(ARRIVED)]);
    let (read, grown) = (bytes_read(relay) - read, peak_resident_kib(relay) - peak);
    assert!(read > FLOOD && grown < GROWTH_KIB, "{grown} KiB more for {read} bytes");
    assert_eq!(lab.exabgp.agent(), relay, "the relay was never replaced");
    assert_eq!(lab.bird.up_since(), session);
    assert_eq!(lab.bird.removed_since(mark), prefixes(&db(ACTIVE)));
    assert_eq!(lab.bird.announced_since(mark), prefixes(&mail(ARRIVED)));
    lab.another_reconcile_sends_nothing();
}

/// BIRD's configuration for routes of which each is an UPDATE of its own, and a long one: a protocol that has them,
/// and what the session exports.
fn flood() -> (String, String) {
    let (mut routes, mut communities) = (String::new(), String::new());
    for number in 0..400 {
        let address = format!("10.0.{}.{}", number / 200, number % 200);
        writeln!(routes, "  route {address}/32 blackhole {{ bgp_med = {number}; }};").expect("a text grows");
    }
    for number in 0..100 {
        write!(communities, "bgp_large_community.add((65000, 4000000000, {number})); ")
            .expect("a text grows");
    }
    let routes = format!("protocol static flood {{\n  ipv4;\n{routes}}}\n");
    (routes, format!("filter {{ {communities}accept; }}"))
}
