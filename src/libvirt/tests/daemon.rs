//! A private libvirtd: sockets, state and pid file in a directory of its own, its test driver shared by its clients.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::follower::eventually;
use super::place::Place;

/// `nobody` on every distribution. libvirtd run by root would take the system's own directories.
const NOBODY: u32 = 65534;

pub(in crate::libvirt) struct Daemon {
    // Stopped before its directory goes.
    process: Child,
    place: Place,
}

impl Daemon {
    pub(in crate::libvirt) fn start() -> Self {
        let place = Place::new();
        let root = place.path();
        for folder in ["socket", "home", "run"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        let configuration = format!(
            "unix_sock_dir = \"{}\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\n",
            root.join("socket").display()
        );
        fs::write(root.join("libvirtd.conf"), configuration).unwrap();
        if is_root(root) {
            for path in ["", "socket", "home", "run"] {
                chown(root.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let process = launch(root);
        let daemon = Self { process, place };
        daemon.wait_until_it_listens();
        daemon
    }

    pub(in crate::libvirt) fn uri(&self) -> String {
        format!("test+unix:///default?socket={}", self.socket().display())
    }

    /// Kills it without a chance to say anything.
    pub(in crate::libvirt) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again where it was.
    pub(in crate::libvirt) fn start_again(&mut self) {
        self.process = launch(self.place.path());
        self.wait_until_it_listens();
    }

    /// Starts it again if it has crashed, as a service manager does.
    pub(in crate::libvirt) fn start_again_if_crashed(&mut self) {
        if self.process.try_wait().unwrap().is_some() {
            self.start_again();
        }
    }

    /// Hangs it: its socket still accepts connections (the kernel does), nothing answers from here on.
    pub(in crate::libvirt) fn hang(&self) {
        self.signal("STOP");
        eventually("every thread of libvirtd stands still", || self.threads().all(|state| state == 'T'));
    }

    /// The states of its threads, as proc(5) has them.
    fn threads(&self) -> impl Iterator<Item = char> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        tasks.map(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
            // The name before it may hold anything.
            stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
        })
    }

    pub(in crate::libvirt) fn go_on(&self) {
        self.signal("CONT");
    }

    /// How many sockets it has open: listening, and one a client.
    pub(in crate::libvirt) fn sockets(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id()))
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count()
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -$0 $1", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    pub(in crate::libvirt) fn socket(&self) -> PathBuf {
        self.place.path().join("socket/libvirt-sock")
    }

    fn wait_until_it_listens(&self) {
        eventually("libvirtd listens", || UnixStream::connect(self.socket()).is_ok());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn launch(root: &Path) -> Child {
    let installed = Path::new("/usr/sbin/libvirtd");
    let mut command = Command::new(if installed.exists() { installed } else { Path::new("libvirtd") });
    command
        .arg("-f")
        .arg(root.join("libvirtd.conf"))
        .arg("-p")
        .arg(root.join("pid"))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", root.join("home"))
        .env("XDG_RUNTIME_DIR", root.join("run"))
        .env("XDG_CONFIG_HOME", root.join("home/config"))
        .env("XDG_CACHE_HOME", root.join("home/cache"))
        .env("XDG_DATA_HOME", root.join("home/data"))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(root.join("log")).unwrap());
    if is_root(&root.join("log")) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.spawn().expect("libvirtd is installed (Debian: libvirt-daemon)")
}

/// Whether what this process creates belongs to root.
fn is_root(created: &Path) -> bool {
    fs::metadata(created).unwrap().uid() == 0
}
