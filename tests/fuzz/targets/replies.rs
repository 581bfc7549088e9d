//! A session with an ExaBGP that says anything, in chunks of any size: malformed, cut short, interleaved, stale.
//!
//! The input is what ExaBGP says, as text. Bytes below 9, which ExaBGP never sends, are what else happens meanwhile:
//!
//! | byte | |
//! |---|---|
//! | 1 N | the agent orders an announcement of route N |
//! | 2 N | the agent orders a withdraw of route N |
//! | 3 N | N tenths of a second pass |
//! | 4 | what waits is written |
//! | 5 | the agent orders End-of-RIB |
//! | 6 | what was said so far is read: the next chunk begins here, also within a line |
//! | 7 | ExaBGP answers all that was written and is not answered, as a real one would |
//!
//! Afterwards ExaBGP behaves, and the session must find back: whatever was said, a table is read, and a step that is
//! ordered then is acknowledged.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use roamd::config::{Config, Transport};
use roamd::exabgp::{Lines, Order, Outcome, Reply, Report, Session, Settings};
use roamd::plan::Step;
use roamd::route::{Attributes, NextHop, Prefix, Route, Rung};
use roamd::vm::VmName;

use crate::{grammar, switch};

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.example.yaml");
    let config = Config::load(&example).unwrap_or_else(|faults| panic!("{faults}"));
    Settings { transport: Transport::Relay, ..Settings::from(&config) }
});

fn route(number: u8) -> Route {
    let attributes = Attributes {
        med: 50,
        large_communities: [SETTINGS.mark.of(Rung::Arrived)].into(),
        ..Attributes::default()
    };
    Route {
        prefix: format!("198.51.100.{number}/32").parse().unwrap(),
        vm: VmName::new("web-1"),
        rung: Rung::Arrived,
        next_hop: NextHop::Own,
        attributes: Arc::new(attributes),
        unsure: None,
        settled: None,
    }
}

struct World {
    session: Session,
    lines: Lines,
    now: Instant,
    /// Said and not read.
    said: Vec<u8>,
    /// Written and not answered.
    unanswered: VecDeque<String>,
    /// What [`Session::written`] has not been told of.
    through: u64,
    /// Steps that the agent has ordered and heard nothing of.
    open: BTreeSet<Prefix>,
    /// A table was read and not put in doubt.
    ready: bool,
    acknowledged: usize,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(SETTINGS.clone(), now),
            lines: Lines::default(),
            now,
            said: Vec::new(),
            unanswered: VecDeque::new(),
            through: 0,
            open: BTreeSet::new(),
            ready: false,
            acknowledged: 0,
        }
    }

    /// Takes what the session asks for, and checks it.
    fn effects(&mut self) {
        let effects = self.session.effects();
        if !effects.write.is_empty() {
            let lines = effects.write.strip_suffix('\n').expect("whole lines are written").split('\n');
            for line in lines {
                grammar::prefix_of(line);
                self.unanswered.push_back(line.to_owned());
            }
            self.through = effects.through;
        }
        for report in effects.reports {
            match report {
                Report::Ready { .. } => {
                    assert!(self.open.is_empty(), "a table came while steps were open: {:?}", self.open);
                    self.ready = true;
                }
                Report::Settled { prefix, outcome, written_at, at } => {
                    assert!(self.open.remove(&prefix), "{prefix} was settled without an order");
                    assert!(written_at <= at, "written after it was acknowledged");
                    self.acknowledged += usize::from(outcome == Outcome::Acknowledged);
                }
                Report::InDoubt { reason } => {
                    assert!(!reason.is_empty());
                    self.open.clear();
                    self.ready = false;
                }
                Report::Neighbor(_) | Report::Wire(_) | Report::Unwatched { .. } => {}
                Report::Lost { .. } | Report::Gone { .. } => {
                    panic!("the session ended by itself: {report:?}")
                }
            }
        }
    }

    fn read(&mut self) {
        let said = std::mem::take(&mut self.said);
        let (session, now) = (&mut self.session, self.now);
        self.lines.feed(&said, |line| session.reply(line.map_or(Reply::Garbage, Reply::parse), now));
        self.effects();
    }

    fn order(&mut self, step: Step) {
        // As the agent does: nothing before a table, and one open step a prefix.
        if self.ready && self.open.insert(step.prefix()) {
            self.session.order(Order::Do(vec![step]), self.now);
            self.effects();
        }
    }

    fn written(&mut self) {
        self.session.written(self.through, self.now);
        self.effects();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.tick(self.now);
        self.effects();
    }

    /// A real ExaBGP's answers to all that waits for one.
    fn answer(&mut self) {
        while let Some(line) = self.unanswered.pop_front() {
            self.said.extend_from_slice(switch::answer(&line).as_bytes());
            self.read();
        }
    }

    /// ExaBGP behaves from here on; `false` when the session has found out that it can't be spoken to.
    fn recovers(&mut self) -> bool {
        // Ends a line that was cut short, and the text of a neighbor's NOTIFICATION.
        self.said.extend_from_slice(b"\n}\n");
        self.read();
        self.unanswered.clear();
        for _ in 0..100 {
            if self.ready && self.open.is_empty() && self.session.deadline().is_none() {
                return true;
            }
            let Some(deadline) = self.session.deadline() else { return false };
            self.pass(deadline.saturating_duration_since(self.now));
            self.answer();
        }
        panic!("no table was read: {:?}", self.session);
    }
}

pub fn run(data: &[u8]) {
    let mut world = World::new();
    world.effects();
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            1 => world.order(Step::Announce(route(bytes.next().unwrap_or_default()))),
            2 => {
                let route = route(bytes.next().unwrap_or_default());
                world.order(Step::Withdraw { prefix: route.prefix, last: Some(route) });
            }
            3 => world.pass(Duration::from_millis(100) * u32::from(bytes.next().unwrap_or_default())),
            4 => world.written(),
            5 => {
                let neighbor = "127.0.0.2".parse().unwrap();
                world.session.order(Order::EndOfRib([neighbor].into()), world.now);
                world.effects();
            }
            6 => world.read(),
            7 => {
                world.read();
                world.answer();
            }
            said => world.said.push(said),
        }
    }
    if world.recovers() {
        let before = world.acknowledged;
        world.order(Step::Announce(route(1)));
        world.answer();
        assert_eq!(world.acknowledged, before + 1, "{:?}", world.session);
    }
}
