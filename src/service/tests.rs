//! The words that a real socket hears, and what they are made of.

mod life;
mod status;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::config::Transport;
use crate::snapshot::sample;

/// A manager with its socket and the service's runtime directory.
struct Listening {
    directory: PathBuf,
    socket: UnixDatagram,
}

impl Listening {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("roamd-service-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let socket = UnixDatagram::bind(directory.join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { directory, socket }
    }

    fn service(&self, watchdog: Option<Duration>) -> Service {
        Service::at(self.directory.join("notify").as_os_str(), Some(self.directory.clone()), watchdog)
            .unwrap()
    }

    /// The next message, line by line.
    fn hears(&self) -> Option<Vec<String>> {
        let mut buffer = [0; 8_192];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(std::str::from_utf8(&buffer[..length]).unwrap().lines().map(str::to_owned).collect())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

#[test]
fn a_service_that_nobody_manages_has_nothing_to_tell() {
    let mut service = Service::default();
    service.beat(Instant::now());
    service.ready();
    service.reloaded();
    assert!(!service.is_awaited() && !service.is_due());
    assert_eq!(service.watchdog(), None);
}

#[test]
fn ready_reload_and_stop_are_told_once_each_with_a_status() {
    let listening = Listening::new();
    let mut service = listening.service(None);
    let snapshot = sample::host();
    assert!(service.is_awaited() && !service.is_due());

    service.ready();
    assert!(service.is_due() && service.is_urgent() && !service.is_awaited());
    service.tell(&snapshot);
    let words = listening.hears().unwrap();
    assert_eq!(words[0], "READY=1");
    assert!(words[1].starts_with("STATUS="), "{words:?}");
    assert_eq!(words.len(), 2);
    assert!(!service.is_due());
    service.tell(&snapshot);
    assert_eq!(listening.hears(), None);

    service.reloading();
    service.tell(&snapshot);
    let words = listening.hears().unwrap();
    assert_eq!(words[0], "RELOADING=1");
    let micros: u64 = words[2].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!(micros > 0);
    service.reloaded();
    service.tell(&snapshot);
    assert_eq!(listening.hears().unwrap()[0], "READY=1");

    service.stopping();
    service.tell(&snapshot);
    assert_eq!(listening.hears().unwrap(), ["STOPPING=1", "STATUS=Stops"]);
}

#[test]
fn a_manager_that_does_not_read_holds_nobody_up_and_hears_the_latest_when_it_reads_again() {
    let listening = Listening::new();
    let mut service = listening.service(None);
    let mut snapshot = sample::host();
    service.ready();
    while !service.mute {
        // Each is news.
        snapshot.generation += 1;
        snapshot.libvirt.uri.push('+');
        snapshot.config_status.errors = vec![snapshot.libvirt.uri.clone()];
        service.tell(&snapshot);
    }
    service.stopping();
    assert!(!service.is_due(), "it waits for the next beat");
    service.tell(&snapshot);
    while listening.hears().is_some() {}
    service.beat(Instant::now());
    assert!(service.is_due());
    service.tell(&snapshot);
    assert_eq!(listening.hears().unwrap(), ["STOPPING=1", "STATUS=Stops"]);
    assert_eq!(listening.hears(), None);
    assert!(!service.is_due());
}

#[test]
fn a_manager_that_is_there_no_longer_is_no_harm() {
    let listening = Listening::new();
    let mut service = listening.service(None);
    fs::remove_file(listening.directory.join("notify")).unwrap();
    service.ready();
    service.tell(&sample::host());
    assert!(service.mute && !service.is_due());
}

#[test]
fn the_outcome_of_each_reload_is_left_for_who_asks_for_that_process() {
    let listening = Listening::new();
    let (mut service, mut snapshot) = (listening.service(None), sample::host());
    let pid = std::process::id();
    assert_eq!(Verdict::find(&listening.directory, pid), None);

    // A start goes on through it, and nothing is told of it but the outcome.
    service.reloading();
    service.reloaded();
    snapshot.config_status.wait_for_restart = vec!["log.level"];
    service.tell(&snapshot);
    let verdict = Verdict::find(&listening.directory, pid).unwrap();
    assert_eq!((verdict.number, verdict.errors.len(), verdict.more), (1, 0, 0));
    assert_eq!(verdict.wait_for_restart, ["log.level"]);
    let words = listening.hears().unwrap();
    assert!(words.iter().all(|word| word.starts_with("STATUS=Waits for ")), "{words:?}");

    snapshot.config_status.errors = (0..150).map(|number| format!("fault {number}")).collect();
    service.reloaded();
    service.tell(&snapshot);
    let verdict = Verdict::find(&listening.directory, pid).unwrap();
    assert_eq!((verdict.number, verdict.errors.len(), verdict.more), (2, 100, 50));
    assert_eq!(Verdict::find(&listening.directory, pid + 1), None, "it is of another agent");
}

#[test]
fn a_child_of_exabgp_is_not_the_service_of_its_environment() {
    const NAME: &str = "service::tests::a_child_of_exabgp_is_not_the_service_of_its_environment";
    if env::var_os("NOTIFY_SOCKET").is_some() {
        assert!(!Service::from_environment(Transport::Child).is_awaited());
        assert!(Service::from_environment(Transport::Relay).is_awaited());
        return;
    }
    // The same test in a process with that environment.
    let listening = Listening::new();
    let mut again = std::process::Command::new(env::current_exe().unwrap());
    again.args([NAME, "--exact"]).env("NOTIFY_SOCKET", listening.directory.join("notify"));
    let output = again.output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
}

#[test]
fn what_an_earlier_agent_of_the_same_number_has_left_is_no_outcome() {
    let listening = Listening::new();
    let pid = std::process::id();
    Verdict::new(1, &sample::host().config_status).leave(&listening.directory).unwrap();
    assert!(Verdict::find(&listening.directory, pid).is_some());
    let _service = listening.service(None);
    assert_eq!(Verdict::find(&listening.directory, pid), None);
}
