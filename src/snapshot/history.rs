//! The last events, in a form that is cheap to share: publishing it copies a few dozen pointers.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use super::Timestamp;
use super::event::{Event, What};
use crate::route::Prefix;
use crate::vm::VmName;

/// How many events one piece holds; the last piece is copied, pointer by pointer, when an event is added to it.
const PIECE: usize = 250;

/// The last events of this agent's life.
#[derive(Debug, Clone, Default)]
pub struct History {
    pieces: VecDeque<Arc<Vec<Arc<Event>>>>,
    last_seq: u64,
}

impl History {
    /// At least so many are kept, once there were as many: a migration makes about ten, so they hold a thousand of these, as
    /// the list of migrations does. What is older goes in pieces of 250.
    pub const KEPT: usize = 10_000;

    /// Adds what happened last.
    pub fn push(&mut self, at: Timestamp, vm: Option<VmName>, prefix: Option<Prefix>, what: What) {
        self.last_seq += 1;
        let event = Arc::new(Event::new(self.last_seq, at, vm, prefix, what));
        match self.pieces.back_mut() {
            Some(piece) if piece.len() < PIECE => Arc::make_mut(piece).push(event),
            Some(_) | None => self.pieces.push_back(Arc::new(vec![event])),
        }
        if self.len() >= Self::KEPT + PIECE {
            self.pieces.pop_front();
        }
    }

    /// The number of the oldest event that is kept; behind [`Self::last_seq`] where there is none.
    pub fn first_seq(&self) -> u64 {
        self.pieces.front().and_then(|piece| piece.first()).map_or(self.last_seq + 1, |event| event.seq)
    }

    /// The number of the newest event; 0 where there was none.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The events behind number `seq` that are kept, oldest first.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Event>> {
        let skipped = seq.saturating_add(1).saturating_sub(self.first_seq());
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let pieces = self.pieces.iter().skip(skipped / PIECE);
        pieces.flat_map(|piece| piece.iter()).skip(skipped % PIECE)
    }

    fn len(&self) -> usize {
        self.pieces.back().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }
}
