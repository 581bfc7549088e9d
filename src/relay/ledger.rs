//! What stands in ExaBGP by the agent's word, and what is to become of it should the agent not come back. Pure.
//!
//! As text it is a journal: a first line that names the life of ExaBGP it belongs to, then one line a change. A
//! line that was cut short by a crash can only be the last one, and is not read. A change that only a later release knows
//! is passed over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::link::{self, Held, Keep, LinkError};
use crate::route::Prefix;

/// Version of the journal's text.
const FORMAT: u32 = 1;

/// Prefixes and last wills.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: BTreeMap<Prefix, Entry>,
    lease: Option<Duration>,
    /// For how long an agent leaves the routes as they are without knowing what libvirt tells.
    libvirt_lease: Option<Duration>,
    /// What the machine's monotonic clock showed when an agent last knew what libvirt tells, within an eighth of a lease.
    vouched: Option<Duration>,
    /// How many entries are due in each [`Stage`].
    due: [usize; 2],
}

/// How long the agent has been gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// For longer than a restart takes: demotions are due.
    Left,
    /// For longer than its lease: last wills are due.
    LeaseEnded,
}

impl Stage {
    pub(super) const ALL: [Self; 2] = [Self::Left, Self::LeaseEnded];

    /// The change that says that a prefix's lines were carried out.
    pub(super) const fn done(self, prefix: Prefix) -> Change {
        match self {
            Self::Left => Change::Demoted(prefix),
            Self::LeaseEnded => Change::Willed(prefix),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    rung: Option<u32>,
    demotion: Vec<String>,
    will: Vec<String>,
    /// What was carried out last.
    done: Option<Stage>,
}

impl Entry {
    /// The lines that are due.
    fn due(&self, stage: Stage) -> &[String] {
        match (stage, self.done) {
            (Stage::Left, None) => &self.demotion,
            (Stage::LeaseEnded, None | Some(Stage::Left)) => &self.will,
            (_, Some(Stage::Left | Stage::LeaseEnded)) => &[],
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The agent is to be heard of this often.
    LeaseMs(u64),
    /// So long it goes on without knowing what libvirt tells.
    LibvirtLeaseMs(u64),
    /// At this time of the machine's monotonic clock the agent knew what libvirt tells.
    VouchedMs(u64),
    /// Stands, or is about to go.
    Keep(Keep),
    /// Its demotion was carried out.
    Demoted(Prefix),
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

/// The machine's boot in the name of a life of ExaBGP, `pid-starttime-bootid`.
fn boot(epoch: &str) -> Option<&str> {
    epoch.splitn(3, '-').nth(2)
}

impl Ledger {
    /// Reads a journal; empty when it was written before the machine booted, or is no journal at all. One of an earlier life of
    /// ExaBGP is read too, although ExaBGP has begun with an empty table: a switch keeps what that life told over a graceful
    /// restart, and without an agent nobody says what became of it. Nothing of it was carried out in this life.
    pub fn read(text: &[u8], epoch: &str) -> Self {
        let mut ledger = Self::default();
        let mut lines = text.split_inclusive(|&byte| byte == b'\n');
        let header = lines.next().and_then(|line| serde_json::from_slice::<Header>(line).ok());
        let Some(Header { epoch: written_in, .. }) = header.filter(|header| header.roamd_ledger == FORMAT)
        else {
            return ledger;
        };
        let of_this_boot = boot(epoch).is_some_and(|present| boot(&written_in) == Some(present));
        if written_in != epoch && !of_this_boot {
            return ledger;
        }
        for line in lines {
            match line.strip_suffix(b"\n").map(link::decode::<Change>) {
                Some(Ok(change)) => ledger.apply(&change),
                Some(Err(LinkError::Malformed(error))) if error.is_data() => {}
                Some(Err(_)) | None => break,
            }
        }
        if written_in != epoch {
            for (prefix, entry) in ledger.entries.clone() {
                ledger.replace(prefix, Some(Entry { done: None, ..entry }));
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
        for (&prefix, Entry { rung, demotion, will, done }) in &self.entries {
            let keep = Keep { prefix, rung: *rung, demotion: demotion.clone(), will: will.clone() };
            link::encode(&Change::Keep(keep), &mut out);
            if let Some(stage) = done {
                link::encode(&stage.done(prefix), &mut out);
            }
        }
        // Last: a release that does not know these reads no further.
        let late = [
            self.libvirt_lease.map(|lease| Change::LibvirtLeaseMs(link::millis(lease))),
            self.vouched.map(|at| Change::VouchedMs(link::millis(at))),
        ];
        late.iter().flatten().for_each(|change| link::encode(change, &mut out));
        out
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::LeaseMs(lease_ms) => self.lease = Some(Duration::from_millis(*lease_ms)),
            Change::LibvirtLeaseMs(lease_ms) => {
                self.libvirt_lease = Some(Duration::from_millis(*lease_ms));
            }
            Change::VouchedMs(at) => self.vouched = Some(Duration::from_millis(*at)),
            Change::Keep(Keep { prefix, rung, demotion, will }) => {
                // A will goes to ExaBGP as it is: one line that can't be two, in ASCII.
                let fits = |line: &&String| line.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                let fitting = |lines: &[String]| lines.iter().filter(fits).cloned().collect();
                let (demotion, will) = (fitting(demotion), fitting(will));
                self.replace(*prefix, Some(Entry { rung: *rung, demotion, will, done: None }));
            }
            Change::Demoted(prefix) => self.done(*prefix, Stage::Left),
            Change::Willed(prefix) => self.done(*prefix, Stage::LeaseEnded),
            Change::Forget(prefix) => self.replace(*prefix, None),
        }
    }

    fn done(&mut self, prefix: Prefix, stage: Stage) {
        if let Some(entry) = self.entries.get(&prefix).cloned() {
            self.replace(prefix, Some(Entry { done: Some(stage), ..entry }));
        }
    }

    fn replace(&mut self, prefix: Prefix, entry: Option<Entry>) {
        for (due, stage) in self.due.iter_mut().zip(Stage::ALL) {
            let is_due = |entry: &Entry| !entry.due(stage).is_empty();
            *due += usize::from(entry.as_ref().is_some_and(is_due));
            *due -= usize::from(self.entries.get(&prefix).is_some_and(is_due));
        }
        match entry {
            Some(entry) => self.entries.insert(prefix, entry),
            None => self.entries.remove(&prefix),
        };
    }

    /// How long the agent may be silent; `None`: none was ever heard.
    pub(super) const fn lease(&self) -> Option<Duration> {
        self.lease
    }

    /// For how long the agent may go on without libvirt; `None`: it has not told.
    pub(super) const fn libvirt_lease(&self) -> Option<Duration> {
        self.libvirt_lease
    }

    /// When an agent last knew what libvirt tells, by the machine's monotonic clock.
    pub(super) const fn vouched(&self) -> Option<Duration> {
        self.vouched
    }

    /// How many prefixes are due in a stage.
    pub(super) const fn due(&self, stage: Stage) -> usize {
        match (stage, self.due) {
            (Stage::Left, [due, _]) | (Stage::LeaseEnded, [_, due]) => due,
        }
    }

    /// The lines that are due in a stage.
    pub(super) fn lines(&self, stage: Stage) -> impl Iterator<Item = (Prefix, &[String])> {
        let lines = self.entries.iter().map(move |(prefix, entry)| (*prefix, entry.due(stage)));
        lines.filter(|(_, lines)| !lines.is_empty())
    }

    /// Everything, for the agent.
    pub(super) fn held(&self) -> impl Iterator<Item = Held> {
        let held = |(&prefix, entry): (&Prefix, &Entry)| Held {
            prefix,
            rung: entry.rung,
            willed: entry.done == Some(Stage::LeaseEnded),
        };
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
