//! A real ExaBGP and a real BIRD on loopback, and a session driven over ExaBGP's API.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use roamd::route::{Asn, Mark};

use crate::exchange::Exchange;

pub(crate) const OWN_AS: Asn = Asn::new(65_001).unwrap();
pub(crate) const MARK: Mark = Mark { local_as: OWN_AS, mark: 82 };

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub(crate) enum Version {
    /// 4.2, as the system has it.
    System,
    /// 5.0.15 in the venv that `ROAMD_EXABGP5` names.
    Venv,
}

impl Version {
    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::System => "4.2.21",
            Self::Venv => "5.0.15",
        }
    }

    fn command(self) -> Command {
        match self {
            Self::System => Command::new("/usr/sbin/exabgp"),
            Self::Venv => {
                let mut command = Command::new(venv().join("bin/exabgp"));
                command.arg("server");
                command
            }
        }
    }
}

/// The venv with ExaBGP 5.0.15; made under `target` where none is named.
fn venv() -> &'static Path {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    VENV.get_or_init(|| {
        let named = std::env::var_os("ROAMD_EXABGP5").map(PathBuf::from);
        let venv = named.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("../exabgp5"));
        if !venv.join("bin/exabgp").exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
            run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "exabgp==5.0.15"]));
        }
        venv
    })
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Who is in ExaBGP's configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peers {
    /// One eBGP neighbor.
    Ebgp,
    /// An eBGP and an iBGP neighbor, and a neighbor that our process may not speak to.
    Both,
}

/// A process with a group of its own, stopped when dropped.
struct Running(Child);

impl Running {
    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.0.id());
        // The shell's own `kill`: a minimal Debian has no other. One that has ended can't be signalled.
        let arguments = ["-c", r#"kill -s "$1" -- "$2""#, "sh", signal, &group];
        let _ = Command::new("sh").args(arguments).stderr(Stdio::null()).status();
    }
}

impl Running {
    /// Whether every child is a zombie (proc(5)).
    fn children_are_dead(&self) -> bool {
        let own = self.0.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))
            .expect("this process has a list of children");
        children.split_ascii_whitespace().all(|child| {
            // One that has vanished meanwhile is as dead as can be.
            let stat =
                fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_else(|_| "0 () Z".to_owned());
            stat.rsplit_once(')').is_some_and(|(_, after)| after.trim_start().starts_with('Z'))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal("CONT");
        for (signal, patience) in [("TERM", Duration::from_secs(5)), ("KILL", PATIENCE)] {
            self.signal(signal);
            let end = Instant::now() + patience;
            while Instant::now() < end {
                if matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// ExaBGP, BIRD and their folder.
pub(crate) struct Bench {
    folder: PathBuf,
    api: UnixListener,
    port: u16,
    exabgp: Option<Running>,
    bird: Option<Running>,
}

impl Bench {
    /// Starts ExaBGP.
    pub(crate) fn start(version: Version, peers: Peers) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("roamd-exabgp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // A socket's path has at most 107 bytes, which the target folder may exceed.
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let api = UnixListener::bind(folder.join("api.sock")).unwrap();
        api.set_nonblocking(true).unwrap();
        let port = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
        let configuration = folder.join("exabgp.conf");
        fs::write(&configuration, exabgp_configuration(&folder, peers)).unwrap();
        let log = fs::File::create(folder.join("exabgp.out")).unwrap();
        let exabgp = version
            .command()
            .arg(&configuration)
            .env("exabgp.tcp.port", port.to_string())
            .env("exabgp.api.cli", "false")
            .env("exabgp.daemon.user", run(Command::new("id").arg("-un")).trim())
            .env("exabgp.log.destination", folder.join("exabgp.log"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("ExaBGP {} does not start: {error}", version.number()));
        Self { folder, api, port, exabgp: Some(Running(exabgp)), bird: None }
    }

    pub(crate) fn stop_exabgp(&mut self) {
        self.exabgp = None;
    }

    /// Ends the API process right after it has written `text`, before ExaBGP reads any of it. The answers must
    /// be short: ExaBGP stops all its neighbors for good once it fails to write to an API process that has
    /// died, which its own buffer of 8 KiB puts off.
    pub(crate) fn die_writing(&self, mut exchange: Exchange, text: &str) {
        let exabgp = self.exabgp.as_ref().unwrap();
        exabgp.signal("STOP");
        exchange.stream.write_all(text.as_bytes()).unwrap();
        exchange.stream.shutdown(Shutdown::Write).unwrap();
        exchange.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut rest = Vec::new();
        exchange.stream.read_to_end(&mut rest).unwrap();
        let end = Instant::now() + PATIENCE;
        while !exabgp.children_are_dead() {
            assert!(Instant::now() < end, "the API process does not end");
            thread::sleep(Duration::from_millis(1));
        }
        exabgp.signal("CONT");
    }

    /// Starts BIRD: 127.0.0.2 is AS 65000, 127.0.0.3 the own AS.
    pub(crate) fn start_bird(&mut self) {
        let configuration = self.folder.join("bird.conf");
        fs::write(&configuration, bird_configuration(self.port)).unwrap();
        let log = fs::File::create(self.folder.join("bird.out")).unwrap();
        let bird = Command::new("/usr/sbin/bird")
            .arg("-f")
            .arg("-c")
            .arg(&configuration)
            .arg("-s")
            .arg(self.folder.join("bird.ctl"))
            .arg("-P")
            .arg(self.folder.join("bird.pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        self.bird = Some(Running(bird));
    }

    /// What BIRD shows of a route once it is as `expected`.
    pub(crate) fn bird_route(&self, table: &str, prefix: &str, expected: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let output = Command::new("/usr/sbin/birdc")
                .arg("-s")
                .arg(self.folder.join("bird.ctl"))
                .args(["show", "route", "for", prefix, "table", table, "all"])
                .output()
                .unwrap();
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            if shown.contains("BIRD") && expected(&shown) {
                return shown;
            }
            assert!(Instant::now() < end, "{table} {prefix}: {shown}{}", self.logs());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for ExaBGP's API process and begins a session with it.
    pub(crate) fn connect(&self, neighbors: &[&str]) -> Exchange {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match self.api.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < end, "no API process{}", self.logs());
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        };
        stream.set_nonblocking(false).unwrap();
        Exchange::begin(&self.folder, stream, neighbors)
    }

    fn logs(&self) -> String {
        logs(&self.folder)
    }
}

pub(crate) fn logs(folder: &Path) -> String {
    let mut logs = String::new();
    for name in ["exabgp.out", "exabgp.log", "bird.out"] {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        let tail = text.len().saturating_sub(2_000);
        let tail = text.get(tail..).unwrap_or(&text);
        logs.extend(["\n--- ", name, "\n", tail]);
    }
    logs
}
impl Drop for Bench {
    fn drop(&mut self) {
        self.exabgp = None;
        self.bird = None;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn exabgp_configuration(folder: &Path, peers: Peers) -> String {
    let relay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exabgp/relay.py");
    // BIRD keeps one session to an address, so the neighbors see different ones.
    let neighbor = |address: &str, local: &str, asn: u32, api: &str| {
        format!(
            "neighbor {address} {{ router-id 127.0.0.1; local-address {local}; local-as {OWN_AS}; peer-as {asn}; \
             family {{ ipv4 unicast; ipv6 unicast; }} {api} }}\n"
        )
    };
    // The echo of UPDATEs is on: it must not disturb.
    let api = "api { processes [ roamd ]; neighbor-changes; send { parsed; update; } }";
    let mut text = format!(
        "process roamd {{ run /usr/bin/python3 {relay} {}; encoder json; }}\n",
        folder.join("api.sock").display()
    );
    text += &neighbor("127.0.0.2", "127.0.0.1", 65_000, api);
    if peers == Peers::Both {
        text += &neighbor("127.0.0.3", "127.0.0.11", OWN_AS.get(), api);
        text += &neighbor("127.0.0.4", "127.0.0.1", 65_004, "");
    }
    text
}

fn bird_configuration(port: u16) -> String {
    let mut text = "router id 127.0.0.2;\nlog stderr all;\nprotocol device {}\n".to_owned();
    let protocols = [("e", "127.0.0.2", "127.0.0.1", 65_000), ("i", "127.0.0.3", "127.0.0.11", OWN_AS.get())];
    for (name, address, peer, asn) in protocols {
        let protocol = format!(
            "ipv4 table {name}4;\nipv6 table {name}6;\n\
             protocol bgp {name} {{\n  local {address} port {port} as {asn};\n  neighbor {peer} as {OWN_AS};\n  \
             multihop;\n  passive;\n  strict bind;\n  \
             ipv4 {{ table {name}4; import all; import keep filtered; export none; }};\n  \
             ipv6 {{ table {name}6; import all; export none; }};\n}}\n"
        );
        text += &protocol;
    }
    text
}
