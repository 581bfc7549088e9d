//! The service manager's side (systemd): what it is told of this process, by `sd_notify(3)`, and how a reload ended.
//!
//! The agent says how it stands, and feeds the watchdog by its own heartbeat. `life.rs` knows what the manager was told
//! already and what is due; `status.rs` makes a line of a snapshot; `verdict.rs` is what `roamd reload` waits for. Where no
//! manager listens (`NOTIFY_SOCKET` is not set) nothing happens.
//!
//! Nobody waits for the manager: a word that it can't take now is due again at the next heartbeat.

mod life;
mod status;
#[cfg(test)]
mod tests;
mod verdict;

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::{info, warn};

use crate::config::Transport;
use crate::snapshot::Snapshot;
use life::{Life, Phase};
pub use verdict::Verdict;

/// This process as a service; by default one that nobody manages.
#[derive(Debug, Default)]
pub struct Service {
    manager: Option<Manager>,
    life: Life,
    /// The snapshot that the status was made of.
    generation: Option<u64>,
    /// How many times the configuration was read again, and of how many of them the outcome was left.
    reloads: u64,
    judged: u64,
    /// The agent's heart has beaten since the last word.
    beaten: bool,
    /// The last word did not get through.
    mute: bool,
}

/// Who manages the service.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// Where the outcome of a reload is left.
    directory: Option<PathBuf>,
}

impl Service {
    /// The service that this process is by its environment; none as a child of ExaBGP, whose service that would be.
    pub fn from_environment(transport: Transport) -> Self {
        if transport == Transport::Child {
            return Self::default();
        }
        let Some(place) = env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let directory = env::var_os("RUNTIME_DIRECTORY").map(|_| runtime_directory());
        Self::at(&place, directory, sd_notify::watchdog_enabled()).unwrap_or_else(|error| {
            warn!(%error, socket = ?place, "the service manager can't be told of this service");
            Self::default()
        })
    }

    /// The service whose manager listens at `place`, with its runtime directory and its watchdog.
    pub(crate) fn at(
        place: &OsStr,
        directory: Option<PathBuf>,
        watchdog: Option<Duration>,
    ) -> io::Result<Self> {
        // In a container each agent may have the process id of the one before.
        directory.as_deref().into_iter().for_each(Verdict::forget);
        let manager = Some(Manager::at(place, directory)?);
        Ok(Self { manager, life: Life::new(watchdog), ..Self::default() })
    }

    /// Within what time it must hear that the agent lives; `None` where it does not listen for that.
    pub fn watchdog(&self) -> Option<Duration> {
        self.life.watchdog()
    }

    /// Whether the manager waits to hear that the agent is ready.
    pub fn is_awaited(&self) -> bool {
        self.manager.is_some() && self.life.phase() == Phase::Starting
    }

    /// The agent is ready: libvirt is listed, and it is known what ExaBGP holds.
    pub fn ready(&mut self) {
        self.life.ready();
    }

    /// The configuration is being read again.
    pub fn reloading(&mut self) {
        self.life.reloading();
    }

    /// It was read, and is in force or not.
    pub fn reloaded(&mut self) {
        self.life.reloaded();
        self.reloads += 1;
    }

    /// The agent was asked to stop.
    pub fn stopping(&mut self) {
        self.life.stopping();
    }

    /// The agent's loop has gone round.
    pub fn beat(&mut self, now: Instant) {
        self.life.beat(now);
        self.beaten = true;
    }

    /// Whether there is something to tell: what can't wait, or what has come together since the last beat.
    pub fn is_due(&self) -> bool {
        self.manager.is_some() && (self.beaten || (self.is_urgent() && !self.mute))
    }

    /// Whether what is to be told is of this moment.
    pub fn is_urgent(&self) -> bool {
        self.life.changed_phase() || self.judged < self.reloads
    }

    /// Tells what is due.
    pub fn tell(&mut self, snapshot: &Snapshot) {
        self.beaten = false;
        let Some(manager) = &self.manager else { return };
        if self.life.changed_phase() || self.generation != Some(snapshot.generation) {
            self.generation = Some(snapshot.generation);
            self.life.status(status::line(snapshot, self.life.phase()));
        }
        let due = self.life.due();
        if !due.is_empty() {
            let sent = manager.send(&due);
            match &sent {
                Ok(()) if self.mute => info!("the service manager hears of this service again"),
                Err(error) if !self.mute => {
                    warn!(%error, "the service manager can't be told of this service");
                }
                Ok(()) | Err(_) => {}
            }
            self.mute = sent.is_err();
            if sent.is_ok() {
                self.life.told();
            }
        }
        // After the word to the manager: whoever waits for this ends then, and what asked it to wait looks at that word.
        if self.judged < self.reloads {
            self.judged = self.reloads;
            manager.leave(&Verdict::new(self.reloads, &snapshot.config_status));
        }
    }

    /// The process ends, because of this.
    pub fn ends(&mut self, reason: &str) {
        if let Some(manager) = &self.manager {
            // What the log says anyway.
            drop(manager.send(&[NotifyState::Status(&status::one_line(reason))]));
        }
    }
}

impl Manager {
    fn at(place: &OsStr, directory: Option<PathBuf>) -> io::Result<Self> {
        let address = match place.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(Path::new(place)),
        }?;
        let socket = UnixDatagram::unbound()?;
        // sd-notify's own sending would wait for a manager that does not read, and the routes with it.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, directory })
    }

    /// One message, which the manager takes whole.
    fn send(&self, words: &[NotifyState<'_>]) -> io::Result<()> {
        let mut lines: Vec<String> = words.iter().map(ToString::to_string).collect();
        if words.iter().any(|word| matches!(word, NotifyState::Reloading)) {
            // Required from systemd 253 on: which reload this is the beginning of.
            lines.push(NotifyState::monotonic_usec_now()?.to_string());
        }
        let message = lines.join("\n");
        self.socket.send_to_addr(message.as_bytes(), &self.address)?;
        Ok(())
    }

    /// A small file on a tmpfs, which is not waited for.
    fn leave(&self, verdict: &Verdict) {
        let Some(directory) = self.directory.as_deref() else { return };
        if let Err(error) = verdict.leave(directory) {
            let directory = directory.display();
            warn!(%error, %directory, "whoever asked for the reload can't be told how it ended");
        }
    }
}

/// What systemd made for the service that this runs in (systemd.exec(5)): the first of its directories.
pub fn runtime_directory() -> PathBuf {
    let directories = env::var_os("RUNTIME_DIRECTORY");
    let first = directories.as_ref().and_then(|list| env::split_paths(list).next());
    match first {
        Some(first) if first.is_absolute() => first,
        Some(_) | None => Path::new("/run/roamd").to_path_buf(),
    }
}
