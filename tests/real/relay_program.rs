//! The relay as a program: by either name it runs without libvirt, and so it starts where libvirt is broken.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::lab::Dir;
use crate::process::{Process, full};

const ROAMD: &str = env!("CARGO_BIN_EXE_roamd");
const RELAY: &str = env!("CARGO_BIN_EXE_roamd-relay");

/// A relay that has begun; nobody is at the other end of its socket.
struct Relay {
    process: Process,
    /// What it wrote first.
    first: String,
}

impl Relay {
    fn start(dir: &Dir, program: &Path, set_up: impl FnOnce(&mut Command)) -> Self {
        let log = dir.path().join("relay.log");
        let mut process = Process::start("the relay", program, &log, |command| {
            set_up(command);
            command.arg("--socket").arg(dir.path().join("agent.sock"));
            command.arg("--ledger").arg(dir.path().join("relay.ledger"));
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        });
        let stdout = process.child().stdout.take().expect("standard output is a pipe");
        let mut first = String::new();
        BufReader::new(stdout).read_line(&mut first).expect("it writes text");
        Self { process, first }
    }

    /// Its program and whether libvirt's library is in its memory.
    fn program(&self) -> (String, bool) {
        let pid = self.process.pid();
        let exe = fs::read_link(format!("/proc/{pid}/exe")).expect("it runs");
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
        assert!(maps.contains("libc.so"), "libraries show by their names: {maps}");
        (exe.display().to_string(), maps.contains("libvirt"))
    }

    /// ExaBGP closes its pipe: it must end in order.
    fn end(mut self) {
        drop(self.process.child().stdin.take());
        assert_eq!(self.process.exit().code(), Some(0));
    }
}

fn relays_without_libvirt(relay: Relay) {
    assert_eq!(relay.first, "# roamd relay\n");
    assert_eq!(relay.program(), (RELAY.to_owned(), false));
    relay.end();
}

#[test]
fn the_relay_does_not_load_libvirt() {
    relays_without_libvirt(Relay::start(&Dir::new(), Path::new(RELAY), |_| {}));
}

#[test]
fn the_agents_program_replaces_itself_by_the_relay_that_stands_beside_it() {
    let relay = Relay::start(&Dir::new(), Path::new(ROAMD), |command| {
        command.arg("relay");
    });
    relays_without_libvirt(relay);
}

#[test]
fn the_agents_program_relays_by_itself_where_no_relay_of_its_version_stands_beside_it() {
    let dir = Dir::new();
    let (alone, beside) = (dir.path().join("roamd"), dir.path().join("roamd-relay"));
    fs::copy(ROAMD, &alone).expect("it is copied");
    for other in [None, Some("#!/bin/sh\necho roamd-relay 0.0.0\n"), Some("no program\n")] {
        if let Some(text) = other {
            fs::write(&beside, text).expect("it is written");
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        let relay = Relay::start(&dir, &alone, |command| {
            command.arg("relay");
        });
        assert_eq!(relay.first, "# roamd relay\n", "{other:?}");
        assert_eq!(relay.program(), (alone.display().to_string(), true), "{other:?}");
        relay.end();
    }
}

#[test]
fn the_relay_goes_on_where_its_log_takes_nothing() {
    relays_without_libvirt(Relay::start(&Dir::new(), Path::new(RELAY), |command| {
        command.stderr(full());
    }));
}

#[test]
fn a_broken_libvirt_stops_the_agent_but_not_the_relay() {
    let dir = Dir::new();
    fs::write(dir.path().join("libvirt.so.0"), "no library").expect("it is written");
    let agent =
        Command::new(ROAMD).arg("--version").env("LD_LIBRARY_PATH", dir.path()).output().expect("it runs");
    let error = String::from_utf8_lossy(&agent.stderr);
    assert!(!agent.status.success() && error.contains("libvirt.so.0"), "{error}");
    relays_without_libvirt(Relay::start(&dir, Path::new(RELAY), |command| {
        command.env("LD_LIBRARY_PATH", dir.path());
    }));
}

#[test]
fn both_programs_are_of_one_version() {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("a version is text");
        text.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned())).expect("two words")
    };
    let ((agent, its), (relay, the_same)) = (version(ROAMD), version(RELAY));
    assert_eq!((agent.as_str(), relay.as_str()), ("roamd", "roamd-relay"));
    assert_eq!(its, the_same);
}
