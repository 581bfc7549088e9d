//! What waits for the supervisor's threads: requests of the agent, signals of the event thread.
//!
//! Everything coalesces, so nothing here grows with the number of requests or lost events: a list that is asked
//! for twice is one list, a domain that waits for a look waits once. The lock is held for moments only and never
//! across a call to libvirt or a send, so that neither the agent nor the event thread ever waits for it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Request;
use crate::vm::Uuid;

#[cfg(test)]
mod tests;

/// Shared by the agent's handle, the event callbacks, and the supervisor's threads.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// The connection that is being made or served; signals of any other are late and ignored.
    connection: Option<u64>,
    lost: Option<String>,
    overflowed: bool,
    list: bool,
    looks: Queue,
    nics: Queue,
}

/// Domains that wait, each once.
#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Uuid>,
    /// The same, to find duplicates.
    waiting: HashSet<Uuid>,
}

impl Queue {
    fn push(&mut self, uuid: Uuid) {
        if self.waiting.insert(uuid) {
            self.order.push_back(uuid);
        }
    }

    fn pop(&mut self) -> Option<Uuid> {
        let uuid = self.order.pop_front()?;
        self.waiting.remove(&uuid);
        Some(uuid)
    }
}

/// What is asked of one domain; each kind has a thread of its own, so that neither waits behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Its state.
    Look,
    /// Its NICs.
    Nics,
}

impl State {
    const fn queue(&mut self, errand: Errand) -> &mut Queue {
        match errand {
            Errand::Look => &mut self.looks,
            Errand::Nics => &mut self.nics,
        }
    }
}

/// Why the list thread goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Nobody holds a handle any more.
    Stopped,
    /// The connection ended, and why.
    Lost(String),
    /// Events were dropped; the flag stays up until [`Mailbox::overflow_told`].
    Overflowed,
    /// A list was asked for; this took the request.
    List,
    /// The deadline is here.
    Due,
}

impl Mailbox {
    /// The agent asks for something. What is asked while there is no connection waits for the next one, but for
    /// a list, which every connection begins with anyway.
    pub(super) fn ask(&self, request: Request) {
        self.change(|state| match request {
            Request::List => state.list = true,
            Request::Look(uuid) => state.looks.push(uuid),
            Request::Nics(uuid) => state.nics.push(uuid),
        });
    }

    /// Nobody will ask any more: all threads are to end.
    pub(super) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    /// A connection is about to be made: from here on its signals count.
    pub(super) fn begin(&self, connection: u64) {
        self.change(|state| {
            state.connection = Some(connection);
            state.lost = None;
            state.overflowed = false;
            state.list = false;
        });
    }

    /// The connection is no longer served.
    pub(super) fn end(&self) {
        self.change(|state| state.connection = None);
    }

    /// The connection ended; the first reason counts.
    pub(super) fn lose(&self, connection: u64, reason: &str) {
        self.change(|state| {
            if state.connection == Some(connection) && state.lost.is_none() {
                state.lost = Some(reason.to_owned());
            }
        });
    }

    /// An event of the connection was dropped.
    pub(super) fn overflow(&self, connection: u64) {
        self.change(|state| state.overflowed |= state.connection == Some(connection));
    }

    /// The overflow was reported, and a list will be asked for after this: events that are dropped from here on
    /// raise the flag again.
    pub(super) fn overflow_told(&self) {
        self.change(|state| state.overflowed = false);
    }

    /// What the connection's end interrupted waits for the next connection.
    pub(super) fn put_back(&self, errand: Errand, uuid: Uuid) {
        self.change(|state| state.queue(errand).push(uuid));
    }

    /// Waits until there is something to do for the list thread, at most until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) -> Wake {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Wake::Stopped;
            }
            if let Some(reason) = &state.lost {
                return Wake::Lost(reason.clone());
            }
            if state.overflowed {
                return Wake::Overflowed;
            }
            if state.list {
                state.list = false;
                return Wake::List;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Due;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the next domain to ask about; `None` once the connection is lost or over, or all is stopped.
    pub(super) fn next(&self, errand: Errand, connection: u64) -> Option<Uuid> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.lost.is_some() || state.connection != Some(connection) {
                return None;
            }
            if let Some(uuid) = state.queue(errand).pop() {
                return Some(uuid);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for this long, or until all is stopped; whether it is.
    pub(super) fn pause(&self, length: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, length, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        state.stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and every state is a valid one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, apply: impl FnOnce(&mut State)) {
        apply(&mut self.lock());
        self.changed.notify_all();
    }
}
