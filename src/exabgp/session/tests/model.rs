//! A model of ExaBGP: commands that are answered in turn wait in a queue, the others are answered at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::exabgp::{Notice, Order, Reply, Report, Session, Settings};
use crate::route::Prefix;

/// What ExaBGP says to an announce or withdraw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Say {
    Done,
    Error,
    /// As 4.2 does with an address that it can't parse.
    Nothing,
}

/// A session and the model of ExaBGP that it speaks to.
pub(super) struct Bench {
    pub(super) session: Session,
    version: String,
    /// Address and AS.
    pub(super) neighbors: Vec<(String, u32)>,
    /// Rows of the adj-RIB-out.
    pub(super) table: Vec<String>,
    /// Commands that are not answered yet.
    pub(super) queue: Vec<String>,
    pub(super) written: Vec<String>,
    pub(super) writes: usize,
    pub(super) reports: Vec<Report>,
    pub(super) notices: Vec<Notice>,
    /// What was said to steps, in order.
    pub(super) said: Vec<(Prefix, bool)>,
    /// The session has reported that steps may be ordered.
    pub(super) usable: bool,
    /// A rule that the session broke.
    pub(super) fault: Option<String>,
    /// Prefixes whose line was taken since the last doubt and is not reported settled.
    taken: BTreeSet<Prefix>,
    now: Instant,
}

/// A state event.
pub(super) fn state(peer: &str, asn: u32, state: &str) -> String {
    format!(
        r#"{{ "exabgp": "4.0.1", "type": "state", "neighbor": {{ "address": {{ "local": "10.0.0.9", "peer": "{peer}" }}, "asn": {{ "local": 65001, "peer": {asn} }} , "state": "{state}" }} }}"#
    )
}

fn prefix_of(line: &str) -> Option<Prefix> {
    let mut words = line.split(' ').skip_while(|word| *word != "route");
    words.nth(1)?.parse().ok()
}

impl Bench {
    pub(super) fn new(settings: Settings) -> Self {
        Self::of_version(settings, "4.2.21")
    }

    pub(super) fn of_version(settings: Settings, version: &str) -> Self {
        let now = Instant::now();
        let mut bench = Self {
            session: Session::new(settings, now),
            version: version.to_owned(),
            neighbors: vec![("10.0.0.1".to_owned(), 65_000)],
            table: Vec::new(),
            queue: Vec::new(),
            written: Vec::new(),
            writes: 0,
            reports: Vec::new(),
            notices: Vec::new(),
            said: Vec::new(),
            usable: false,
            fault: None,
            taken: BTreeSet::new(),
            now,
        };
        bench.take_effects();
        bench
    }

    /// A session that has read its first table.
    pub(super) fn ready(settings: Settings) -> Self {
        let mut bench = Self::new(settings);
        bench.answer_all();
        assert!(bench.usable, "{:?}", bench.reports);
        bench.reports.clear();
        bench.written.clear();
        bench
    }

    pub(super) fn order(&mut self, order: Order) {
        self.session.order(order, self.now);
        self.take_effects();
    }

    /// Lets time pass in one step to the session's deadline, or by `by` where that is sooner, and so on.
    pub(super) fn pass(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(deadline) = self.session.deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            self.session.tick(self.now);
            self.take_effects();
        }
        self.now = end;
        self.session.tick(end);
        self.take_effects();
    }

    /// ExaBGP sends a line.
    pub(super) fn say(&mut self, line: &str) {
        self.session.reply(Reply::parse(line.as_bytes()), self.now);
        self.take_effects();
    }

    /// ExaBGP answers the oldest command; `say` is for steps only.
    pub(super) fn answer(&mut self, say: Say) {
        if self.queue.is_empty() {
            return;
        }
        let command = self.queue.remove(0);
        match command.as_str() {
            "show neighbor summary" => {
                self.say("Peer            AS        up/down state       |     #sent     #recvd");
                for (address, asn) in self.neighbors.clone() {
                    self.say(&format!(
                        "{address}        {asn}     0:00:03 established           5          2"
                    ));
                }
                self.say("done");
            }
            "show neighbor configuration" => {
                for (address, asn) in self.neighbors.clone() {
                    let lines = format!(
                        "neighbor {address} {{\n  local-as 65001;\n  peer-as {asn};\n\n  family {{\n    ipv4 unicast;\n  \
                         }}\n  api {{\n    processes [ roamd ];\n  }}\n}}"
                    );
                    lines.lines().for_each(|line| self.say(line));
                }
                self.say("done");
            }
            "show adj-rib out extensive" => {
                self.table.clone().iter().for_each(|row| self.say(row));
                self.say("done");
            }
            step => {
                let prefix = prefix_of(step).unwrap();
                match say {
                    Say::Done => {
                        self.said.push((prefix, true));
                        self.say("done");
                    }
                    Say::Error => {
                        self.said.push((prefix, false));
                        self.say("error");
                    }
                    Say::Nothing => {}
                }
            }
        }
    }

    /// ExaBGP answers everything that is and comes into its queue.
    pub(super) fn answer_all(&mut self) {
        for _ in 0..10_000 {
            if self.queue.is_empty() {
                return;
            }
            self.answer(Say::Done);
        }
        panic!("the session asks without end");
    }

    fn take_effects(&mut self) {
        let effects = self.session.effects();
        for report in effects.reports {
            match &report {
                Report::Ready { .. } => self.usable = true,
                Report::InDoubt { .. } | Report::Lost { .. } | Report::Gone { .. } => {
                    self.usable = false;
                    self.taken.clear();
                }
                Report::Settled { prefix, .. } => {
                    if !self.taken.remove(prefix) {
                        self.fault = Some(format!("settled without being written: {report:?}"));
                    }
                }
                Report::Neighbor(_) | Report::Unwatched { .. } | Report::Wire(_) => {}
            }
            self.reports.push(report);
        }
        self.notices.extend(effects.notices);
        if effects.write.is_empty() {
            return;
        }
        self.writes += 1;
        let before = self.taken.clone();
        if !effects.write.ends_with('\n') {
            self.fault = Some(format!("half a line: {}", effects.write));
        }
        self.session.written(effects.through, self.now);
        for line in effects.write.lines() {
            self.written.push(line.to_owned());
            match line {
                "# roamd" => self.say("done"),
                "version" => {
                    let version = format!("exabgp {}", self.version);
                    self.say(&version);
                    self.say("done");
                }
                queued => {
                    // A step for both kinds of neighbors has a line a kind in the same write.
                    if let Some(prefix) = prefix_of(queued)
                        && !self.taken.insert(prefix)
                        && before.contains(&prefix)
                    {
                        self.fault = Some(format!("written while one is outstanding: {queued}"));
                    }
                    self.queue.push(queued.to_owned());
                }
            }
        }
    }
}
