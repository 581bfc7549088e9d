//! Carrying out what the agent left to be done, demotions and last wills, while none is there. Pure.
//!
//! First a fence, `show neighbor summary`, which ExaBGP answers after everything that the agent had asked: commands
//! for one prefix that meet in one of ExaBGP's batches may end in the wrong order. Then the lines, in chunks that
//! are acknowledged before the next one goes out, so that a returning agent never waits long. What is outstanding
//! when it returns is dropped by the fence that its session begins with.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ledger::{Change, Ledger, Stage};
use crate::exabgp::Reply;
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
}

impl Wills {
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// When ExaBGP has owed an answer for too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Fencing { since, .. } | Phase::Telling { since, .. } => Some(*since + PATIENCE),
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
            Phase::Fencing { since, .. } | Phase::Telling { since, .. } => *since = now,
        }
    }

    /// An agent is back: what is not carried out is its own business.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// Takes a line of ExaBGP's.
    pub(super) fn answer(&mut self, reply: &Reply, ledger: &mut Ledger, now: Instant) -> Next {
        let mut next = Next::default();
        match (&mut self.phase, reply) {
            (Phase::Fencing { header, .. }, Reply::SummaryHeader) => *header = true,
            (Phase::Fencing { header: true, .. }, Reply::Done) => self.tell(ledger, now, &mut next),
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
                    self.tell(ledger, now, &mut next);
                }
            }
            (Phase::Idle | Phase::Fencing { .. } | Phase::Telling { .. }, _) => {}
        }
        next
    }

    /// The next chunk, if one is left.
    fn tell(&mut self, ledger: &Ledger, now: Instant, next: &mut Next) {
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
        if lines.is_empty() {
            next.finished = Some((stage, self.told, self.refused));
            self.stop();
        } else {
            self.phase = Phase::Telling { lines, since: now };
        }
    }
}
