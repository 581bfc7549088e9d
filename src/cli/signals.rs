//! What signals ask the agent for.
//!
//! `SIGHUP` has the configuration and the HTTP token's file read again, which takes seconds for a large fleet: that is done on
//! a thread of its own, and the agent hears only how it ended. It goes on between a libvirt event and its command meanwhile.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::agent::Command;
use crate::chain::Chain;
use crate::config::{Config, Fault, Faults};
use crate::http::TokenFile;

#[cfg(test)]
mod tests;

/// What signals ask for from now on; the configuration is the file at `path`. Must be called on a runtime.
pub(super) fn commands(path: &Path, token: &Arc<TokenFile>) -> io::Result<mpsc::Receiver<Command>> {
    let (commands, receiver) = mpsc::channel(8);
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (file, path, token) = (path.to_owned(), path.to_owned(), Arc::clone(token));
    let mut reading = Reading::new(move || read(&path, &token));
    tokio::spawn(async move {
        loop {
            // Cancel-safe: a signal stays signalled until it is taken, and a reading stays until its end is taken.
            let command = tokio::select! {
                // First: what was read before it came is no answer to it.
                biased;
                _ = hangup.recv() => {
                    reading.ask();
                    Command::Reading
                }
                _ = terminate.recv() => Command::Stop,
                _ = interrupt.recv() => Command::Stop,
                judgement = reading.end() => {
                    Command::Reload(judgement.unwrap_or_else(|| Err(panicked(&file))))
                }
            };
            if commands.send(command).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// What a reading that ended by a panic found; the panic hook has written what happened.
fn panicked(path: &Path) -> Faults {
    Faults::and(
        None,
        Fault::of_file(path, ".", "could not be read to its end: a fault of roamd's".to_owned()),
    )
}

/// The configuration, if it has no fault. A good token is in force from here on, whatever the rest is like: it is replaced
/// because somebody knows the old one.
fn read(path: &Path, token: &TokenFile) -> Result<Box<Config>, Faults> {
    let judgement = Config::load(path).map(Box::new);
    match (token.read_again(), token.path()) {
        (Err(error), Some(path)) => {
            let fault = Fault::of_file(path, "http.token_file", Chain(&error).to_string());
            Err(Faults::and(judgement.err(), fault))
        }
        (Ok(()) | Err(_), _) => judgement,
    }
}

/// Something that blocks, done on a thread of its own when asked for: one at a time, and the newest counts.
struct Reading<F, T> {
    read: F,
    under_way: Option<JoinHandle<T>>,
    /// It was asked for while it was under way, and may have read what is old by now: its end is no answer.
    again: bool,
}

impl<F, T> Reading<F, T>
where
    F: Fn() -> T + Clone + Send + 'static,
    T: Send + 'static,
{
    const fn new(read: F) -> Self {
        Self { read, under_way: None, again: false }
    }

    /// Begins, or begins anew once what is under way has ended.
    fn ask(&mut self) {
        if self.under_way.is_some() {
            self.again = true;
        } else {
            self.under_way = Some(spawn_blocking(self.read.clone()));
        }
    }

    /// What was read by the newest that was asked for, `None` after a panic; waits for ever if nothing was asked
    /// for. Cancel-safe: what is under way stays so.
    async fn end(&mut self) -> Option<T> {
        loop {
            let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
            // The error is a panic, which the hook has told of.
            let read = under_way.await.ok();
            self.under_way = None;
            if !std::mem::take(&mut self.again) {
                return read;
            }
            self.ask();
        }
    }
}
