//! The log of frames: each event's text of the stream, made once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use super::super::{Snapshots, latest};
use super::Feed;
use crate::snapshot::{Event, Snapshot, Timestamp};

/// How many bytes a piece has, apart from what its last event adds.
pub(super) const PIECE: usize = 64 * 1024;

/// How long a client waits before it connects again.
const RETRY_MS: u32 = 2_000;

/// The events that the newest snapshot holds, as text.
#[derive(Debug)]
pub(in crate::http) struct Frames {
    pieces: VecDeque<Piece>,
    snapshot: Arc<Snapshot>,
}

/// Events that became known together, or so many of them as make a piece.
#[derive(Debug)]
struct Piece {
    first_seq: u64,
    /// Where each event's frame begins.
    begins: Vec<usize>,
    bytes: Bytes,
}

/// What comes behind a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// These frames, up to that event.
    Frames { bytes: Bytes, last_seq: u64 },
    /// Events behind the place are gone, or it is a place in another life of the agent: the client is told so.
    Lost { reset: Bytes, last_seq: u64 },
    /// Nothing yet.
    Nothing,
}

/// Follows the snapshots until `ended` is ready; whoever reads the frames sees the last of them, and then the end.
pub(in crate::http) fn follow(
    mut snapshots: Snapshots,
    ended: impl Future<Output = ()>,
) -> (Feed, impl Future<Output = ()>) {
    let (sender, feed) = watch::channel(Frames::new(latest(&snapshots)));
    let following = async move {
        let mut ended = pin!(ended);
        loop {
            // Cancel-safe: what has changed is read below, however the wait ends.
            let goes_on = tokio::select! {
                changed = snapshots.changed() => changed.is_ok(),
                () = &mut ended => false,
            };
            let newest = Arc::clone(&snapshots.borrow_and_update());
            sender.send_if_modified(|frames| frames.take(newest));
            if !goes_on {
                return;
            }
        }
    };
    (feed, following)
}

impl Frames {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        let mut frames = Self { pieces: VecDeque::new(), snapshot };
        let snapshot = Arc::clone(&frames.snapshot);
        frames.add(snapshot.events.after(0));
        frames
    }

    /// Takes in what has happened since; says whether anything has.
    pub(super) fn take(&mut self, snapshot: Arc<Snapshot>) -> bool {
        let last_seq = self.last_seq();
        self.add(snapshot.events.after(last_seq));
        let first_kept = snapshot.events.first_seq();
        while self.pieces.front().is_some_and(|piece| piece.last_seq() < first_kept) {
            self.pieces.pop_front();
        }
        self.snapshot = snapshot;
        self.last_seq() > last_seq
    }

    /// The number of the newest event.
    pub(super) fn last_seq(&self) -> u64 {
        self.snapshot.events.last_seq()
    }

    /// The number of the oldest event that is here.
    fn first_seq(&self) -> u64 {
        self.pieces.front().map_or(self.last_seq() + 1, |piece| piece.first_seq)
    }

    /// What every stream begins with. It has the place as its `id`, so that a client that loses the connection before the
    /// first event goes on from here.
    pub(super) fn hello(&self, place: Option<u64>) -> Bytes {
        #[derive(Serialize)]
        struct Hello {
            agent_started_at: Timestamp,
            generation: u64,
            first_seq: u64,
            last_seq: u64,
        }
        let hello = Hello {
            agent_started_at: self.snapshot.started_at,
            generation: self.snapshot.generation,
            first_seq: self.first_seq(),
            last_seq: self.last_seq(),
        };
        let mut bytes = format!("retry: {RETRY_MS}\n\n").into_bytes();
        write(&mut bytes, place.unwrap_or(hello.last_seq), "hello", &hello);
        bytes.into()
    }

    /// What comes behind an event.
    pub(super) fn after(&self, place: u64) -> Next {
        let (first_seq, last_seq) = (self.first_seq(), self.last_seq());
        if place == last_seq {
            return Next::Nothing;
        }
        let next = place.saturating_add(1);
        let index = self.pieces.partition_point(|piece| piece.last_seq() < next);
        match self.pieces.get(index) {
            Some(piece) if (first_seq..=last_seq).contains(&next) => {
                let skipped = usize::try_from(next - piece.first_seq).unwrap_or(usize::MAX);
                let begin = piece.begins.get(skipped).copied().unwrap_or_default();
                Next::Frames { bytes: piece.bytes.slice(begin..), last_seq: piece.last_seq() }
            }
            Some(_) | None => Next::Lost { reset: reset(first_seq, last_seq), last_seq },
        }
    }

    fn add<'a>(&mut self, events: impl Iterator<Item = &'a Arc<Event>>) {
        let mut events = events.peekable();
        while let Some(first) = events.peek() {
            let first_seq = first.seq;
            let (mut bytes, mut begins) = (Vec::new(), Vec::new());
            while bytes.len() < PIECE
                && let Some(event) = events.next()
            {
                begins.push(bytes.len());
                write(&mut bytes, event.seq, event.what.kind(), event.as_ref());
            }
            begins.shrink_to_fit();
            bytes.shrink_to_fit();
            self.pieces.push_back(Piece { first_seq, begins, bytes: bytes.into() });
        }
    }
}

impl Piece {
    fn last_seq(&self) -> u64 {
        self.first_seq + self.begins.len() as u64 - 1
    }
}

/// Tells a client that it has missed something.
fn reset(first_seq: u64, last_seq: u64) -> Bytes {
    #[derive(Serialize)]
    struct Reset {
        first_seq: u64,
        last_seq: u64,
    }
    let mut bytes = Vec::new();
    write(&mut bytes, last_seq, "reset", &Reset { first_seq, last_seq });
    bytes.into()
}

/// Appends a frame. JSON has no line break outside of its strings, and escapes them inside.
fn write(bytes: &mut Vec<u8>, id: u64, event: &str, data: &impl Serialize) {
    bytes.extend_from_slice(format!("id: {id}\nevent: {event}\ndata: ").as_bytes());
    if serde_json::to_writer(&mut *bytes, data).is_err() {
        // None of ours is such a value.
        bytes.extend_from_slice(b"null");
    }
    bytes.extend_from_slice(b"\n\n");
}
