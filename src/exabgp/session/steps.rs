//! Steps that wait and lines that are outstanding: which answer belongs to which step. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use crate::exabgp::command;
use crate::exabgp::neighborhood::Neighborhood;
use crate::exabgp::{Outcome, Report};
use crate::link::Keep;
use crate::plan::Step;
use crate::route::Prefix;

/// Orders that wait for their turn, and the lines that are written.
#[derive(Debug, Default)]
pub(super) struct Steps {
    waiting: VecDeque<Todo>,
    /// Lines in the order in which they are acknowledged.
    lines: VecDeque<Line>,
    open: BTreeMap<Prefix, Open>,
    /// Number of the last line.
    last: u64,
}

/// Something that is to be done in its turn.
#[derive(Debug)]
pub(super) enum Todo {
    /// A step.
    Do(Step),
    /// Telling these neighbors that they have heard everything.
    EndOfRib(BTreeSet<IpAddr>),
}

/// What ExaBGP says to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Error,
}

/// An answer came for which there is no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NothingOpen;

#[derive(Debug)]
struct Line {
    number: u64,
    prefix: Prefix,
}

/// A step of which lines are outstanding.
#[derive(Debug)]
struct Open {
    lines_left: usize,
    last_line: u64,
    /// The first line that was refused.
    refused: Option<String>,
    texts: VecDeque<String>,
    /// When it was handed over; the answer may overtake the note that it is written.
    handed_at: Instant,
    written_at: Option<Instant>,
}

impl Steps {
    pub(super) fn extend(&mut self, steps: Vec<Step>) {
        self.waiting.extend(steps.into_iter().map(Todo::Do));
    }

    /// Queues End-of-RIB behind all that is ordered.
    pub(super) fn end_of_rib(&mut self, to: BTreeSet<IpAddr>) {
        self.waiting.push_back(Todo::EndOfRib(to));
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.lines.clear();
        self.open.clear();
    }

    pub(super) fn outstanding(&self) -> usize {
        self.lines.len()
    }

    /// Number of the last line.
    pub(super) const fn through(&self) -> u64 {
        self.last
    }

    /// What may be done now with at most `max` lines outstanding. End-of-RIB waits for all that was ordered before it,
    /// and a step for an earlier one for the same prefix: pipelined lines for one prefix may end in the wrong
    /// order on the wire.
    pub(super) fn next(&mut self, max: usize) -> Option<Todo> {
        if self.lines.len() >= max {
            return None;
        }
        let ready = |todo: &Todo| match todo {
            Todo::Do(step) => !self.open.contains_key(&step.prefix()),
            Todo::EndOfRib(_) => true,
        };
        let index = self.waiting.iter().position(ready)?;
        match self.waiting.get(index) {
            Some(Todo::EndOfRib(_)) if index > 0 || !self.lines.is_empty() => None,
            Some(_) => self.waiting.remove(index),
            None => None,
        }
    }

    /// Appends the lines of `step`; gives its outcome when there is nobody to write to.
    pub(super) fn write(
        &mut self,
        step: &Step,
        neighborhood: &Neighborhood,
        text: &mut String,
        at: Instant,
    ) -> Option<Report> {
        let prefix = step.prefix();
        let mut texts = VecDeque::new();
        for line in lines(step, neighborhood) {
            text.push_str(&line);
            text.push('\n');
            self.last += 1;
            self.lines.push_back(Line { number: self.last, prefix });
            texts.push_back(line);
        }
        if texts.is_empty() {
            let outcome = match step {
                Step::Announce(_) => Outcome::Refused(format!(
                    "no neighbor's session carries {prefix}: its family is not configured in ExaBGP, or `next-hop \
                     self` is of the other family"
                )),
                // Nobody can hold it.
                Step::Withdraw { .. } => Outcome::Acknowledged,
            };
            return Some(Report::Settled { prefix, outcome, written_at: at, at });
        }
        let open = Open {
            lines_left: texts.len(),
            last_line: self.last,
            refused: None,
            texts,
            handed_at: at,
            written_at: None,
        };
        self.open.insert(prefix, open);
        None
    }

    /// Lines up to number `through` were written at `at`.
    pub(super) fn written(&mut self, through: u64, at: Instant) {
        for line in self.lines.iter().take_while(|line| line.number <= through) {
            if let Some(open) = self.open.get_mut(&line.prefix)
                && open.last_line <= through
            {
                open.written_at.get_or_insert(at);
            }
        }
    }

    /// The oldest line was answered; `Some` when that settles its step.
    pub(super) fn answer(&mut self, answer: Answer, at: Instant) -> Result<Option<Report>, NothingOpen> {
        let line = self.lines.pop_front().ok_or(NothingOpen)?;
        let Some(open) = self.open.get_mut(&line.prefix) else { return Ok(None) };
        open.lines_left = open.lines_left.saturating_sub(1);
        let text = open.texts.pop_front();
        if answer == Answer::Error && open.refused.is_none() {
            open.refused = text;
        }
        if open.lines_left > 0 {
            return Ok(None);
        }
        let Some(open) = self.open.remove(&line.prefix) else { return Ok(None) };
        let outcome = match open.refused {
            None => Outcome::Acknowledged,
            Some(text) => Outcome::Refused(format!("ExaBGP refused `{text}`; its log says why")),
        };
        let written_at = open.written_at.unwrap_or(open.handed_at);
        Ok(Some(Report::Settled { prefix: line.prefix, outcome, written_at, at }))
    }
}

/// The lines that carry out `step`, one an audience.
fn lines(step: &Step, neighborhood: &Neighborhood) -> impl Iterator<Item = String> {
    let next_hop = match step {
        Step::Announce(route) | Step::Withdraw { last: Some(route), .. } => Some(route.next_hop),
        Step::Withdraw { last: None, .. } => None,
    };
    let audiences = neighborhood.audiences(step.prefix(), next_hop);
    audiences.into_iter().map(move |audience| command::line(step, &audience))
}

/// What a relay is to know before `step` is carried out. Should no agent come back, a route on `arrived` falls to
/// `active` soon, one that is announced falls to its last will, and a withdraw is repeated: one that met its announce in
/// a session's first batch had no effect.
pub(super) fn keep(step: &Step, neighborhood: &Neighborhood) -> Keep {
    let (rung, demotion, will) = match step {
        Step::Announce(route) => {
            (Some(route.rung.number()), route.demotion(), Step::Announce(route.last_will()))
        }
        Step::Withdraw { .. } => (None, None, step.clone()),
    };
    let demotion = demotion.map(Step::Announce);
    let demotion = demotion.iter().flat_map(|step| lines(step, neighborhood)).collect();
    Keep { prefix: step.prefix(), rung, demotion, will: lines(&will, neighborhood).collect() }
}
