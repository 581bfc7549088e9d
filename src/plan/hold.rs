//! Routes that are wanted and must not be announced yet, because this host could not forward to their VM.

use super::Plan;
use super::entry::Entry;
use crate::route::Prefix;

/// Whether a route that ExaBGP does not hold may be announced. One that it holds is not touched by this: to withdraw it
/// would make an address that somebody may still reach one that nobody reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// It may.
    #[default]
    Free,
    /// It is to wait for a moment.
    Waits,
    /// It is to wait for somebody to mend something: nothing else waits for it.
    Stuck,
}

impl Plan {
    /// Holds back the route for this prefix, or lets it go.
    pub fn hold(&mut self, prefix: Prefix, hold: Hold) {
        let Some(entry) = self.entries.get_mut(&prefix) else { return };
        if entry.hold == hold {
            return;
        }
        entry.hold = hold;
        self.enqueue(prefix);
    }

    /// Whether ExaBGP has taken what is wanted for this prefix, or was told to take it back.
    pub fn is_told(&self, prefix: Prefix) -> bool {
        self.ready && !self.entries.get(&prefix).is_some_and(Entry::is_unsettled)
    }
}
