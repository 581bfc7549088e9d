//! A process that a test started, and that ends with it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::wait;

/// A running process in a process group of its own, with its output in a file.
///
/// The kernel kills it when the thread that started it is gone, so that it ends even with a test runner that is
/// killed itself.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// What stands for a file on a full disk: every write fails (full(4)).
pub(crate) fn full() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has it")
}

impl Process {
    /// Starts `program`, whose standard output and error are added to the file `log`.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        log: &Path,
        set_up: impl FnOnce(&mut Command),
    ) -> Self {
        Self::start_as(name, None, program, log, set_up)
    }

    /// The same as an ordinary user, where the test runs as root.
    pub(crate) fn start_unprivileged(
        name: &'static str,
        program: &Path,
        log: &Path,
        set_up: impl FnOnce(&mut Command),
    ) -> Self {
        Self::start_as(name, is_root().then_some(NOBODY), program, log, set_up)
    }

    fn start_as(
        name: &'static str,
        uid: Option<u32>,
        program: &Path,
        log: &Path,
        set_up: impl FnOnce(&mut Command),
    ) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("the log file opens");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(uid) = uid {
            command.args(["--clear-groups", &format!("--reuid={uid}"), &format!("--regid={uid}")]);
        }
        command
            .arg(program)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file descriptor is left"))
            .stderr(output);
        set_up(&mut command);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("setpriv does not start for {name}: {error}"));
        Self { name, child, log: log.to_path_buf() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child's own handle, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Panics when the process has ended by itself.
    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
            panic!("{} ended by itself: {status}\n{}", self.name, tail(&self.log));
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        signal("KILL", self.pid());
        self.child.wait().expect("the child can be waited for");
    }

    /// SIGTERM, and waits for its exit status.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        signal("TERM", self.pid());
        self.exit()
    }

    /// Waits for its exit status.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let (name, child) = (self.name, &mut self.child);
        wait::until(&format!("{name} exits"), || {
            child.try_wait().expect("the child can be waited for").ok_or_else(|| "it runs".to_owned())
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not yet waited for, so the process group's number can't have gone to someone else.
        if let Ok(None) = self.child.try_wait() {
            send("KILL", &format!("-{}", self.child.id()));
            self.child.wait().ok();
        }
    }
}

/// The user and group `nobody` of Debian.
pub(crate) const NOBODY: u32 = 65_534;

/// Whether this test runs as root.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").expect("/proc is mounted").uid() == 0
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    assert!(send(name, &pid.to_string()), "SIG{name} can't be sent to {pid}");
}

/// The same to one that may have ended meanwhile.
pub(crate) fn signal_if_there(name: &str, pid: u32) {
    send(name, &pid.to_string());
}

/// `kill -9` for all of these at once, so that none of them sees another die.
pub(crate) fn kill_at_once(pids: &[u32]) {
    let script = r#"kill -s STOP -- "$@" && kill -s KILL -- "$@""#;
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let killed = Command::new("sh").args(["-c", script, "sh"]).args(&pids).status();
    assert!(killed.is_ok_and(|status| status.success()), "{pids:?} can't be killed");
}

fn send(name: &str, target: &str) -> bool {
    // The shell's own `kill`: a minimal Debian has no other.
    Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "sh", name, target])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The living processes that have `argument` on their command line: a path in a test's own directory.
pub(crate) fn with_argument(argument: &Path) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            // Empty for a zombie.
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|word| word == argument.as_os_str().as_encoded_bytes())
        })
        .collect();
    found.sort_unstable();
    found
}

/// A number of `/proc/PID/FILE`, a line like `VmHWM:  4096 kB`.
fn number_of(pid: u32, file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {key} in {text}"))
}

/// The most memory that a process has had so far.
pub(crate) fn peak_resident_kib(pid: u32) -> u64 {
    number_of(pid, "status", "VmHWM")
}

/// How many bytes a process has read so far.
pub(crate) fn bytes_read(pid: u32) -> u64 {
    number_of(pid, "io", "rchar")
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 40;
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("--- {} ({} lines, the last of them)\n{last}", log.display(), lines.len())
}
