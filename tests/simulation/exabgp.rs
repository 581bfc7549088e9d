//! A model of ExaBGP with one neighbor: its API as it was measured on 4.2.21 and 5.0.15, and its adj-RIB-out. Pure.
//!
//! `version`, `#` and what is unknown are answered when they are read, everything else in turn. `done` means that it is in
//! the RIB. UPDATEs follow in batches. A withdraw is always sent, but for a session's first batch; an announce that changes
//! nothing never.

use std::collections::{BTreeMap, VecDeque};

use crate::batch::Batch;
use crate::command::{Command, Told};

/// Of which behaviour there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V5,
}

impl Version {
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::V4 => "4.2.21",
            Self::V5 => "5.0.15",
        }
    }
}

/// Who it is, and who its neighbor is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) version: Version,
    pub(crate) local: String,
    pub(crate) peer: String,
    pub(crate) local_as: u32,
    pub(crate) peer_as: u32,
    pub(crate) manual_eor: bool,
    /// `send { parsed; update; }`
    pub(crate) echo: bool,
}

/// What the neighbor is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Update {
    Announce(String, Told),
    Withdraw(String),
    /// Of IPv6 (`true`) or IPv4.
    EndOfRib(bool),
}

/// One life of ExaBGP.
#[derive(Debug)]
pub(crate) struct Exabgp {
    pub(crate) identity: Identity,
    pub(crate) rib: BTreeMap<String, Told>,
    queue: VecDeque<Command>,
    pending: Batch,
    pub(crate) up: bool,
    /// Nothing of the session's first batch was sent yet.
    first: bool,
    /// So many turns pass before it is.
    opening: u8,
    /// The neighbor is owed an End-of-RIB that ExaBGP sends by itself.
    owes_eor: bool,
    /// A line that is not complete.
    half: String,
    counter: u64,
    pub(crate) replies: String,
}

/// How many commands a turn of the reactor takes.
const TURN: usize = 50;

impl Exabgp {
    /// With what its configuration announces by itself.
    pub(crate) fn new(identity: Identity, own: impl IntoIterator<Item = (String, Told)>) -> Self {
        Self {
            identity,
            rib: own.into_iter().collect(),
            queue: VecDeque::new(),
            pending: Batch::default(),
            up: false,
            first: true,
            opening: 0,
            owes_eor: false,
            half: String::new(),
            counter: 0,
            replies: String::new(),
        }
    }

    /// Takes what its API process wrote; gives the commands that it took, for those who judge them.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Command> {
        let mut taken = Vec::new();
        self.half.push_str(std::str::from_utf8(bytes).unwrap());
        while let Some((line, rest)) = self.half.split_once('\n') {
            let (line, rest) = (line.to_owned(), rest.to_owned());
            self.half = rest;
            if line == "version" {
                self.say(&format!("exabgp {}", self.identity.version.number()));
                self.say("done");
            } else if line.starts_with('#') {
                self.say("done");
            } else if let Some(command) = Command::parse(&line, &self.identity.peer) {
                taken.push(command.clone());
                self.queue.push_back(command);
            } else {
                self.say("error");
            }
        }
        taken
    }

    fn say(&mut self, line: &str) {
        self.replies.push_str(line);
        self.replies.push('\n');
    }

    /// Whether a turn would do anything.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || (self.up && (!self.pending.is_empty() || self.owes_eor || self.opening > 0))
    }

    /// One turn of the reactor: answers, then UPDATEs.
    pub(crate) fn turn(&mut self) -> Vec<Update> {
        let mut ends = Vec::new();
        for _ in 0..TURN {
            let Some(command) = self.queue.pop_front() else { break };
            match command {
                Command::Announce(prefix, told) => self.announce(prefix, told),
                Command::Withdraw(prefix, told) => self.withdraw(prefix, told),
                Command::EndOfRib(ipv6) if self.up => {
                    ends.push(Update::EndOfRib(ipv6));
                    self.say("done");
                }
                Command::EndOfRib(_) | Command::Nobody => self.say("error"),
                Command::Summary => self.summary(),
                Command::Configuration => self.configuration(),
                Command::Table => self.table(),
            }
        }
        let opening = self.opening > 0;
        self.opening = self.opening.saturating_sub(1);
        let mut updates = if self.up && !opening { self.send() } else { Vec::new() };
        updates.extend(ends);
        updates
    }

    fn announce(&mut self, prefix: String, told: Told) {
        if self.rib.get(&prefix) != Some(&told) {
            self.rib.insert(prefix.clone(), told.clone());
            self.pending.announce(prefix, told);
        }
        self.say("done");
    }

    fn withdraw(&mut self, prefix: String, told: Option<Told>) {
        self.rib.remove(&prefix);
        // 5.0 no longer takes back an announce that waits.
        if self.identity.version == Version::V4 {
            self.pending.cancel(&prefix);
        }
        self.pending.withdraw(prefix, told);
        self.say("done");
    }

    fn send(&mut self) -> Vec<Update> {
        let first = std::mem::take(&mut self.first);
        let mut updates = std::mem::take(&mut self.pending).updates();
        // The first batch of a session has no withdraws.
        updates.retain(|update| !first || !matches!(update, Update::Withdraw(_)));
        for update in updates.clone() {
            self.echo(&update);
        }
        if std::mem::take(&mut self.owes_eor) {
            updates.extend([Update::EndOfRib(false), Update::EndOfRib(true)]);
        }
        updates
    }

    /// The session is up: everything in the RIB is sent, in one batch with what was changed since the last attempt failed.
    pub(crate) fn session_up(&mut self, opening: u8) {
        self.up = true;
        self.opening = opening;
        self.first = true;
        self.owes_eor = !self.identity.manual_eor;
        for (prefix, told) in self.rib.clone() {
            self.pending.announce(prefix, told);
        }
        self.state("connected");
        self.state("up");
    }

    /// The session is down.
    pub(crate) fn session_down(&mut self) {
        if std::mem::take(&mut self.up) {
            self.state("down");
        }
        self.attempt_failed();
    }

    /// There is no session, and the next attempt begins.
    pub(crate) fn attempt_failed(&mut self) {
        self.pending = Batch::default();
    }

    fn head(&mut self) -> String {
        self.counter += 1;
        let Identity { version, local, peer, local_as, peer_as, .. } = &self.identity;
        let (number, router) = match version {
            Version::V4 => ("4.0.1", String::new()),
            Version::V5 => ("5.0.0", format!(r#", "router-id": "{local}""#)),
        };
        let counter = self.counter;
        format!(
            r#"{{ "exabgp": "{number}", "time": 1.5, "host" : "vm", "pid" : 9, "ppid" : 8, "counter": {counter}, "type": "KIND", "neighbor": {{ "address": {{ "local": "{local}", "peer": "{peer}" }}, "asn": {{ "local": {local_as}, "peer": {peer_as} }}{router} , "#
        )
    }

    fn state(&mut self, state: &str) {
        let head = self.head().replace("KIND", "state");
        let reason = if state == "down" { r#", "reason": "closing connection""# } else { "" };
        self.say(&format!(r#"{head}"state": "{state}"{reason} }} }}"#));
    }

    fn echo(&mut self, update: &Update) {
        if !self.identity.echo {
            return;
        }
        let head = self.head().replace("KIND", "update");
        let family = |prefix: &str| if prefix.contains(':') { "ipv6 unicast" } else { "ipv4 unicast" };
        let body = match update {
            Update::EndOfRib(_) => return,
            Update::Withdraw(prefix) => {
                format!(r#""withdraw": {{ "{}": [ {{ "nlri": "{prefix}" }} ] }}"#, family(prefix))
            }
            Update::Announce(prefix, told) => {
                let next_hop = self.next_hop(told).to_owned();
                let large: Vec<String> = told
                    .list("large-community")
                    .map(|one| format!("[ {} ]", one.replace(':', ", ")))
                    .collect();
                let (med, large) = (told.med(), large.join(", "));
                format!(
                    r#""attribute": {{ "origin": "igp", "med": {med}, "large-community": [ {large} ] }}, "announce": {{ "{}": {{ "{next_hop}": [ {{ "nlri": "{prefix}" }} ] }} }}"#,
                    family(prefix)
                )
            }
        };
        self.say(&format!(r#"{head}"direction": "send", "message": {{ "update": {{ {body} }} }} }} }}"#));
    }

    fn next_hop<'a>(&'a self, told: &'a Told) -> &'a str {
        if told.next_hop == "self" { &self.identity.local } else { &told.next_hop }
    }

    fn summary(&mut self) {
        self.say("Peer            AS        up/down state       |     #sent     #recvd");
        let Identity { version, peer, peer_as, .. } = &self.identity;
        let row = match (version, self.up) {
            (_, true) => {
                Some(format!("{peer}       {peer_as}     0:00:03 established           5          2"))
            }
            (Version::V5, false) => {
                Some(format!("{peer}       {peer_as}        down idle                  0          0"))
            }
            // 4.2 lists established sessions only.
            (Version::V4, false) => None,
        };
        if let Some(row) = row {
            self.say(&row);
        }
        self.say("done");
    }

    fn configuration(&mut self) {
        let Identity { peer, local_as, peer_as, manual_eor, .. } = self.identity.clone();
        let text = format!(
            "neighbor {peer} {{\n  local-as {local_as};\n  peer-as {peer_as};\n  hold-time 9;\n  manual-eor {manual_eor};\n\n  \
             family {{\n    ipv4 unicast;\n    ipv6 unicast;\n  }}\n  api {{\n    processes [ roamd ];\n  }}\n}}\n\ndone"
        );
        text.lines().for_each(|line| self.say(line));
    }

    fn table(&mut self) {
        let Identity { version, local, peer, local_as, peer_as, .. } = self.identity.clone();
        for (prefix, told) in self.rib.clone() {
            let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
            let (next_hop, attributes) = match version {
                Version::V4 => (told.next_hop.clone(), told.attributes.clone()),
                Version::V5 => (self.next_hop(&told).to_owned(), round(&told.attributes)),
            };
            self.say(&format!(
                "neighbor {peer} local-ip {local} local-as {local_as} peer-as {peer_as} router-id {local} family-allowed \
                 in-open {family} unicast {prefix} next-hop {next_hop} {attributes}"
            ));
        }
        self.say("done");
    }
}

/// 5.0 shows an AS path in round brackets.
fn round(attributes: &str) -> String {
    let mut inside = false;
    let words = attributes.split(' ').scan("", |before, word| {
        inside |= *before == "as-path";
        let shown = match word {
            "[" if inside => "(",
            "]" if inside => {
                inside = false;
                ")"
            }
            other => other,
        };
        *before = word;
        Some(shown)
    });
    words.collect::<Vec<_>>().join(" ")
}
