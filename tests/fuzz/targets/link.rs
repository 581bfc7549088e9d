//! The relay between an ExaBGP and an agent that both send anything, and an agent's session behind the relay.
//!
//! The input is what the two say to the relay, in chunks of any size. Bytes below 9, which neither sends, are what
//! else happens:
//!
//! | byte | |
//! |---|---|
//! | 1 | ExaBGP speaks from here on |
//! | 2 | the agent speaks from here on |
//! | 3 N | N seconds pass |
//! | 4 | a connection to the agent is made |
//! | 5 | the agent's connection ends |
//! | 6 N | N times 16 bytes of what waits for ExaBGP are written |
//! | 7 N | the same of what waits for the agent |
//! | 8 | the relay dies, and its successor reads the ledger's journal |

use std::time::{Duration, Instant};

use roamd::exabgp::Lines;
use roamd::link::{self, ToAgent};
use roamd::relay::{Effects, Identity, Ledger, Relay};

const EPOCH: &str = "41-1000-boot";

/// What the relay sends in one connection is a greeting and then messages.
#[derive(Default)]
struct Agent {
    lines: Lines,
    greeted: bool,
}

impl Agent {
    fn read(&mut self, bytes: &[u8]) {
        let greeted = &mut self.greeted;
        self.lines.feed(bytes, |line| {
            let line = line.expect("no message is longer than a line may be");
            let message = if *greeted { link::decode(line) } else { link::first(line) };
            let message: ToAgent = message.unwrap_or_else(|error| {
                panic!(
                    "the relay sent something that is no message: {error}: {}",
                    String::from_utf8_lossy(line)
                )
            });
            assert_eq!(matches!(message, ToAgent::Hello(_)), !*greeted, "one greeting, and at the beginning");
            *greeted = true;
        });
    }
}

struct World {
    relay: Relay,
    agent: Agent,
    journal: Vec<u8>,
    now: Instant,
    linked: bool,
}

impl World {
    fn relay(ledger: Ledger, now: Instant) -> Relay {
        Relay::new(Identity { pid: 42, epoch: Some(EPOCH.to_owned()) }, ledger, now)
    }

    fn new() -> Self {
        let now = Instant::now();
        Self {
            relay: Self::relay(Ledger::default(), now),
            agent: Agent::default(),
            journal: Ledger::default().text(EPOCH),
            now,
            linked: false,
        }
    }

    /// What holds after everything that happens.
    fn effects(&mut self) {
        let Effects { journal, unlink, notices: _ } = self.relay.effects();
        self.journal.extend(journal);
        assert!(
            Ledger::read(&self.journal, EPOCH) == *self.relay.ledger(),
            "the journal tells another ledger"
        );
        assert!(self.relay.to_exabgp().len() <= Relay::MAX_TO_EXABGP);
        assert!(self.relay.to_agent().len() <= Relay::MAX_TO_AGENT);
        if unlink {
            self.linked = false;
            assert!(self.relay.to_agent().is_empty(), "something waits for an agent that is gone");
        }
    }

    fn write_to_agent(&mut self, most: usize) {
        let waiting = self.relay.to_agent();
        let bytes = waiting[..most.min(waiting.len())].to_vec();
        self.agent.read(&bytes);
        self.relay.wrote_to_agent(bytes.len());
    }

    fn happens(&mut self, byte: u8, number: usize) {
        match byte {
            3 => {
                self.now += Duration::from_secs(number as u64);
                self.relay.tick(self.now);
            }
            4 if !self.linked => {
                self.linked = true;
                self.agent = Agent::default();
                self.relay.linked();
            }
            5 if self.linked => {
                self.linked = false;
                self.relay.unlinked("it ended", self.now);
            }
            6 => {
                let most = self.relay.to_exabgp().len();
                self.relay.wrote_to_exabgp((number * 16).min(most));
            }
            7 => self.write_to_agent(number * 16),
            8 => {
                self.linked = false;
                self.relay = Self::relay(Ledger::read(&self.journal, EPOCH), self.now);
            }
            _ => {}
        }
    }
}

pub fn run(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    let mut exabgp_speaks = true;
    while let Some(&byte) = rest.first() {
        let end = rest.iter().position(|&byte| byte < 9).unwrap_or(rest.len());
        if end > 0 {
            let said = &rest[..end];
            if exabgp_speaks {
                world.relay.heard(said, world.now);
            } else if world.linked {
                world.relay.received(said, world.now);
            }
            rest = &rest[end..];
        } else {
            let takes_number = matches!(byte, 3 | 6 | 7);
            let number = if takes_number { rest.get(1).copied().unwrap_or_default() } else { 0 };
            match byte {
                1 => exabgp_speaks = true,
                2 => exabgp_speaks = false,
                _ => world.happens(byte, usize::from(number)),
            }
            rest = &rest[(1 + usize::from(takes_number)).min(rest.len())..];
        }
        world.effects();
    }
    world.write_to_agent(usize::MAX);
}
