//! A thousand clients follow the event stream while VMs change.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::agreement::{ACTIVE, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::on_each_exabgp;
use crate::process::peak_resident_kib;

on_each_exabgp! {
    a_thousand_streams_hear_every_event_in_order,
}

const STREAMS: usize = 1_000;

/// How often the VM is suspended and resumed.
const CHANGES: usize = 20;

/// What a stream may cost the agent at most. hyper's buffers, the task and its timer come to about a quarter of it.
const STREAM_KIB: u64 = 128;

/// A client that has read the head of the answer and the greeting.
fn follow(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("there is room for one more");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
    let request = format!("GET /api/v1/events/stream HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it takes requests");
    let mut stream = BufReader::with_capacity(1 << 10, stream);
    assert_eq!(next_id(&mut stream).1, "hello");
    stream
}

/// The next event's number and kind.
fn next_id(stream: &mut BufReader<TcpStream>) -> (u64, String) {
    let mut id = 0;
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).expect("it goes on") > 0, "the stream ended");
        if let Some(text) = line.strip_prefix("id: ") {
            id = text.trim_end().parse().expect("a number");
        } else if let Some(kind) = line.strip_prefix("event: ") {
            return (id, kind.trim_end().to_owned());
        }
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim_end_matches("kB").trim().parse().expect("a number")
}

fn a_thousand_streams_hear_every_event_in_order(version: Version) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).expect("an ordinary process may");

    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    let (pid, rest) = (lab.exabgp.agent(), lab.rest);
    let last_seq = || rest.json("/api/v1/events?limit=1").expect("it is there")["last_seq"].clone();
    let before = resident_kib(pid);
    let mut streams: Vec<_> = (0..STREAMS).map(|_| follow(rest.address)).collect();
    let opened = resident_kib(pid);
    let first = last_seq().as_u64().expect("a number");

    for _ in 0..CHANGES {
        lab.libvirtd.virsh(&["suspend", "web"]);
        lab.libvirtd.virsh(&["resume", "web"]);
    }
    lab.agrees_on([&web(ACTIVE)[..]]);
    let last = last_seq().as_u64().expect("a number");
    assert!(last >= first + 2 * CHANGES as u64, "a change of presence is an event: {first} to {last}");

    for stream in &mut streams {
        let mut heard = vec![next_id(stream).0];
        while heard.last() != Some(&last) {
            heard.push(next_id(stream).0);
        }
        // Some may have connected before something that the start still led to.
        assert!(heard[0] <= first + 1, "{heard:?}");
        assert_eq!(heard, (heard[0]..=last).collect::<Vec<_>>());
    }
    let (after, peak) = (resident_kib(pid), peak_resident_kib(pid));
    eprintln!(
        "resident: {before} KiB, with {STREAMS} streams {opened}, after {last} events {after}, at most {peak}"
    );
    assert!(peak - before < STREAMS as u64 * STREAM_KIB, "{before} KiB to {peak} KiB");

    // The agent served everybody else all the while, and serves them when all are gone at once.
    drop(streams);
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.libvirtd.virsh(&["resume", "web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    let served = rest.json(&format!("/api/v1/events?after={last}")).expect("it is there");
    assert_eq!(served["events"][0]["seq"], last + 1);
}
