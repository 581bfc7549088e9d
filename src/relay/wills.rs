//! Carrying out what the agent left to be done, demotions and last wills, while none is there; and ending neighbors' RIBs. Pure.
//!
//! First a fence, `show neighbor summary`, which ExaBGP answers after everything that the agent had asked: commands
//! for one prefix that meet in one of ExaBGP's batches may end in the wrong order. Then the lines, in chunks that
//! are acknowledged before the next one goes out, so that a returning agent never waits long. What is outstanding
//! when it returns is dropped by the fence that its session begins with. Behind the last wills nobody will announce anything
//! more: neighbors that are owed End-of-RIB are sent it, by what ExaBGP's configuration says of each.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::end_of_rib::EndOfRib;
use super::ledger::{Change, Ledger, Stage};
use crate::exabgp::{Configured, Reading, Reply, Told};
use crate::route::Prefix;

/// The most lines that are not acknowledged, but for a will of more lines.
const CHUNK: usize = 25;

/// How long ExaBGP may owe an answer before it is asked again.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How far they are carried out.
#[derive(Debug, Default)]
pub(super) struct Wills {
    phase: Phase,
    /// Which of them.
    stage: Option<Stage>,
    told: usize,
    refused: usize,
}

#[derive(Debug, Default)]
enum Phase {
    /// Nothing is outstanding.
    #[default]
    Idle,
    /// The fence is out; `header`: its first line has come.
    Fencing { header: bool, since: Instant },
    /// Lines are out, here by the prefixes that they are about.
    Telling { lines: VecDeque<Prefix>, since: Instant },
    /// The neighbors' configuration is asked for.
    Configuring { reading: Reading, since: Instant },
    /// So many End-of-RIB lines are out.
    Ending { lines: usize, since: Instant },
}

/// What follows from an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Lines for ExaBGP.
    pub(super) write: String,
    /// That a prefix's lines are carried out.
    pub(super) done: Option<Change>,
    /// All are: of which stage, how many, and how many lines ExaBGP refused.
    pub(super) finished: Option<(Stage, usize, usize)>,
    /// So many End-of-RIB lines are written.
    pub(super) ends: usize,
}

/// The neighbors that are certainly ours: to end the RIB of one to whom somebody else speaks would take that one's routes away.
fn ours(neighbors: &BTreeMap<IpAddr, Configured>) -> impl Iterator<Item = (IpAddr, &Configured)> {
    let certain = !Configured::is_ambiguous(neighbors);
    Configured::of_an_api(neighbors).filter(move |_| certain)
}

impl Wills {
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// When ExaBGP has owed an answer for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Fencing { since, .. }
            | Phase::Telling { since, .. }
            | Phase::Configuring { since, .. }
            | Phase::Ending { since, .. } => Some(*since + PATIENCE),
        }
    }

    /// The stage that is under way.
    pub(super) const fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// Begins, or begins again. Gives what to write.
    pub(super) fn fence(&mut self, stage: Stage, now: Instant) -> &'static str {
        self.stage = Some(stage);
        self.phase = Phase::Fencing { header: false, since: now };
        "show neighbor summary\n"
    }

    /// Waits for another while.
    pub(super) fn wait(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::Fencing { since, .. }
            | Phase::Telling { since, .. }
            | Phase::Configuring { since, .. }
            | Phase::Ending { since, .. } => *since = now,
        }
    }

    /// An agent is back: what is not carried out is its own business.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// Takes a line of ExaBGP's.
    pub(super) fn answer(
        &mut self,
        reply: &Reply,
        ledger: &mut Ledger,
        end_of_rib: &mut EndOfRib,
        now: Instant,
    ) -> Next {
        let mut next = Next::default();
        match (&mut self.phase, reply) {
            (Phase::Fencing { header, .. }, Reply::SummaryHeader) => *header = true,
            (Phase::Fencing { header: true, .. }, Reply::SummaryRow(address, state)) => {
                end_of_rib.heard(Told { address: *address, numbers: None, state: *state });
            }
            (Phase::Fencing { header: true, .. }, Reply::Done) => {
                end_of_rib.listed();
                self.tell(ledger, end_of_rib, now, &mut next);
            }
            (Phase::Telling { lines, since }, Reply::Done | Reply::Error) => {
                *since = now;
                self.refused += usize::from(*reply == Reply::Error);
                if let Some(prefix) = lines.pop_front()
                    && lines.front() != Some(&prefix)
                {
                    self.told += 1;
                    next.done = self.stage.map(|stage| stage.done(prefix));
                    if let Some(done) = &next.done {
                        ledger.apply(done);
                    }
                }
                if lines.is_empty() {
                    self.tell(ledger, end_of_rib, now, &mut next);
                }
            }
            (Phase::Configuring { reading, since }, Reply::Configuration(line)) => {
                *since = now;
                reading.take(line.clone());
            }
            (Phase::Configuring { reading, .. }, Reply::Done) => {
                // Else it is the answer to something that was asked before, and ours is waited for.
                let Some(neighbors) = reading.end() else { return next };
                let owed = end_of_rib.take();
                let owed = ours(&neighbors).filter(|(address, _)| owed.contains(address));
                for line in owed.flat_map(|(address, neighbor)| neighbor.ends_of_rib(address)) {
                    next.write.push_str(&line);
                    next.write.push('\n');
                    next.ends += 1;
                }
                if next.ends > 0 {
                    self.phase = Phase::Ending { lines: next.ends, since: now };
                } else {
                    self.stop();
                }
            }
            // A neighbor that has just gone down is owed another one when it comes up.
            (Phase::Ending { lines, since }, Reply::Done | Reply::Error) => {
                *since = now;
                *lines = lines.saturating_sub(1);
                if *lines == 0 {
                    self.stop();
                }
            }
            (
                Phase::Idle
                | Phase::Fencing { .. }
                | Phase::Telling { .. }
                | Phase::Configuring { .. }
                | Phase::Ending { .. },
                _,
            ) => {}
        }
        next
    }

    /// The next chunk, if one is left.
    fn tell(&mut self, ledger: &Ledger, end_of_rib: &EndOfRib, now: Instant, next: &mut Next) {
        let Some(stage) = self.stage else { return };
        let mut lines = VecDeque::new();
        for (prefix, will) in ledger.lines(stage) {
            if !lines.is_empty() && lines.len() + will.len() > CHUNK {
                break;
            }
            for line in will {
                next.write.push_str(line);
                next.write.push('\n');
                lines.push_back(prefix);
            }
        }
        if !lines.is_empty() {
            self.phase = Phase::Telling { lines, since: now };
            return;
        }
        next.finished = Some((stage, std::mem::take(&mut self.told), std::mem::take(&mut self.refused)));
        if stage == Stage::LeaseEnded && end_of_rib.is_due() {
            next.write.push_str("show neighbor configuration\n");
            self.phase = Phase::Configuring { reading: Reading::default(), since: now };
        } else {
            self.stop();
        }
    }
}
