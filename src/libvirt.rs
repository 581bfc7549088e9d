//! libvirt's side of the shell: one event thread, one connection at a time, lists and look-ups on workers.
//!
//! [`spawn`] starts it; from then on it reports facts as [`Report`]s and takes [`Request`]s, and never decides
//! anything. Subscribe, then list, then follow: after each connect the life-cycle subscription is in place
//! before the list is taken, so nothing falls between. No call to libvirt is ever made in an event callback
//! or on the agent's task. Integers of libvirt end in `numbers.rs`, C ends in `ffi.rs`.
//!
//! - `event_loop.rs`: the event thread, one for the process.
//! - `connection.rs`: one connection with its registrations; `error.rs` says what went wrong with it.
//! - `supervisor.rs`: the threads that keep a connection and list and look on it; `schedule.rs` says when,
//!   `mailbox.rs` holds what waits for them.
//! - `xml.rs`: a domain's live definition to its NICs.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::config;
use crate::vm::nic::Nic;
use crate::vm::{Lifecycle, Sighting, Uuid};

mod connection;
mod error;
mod event_loop;
mod ffi;
mod mailbox;
mod numbers;
mod schedule;
mod supervisor;
#[cfg(test)]
mod tests;
mod xml;

use connection::Connection;
pub use event_loop::EventLoopError;
use mailbox::Mailbox;
pub use schedule::{Backoff, Schedule};
use supervisor::Supervisor;
pub use xml::{XmlError, nics};

/// A fact about libvirt or its VMs, with the connection it was learnt on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A connection is open and subscribed; a [`Report::Listed`] of the same connection follows.
    Connected {
        /// Which connection, counted from 1.
        connection: u64,
        /// libvirt's version as `major.minor.release`.
        version: String,
        /// When it was there.
        at: Instant,
    },
    /// A life-cycle event; none comes before its connection's [`Report::Connected`].
    Event {
        /// The connection it came on.
        connection: u64,
        /// What happened.
        event: Lifecycle,
    },
    /// Every domain that libvirt knows, running or not.
    Listed {
        /// The connection it was asked on.
        connection: u64,
        /// When the list was asked for: events with a later `at` are newer.
        asked_at: Instant,
        /// All of them.
        vms: Vec<Sighting>,
    },
    /// The answer to [`Request::Look`].
    Looked {
        /// The connection it was asked on.
        connection: u64,
        /// The VM it was asked about.
        uuid: Uuid,
        /// When libvirt was asked: events of this VM with a later `at` are newer.
        asked_at: Instant,
        /// What was found.
        answer: Answer,
    },
    /// A device was plugged into a domain or out of it: its NICs may be others now.
    Devices {
        /// The connection it came on.
        connection: u64,
        /// The domain.
        uuid: Uuid,
    },
    /// The answer to [`Request::Nics`].
    Nics {
        /// The connection it was asked on.
        connection: u64,
        /// The VM it was asked about.
        uuid: Uuid,
        /// When libvirt was asked.
        asked_at: Instant,
        /// What was found.
        answer: NicsAnswer,
    },
    /// Events were dropped because the agent was too slow to take them; a list follows by itself.
    Overflowed {
        /// The connection they came on.
        connection: u64,
    },
    /// There is no connection: the last one ended, or an attempt failed or does not come back.
    /// Attempts go on by themselves, with back-off.
    Disconnected {
        /// The whole chain of causes, in words.
        error: String,
        /// When it was known.
        at: Instant,
    },
}

/// What a look at one VM found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The domain is there.
    Found(Sighting),
    /// libvirt knows no such domain (`VIR_ERR_NO_DOMAIN`).
    Gone,
    /// libvirt could not tell; what was known stays so.
    Failed(String),
}

/// What a question about a VM's NICs found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NicsAnswer {
    /// All of them, in the order of the live definition.
    Found(Vec<Nic>),
    /// libvirt knows no such domain.
    Gone,
    /// libvirt could not tell, or what it told is not understood, in words.
    Failed(String),
}

/// Something to be asked of libvirt; the answer comes as a [`Report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// List every domain now. Several that wait are answered by one list.
    List,
    /// Look at one domain: its state, and for PAUSED/MIGRATION which side of the migration this host is.
    Look(Uuid),
    /// Read one domain's NICs from its live definition. Asked for only where [`spawn`] was told so.
    Nics(Uuid),
}

/// Why [`spawn`] started nothing. That libvirt can't be reached is not among it: it is a [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The process has no event loop for libvirt.
    #[error("could not start libvirt's event loop")]
    EventLoop(#[source] EventLoopError),
    /// The system gave no thread.
    #[error("could not start the thread that keeps the connection to libvirt")]
    Thread(#[source] std::io::Error),
}

/// The way to ask libvirt: cheap to clone, never blocks.
///
/// When the last clone is dropped, the threads end and the connection is closed, at the latest when the call
/// to libvirt that they are in returns and the reports that they still have are taken or refused.
#[derive(Debug, Clone)]
pub struct Requests(Arc<Handle>);

impl Requests {
    /// Asks. Requests that still wait are not asked twice; a look that is asked for while there is no connection
    /// waits for the next one, and every connection begins with a list.
    pub fn ask(&self, request: Request) {
        self.0.mailbox.ask(request);
    }
}

/// Stops everything when the last clone of [`Requests`] goes.
#[derive(Debug)]
struct Handle {
    mailbox: Arc<Mailbox>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mailbox.stop();
    }
}

/// Connects to libvirt, now and whenever the connection ends, and reports what happens.
///
/// The capacity of `reports` is the number of events that the agent may be behind before some are dropped, which
/// ends in [`Report::Overflowed`] and a list. All other reports wait for room. When the receiver is dropped, the
/// threads end. Must be called before anything else in the process opens a libvirt connection.
///
/// With `nics`, devices that are plugged in and out are reported, and [`Request::Nics`] is answered.
pub fn spawn(
    settings: &config::Libvirt,
    nics: bool,
    reports: mpsc::Sender<Report>,
) -> Result<Requests, SpawnError> {
    start(Settings { nics, ..Settings::new(settings) }, reports)
}

/// What the threads go by.
#[derive(Debug, Clone)]
struct Settings {
    uri: String,
    read_write: bool,
    /// Whether NICs are asked for.
    nics: bool,
    resync: Duration,
    /// How long after the connect there is one extra list. A libvirtd that has just started reconnects to its
    /// QEMUs in threads of its own; what they find (a guest that ended meanwhile) may give no event.
    settle: Duration,
    /// An attempt to connect that takes longer is reported.
    open_deadline: Duration,
    /// How long after a connection has ended the next attempt is made, at first; with each that fails it doubles.
    reconnect: Duration,
    /// Keep-alive of a remote connection: a libvirtd that hangs is given up after this times `count + 1`.
    keep_alive_seconds: i32,
    keep_alive_count: u32,
}

impl Settings {
    fn new(settings: &config::Libvirt) -> Self {
        Self {
            uri: settings.uri.clone(),
            read_write: settings.read_write,
            nics: false,
            resync: settings.resync,
            settle: Schedule::SETTLE,
            open_deadline: Duration::from_secs(10),
            reconnect: Backoff::RECONNECT,
            keep_alive_seconds: 5,
            keep_alive_count: 3,
        }
    }
}

fn start(settings: Settings, reports: mpsc::Sender<Report>) -> Result<Requests, SpawnError> {
    event_loop::start().map_err(SpawnError::EventLoop)?;
    let mailbox = Arc::new(Mailbox::default());
    let open = {
        let (settings, reports, mailbox) = (settings.clone(), reports.clone(), Arc::clone(&mailbox));
        move |number| Connection::open(&settings, number, &reports, &mailbox)
    };
    let supervisor = Supervisor { open, settings, reports, mailbox: Arc::clone(&mailbox) };
    thread::Builder::new()
        .name("libvirt".to_owned())
        .spawn(move || supervisor.run())
        .map_err(SpawnError::Thread)?;
    Ok(Requests(Arc::new(Handle { mailbox })))
}
