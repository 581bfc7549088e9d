//! The agent as systemd runs it: what it tells by `sd_notify(3)`, and `roamd reload`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::agreement::{ACTIVE, ARRIVED, db, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::on_each_exabgp;
use crate::process::{signal, tail};
use crate::relay::RELAY;

on_each_exabgp! {
    it_is_ready_when_libvirt_is_listed_and_exabgp_answers_and_not_before,
}

/// Longer than a loaded machine takes for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The watchdog of these tests.
const WATCHDOG: Duration = Duration::from_secs(2);

/// Who listens in systemd's place.
struct Manager {
    socket: UnixDatagram,
    directory: PathBuf,
}

impl Manager {
    /// Ends the lab's agent, and has it run as a service from its next start on.
    fn of(lab: &mut Lab, watchdog: Option<Duration>) -> Self {
        lab.agrees_on([&web(ACTIVE)[..]]);
        lab.agent().terminate();
        let directory = lab.dir().join("runtime");
        fs::create_dir(&directory).expect("the directory is new");
        let place = lab.dir().join("notify");
        let socket = UnixDatagram::bind(&place).expect("the socket is new");
        let mut environment =
            vec![("NOTIFY_SOCKET", place.into()), ("RUNTIME_DIRECTORY", directory.clone().into())];
        environment.extend(watchdog.map(|time| ("WATCHDOG_USEC", time.as_micros().to_string().into())));
        lab.agent().set_environment(environment);
        Self { socket, directory }
    }

    /// The next message, line by line; `None` when there is none for so long.
    fn hears_within(&self, time: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(time)).expect("the time is not zero");
        let mut buffer = [0; 8_192];
        let length = self.socket.recv(&mut buffer).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).expect("words are text");
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Hears until a word of which `wanted` holds; everything up to it.
    fn hears_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = Vec::new();
        while Instant::now() < deadline {
            let words = self.hears_within(PATIENCE).unwrap_or_default();
            let found = words.iter().any(|word| wanted(word));
            heard.extend(words);
            if found {
                return heard;
            }
        }
        panic!("{what} is not heard: {heard:?}");
    }

    /// `roamd reload`, as the unit's `ExecReload` runs it.
    fn reload(&self, pid: u32) -> Output {
        Command::new(env!("CARGO_BIN_EXE_roamd"))
            .args(["reload", &pid.to_string()])
            .env("RUNTIME_DIRECTORY", &self.directory)
            .stdin(Stdio::null())
            .output()
            .expect("roamd starts")
    }
}

fn last_status(heard: &[String]) -> &str {
    let mut statuses = heard.iter().filter_map(|word| word.strip_prefix("STATUS="));
    statuses.next_back().expect("a status is among it")
}

fn it_is_ready_when_libvirt_is_listed_and_exabgp_answers_and_not_before(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    let manager = Manager::of(&mut lab, None);
    lab.exabgp.kill();
    lab.libvirtd.kill();

    lab.agent().restart();
    let mut heard = manager.hears_until("that it waits", |word| {
        word.starts_with("STATUS=Waits for libvirt: ") && word.contains("exabgp: ")
    });
    let more_time = "EXTEND_TIMEOUT_USEC=30000000".to_owned();
    assert!(heard.contains(&more_time), "{heard:?}");
    lab.libvirtd.restart(&["web"]);
    heard.extend(
        manager.hears_until("that it waits for ExaBGP alone", |word| {
            word.starts_with("STATUS=Waits for exabgp: ")
        }),
    );
    assert!(!heard.iter().any(|word| word == "READY=1"), "{heard:?}");

    lab.exabgp.restart();
    let heard = manager.hears_until("that it is ready", |word| word == "READY=1");
    assert!(last_status(&heard).starts_with("1 VM with "), "{heard:?}");
    lab.agrees_on([&web(ACTIVE)[..]]);
    manager.hears_until("what it serves", |word| {
        word.starts_with("STATUS=1 VM with 2 routes; 1 of 1 BGP sessions up")
    });

    lab.agent().terminate();
    manager.hears_until("that it stops", |word| word == "STOPPING=1");
}

#[test]
fn a_reload_is_told_with_its_outcome_and_roamd_reload_fails_with_the_faults() {
    let mut lab = Lab::start_with_relay(Version::V4, &Plan { running: &["web"], config: VMS }, RELAY);
    let manager = Manager::of(&mut lab, None);
    lab.agent().restart();
    manager.hears_until("that it is ready", |word| word == "READY=1");
    let pid = lab.agent().pid();

    lab.edit_config("198.51.100.30", "198.51.100.31");
    let done = manager.reload(pid);
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
    let heard = manager.hears_until("that it reloads", |word| word.starts_with("MONOTONIC_USEC="));
    assert!(heard.iter().any(|word| word == "RELOADING=1"), "{heard:?}");
    manager.hears_until("that it has", |word| word == "READY=1");

    lab.edit_config("198.51.100.31", "198.51.100.310");
    let refused = manager.reload(pid);
    assert_eq!(refused.status.code(), Some(78), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("vms.mail.service_ips[0]") && said.contains("198.51.100.310"), "{said}");
    manager.hears_until("that it reloads", |word| word == "RELOADING=1");
    let heard = manager.hears_until("that it has", |word| word == "READY=1");
    let status = last_status(&heard);
    assert!(status.contains("is kept") && status.contains("vms.mail.service_ips[0]"), "{status}");

    lab.edit_config("198.51.100.310", "198.51.100.31");
    lab.edit_config("level: debug", "level: info");
    let waits = manager.reload(pid);
    assert_eq!(waits.status.code(), Some(0), "{waits:?}");
    assert!(String::from_utf8_lossy(&waits.stderr).contains("log.level"), "{waits:?}");

    // Who is not there can't be told.
    lab.agent().terminate();
    let gone = manager.reload(pid);
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("can't be signalled"), "{gone:?}");
}

#[test]
fn a_configuration_with_faults_ends_it_with_78_and_a_status_that_says_so() {
    let mut lab = Lab::start_with_relay(Version::V4, &Plan { running: &["web"], config: VMS }, RELAY);
    let manager = Manager::of(&mut lab, None);
    lab.edit_config("198.51.100.30", "198.51.100.300");
    lab.agent().restart();
    let status = lab.agent().exit();
    assert_eq!(status.code(), Some(78), "{}", tail(lab.agent().log()));
    let heard = manager.hears_within(PATIENCE).expect("it says why");
    assert!(heard[0].starts_with("STATUS=The configuration has faults: "), "{heard:?}");
    assert!(heard[0].contains("vms.mail.service_ips[0]"), "{heard:?}");
}

/// Stops one thread of a process, which SIGSTOP can't: as a debugger does (ptrace(2)), until its standard input ends.
const DEBUGGER: &str = r#"
import ctypes, os, sys
SEIZE, INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
thread = int(sys.argv[1])
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
for request in (SEIZE, INTERRUPT):
    if ptrace(request, thread, None, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(thread, WALL)
print("stopped", flush=True)
sys.stdin.read()
"#;

/// A thread that stands still while this lives.
struct Halted(Child);

impl Halted {
    fn thread(thread: u32) -> Self {
        let mut debugger = Command::new("/usr/bin/python3")
            .args(["-c", DEBUGGER, &thread.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut line = String::new();
        let stdout = debugger.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says so");
        assert_eq!(line, "stopped\n");
        Self(debugger)
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

#[test]
fn the_watchdog_is_fed_by_the_loop_and_by_nothing_beside_it() {
    let mut lab = Lab::start_with_relay(Version::V4, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    let manager = Manager::of(&mut lab, Some(WATCHDOG));
    lab.agent().restart();
    manager.hears_until("that it is ready", |word| word == "READY=1");
    for _ in 0..3 {
        manager.hears_until("that it lives", |word| word == "WATCHDOG=1");
    }

    // The loop runs on the first thread; all others go on, and HTTP answers.
    let pid = lab.agent().pid();
    let halted = Halted::thread(pid);
    while manager.hears_within(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.hears_within(2 * WATCHDOG), None, "a hung loop must be silent");
    assert_eq!(lab.rest.json("/api/v1/status").expect("HTTP answers")["ready"], true);
    drop(halted);
    manager.hears_until("that it lives again", |word| word == "WATCHDOG=1");

    // It goes on with what happened meanwhile.
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    signal("STOP", pid);
    while manager.hears_within(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.hears_within(2 * WATCHDOG), None);
    signal("CONT", pid);
    manager.hears_until("that it lives again", |word| word == "WATCHDOG=1");
}

#[test]
fn without_a_manager_nothing_is_left_anywhere() {
    let mut lab = Lab::start_with_relay(Version::V4, &Plan { running: &["web"], config: VMS }, RELAY);
    let manager = Manager::of(&mut lab, None);
    lab.agent().set_environment(vec![("RUNTIME_DIRECTORY", manager.directory.clone().into())]);
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.edit_config("198.51.100.30", "198.51.100.31");
    lab.agent().signal("HUP");
    crate::wait::until("it is in force", || {
        let config = lab.rest.json("/api/v1/vms/mail")?["service_ips"].to_string();
        if config.contains("198.51.100.31") { Ok(()) } else { Err(config) }
    });
    assert!(is_empty(&manager.directory));
    assert_eq!(manager.hears_within(Duration::from_millis(1)), None);
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).expect("it is there").next().is_none()
}
