//! A private libvirtd with its test driver, and virsh as the operator.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use crate::process::{self, Process, signal};
use crate::{template, wait};

/// libvirtd behind a socket path that stays the same over its restarts.
///
/// The test driver forgets every VM when its last client leaves, so a virsh holds a connection open.
pub(crate) struct Libvirtd {
    dir: PathBuf,
    life: Option<Life>,
    lives: u32,
}

/// One run of the daemon. The fields end in this order.
struct Life {
    _held_open: ChildStdin,
    _holder: Process,
    daemon: Process,
    dir: PathBuf,
}

impl Libvirtd {
    /// Starts it with these VMs running, besides the test driver's own VM `test`.
    pub(crate) fn start(dir: &Path, running: &[&str]) -> Self {
        let dir = dir.join("libvirt");
        fs::create_dir(&dir).expect("the directory is new");
        let mut libvirtd = Self { dir, life: None, lives: 0 };
        libvirtd.restart(running);
        libvirtd
    }

    /// The URI that the agent watches.
    pub(crate) fn uri(&self) -> String {
        uri(&self.socket())
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("libvirtd.log")
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("sock")
    }

    /// `kill -9`: the socket file stays behind and refuses connections.
    pub(crate) fn kill(&mut self) {
        self.life.as_mut().expect("libvirtd runs").daemon.kill();
        self.life = None;
    }

    /// Stops every thread of it: connections stay open, and nothing is answered.
    pub(crate) fn hang(&self) {
        signal("STOP", self.life.as_ref().expect("libvirtd runs").daemon.pid());
    }

    /// Starts it again; the socket's path leads to it only when these VMs run.
    pub(crate) fn restart(&mut self, running: &[&str]) {
        self.lives += 1;
        let life = Life::start(self.dir.join(format!("life{}", self.lives)), &self.log());
        for name in running {
            virsh(&life.socket(), &["create", &xml(&life.dir, name)]).expect("virsh creates the VM");
        }
        // Renamed into place, so that no client ever finds half of it.
        let (new, socket) = (self.dir.join("new"), self.socket());
        symlink(life.socket(), &new).expect("the link is new");
        fs::rename(new, socket).expect("the link is renamed");
        self.life = Some(life);
    }

    /// Defines a VM that does not run.
    pub(crate) fn define(&self, name: &str) {
        self.virsh(&["define", &xml(&self.dir, name)]);
    }

    /// Runs a virsh command that must succeed.
    pub(crate) fn virsh(&self, arguments: &[&str]) {
        virsh(&self.socket(), arguments).expect("virsh does as it is told");
    }

    /// Every VM with its state as virsh names it: `running`, `paused`, `shut off`.
    pub(crate) fn states(&self) -> Result<Vec<(String, String)>, String> {
        let list = virsh(&self.socket(), &["list", "--all"])?;
        // ` 1    web   running`, ` -    db    shut off`
        let state = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1).map(|name| ((*name).to_owned(), words[2..].join(" ")))
        };
        Ok(list.lines().filter_map(state).collect())
    }
}

impl Life {
    fn start(dir: PathBuf, log: &Path) -> Self {
        fs::create_dir(&dir).expect("the directory is new");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).expect("the directory is ours");
        let conf = dir.join("libvirtd.conf");
        let text = template::filled("libvirt/private.conf.in", &[("DIR", &dir.display().to_string())]);
        fs::write(&conf, text).expect("the configuration is written");
        if process::is_root() {
            chown(&dir, Some(process::NOBODY), Some(process::NOBODY)).expect("root may give it away");
        }
        // As root it would use the system's own directories below /run and /var.
        let program = ["/usr/sbin/libvirtd", "/usr/bin/libvirtd"].map(Path::new);
        let program = program.into_iter().find(|path| path.exists()).expect("libvirt-daemon is installed");
        let mut daemon = Process::start_unprivileged("libvirtd", program, log, |command| {
            command.arg("-f").arg(&conf).arg("-p").arg(dir.join("pid")).env_clear();
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &dir);
            for name in ["RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME"] {
                command.env(format!("XDG_{name}"), &dir);
            }
        });
        let socket = dir.join("libvirt-sock");
        wait::until("libvirtd answers", || {
            daemon.assert_alive();
            virsh(&socket, &["list"])
        });
        let mut holder = Process::start("virsh", Path::new("/usr/bin/virsh"), log, |command| {
            command.args(["-q", "-c", &uri(&socket)]).stdin(Stdio::piped());
        });
        let mut held_open = holder.child().stdin.take().expect("standard input is a pipe");
        // What the holder did is seen by others: it is connected.
        held_open.write_all(b"desc test --title --new-desc held\n").expect("virsh reads");
        wait::until("virsh holds a connection", || {
            let title = virsh(&socket, &["desc", "test", "--title"])?;
            if title.trim() == "held" { Ok(()) } else { Err(title) }
        });
        Self { _held_open: held_open, _holder: holder, daemon, dir }
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("libvirt-sock")
    }
}

fn uri(socket: &Path) -> String {
    format!("test+unix:///default?socket={}", socket.display())
}

/// Writes a VM's definition; its identity follows from its name, as it stays the same over restarts.
fn xml(dir: &Path, name: &str) -> String {
    let path = dir.join(format!("{name}.xml"));
    let number =
        name.bytes().fold(0_u64, |number, byte| number.wrapping_mul(257).wrapping_add(u64::from(byte)));
    let uuid = format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff);
    fs::write(&path, template::filled("libvirt/vm.xml.in", &[("NAME", name), ("UUID", &uuid)]))
        .expect("the file is written");
    path.display().to_string()
}

fn virsh(socket: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("virsh")
        .args(["-q", "-c", &uri(socket)])
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("virsh does not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("virsh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}
