//! The exchange with one life of ExaBGP. Pure: replies, orders and time in; [`Effects`] out. `drive` feeds it.
//!
//! Answers carry no number and match commands by position. So nothing may be outstanding that is answered out of
//! turn (`version`, `#` and unknown commands are), and every start and every doubt goes the same way:
//!
//! ```text
//!  # roamd, version, show neighbor summary ─▶ fence ─▶ neighbors ─▶ table ─▶ Ready, steps
//!                                               ▲                              │
//!                                               └── no answer, one too many ◀──┘ InDoubt
//! ```
//!
//! The first line ends what a predecessor left half-written (4.2 glues it to ours). `show neighbor summary` is
//! answered in turn, after everything that a predecessor had asked; what comes before its answer is dropped.
//! Should that answer be a predecessor's own, ours comes later as a header that nobody waits for, and always
//! before the answers to what is asked next, because those stand behind it in ExaBGP's queue: the session
//! then lets ExaBGP say all that it has to, fences again, and does not get to [`Report::Ready`] on somebody else's
//! answers. Its own fences it counts: an ExaBGP that was silent for long answers all of them when it goes on, and
//! only the last is passed.

mod asking;
mod doubts;
mod effects;
mod steps;
mod updates;
mod version;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use super::neighborhood::Neighborhood;
use super::reply::Reply;
use super::table::Table;
use super::wire::Wire;
use super::{NeighborState, Order, Report, Settings};
use crate::config::Transport;
use crate::plan::Step;
pub use effects::{Effects, Notice};
use steps::{Answer, Steps, Todo};

/// The state of the exchange.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    steps: Steps,
    neighborhood: Neighborhood,
    wire: Wire,
    version: Option<String>,
    /// Since when ExaBGP owes what it owes, or when it last paid.
    waiting_since: Instant,
    /// Since the last [`Report::Ready`] nothing was put in doubt.
    in_step: bool,
    /// Fences that ExaBGP has still to answer, as far as this session knows.
    fences: u32,
    /// Fences in a row that ExaBGP did not answer in time.
    silences: u32,
    /// Other doubts since the last acknowledged step, or since the table has been good for a time-out.
    doubts: u32,
    /// When the table was read last.
    ready_at: Option<Instant>,
    /// The last doubt that was reported, so that one is told once however often it is tried again.
    told: Option<String>,
    garbage: u64,
    ambiguous: bool,
    effects: Effects,
}

#[derive(Debug)]
enum Phase {
    /// Until ExaBGP is asked again.
    Pausing { until: Instant },
    /// The fence is out; `heard`: something has come since, `header`: the first line of an answer to one.
    Fencing { heard: bool, header: bool },
    /// The neighbors' configuration is asked for.
    Configuring,
    /// The table is asked for.
    Listing(Table),
    /// Steps are written.
    Running,
    /// So many End-of-RIB lines are out. Nothing else is: 4.2 and 5.0 refuse one out of turn when its neighbor has
    /// just gone down.
    Ending(usize),
    /// This ExaBGP can't be spoken to.
    Unusable(String),
    /// End of file.
    Gone,
}

impl Session {
    /// The most lines that are written and not acknowledged: an urgent step waits for no more than these.
    pub const MAX_OUTSTANDING: usize = 25;

    /// The longest pause between two fences of which ExaBGP answers none, in time-outs.
    const MAX_BACKOFF: u32 = 30;

    /// Begins an exchange; its first lines are in [`Self::effects`].
    pub fn new(settings: Settings, at: Instant) -> Self {
        let mut session = Self {
            neighborhood: Neighborhood::new(settings.neighbors.clone(), settings.local_as),
            settings,
            phase: Phase::Fencing { heard: false, header: false },
            steps: Steps::default(),
            wire: Wire::default(),
            version: None,
            waiting_since: at,
            in_step: false,
            fences: 0,
            silences: 0,
            doubts: 0,
            ready_at: None,
            told: None,
            garbage: 0,
            ambiguous: false,
            effects: Effects::default(),
        };
        session.effects.write.push_str("# roamd\n");
        session.fence(at);
        session
    }

    /// What is to be done since the last call.
    pub fn effects(&mut self) -> Effects {
        self.effects.through = self.steps.through();
        std::mem::take(&mut self.effects)
    }

    /// When [`Self::tick`] has something to do if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let judgement = if self.in_step { self.wire.deadline() } else { None };
        [self.patience(), judgement].into_iter().flatten().min()
    }

    /// When ExaBGP has owed something for too long, or a pause ends.
    fn patience(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Pausing { until } => Some(*until),
            // It speaks, and has answered less than it was asked.
            Phase::Fencing { heard: true, header: false } => {
                Some(self.waiting_since + self.settings.ack_timeout)
            }
            Phase::Fencing { .. } => {
                let patience = 1_u32.checked_shl(self.silences).unwrap_or(u32::MAX).min(Self::MAX_BACKOFF);
                Some(self.waiting_since + self.settings.ack_timeout * patience)
            }
            Phase::Configuring | Phase::Listing(_) | Phase::Ending(_) => {
                Some(self.waiting_since + self.settings.ack_timeout)
            }
            Phase::Running => {
                let owes = self.steps.outstanding() > 0;
                owes.then(|| self.waiting_since + self.settings.ack_timeout)
            }
            Phase::Unusable(_) | Phase::Gone => None,
        }
    }

    /// Takes an order of the agent's.
    pub fn order(&mut self, order: Order, at: Instant) {
        match &self.phase {
            Phase::Gone => return,
            Phase::Unusable(reason) => {
                let reason = reason.clone();
                self.effects.reports.push(Report::InDoubt { reason });
                return;
            }
            Phase::Pausing { .. }
            | Phase::Fencing { .. }
            | Phase::Configuring
            | Phase::Listing(_)
            | Phase::Running
            | Phase::Ending(_) => {}
        }
        match order {
            Order::Do(steps) if self.in_step => self.steps.extend(steps),
            // Ordered before the agent heard of the doubt, which covers these too.
            Order::Do(_) => {
                if self.told.is_none() {
                    self.tell("ExaBGP's table is not read yet".to_owned());
                }
            }
            Order::EndOfRib(to) if self.in_step => self.steps.end_of_rib(to),
            // It is ordered again with the next table.
            Order::EndOfRib(_) => {}
            Order::Keep(routes) if self.in_step => {
                for route in routes {
                    self.wire.stands(&route);
                    self.keep(&Step::Announce(route));
                }
            }
            // They are ordered again with the next table.
            Order::Keep(_) => {}
            // The relay's own business.
            Order::Forget(_) | Order::Heartbeat { .. } => {}
        }
        self.proceed(at);
    }

    /// Everything up to `through` (of [`Effects::through`]) was written at `at`.
    pub fn written(&mut self, through: u64, at: Instant) {
        self.steps.written(through, at);
    }

    /// Time passed; needed at [`Self::deadline`] only.
    pub fn tick(&mut self, at: Instant) {
        if self.in_step {
            self.judge(at);
        }
        if self.patience().is_none_or(|deadline| at < deadline) {
            return;
        }
        let owed = self.settings.ack_timeout.as_secs_f64();
        match &self.phase {
            // What was answered meanwhile nobody has counted.
            Phase::Pausing { .. } => self.fence_anew(at),
            Phase::Fencing { heard, header } => {
                let reason = if *header {
                    "ExaBGP shows its neighbors but acknowledges nothing; exabgp.api.ack must be true"
                        .to_owned()
                } else {
                    format!("ExaBGP owes an answer for {owed} s")
                };
                // Where it has spoken, and has no more to say, what it owes will not come.
                if *heard {
                    self.fences = 0;
                }
                self.silence(reason, at);
            }
            Phase::Configuring | Phase::Listing(_) | Phase::Running | Phase::Ending(_) => {
                self.doubt(format!("ExaBGP owes an answer for {owed} s"), at);
            }
            Phase::Unusable(_) | Phase::Gone => {}
        }
    }

    /// ExaBGP is gone, `reason` says how that showed.
    pub fn gone(&mut self, reason: String) {
        if !matches!(self.phase, Phase::Gone) {
            self.phase = Phase::Gone;
            self.unsettle();
            self.effects.reports.push(Report::Gone { reason });
        }
    }

    /// Takes one line of ExaBGP's, read at `at`.
    pub fn reply(&mut self, reply: Reply, at: Instant) {
        match (&mut self.phase, reply) {
            (Phase::Gone | Phase::Unusable(_), _) | (_, Reply::Event) => {}
            (_, Reply::Garbage) => {
                if self.garbage == 0 {
                    self.effects.notices.push(Notice::GarbageBegan);
                }
                self.garbage += 1;
            }
            (_, Reply::Update(update)) => self.update(&update, at),
            (_, Reply::ShuttingDown) => self.effects.notices.push(Notice::ShuttingDown),
            (_, Reply::JsonAnswer) => self.give_up(
                "ExaBGP answers in JSON, the API of ExaBGP 6; set exabgp_api_version=4 in ExaBGP's environment"
                    .to_owned(),
            ),
            (phase, Reply::State(told)) => {
                // Before the table is asked for, no line was made of what is known of the neighbors.
                let settled = matches!(phase, Phase::Listing(_) | Phase::Running | Phase::Ending(_));
                let changed = self.neighborhood.tell(told);
                if told.state != NeighborState::Up {
                    self.wire.down(told.address);
                }
                if changed && settled {
                    self.doubt(format!("neighbor {} is new, or of the other kind now", told.address), at);
                } else if settled {
                    self.report_neighbors(at);
                }
            }
            (Phase::Pausing { .. }, _) => self.drained(at),
            (Phase::Fencing { .. }, reply) => self.at_fence(reply, at),
            (Phase::Configuring, Reply::Configuration(line)) => {
                self.neighborhood.configure(line);
                self.waiting_since = at;
            }
            (Phase::Configuring, Reply::Done) if self.neighborhood.adopt() => self.list(at),
            (Phase::Configuring, Reply::Done) => self.doubt("ExaBGP lists no neighbors".to_owned(), at),
            (Phase::Listing(table), Reply::Row(row)) => {
                table.add(*row);
                self.waiting_since = at;
            }
            (Phase::Listing(_), Reply::OtherRow) => self.waiting_since = at,
            (Phase::Listing(_), Reply::Done) => self.ready(at),
            // A neighbor that went down is owed another one when it comes up.
            (Phase::Ending(left), Reply::Done | Reply::Error) => {
                *left = left.saturating_sub(1);
                self.waiting_since = at;
                if *left == 0 {
                    self.phase = Phase::Running;
                    self.proceed(at);
                }
            }
            (Phase::Running, Reply::Done) => self.acknowledge(Answer::Done, at),
            (Phase::Running, Reply::Error) => self.acknowledge(Answer::Error, at),
            (
                Phase::Configuring | Phase::Listing(_) | Phase::Running | Phase::Ending(_),
                Reply::SummaryHeader,
            ) => self.drain(at),
            (
                Phase::Configuring | Phase::Listing(_) | Phase::Running | Phase::Ending(_),
                Reply::Error
                | Reply::Version(_)
                | Reply::SummaryRow(..)
                | Reply::Configuration(_)
                | Reply::Row(_)
                | Reply::OtherRow
                | Reply::InProgress,
            ) => self.doubt("ExaBGP answers something that was not asked".to_owned(), at),
        }
    }

    /// Writes what may be written.
    fn proceed(&mut self, at: Instant) {
        while matches!(self.phase, Phase::Running) {
            if self.steps.outstanding() == 0 {
                self.waiting_since = at;
            }
            match self.steps.next(Self::MAX_OUTSTANDING) {
                None => return,
                Some(Todo::EndOfRib(to)) => self.end_of_rib(&to),
                Some(Todo::Do(step)) => {
                    self.keep(&step);
                    let refused = self.steps.write(&step, &self.neighborhood, &mut self.effects.write, at);
                    match refused {
                        None => self.wire.write(&step),
                        Some(_) => self.wire.refused(step.prefix()),
                    }
                    self.effects.reports.extend(refused);
                }
            }
        }
    }

    fn end_of_rib(&mut self, to: &BTreeSet<IpAddr>) {
        let lines = self.neighborhood.ends_of_rib(to);
        if lines.is_empty() {
            return;
        }
        self.phase = Phase::Ending(lines.len());
        for line in lines {
            self.effects.write.push_str(&line);
            self.effects.write.push('\n');
        }
    }

    /// Has the relay know what is about to stand, or to go.
    fn keep(&mut self, step: &Step) {
        if self.settings.transport == Transport::Relay {
            self.effects.keeps.push(steps::keep(step, &self.neighborhood));
        }
    }

    fn acknowledge(&mut self, answer: Answer, at: Instant) {
        match self.steps.answer(answer, at) {
            Err(steps::NothingOpen) => {
                self.doubt("ExaBGP acknowledges more than it was told".to_owned(), at);
            }
            Ok(settled) => {
                if answer == Answer::Done {
                    self.doubts = 0;
                }
                self.waiting_since = at;
                if let Some(report) = settled {
                    self.settle(report, at);
                }
                self.proceed(at);
            }
        }
    }

    fn report_neighbors(&mut self, at: Instant) {
        self.effects.reports.extend(self.neighborhood.changes(at).into_iter().map(Report::Neighbor));
    }
}

#[cfg(test)]
mod tests;
