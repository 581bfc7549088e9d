//! What the routers of the lab did (`tests/fabric`, made by `tests/lab/fabric`): its files as they are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path as File;

use serde_json::Value;

use crate::clock::Time;
use crate::fabric::Fabric;
use crate::router::{Path, Router, Rules, Speaker};

/// What a router tells of its session with a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Begins,
    Ends,
    /// The host asked to keep its routes.
    IsWaitedFor,
    IsWaitedForNoLonger,
    HasToldAll,
}

/// One thing that a router was told, did, or chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Told(Speaker, usize, Path),
    /// It was told what it has.
    Again(Speaker, usize),
    Withdrawn(Speaker, usize, usize),
    /// The router itself dropped it.
    Swept(Speaker, usize, usize),
    Session(Speaker, Said),
    Best(usize, Option<(Speaker, usize)>),
    Forwards(usize, BTreeSet<Speaker>),
}

/// A thing with its time and its router.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) at: Time,
    pub(crate) router: Speaker,
    pub(crate) what: What,
}

/// A recording.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) prefixes: Vec<String>,
    pub(crate) rules: Rules,
    pub(crate) rows: Vec<Row>,
    /// The switch of each host.
    racks: Vec<usize>,
    speakers: BTreeMap<String, Speaker>,
}

const RUNGS: [&str; 5] = ["arrived", "active", "unsure", "standby", "leaving"];

/// All recordings, in the order of their names.
pub(crate) fn all() -> Vec<Recording> {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/fabric");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| Recording::read(file)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn number<N: TryFrom<u64>>(value: &Value) -> N {
    value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

impl Recording {
    fn read(file: &File) -> Self {
        let value: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let links: Vec<Vec<String>> = value["links"].as_array().unwrap().iter().map(texts).collect();
        // The second end of a link is the upper one.
        let is_spine = |name: &String| links.iter().any(|link| link[1] == *name);
        let (spines, tors): (Vec<_>, Vec<_>) = texts(&value["routers"]).into_iter().partition(is_spine);
        let hosts = value["hosts"].as_object().unwrap();
        let named = |names: Vec<String>, speaker: fn(usize) -> Speaker| {
            names.into_iter().enumerate().map(move |(number, name)| (name, speaker(number)))
        };
        let rack = |tor: &Value| tors.iter().position(|name| *name == text(tor)).unwrap();
        let mut recording = Self {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            prefixes: texts(&value["prefixes"]),
            rules: Rules {
                all_paths: value["all_paths"].as_bool().unwrap(),
                rungs_decide: value["rungs_decide"].as_bool().unwrap(),
            },
            rows: Vec::new(),
            racks: hosts.values().map(rack).collect(),
            speakers: named(hosts.keys().cloned().collect(), Speaker::Host)
                .chain(named(tors.clone(), Speaker::Tor))
                .chain(named(spines, Speaker::Spine))
                .collect(),
        };
        let rows = value["rows"].as_array().unwrap().iter().map(|row| row.as_array().unwrap());
        // What was done to the lab is for those who read it.
        recording.rows = rows.filter(|row| !row[1].is_null()).map(|row| recording.row(row)).collect();
        recording
    }

    fn speaker(&self, name: &Value) -> Speaker {
        self.speakers[&text(name)]
    }

    fn prefix(&self, value: &Value) -> usize {
        self.prefixes.iter().position(|prefix| *prefix == text(value)).unwrap()
    }

    fn host(&self, name: &Value) -> usize {
        match self.speaker(name) {
            Speaker::Host(host) => host,
            other => panic!("{other:?} is no host"),
        }
    }

    fn row(&self, row: &[Value]) -> Row {
        let what = match (row[2].as_str().unwrap(), &row[3..]) {
            ("told", [neighbor, prefix, host, rung, length, med]) => {
                let rung = rung.as_str().and_then(|name| RUNGS.iter().position(|rung| *rung == name));
                let path = Path {
                    origin: self.host(host),
                    length: number(length),
                    med: number(med),
                    rung: rung.map(|rung| u32::try_from(rung).unwrap()),
                };
                What::Told(self.speaker(neighbor), self.prefix(prefix), path)
            }
            ("again", [neighbor, prefix]) => What::Again(self.speaker(neighbor), self.prefix(prefix)),
            ("withdrawn", [neighbor, prefix, host]) => {
                What::Withdrawn(self.speaker(neighbor), self.prefix(prefix), self.host(host))
            }
            ("swept", [neighbor, prefix, host]) => {
                What::Swept(self.speaker(neighbor), self.prefix(prefix), self.host(host))
            }
            ("session", [neighbor, said]) => {
                let said = match said.as_str().unwrap() {
                    "begins" => Said::Begins,
                    "ends" => Said::Ends,
                    "is waited for" => Said::IsWaitedFor,
                    "is waited for no longer" => Said::IsWaitedForNoLonger,
                    "has told all" => Said::HasToldAll,
                    other => panic!("a session {other}"),
                };
                What::Session(self.speaker(neighbor), said)
            }
            ("best", [prefix, neighbor, host]) => {
                let best = (!neighbor.is_null()).then(|| (self.speaker(neighbor), self.host(host)));
                What::Best(self.prefix(prefix), best)
            }
            ("forwards", [prefix, neighbors]) => {
                let neighbors = neighbors.as_array().unwrap().iter();
                What::Forwards(self.prefix(prefix), neighbors.map(|name| self.speaker(name)).collect())
            }
            (kind, _) => panic!("{}: no row is {kind} {row:?}", self.name),
        };
        Row { at: number(&row[0]), router: self.speaker(&row[1]), what }
    }

    /// All its routers, which have heard nothing yet.
    pub(crate) fn fabric(&self) -> Fabric {
        let spines = self.speakers.values().filter(|speaker| matches!(speaker, Speaker::Spine(_))).count();
        Fabric::new(self.racks.clone(), spines, self.rules)
    }

    pub(crate) fn routers(&self) -> impl Iterator<Item = Speaker> + '_ {
        self.speakers.values().copied().filter(|speaker| !matches!(speaker, Speaker::Host(_)))
    }

    /// One of its routers, which has heard nothing yet.
    pub(crate) fn router(&self, speaker: Speaker) -> Router {
        let peers = self.routers().filter(|other| match speaker {
            Speaker::Tor(_) => matches!(other, Speaker::Spine(_)),
            Speaker::Spine(_) => matches!(other, Speaker::Tor(_)),
            Speaker::Host(_) => false,
        });
        Router::new(speaker, peers.collect(), self.rules)
    }

    /// What a router was told and did, in its order.
    pub(crate) fn of(&self, router: Speaker) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.router == router)
    }
}
