//! What stands in ExaBGP by the agent's word, and what is to become of it should the agent not come back. Pure.
//!
//! As text it is a journal: a first line that names the life of ExaBGP it belongs to, then one line a change. A
//! line that was cut short by a crash can only be the last one, and is not read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::link::{self, Held, Keep};
use crate::route::Prefix;

/// Version of the journal's text.
const FORMAT: u32 = 1;

/// Prefixes and last wills.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: BTreeMap<Prefix, Entry>,
    lease: Option<Duration>,
    /// Entries whose will is not empty and not carried out.
    due: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    rung: Option<u32>,
    will: Vec<String>,
    willed: bool,
}

impl Entry {
    fn is_due(&self) -> bool {
        !self.willed && !self.will.is_empty()
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The agent is to be heard of this often.
    LeaseMs(u64),
    /// Stands, or is about to go.
    Keep(Keep),
    /// Its last will was carried out.
    Willed(Prefix),
    /// Is gone.
    Forget(Prefix),
}

#[derive(Serialize, Deserialize)]
struct Header {
    roamd_ledger: u32,
    epoch: String,
}

impl Ledger {
    /// Reads a journal; empty when it is of another life of ExaBGP or no journal at all.
    pub fn read(text: &[u8], epoch: &str) -> Self {
        let mut ledger = Self::default();
        let mut lines = text.split_inclusive(|&byte| byte == b'\n');
        let header = lines.next().and_then(|line| serde_json::from_slice::<Header>(line).ok());
        if !header.is_some_and(|header| header.roamd_ledger == FORMAT && header.epoch == epoch) {
            return ledger;
        }
        for line in lines {
            match line.strip_suffix(b"\n").map(link::decode::<Change>) {
                Some(Ok(change)) => ledger.apply(&change),
                Some(Err(_)) | None => break,
            }
        }
        ledger
    }

    /// The shortest journal that says the same.
    pub fn text(&self, epoch: &str) -> Vec<u8> {
        let mut out = Vec::new();
        link::encode(&Header { roamd_ledger: FORMAT, epoch: epoch.to_owned() }, &mut out);
        if let Some(lease) = self.lease {
            link::encode(&Change::LeaseMs(link::millis(lease)), &mut out);
        }
        for (&prefix, Entry { rung, will, willed }) in &self.entries {
            let keep = Keep { prefix, rung: *rung, will: will.clone() };
            link::encode(&Change::Keep(keep), &mut out);
            if *willed {
                link::encode(&Change::Willed(prefix), &mut out);
            }
        }
        out
    }

    pub(super) fn apply(&mut self, change: &Change) {
        let is_due =
            |ledger: &Self, prefix| usize::from(ledger.entries.get(prefix).is_some_and(Entry::is_due));
        match change {
            Change::LeaseMs(lease_ms) => self.lease = Some(Duration::from_millis(*lease_ms)),
            Change::Keep(Keep { prefix, rung, will }) => {
                self.due -= is_due(self, prefix);
                // A will goes to ExaBGP as it is: one line that can't be two, in ASCII.
                let fits = |line: &&String| line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                let will = will.iter().filter(fits).cloned().collect();
                self.entries.insert(*prefix, Entry { rung: *rung, will, willed: false });
                self.due += is_due(self, prefix);
            }
            Change::Willed(prefix) => {
                self.due -= is_due(self, prefix);
                if let Some(entry) = self.entries.get_mut(prefix) {
                    entry.willed = true;
                }
            }
            Change::Forget(prefix) => {
                self.due -= is_due(self, prefix);
                self.entries.remove(prefix);
            }
        }
    }

    /// How long the agent may be silent; `None`: none was ever heard.
    pub(super) const fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// How many wills are still to be carried out.
    pub(super) const fn due(&self) -> usize {
        self.due
    }

    /// The wills that are still to be carried out.
    pub(super) fn wills(&self) -> impl Iterator<Item = (Prefix, &[String])> {
        let due = self.entries.iter().filter(|(_, entry)| entry.is_due());
        due.map(|(prefix, entry)| (*prefix, entry.will.as_slice()))
    }

    /// Everything, for the agent.
    pub(super) fn held(&self) -> impl Iterator<Item = Held> {
        let held =
            |(&prefix, entry): (&Prefix, &Entry)| Held { prefix, rung: entry.rung, willed: entry.willed };
        self.entries.iter().map(held)
    }

    /// How many prefixes it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests;
