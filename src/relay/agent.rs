//! The agent's side of the relay: its link comes and goes, and what it says is obeyed. Pure.

use std::time::{Duration, Instant};

use super::ledger::Change;
use super::{Identity, Link, Notice, Relay};
use crate::exabgp::Lines;
use crate::link::{self, Hello, LinkError, PROTOCOL, ToAgent, ToRelay, Welcome};

/// How many times in a lease it is written down that the agent knows what libvirt tells: a relay that is started anew takes
/// the time since then for longer than it was by as little.
const MARKS: u32 = 8;

impl Relay {
    /// Connected to the agent's socket; it has not spoken yet.
    pub fn linked(&mut self) {
        self.link = Link::Silent;
        self.from_agent = Lines::default();
        self.to_agent.clear();
        self.skipped = 0;
        self.skipping = false;
    }

    /// The connection has ended; `reason` says how that showed.
    pub fn unlinked(&mut self, reason: &str, now: Instant) {
        if self.link == Link::Open {
            self.vigil.left(now);
            let skipped = match self.skipped {
                0 => String::new(),
                skipped => format!("; {skipped} events were not passed on"),
            };
            self.effects.notices.push(Notice::AgentLeft(format!("{reason}{skipped}")));
        }
        self.link = Link::None;
        self.to_agent.clear();
    }

    pub(super) fn give_up(&mut self, reason: &str, now: Instant) {
        if self.link != Link::None {
            self.effects.unlink = true;
            self.unlinked(reason, now);
        }
    }

    /// Takes what was read from the agent.
    pub fn received(&mut self, bytes: &[u8], now: Instant) {
        self.vigil.spoke(now);
        let mut lines = std::mem::take(&mut self.from_agent);
        lines.feed(bytes, |line| self.message(line, now));
        if self.link != Link::None {
            self.from_agent = lines;
        }
    }

    fn message(&mut self, line: Option<&[u8]>, now: Instant) {
        // A line that is too long is no message.
        let line = line.unwrap_or_default();
        let result = match self.link {
            Link::None | Link::Refused => return,
            Link::Silent => link::first(line),
            Link::Open => link::decode(line),
        };
        match (self.link, result) {
            (Link::Silent, Ok(ToRelay::Welcome(welcome))) => self.open(&welcome, now),
            (Link::Open, Ok(message)) => self.obey(message, now),
            (Link::Silent, Err(error @ LinkError::Protocol { .. })) => {
                // Our own version is in it, by which the agent can tell its operator.
                self.hello(now);
                self.link = Link::Refused;
                self.refuse(error.to_string());
            }
            (Link::None | Link::Silent | Link::Open | Link::Refused, Ok(_) | Err(_)) => {
                self.refuse("it sent something that is no message of the link".to_owned());
                self.give_up("the agent can't be understood", now);
            }
        }
    }

    fn refuse(&mut self, reason: String) {
        if self.refused.as_ref() != Some(&reason) {
            self.refused = Some(reason.clone());
            self.effects.notices.push(Notice::AgentRefused(reason));
        }
    }

    fn hello(&mut self, now: Instant) {
        let Identity { pid, epoch } = self.identity.clone();
        let unwatched_ms = Some(link::millis(self.vigil.unwatched(now)));
        let hello = ToAgent::Hello(Hello { protocol: PROTOCOL, pid, epoch, unwatched_ms });
        link::encode(&hello, self.to_agent.buffer());
    }

    fn open(&mut self, welcome: &Welcome, now: Instant) {
        self.link = Link::Open;
        self.vigil.came(welcome.silence_ms.map(Duration::from_millis), now);
        self.refused = None;
        self.wills.stop();
        self.end_of_rib.agent_came();
        // What an earlier agent asked, and what was left of the wills: this one finds out for itself.
        self.to_exabgp.abandon();
        self.effects.notices.push(Notice::AgentCame);
        self.beat(welcome.lease_ms, now);
        self.hello(now);
        for message in link::holds(self.ledger.held()) {
            link::encode(&message, self.to_agent.buffer());
        }
        for state in self.states.values() {
            link::encode(&ToAgent::Line(state.clone()), self.to_agent.buffer());
        }
    }

    fn obey(&mut self, message: ToRelay, now: Instant) {
        match message {
            ToRelay::Commands(text) => {
                self.end_of_rib.agent_wrote(&text);
                self.to_exabgp.buffer().extend_from_slice(text.as_bytes());
                if self.to_exabgp().len() > Self::MAX_TO_EXABGP {
                    self.to_exabgp.abandon();
                    self.give_up("ExaBGP does not read, and the agent sends more and more", now);
                }
            }
            ToRelay::Keep(keep) => self.change(&Change::Keep(keep)),
            ToRelay::Forget(prefix) => self.change(&Change::Forget(prefix)),
            ToRelay::Heartbeat { lease_ms, unwatched, libvirt_lease_ms } => {
                if let Some(lease_ms) = libvirt_lease_ms
                    && self.ledger.libvirt_lease().map(link::millis) != Some(lease_ms)
                {
                    self.change(&Change::LibvirtLeaseMs(lease_ms));
                }
                if !unwatched {
                    self.vouched(lease_ms, now);
                }
                self.beat(lease_ms, now);
            }
            ToRelay::Welcome(_) => self.give_up("the agent greeted twice", now),
        }
    }

    /// The agent knows what libvirt tells. Written down now and then, for a relay that comes after this one.
    fn vouched(&mut self, lease_ms: u64, now: Instant) {
        self.vigil.vouched(now);
        let Some(uptime) = self.uptime(now) else { return };
        let every = Duration::from_millis(lease_ms) / MARKS;
        if self.ledger.vouched().is_none_or(|at| uptime >= at.saturating_add(every)) {
            self.change(&Change::VouchedMs(link::millis(uptime)));
        }
    }

    fn beat(&mut self, lease_ms: u64, now: Instant) {
        self.vigil.beat(now);
        if self.ledger.lease().map(link::millis) != Some(lease_ms) {
            self.change(&Change::LeaseMs(lease_ms));
        }
    }
}
