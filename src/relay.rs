//! `roamd relay`: ExaBGP's API process, between ExaBGP's pipes and the agent's socket.
//!
//! ExaBGP stops all BGP while its API process does not read, and ends itself when that process exits again and
//! again. So this one does little: it always reads, never waits for either side, and outlives the agent. Nothing
//! in ExaBGP expires a route either; so the relay keeps the agent's last wills in a [`Ledger`], and carries them
//! out when no heartbeat came for the agent's lease, also in the next life of ExaBGP: over a graceful restart a
//! switch keeps what the last one told, and waits for somebody to say otherwise. Behind the wills it ends the RIB, so that
//! what nobody left a will for is gone as well. It knows no configuration and decides nothing: a will is a command that
//! the agent wrote.
//!
//! Routes on `arrived` can't wait for that: should their VM begin to run elsewhere, they would tie with its new host's.
//! They are lowered as soon as the agent is away for longer than a restart takes. An agent that hangs has not left; so
//! its link is given up when it says nothing for some seconds, and one that is well greets again before anything moves.
//!
//! [`Relay`] is the pure part: what was read and the time in, bytes and [`Effects`] out. In reading order: `agent`
//! (its link and what it says), `vigil` (whether it lives), `ledger` (what stands, as values and as a journal), `end_of_rib`
//! (to whom it is owed), `wills` (carrying them out), `journal` (the ledger's file), `watchdog` (should the relay hang
//! itself) and `process` (pipes, socket and timer; the only part with a runtime).
//!
//! Memory is bounded whatever either side does: lines, states and both queues have limits, and an agent that does
//! not read loses its link rather than holding up ExaBGP.

mod agent;
mod end_of_rib;
mod journal;
mod ledger;
mod process;
mod vigil;
mod watchdog;
mod wills;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::exabgp::{Lines, Reply};
use crate::link::{self, Outbox, ToAgent};
use end_of_rib::EndOfRib;
use ledger::{Change, Stage};
use vigil::Vigil;
use wills::Wills;

pub use ledger::Ledger;
pub use process::{RelayError, run};

/// Who this relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its process id.
    pub pid: u32,
    /// The life of ExaBGP that it belongs to.
    pub epoch: Option<String>,
}

/// The state of the relay.
#[derive(Debug)]
pub struct Relay {
    identity: Identity,
    link: Link,
    from_exabgp: Lines,
    from_agent: Lines,
    to_exabgp: Outbox,
    to_agent: Outbox,
    /// The last state event of each neighbor, as ExaBGP wrote it.
    states: BTreeMap<IpAddr, String>,
    ledger: Ledger,
    end_of_rib: EndOfRib,
    wills: Wills,
    vigil: Vigil,
    /// A moment, and what the machine's monotonic clock showed then.
    clock: Option<(Instant, Duration)>,
    /// Events that were not passed on over the present link.
    skipped: u64,
    /// The last event was not.
    skipping: bool,
    /// Why an agent was refused, so that it is told once.
    refused: Option<String>,
    effects: Effects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// No connection.
    None,
    /// Connected; the agent has not spoken yet, and nothing is sent.
    Silent,
    /// Both sides have greeted.
    Open,
    /// The agent is of another release; it is told so and hears nothing else.
    Refused,
}

/// What is to be done when the agent is not heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// To give up its link: an agent that is well greets again at once, and one that hangs does not.
    Parting,
    /// To carry out what it left to be done.
    Carrying(Stage),
}

/// What the shell is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Lines to append to the ledger's file, before anything is written to ExaBGP.
    pub journal: Vec<u8>,
    /// The link is to be closed.
    pub unlink: bool,
    /// What is worth a line in the log.
    pub notices: Vec<Notice>,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An agent was greeted.
    AgentCame,
    /// It is gone, or was given up.
    AgentLeft(String),
    /// The agent can't be understood; told once.
    AgentRefused(String),
    /// The agent did not come back at once: so many routes are lowered to `active` now.
    AgentStaysAway(usize),
    /// No heartbeat came in time: so many wills are carried out now.
    LeaseEnded(usize),
    /// They are, and ExaBGP refused so many of their lines.
    WillsTold(usize, usize),
    /// Nobody will tell neighbors more than they know: so many End-of-RIB lines are written.
    RibEnded(usize),
    /// ExaBGP does not answer while the wills are carried out; it is asked again.
    ExabgpSilent,
}

impl Relay {
    /// The most bytes that wait for the agent. Beyond it the link is dropped.
    pub const MAX_TO_AGENT: usize = 8 << 20;

    /// With more than this waiting for the agent, events of UPDATEs are not passed on.
    pub const CROWDED: usize = 1 << 18;

    /// The most bytes that wait for ExaBGP: many times what an agent may have outstanding.
    pub const MAX_TO_EXABGP: usize = 4 << 20;

    /// The lease of an agent of which nothing was ever heard: the default of `exabgp.lease`.
    const UNTOLD_LEASE: Duration = Duration::from_secs(60);

    /// The most neighbors whose state is kept, and the longest state.
    const MAX_STATES: usize = 1_024;
    const MAX_STATE: usize = 2_048;

    /// Begins with what a predecessor left in the ledger, in this life of ExaBGP or in an earlier one.
    pub fn new(identity: Identity, ledger: Ledger, now: Instant) -> Self {
        let mut to_exabgp = Outbox::default();
        // Ends what a predecessor left half-written.
        to_exabgp.buffer().extend_from_slice(b"# roamd relay\n");
        Self {
            identity,
            link: Link::None,
            from_exabgp: Lines::default(),
            from_agent: Lines::default(),
            to_exabgp,
            to_agent: Outbox::default(),
            states: BTreeMap::new(),
            ledger,
            end_of_rib: EndOfRib::default(),
            wills: Wills::default(),
            vigil: Vigil::new(now),
            clock: None,
            skipped: 0,
            skipping: false,
            refused: None,
            effects: Effects::default(),
        }
    }

    /// Tells what the machine's monotonic clock shows at `now`. By it a relay that ExaBGP started anew counts the lease from
    /// where its predecessor did.
    #[must_use]
    pub fn with_uptime(mut self, uptime: Duration, now: Instant) -> Self {
        self.clock = Some((now, uptime));
        let ago = self.ledger.vouched().and_then(|at| uptime.checked_sub(at));
        if let Some(at) = ago.and_then(|ago| now.checked_sub(ago)) {
            self.vigil.vouched(at);
        }
        self
    }

    fn uptime(&self, now: Instant) -> Option<Duration> {
        self.clock.map(|(began, uptime)| uptime + now.saturating_duration_since(began))
    }

    /// What is to be done since the last call.
    pub fn effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// The ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What waits to be written to ExaBGP.
    pub fn to_exabgp(&self) -> &[u8] {
        self.to_exabgp.waiting()
    }

    /// So many bytes of it were written.
    pub fn wrote_to_exabgp(&mut self, bytes: usize) {
        self.to_exabgp.advance(bytes);
    }

    /// What waits to be written to the agent.
    pub fn to_agent(&self) -> &[u8] {
        self.to_agent.waiting()
    }

    /// So many bytes of it were written.
    pub fn wrote_to_agent(&mut self, bytes: usize) {
        self.to_agent.advance(bytes);
    }

    /// When [`Self::tick`] has something to do if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.wills.is_idle() { self.next_due().map(|(at, _)| at) } else { self.wills.deadline() }
    }

    /// What is due next if nothing more is heard of the agent, and when.
    fn next_due(&self) -> Option<(Instant, Due)> {
        let libvirt_lease = self.ledger.libvirt_lease().unwrap_or_default();
        let lease = self.ledger.lease().unwrap_or(Self::UNTOLD_LEASE);
        let lease_ends_at = self.vigil.lease_ends_at(lease, libvirt_lease);
        let due = [
            (self.vigil.silent_at(), Due::Parting, Stage::Left),
            (self.vigil.gone_at(), Due::Carrying(Stage::Left), Stage::Left),
            (lease_ends_at, Due::Carrying(Stage::LeaseEnded), Stage::LeaseEnded),
        ];
        // Nothing is done where nothing would come of it.
        let ends = |due| due == Due::Carrying(Stage::LeaseEnded) && self.end_of_rib.is_due();
        let due = due.into_iter().filter(|(_, due, stage)| self.ledger.due(*stage) > 0 || ends(*due));
        due.filter_map(|(at, due, _)| Some((at?, due))).min_by_key(|(at, _)| *at)
    }

    /// Time passed; needed at [`Self::deadline`] only.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match (self.wills.stage(), self.next_due()) {
            (None, Some((_, Due::Parting))) => {
                self.vigil.suspect(now);
                self.give_up("the agent says nothing", now);
            }
            (None, Some((_, Due::Carrying(stage)))) => {
                let due = self.ledger.due(stage);
                match stage {
                    Stage::Left => self.effects.notices.push(Notice::AgentStaysAway(due)),
                    Stage::LeaseEnded => {
                        if due > 0 {
                            self.effects.notices.push(Notice::LeaseEnded(due));
                        }
                        // An agent that hangs counts as gone. Its own commands are settled by the fence.
                        self.give_up("the agent sent no heartbeat for its lease", now);
                    }
                }
                self.fence(stage, now);
            }
            (None, None) => {}
            (Some(stage), _) if self.to_exabgp().is_empty() => {
                self.effects.notices.push(Notice::ExabgpSilent);
                self.fence(stage, now);
            }
            // It does not even read; asking again would only pile up.
            (Some(_), _) => self.wills.wait(now),
        }
    }

    fn fence(&mut self, stage: Stage, now: Instant) {
        let text = self.wills.fence(stage, now);
        self.to_exabgp.buffer().extend_from_slice(text.as_bytes());
    }

    /// Takes what was read from ExaBGP.
    pub fn heard(&mut self, bytes: &[u8], now: Instant) {
        let mut lines = std::mem::take(&mut self.from_exabgp);
        lines.feed(bytes, |line| self.line(line.filter(|line| line.len() <= link::MAX_LINE), now));
        self.from_exabgp = lines;
        if self.to_agent().len() > Self::MAX_TO_AGENT {
            self.give_up("the agent does not read", now);
        }
    }

    fn line(&mut self, line: Option<&[u8]>, now: Instant) {
        let reply = line.map_or(Reply::Garbage, Reply::parse_all_but_updates);
        let text = line.map(String::from_utf8_lossy);
        if let Reply::State(told) = &reply {
            self.end_of_rib.heard(*told);
        }
        if let (Reply::State(told), Some(text)) = (&reply, &text)
            && text.len() <= Self::MAX_STATE
            && (self.states.contains_key(&told.address) || self.states.len() < Self::MAX_STATES)
        {
            self.states.insert(told.address, text.clone().into_owned());
        }
        match self.link {
            Link::Open if reply == Reply::Event && self.to_agent().len() > Self::CROWDED => {
                if !std::mem::replace(&mut self.skipping, true) {
                    link::encode(&ToAgent::Skipped, self.to_agent.buffer());
                }
                self.skipped += 1;
            }
            Link::Open => {
                self.skipping &= reply != Reply::Event;
                let message = text.map_or(ToAgent::Overlong, |text| ToAgent::Line(text.into_owned()));
                link::encode(&message, self.to_agent.buffer());
            }
            Link::None | Link::Silent | Link::Refused => {
                let next = self.wills.answer(&reply, &mut self.ledger, &mut self.end_of_rib, now);
                self.to_exabgp.buffer().extend_from_slice(next.write.as_bytes());
                if let Some(done) = next.done {
                    link::encode(&done, &mut self.effects.journal);
                }
                if next.ends > 0 {
                    self.effects.notices.push(Notice::RibEnded(next.ends));
                }
                if let Some((Stage::LeaseEnded, told, refused)) =
                    next.finished.filter(|(_, told, _)| *told > 0)
                {
                    self.effects.notices.push(Notice::WillsTold(told, refused));
                }
            }
        }
    }

    fn change(&mut self, change: &Change) {
        self.ledger.apply(change);
        link::encode(change, &mut self.effects.journal);
    }
}

#[cfg(test)]
mod tests;
