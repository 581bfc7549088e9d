//! Recorded sequences of libvirt with QEMU: events in, command lines and published state out.
//!
//! Each file under `tests/scenarios` is one: a title, the state at the first list, then blocks of an input and
//! what it must lead to. Inputs: `event MS EVENT STATE` (STATE is what a look finds from then on), `lost MS`,
//! `connected MS`, `list MS STATE`. `>` is a command line, `=` the presence and the preference that are shown, `~` the last migration
//! with its phases in milliseconds. Commands are written 0.3 ms after their input, and acknowledged 0.7 ms later.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::snapshot::{MigrationView, PhaseView};

/// A VM in the course of a scenario.
struct Stage {
    rig: Rig,
    connection: u64,
}

impl Stage {
    fn begin(state: Option<VmState>) -> Self {
        let mut rig = Rig::new(Transport::Print);
        rig.exabgp_answers(Vec::new());
        rig.connects(1, 0.0);
        rig.lists(1, 0.0, state);
        Self { rig, connection: 1 }
    }

    fn input(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let millis: f64 = words[1].parse().unwrap();
        self.rig.exchange = Some((self.rig.at(millis + 0.3), self.rig.at(millis + 1.0)));
        match words[..] {
            ["event", millis, kind, state] => {
                let at = millis.parse().unwrap();
                self.rig.tells(self.connection, at, kind_of(kind));
                self.answer_looks(at, state_of(state));
            }
            ["lost", millis] => {
                let at = self.rig.at(millis.parse().unwrap());
                let error = "end of file".to_owned();
                self.rig.agent.libvirt(libvirt::Report::Disconnected { error, at });
            }
            ["connected", millis] => {
                self.connection += 1;
                self.rig.connects(self.connection, millis.parse().unwrap());
            }
            ["list", millis, state] => {
                self.rig.lists(self.connection, millis.parse().unwrap(), state_of(state));
            }
            _ => panic!("no such input: {line}"),
        }
    }

    fn answer_looks(&mut self, millis: f64, state: Option<VmState>) {
        self.rig.agent.follow_up();
        let asked: BTreeSet<Uuid> = std::iter::from_fn(|| self.rig.asked.try_recv().ok())
            .filter_map(|request| match request {
                Request::Look(uuid) => Some(uuid),
                Request::List | Request::Nics(_) => None,
            })
            .collect();
        for uuid in asked {
            let answer = state.map_or(Answer::Gone, |state| Answer::Found(sighting(state)));
            let (connection, asked_at) = (self.connection, self.rig.at(millis + 0.1));
            self.rig.agent.libvirt(libvirt::Report::Looked { connection, uuid, asked_at, answer });
        }
    }

    /// What the last input led to, in the form of the file.
    fn output(&mut self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.rig.commands().into_iter().map(|command| format!("> {command}")).collect();
        let vm = self.rig.published().vm(&VmName::new("web-1")).unwrap();
        lines.push(format!("= {} {}", vm.presence, vm.preference.map_or("-", Rung::name)));
        lines.extend(vm.last_migration.as_deref().map(migration));
        lines
    }
}

/// A migration in the form of the file.
fn migration(view: &MigrationView) -> String {
    let phase = |phase: &PhaseView| format!("{} {}", phase.name, json!(phase.after_ms));
    let phases: Vec<String> = view.phases.iter().map(phase).collect();
    let word = |value: Value| value.as_str().unwrap().to_owned();
    format!("~ {} {}: {}", word(json!(view.direction)), word(json!(view.outcome)), phases.join(", "))
}

fn kind_of(text: &str) -> LifecycleKind {
    let found = LifecycleKind::every().into_iter().find(|kind| kind.to_string() == text);
    found.unwrap_or_else(|| panic!("no such event: {text}"))
}

/// `None` where libvirt knows no such domain.
fn state_of(text: &str) -> Option<VmState> {
    let found = VmState::every().into_iter().find(|state| state.to_string() == text);
    assert!(found.is_some() || text == "gone", "no such state: {text}");
    found
}

/// Plays a file; the result has the file's own form.
fn play(recorded: &str) -> String {
    let mut stage = None;
    let mut played = Vec::new();
    for line in recorded.lines().filter(|line| !line.starts_with(['>', '=', '~'])) {
        played.push(line.to_owned());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_prefix("start "), &mut stage) {
            (Some(first), None) => played.extend(stage.insert(Stage::begin(state_of(first))).output()),
            (None, Some(begun)) => {
                begun.input(line);
                played.extend(begun.output());
            }
            (Some(_), Some(_)) | (None, None) => panic!("a scenario has one `start`, first"),
        }
    }
    played.join("\n") + "\n"
}

#[test]
fn every_recorded_scenario_leads_to_its_commands_and_its_state() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let recorded = fs::read_to_string(&path).unwrap();
        let played = play(&recorded);
        count += 1;
        if played != recorded {
            wrong.push(format!("{}\nexpected:\n{recorded}\nplayed:\n{played}", path.display()));
        }
    }
    assert!(count >= 30, "the scenarios are missing: {count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
