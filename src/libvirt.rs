//! libvirt's side of the shell: one event thread, one connection at a time, lists and look-ups on workers.
//!
//! [`spawn`] starts it; from then on it reports facts as [`Report`]s and takes [`Request`]s, and never decides
//! anything. Subscribe, then list, then follow: after each connect the life-cycle subscription is in place
//! before the list is taken, so nothing falls between. No call to libvirt is ever made in an event callback
//! or on the agent's task. Integers of libvirt end in `numbers.rs`, C ends in `ffi.rs`.

use std::time::Instant;

use crate::vm::{Lifecycle, Sighting, Uuid};

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
    /// A life-cycle event.
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

/// Something to be asked of libvirt; the answer comes as a [`Report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// List every domain now. Several that wait are answered by one list.
    List,
    /// Look at one domain: its state, and for PAUSED/MIGRATION which side of the migration this host is.
    Look(Uuid),
}
