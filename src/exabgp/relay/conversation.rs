//! What the agent and one relay say to each other, from the relay's greeting on. Pure: bytes and orders in, bytes and
//! reports out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::exabgp::lines::Lines;
use crate::exabgp::reply::Reply;
use crate::exabgp::session::{Effects, Notice, Session};
use crate::exabgp::{Order, Report, Settings};
use crate::link::{self, Hello, Outbox, PROTOCOL, ToAgent, ToRelay, Welcome};
use crate::route::{Prefix, Rung};

/// The agent's first words on a new connection.
pub fn welcome(lease: Duration) -> Vec<u8> {
    let mut welcome = Vec::new();
    let (lease_ms, silence_ms) = (link::millis(lease), Some(link::millis(link::SILENCE)));
    let greeting = Welcome { protocol: PROTOCOL, lease_ms, silence_ms };
    link::encode(&ToRelay::Welcome(greeting), &mut welcome);
    welcome
}

/// The talk with one relay, and the session with the ExaBGP behind it.
#[derive(Debug)]
pub struct Conversation {
    lines: Lines,
    outbox: Outbox,
    /// Of the commands that wait, up to which line they go.
    through: u64,
    session: Session,
    /// What the relay's ledger has, as in [`Report::Ready`].
    held: BTreeMap<Prefix, Option<Rung>>,
    lease: Duration,
    libvirt_lease: Duration,
    /// What the relay's greeting told, until the agent has heard it.
    told: Vec<Report>,
}

impl Conversation {
    /// Begins with a relay that has greeted.
    pub fn new(hello: Hello, settings: &Settings, at: Instant) -> Self {
        let since = hello.unwatched_ms.and_then(|ms| at.checked_sub(Duration::from_millis(ms)));
        let settings = Settings { epoch: hello.epoch, ..settings.clone() };
        Self {
            told: since.map(|since| Report::Unwatched { since }).into_iter().collect(),
            lines: Lines::default(),
            outbox: Outbox::default(),
            through: 0,
            lease: settings.lease,
            libvirt_lease: settings.libvirt_lease,
            session: Session::new(settings, at),
            held: BTreeMap::new(),
        }
    }

    /// When [`Self::tick`] has something to do if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// Time passed.
    pub fn tick(&mut self, at: Instant) {
        self.session.tick(at);
    }

    /// Takes an order of the agent's.
    pub fn order(&mut self, order: Order, at: Instant) {
        match order {
            Order::Forget(prefixes) => {
                for prefix in prefixes {
                    self.held.remove(&prefix);
                    link::encode(&ToRelay::Forget(prefix), self.outbox.buffer());
                }
            }
            Order::Heartbeat { vouches } => {
                let heartbeat = ToRelay::Heartbeat {
                    lease_ms: link::millis(self.lease),
                    unwatched: !vouches,
                    libvirt_lease_ms: Some(link::millis(self.libvirt_lease)),
                };
                link::encode(&heartbeat, self.outbox.buffer());
            }
            Order::Do(_) | Order::EndOfRib(_) | Order::Keep(_) => self.session.order(order, at),
        }
    }

    /// Takes what was read from the relay; the error says why it can't be understood.
    pub fn take(&mut self, bytes: &[u8], at: Instant) -> Result<(), String> {
        let mut lines = std::mem::take(&mut self.lines);
        let mut result = Ok(());
        lines.feed(bytes, |line| {
            if result.is_ok() {
                result = self.hear(line.unwrap_or_default(), at);
            }
        });
        self.lines = lines;
        result
    }

    fn hear(&mut self, line: &[u8], at: Instant) -> Result<(), String> {
        match link::decode(line).map_err(|error| error.to_string())? {
            ToAgent::Line(line) => self.session.reply(Reply::parse(line.as_bytes()), at),
            ToAgent::Overlong => self.session.reply(Reply::Garbage, at),
            ToAgent::Skipped => self.session.missed(),
            ToAgent::Holds(entries) => {
                self.held.extend(entries.iter().map(|held| (held.prefix, rung(held.rung))));
            }
            ToAgent::Hello(_) => return Err("the relay greeted twice".to_owned()),
        }
        Ok(())
    }

    /// What came of all that: what the agent is to hear, and what is worth a line in the log. What the session writes waits
    /// for the relay from then on.
    pub fn effects(&mut self) -> (Vec<Report>, Vec<Notice>) {
        let Effects { keeps, write, through, mut reports, notices } = self.session.effects();
        for keep in keeps {
            self.held.insert(keep.prefix, rung(keep.rung));
            link::encode(&ToRelay::Keep(keep), self.outbox.buffer());
        }
        if !write.is_empty() {
            link::encode(&ToRelay::Commands(write), self.outbox.buffer());
            self.through = through;
        }
        for report in &mut reports {
            if let Report::Ready { ledger, .. } = report {
                ledger.clone_from(&self.held);
            }
        }
        reports.splice(0..0, self.told.drain(..));
        (reports, notices)
    }

    /// What waits to be written to the relay.
    pub fn to_relay(&self) -> &[u8] {
        self.outbox.waiting()
    }

    /// So many bytes of it were written.
    pub fn wrote_to_relay(&mut self, bytes: usize, at: Instant) {
        self.outbox.advance(bytes);
        if self.to_relay().is_empty() {
            self.session.written(self.through, at);
        }
    }
}

/// The rung of an entry. Of one that this release does not know nobody can tell more than that it stood.
fn rung(number: Option<u32>) -> Option<Rung> {
    number.map(|number| Rung::from_number(number).unwrap_or(Rung::Unsure))
}
