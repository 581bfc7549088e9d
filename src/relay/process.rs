//! The relay's process: ExaBGP's two pipes, the agent's socket and a timer, in one thread.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tracing::{debug, info, warn};

use super::journal::Journal;
use super::watchdog::Watchdog;
use super::{Effects, Identity, Notice, Relay};
use crate::exabgp::epoch;
use crate::nonblocking::is_passing;
use crate::timer::sleep_until;

/// How long after a connection has ended, or could not be made, the next one is tried.
const AGAIN: Duration = Duration::from_millis(100);

/// How much is read at once.
const READ: usize = 1 << 15;

/// Why the relay could not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// It was not started by ExaBGP.
    #[error(
        "{0} is no pipe: the relay is run by ExaBGP, which its configuration asks for by \
         `process {{ run /usr/local/bin/roamd-relay; encoder json; }}`"
    )]
    NotAPipe(&'static str, #[source] io::Error),
    /// The runtime can't be set up.
    #[error("setting up the runtime")]
    Runtime(#[source] io::Error),
    /// ExaBGP's words can't be read.
    #[error("reading from ExaBGP")]
    Read(#[source] io::Error),
    /// The kernel does not take the timer any more that it gave; so this relay can be ended at any time.
    #[error("putting the watchdog off")]
    Watchdog(#[source] io::Error),
}

/// Relays between ExaBGP on the standard streams and the agent at `socket` until ExaBGP closes its pipe.
pub fn run(socket: &Path, ledger: &Path) -> Result<(), RelayError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RelayError::Runtime)?;
    runtime.block_on(async {
        let owned = |stream: BorrowedFd<'_>| stream.try_clone_to_owned();
        let stdin = owned(io::stdin().as_fd())
            .and_then(pipe::Receiver::from_owned_fd)
            .map_err(|error| RelayError::NotAPipe("standard input", error))?;
        let stdout = owned(io::stdout().as_fd())
            .and_then(pipe::Sender::from_owned_fd)
            .map_err(|error| RelayError::NotAPipe("standard output", error))?;
        let epoch = epoch::of_parent().ok();
        let mut journal = Journal::new(ledger.to_path_buf(), epoch.clone());
        let ledger = journal.read();
        let pid = std::process::id();
        info!(pid, epoch, socket = %socket.display(), prefixes = ledger.len(), "the relay begins");
        journal.begin(&ledger);
        let now = Instant::now();
        let relay = Relay::new(Identity { pid, epoch }, ledger, now).with_uptime(uptime(), now);
        let link = Link::Down(now);
        let watchdog = Watchdog::new(Watchdog::PATIENCE, now)
            .inspect_err(|error| warn!(%error, "nobody will end this relay should it hang"))
            .ok();
        let shell = Shell { relay, journal, watchdog, socket: socket.to_path_buf(), link, unreachable: None };
        shell.run(stdin, stdout).await
    })
}

/// What the machine's monotonic clock shows, which every process of one boot shares.
fn uptime() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    // The clock is never negative.
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

struct Shell {
    relay: Relay,
    journal: Journal,
    /// None where the kernel has no timer to spare.
    watchdog: Option<Watchdog>,
    socket: PathBuf,
    link: Link,
    /// Why there is no connection, as it was logged last.
    unreachable: Option<io::ErrorKind>,
}

enum Link {
    /// Tried again at this time.
    Down(Instant),
    Up(UnixStream),
}

impl Shell {
    async fn run(mut self, stdin: pipe::Receiver, stdout: pipe::Sender) -> Result<(), RelayError> {
        let mut buffer = vec![0; READ];
        let mut writable = true;
        loop {
            self.apply();
            if let Some(watchdog) = &mut self.watchdog {
                watchdog.feed(Instant::now()).map_err(RelayError::Watchdog)?;
            }
            if !writable {
                let unread = self.relay.to_exabgp().len();
                self.relay.wrote_to_exabgp(unread);
            }
            let commands = !self.relay.to_exabgp().is_empty();
            let deadline =
                self.relay.deadline().into_iter().chain(self.watchdog.as_ref().map(Watchdog::due)).min();
            // Cancel-safe: readiness is asked for and lost by nobody; bytes move outside of the select only. No
            // `biased`: ExaBGP may flood, and the agent must be heard all the same.
            tokio::select! {
                ready = stdin.readable() => match ready.and_then(|()| stdin.try_read(&mut buffer)) {
                    Ok(0) => {
                        info!("ExaBGP has closed its pipe");
                        return Ok(());
                    }
                    Ok(length) => self.relay.heard(&buffer[..length], Instant::now()),
                    Err(error) if is_passing(&error) => {}
                    Err(error) => return Err(RelayError::Read(error)),
                },
                ready = stdout.writable(), if commands => {
                    match ready.and_then(|()| stdout.try_write(self.relay.to_exabgp())) {
                        Ok(length) => self.relay.wrote_to_exabgp(length),
                        Err(error) if is_passing(&error) => {}
                        // It will close the other pipe too; until then it is drained.
                        Err(error) => {
                            warn!(%error, "ExaBGP takes no more commands");
                            writable = false;
                        }
                    }
                },
                ready = link_ready(&self.link, !self.relay.to_agent().is_empty()) => match ready {
                    Some(interest) => self.exchange(interest, &mut buffer),
                    None => self.connect().await,
                },
                () = sleep_until(deadline) => self.relay.tick(Instant::now()),
            }
        }
    }

    /// Does what the core asks for.
    fn apply(&mut self) {
        let Effects { journal, unlink, notices } = self.relay.effects();
        self.journal.append(&journal, self.relay.ledger());
        notices.into_iter().for_each(log);
        if unlink {
            self.link = Link::Down(Instant::now() + AGAIN);
        }
    }

    async fn connect(&mut self) {
        // A Unix socket takes a connection at once or refuses it: this does not wait for the agent.
        match UnixStream::connect(&self.socket).await.and_then(|stream| trusted(stream, &self.socket)) {
            Ok(stream) => {
                self.unreachable = None;
                self.link = Link::Up(stream);
                self.relay.linked();
            }
            Err(error) => {
                if self.unreachable.replace(error.kind()) != Some(error.kind()) {
                    info!(socket = %self.socket.display(), %error, "no agent answers; it is waited for");
                }
                self.link = Link::Down(Instant::now() + AGAIN);
            }
        }
    }

    /// Reads and writes what can be.
    fn exchange(&mut self, ready: tokio::io::Ready, buffer: &mut [u8]) {
        let Link::Up(stream) = &self.link else { return };
        let mut ended = None;
        if ready.is_readable() {
            match stream.try_read(buffer) {
                Ok(0) => ended = Some("it closed its socket".to_owned()),
                Ok(length) => self.relay.received(&buffer[..length], Instant::now()),
                Err(error) if is_passing(&error) => {}
                Err(error) => ended = Some(error.to_string()),
            }
        }
        if ended.is_none() && ready.is_writable() && !self.relay.to_agent().is_empty() {
            match stream.try_write(self.relay.to_agent()) {
                Ok(length) => self.relay.wrote_to_agent(length),
                Err(error) if is_passing(&error) => {}
                Err(error) => ended = Some(error.to_string()),
            }
        }
        if let Some(reason) = ended {
            self.relay.unlinked(&reason, Instant::now());
            self.link = Link::Down(Instant::now() + AGAIN);
        }
    }
}

/// The same connection, if it leads to an agent: in a folder where anybody may put a socket, only to root's or this user's.
/// Whoever answers here tells ExaBGP what to announce.
fn trusted(stream: UnixStream, socket: &Path) -> io::Result<UnixStream> {
    let folder = socket.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let by_anybody = fs::metadata(folder)?.mode() & 0o002 != 0;
    let uid = stream.peer_cred()?.uid();
    if by_anybody && uid != 0 && uid != fs::metadata("/proc/self")?.uid() {
        let reason = format!(
            "anybody may put a socket into {}, and uid {uid} has: let only the agent's user write there",
            folder.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(stream)
}

/// What the link is ready for; `None`: it is time to connect.
async fn link_ready(link: &Link, wants_to_write: bool) -> Option<tokio::io::Ready> {
    match link {
        Link::Down(until) => {
            tokio::time::sleep_until((*until).into()).await;
            None
        }
        Link::Up(stream) => {
            let interest =
                if wants_to_write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            // An error shows again at the read that follows.
            Some(stream.ready(interest).await.unwrap_or(tokio::io::Ready::READABLE))
        }
    }
}

fn log(notice: Notice) {
    match notice {
        Notice::AgentCame => info!("the agent is connected"),
        Notice::AgentLeft(reason) => warn!(%reason, "the agent's link has ended; it is waited for"),
        Notice::AgentRefused(reason) => warn!(%reason, "the agent is refused"),
        Notice::AgentStaysAway(routes) => {
            info!(routes, "the agent stays away: routes of VMs that have just arrived are lowered to active");
        }
        Notice::LeaseEnded(wills) => {
            warn!(wills, "the agent's lease has ended: routes that nobody vouches for fall to unsure");
        }
        Notice::WillsTold(wills, refused) => info!(wills, refused, "the last wills are carried out"),
        Notice::RibEnded(lines) => {
            info!(
                lines,
                "no agent says what became of routes that neighbors keep: they are told that they have heard everything"
            );
        }
        Notice::ExabgpSilent => debug!("ExaBGP owes an answer; the last wills are told again"),
    }
}
