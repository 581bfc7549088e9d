//! The threads that keep a connection: open, subscribe, list, serve, and begin again when it ends.
//!
//! [`Supervisor::run`] is the body of the thread `libvirt`, which opens connections and lists on them; beside it run
//! `libvirt-look` and, where NICs are asked for, `libvirt-nics` while there is a connection, so that a list which libvirt
//! stalls (for 1.6 s while it stops a domain) does not delay looks, and `libvirt-open` during an attempt to connect, to
//! report one that does not come back. No thread outlives what it serves, so they can't pile up behind a hung libvirtd.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use tokio::sync::mpsc;

use super::error::{ConnectError, ListError, LookError, NicsError};
use super::mailbox::{Errand, Mailbox, Wake};
use super::schedule::{Backoff, Schedule};
use super::{Answer, NicsAnswer, Report, Settings};
use crate::chain::Chain;
use crate::vm::nic::Nic;
use crate::vm::{Sighting, Uuid};

#[cfg(test)]
mod tests;

/// A connection as the supervisor needs it: `connection.rs` has the one to libvirt, tests have one that fails
/// when they want it to.
///
/// It tells its end to the mailbox as soon as it knows it; a call that fails because of it shows it too.
pub(super) trait Served: Sync {
    /// Which connection this is.
    fn number(&self) -> u64;
    /// The version of the libvirt at the other end.
    fn version(&self) -> &str;
    /// Events flow from here on.
    fn open_gate(&self);
    /// Whether libvirt knows that the connection has ended. No call to the server.
    fn is_dead(&self) -> bool;
    /// Every domain, running or not, without roles.
    fn list(&self) -> Result<Vec<Sighting>, ListError>;
    /// One domain; in PAUSED/MIGRATION with the side of the migration that this host is, if libvirt can tell.
    fn look(&self, uuid: Uuid) -> Result<Sighting, LookError>;
    /// One domain's NICs, from its live definition.
    fn nics(&self, uuid: Uuid) -> Result<Vec<Nic>, NicsError>;
}

/// Everything that the threads share.
pub(super) struct Supervisor<Open> {
    /// Opens the connection of this number; can block for as long as libvirtd hangs.
    pub(super) open: Open,
    pub(super) settings: Settings,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) mailbox: Arc<Mailbox>,
}

/// Why a connection, or an attempt at one, is over.
enum Ended {
    /// Nobody asks any more, or nobody listens.
    Stopped,
    /// It failed, and that was reported; the next attempt follows.
    Lost,
}

impl<Open, Connection> Supervisor<Open>
where
    Open: Fn(u64) -> Result<Connection, ConnectError> + Sync,
    Connection: Served,
{
    /// Keeps a connection until the last handle is dropped or the receiver of the reports is gone.
    pub(super) fn run(&self) {
        let mut backoff = Backoff::new(self.settings.reconnect);
        let mut number = 1;
        while let Ended::Lost = self.connect_and_serve(&mut number, &mut backoff) {
            if self.mailbox.pause(backoff.after_failure()) {
                return;
            }
        }
    }

    /// One connection from the attempt to its end. `number` is the one that it gets, and grows with each.
    fn connect_and_serve(&self, number: &mut u64, backoff: &mut Backoff) -> Ended {
        self.mailbox.begin(*number);
        let connection = match self.open(*number) {
            Ok(connection) => connection,
            Err(ended) => return ended,
        };
        *number += 1;
        let connected = Report::Connected {
            connection: connection.number(),
            version: connection.version().to_owned(),
            at: Instant::now(),
        };
        if let Err(ended) = self.send(connected) {
            return ended;
        }
        connection.open_gate();
        thread::scope(|scope| {
            let looks = thread::Builder::new()
                .name("libvirt-look".to_owned())
                .spawn_scoped(scope, || self.serve_looks(&connection));
            let nics = self.settings.nics.then(|| {
                let nics = thread::Builder::new().name("libvirt-nics".to_owned());
                nics.spawn_scoped(scope, || self.serve_nics(&connection))
            });
            let ended = match looks.and(nics.transpose()) {
                Ok(_) => self.serve_lists(&connection, backoff),
                Err(error) => self.lost(no_thread(&error)),
            };
            // A look or a question for NICs has a connection of its own, and what ended this one need not have ended that:
            // the scope waits for its answer, or until keep-alive ends it. The loss is reported by now.
            self.mailbox.end();
            ended
        })
    }

    /// Opens a connection, and reports once if that takes longer than it should.
    ///
    /// libvirt has no time limit for this, nor a way to give up: the one attempt goes on until it ends.
    fn open(&self, number: u64) -> Result<Connection, Ended> {
        thread::scope(|scope| {
            let (opened, waiting) = channel::<()>();
            let watch = move || {
                if waiting.recv_timeout(self.settings.open_deadline) == Err(RecvTimeoutError::Timeout) {
                    let error = format!(
                        "libvirt at {} accepts connections but has not answered for {} s: is libvirtd hung? \
                         This attempt goes on; if it stays so, restart libvirtd",
                        self.settings.uri,
                        self.settings.open_deadline.as_secs_f32()
                    );
                    // Nobody listens: then the attempt has nobody to go on for either, and ends when it returns.
                    let _ = self.send(Report::Disconnected { error, at: Instant::now() });
                }
            };
            thread::Builder::new()
                .name("libvirt-open".to_owned())
                .spawn_scoped(scope, watch)
                .map_err(|error| self.lost(no_thread(&error)))?;
            let result = (self.open)(number);
            drop(opened);
            result.map_err(|error| self.lost(error.in_words()))
        })
    }

    /// Lists when it is due, asked for, or needed after an overflow, until the connection ends.
    fn serve_lists(&self, connection: &Connection, backoff: &mut Backoff) -> Ended {
        let mut schedule = Schedule::new(Instant::now(), self.settings.resync, self.settings.settle);
        let mut failing = false;
        loop {
            match self.mailbox.wait(schedule.due()) {
                Wake::Stopped => return Ended::Stopped,
                Wake::Lost(reason) => return self.lost_connection(&reason),
                Wake::Overflowed => {
                    if let Err(ended) = self.send(Report::Overflowed { connection: connection.number() }) {
                        return ended;
                    }
                    self.mailbox.overflow_told();
                }
                Wake::List | Wake::Due => {}
            }
            let asked_at = Instant::now();
            match connection.list() {
                Ok(vms) => {
                    if failing {
                        failing = false;
                        tracing::info!(uri = self.settings.uri, "libvirt lists domains again");
                    }
                    schedule.listed(asked_at);
                    backoff.reset();
                    let report = Report::Listed { connection: connection.number(), asked_at, vms };
                    if let Err(ended) = self.send(report) {
                        return ended;
                    }
                }
                Err(error) if connection.is_dead() => {
                    return self.lost_connection(&Chain(&error).to_string());
                }
                Err(error) => {
                    if !failing {
                        failing = true;
                        let error = Chain(&error).to_string();
                        tracing::warn!(uri = self.settings.uri, error, "libvirt does not list domains");
                    }
                    schedule.failed(Instant::now());
                }
            }
        }
    }

    /// Answers looks until the connection ends; one that the end interrupts waits for the next connection.
    fn serve_looks(&self, connection: &Connection) {
        while let Some(uuid) = self.mailbox.next(Errand::Look, connection.number()) {
            let asked_at = Instant::now();
            let answer = match connection.look(uuid) {
                Ok(sighting) => Answer::Found(sighting),
                Err(LookError::Gone) => Answer::Gone,
                Err(error @ LookError::Failed(_)) if connection.is_dead() => {
                    self.mailbox.put_back(Errand::Look, uuid);
                    self.mailbox.lose(connection.number(), &Chain(&error).to_string());
                    return;
                }
                Err(error @ LookError::Failed(_)) => Answer::Failed(Chain(&error).to_string()),
            };
            let report = Report::Looked { connection: connection.number(), uuid, asked_at, answer };
            if self.send(report).is_err() {
                self.mailbox.stop();
                return;
            }
        }
    }

    /// The same for questions about NICs.
    fn serve_nics(&self, connection: &Connection) {
        while let Some(uuid) = self.mailbox.next(Errand::Nics, connection.number()) {
            let asked_at = Instant::now();
            let answer = match connection.nics(uuid) {
                Ok(nics) => NicsAnswer::Found(nics),
                Err(NicsError::Gone) => NicsAnswer::Gone,
                Err(error @ NicsError::Failed(_)) if connection.is_dead() => {
                    self.mailbox.put_back(Errand::Nics, uuid);
                    self.mailbox.lose(connection.number(), &Chain(&error).to_string());
                    return;
                }
                Err(error @ (NicsError::Failed(_) | NicsError::Xml(_))) => {
                    NicsAnswer::Failed(Chain(&error).to_string())
                }
            };
            let report = Report::Nics { connection: connection.number(), uuid, asked_at, answer };
            if self.send(report).is_err() {
                self.mailbox.stop();
                return;
            }
        }
    }

    fn lost_connection(&self, reason: &str) -> Ended {
        self.lost(format!("lost the connection to libvirt at {}: {reason}", self.settings.uri))
    }

    /// Reports the loss at once, whatever is still to be waited for.
    fn lost(&self, error: String) -> Ended {
        match self.send(Report::Disconnected { error, at: Instant::now() }) {
            Ok(()) => Ended::Lost,
            Err(ended) => ended,
        }
    }

    /// Hands a report over, waiting for room; fails only if nobody listens any more.
    fn send(&self, report: Report) -> Result<(), Ended> {
        self.reports.blocking_send(report).map_err(|_| Ended::Stopped)
    }
}

fn no_thread(error: &io::Error) -> String {
    format!("could not start a thread for the connection to libvirt: {error}")
}
