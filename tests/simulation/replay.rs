//! Whether the models are right: recordings of real libvirtd, QEMU and ExaBGP against what the models do and say.
//!
//! `tests/scenarios` holds what libvirtd told in the lab, event by event, with the state that a look found a moment
//! later; `tests/exabgp` what ExaBGP 4.2 and 5.0 answered. A delay in a model is any delay; the order is what must agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use roamd::exabgp::Reply;
use roamd::vm::VmState;

use crate::breaks::{self, Break, Moment};
use crate::exabgp::{self, Exabgp, Identity, Version};
use crate::guests::{self, Act, Stage};
use crate::operations::{Fate, Mode, Operation, Verb};
use crate::random::Random;

/// What is done on host 0, or towards it from host 1.
const HERE: usize = 0;
const THERE: usize = 1;

fn operation(verb: Verb, to: usize, ms: u64, mode: Mode, fate: Fate) -> Operation {
    Operation { at: 0, verb, who: 0, to, ms, mode, fate }
}

fn simple(verb: Verb) -> Operation {
    operation(verb, HERE, 0, Mode::Precopy, Fate::Done)
}

fn out(mode: Mode, fate: Fate) -> Operation {
    operation(Verb::Migrate, THERE, 100, mode, fate)
}

fn into(mode: Mode, fate: Fate) -> Operation {
    operation(Verb::Migrate, HERE, 100, mode, fate)
}

/// Who listens is away: after so many events, for so many, and then there is a list.
#[derive(Debug, Clone, Copy)]
struct Gap {
    after: usize,
    lost: usize,
    /// libvirtd was killed here, and what was under way breaks.
    breaks: bool,
}

const fn gap(after: usize, lost: usize) -> Gap {
    Gap { after, lost, breaks: false }
}

/// A recording with what was done, whether the domain is a persistent one, and when nobody listened.
type Replayed = (&'static str, Vec<Operation>, bool, Option<Gap>);

fn recorded() -> Vec<Replayed> {
    let whole = recorded_whole()
        .into_iter()
        .map(|(name, operations, persistent)| (name, operations, persistent, None));
    let killed_in_copy = Gap { after: 1, lost: 0, breaks: true };
    let interrupted = [
        ("agent-restarted-in-copy-in", vec![into(Mode::Precopy, Fate::Done)], true, gap(0, 1)),
        ("libvirtd-killed-guest-powered-off", vec![simple(Verb::Shutdown)], true, gap(0, 1)),
        ("libvirtd-killed-guest-stays", vec![simple(Verb::Suspend), simple(Verb::Resume)], true, gap(0, 0)),
        ("libvirtd-killed-in-copy-in", vec![into(Mode::Precopy, Fate::Done)], true, killed_in_copy),
        ("libvirtd-killed-qemu-crashed", vec![simple(Verb::KillQemu)], true, gap(0, 1)),
    ];
    let interrupted =
        interrupted.map(|(name, operations, persistent, gap)| (name, operations, persistent, Some(gap)));
    whole.chain(interrupted).collect()
}

/// Each of which every event was heard.
fn recorded_whole() -> Vec<(&'static str, Vec<Operation>, bool)> {
    let panic = |ms| operation(Verb::Panic, HERE, ms, Mode::Precopy, Fate::Done);
    vec![
        ("core-dump", vec![simple(Verb::Dump)], true),
        ("create-transient", vec![simple(Verb::Start), simple(Verb::Destroy)], false),
        ("destroy", vec![simple(Verb::Destroy)], true),
        ("guest-panic-destroy", vec![panic(1)], true),
        ("guest-panic-preserve", vec![panic(0), simple(Verb::Destroy)], false),
        ("guest-panic-restart", vec![panic(2)], true),
        ("io-error", vec![simple(Verb::IoError), simple(Verb::Resume)], true),
        ("migration-cancelled-in-blackout-in", vec![into(Mode::Precopy, Fate::DestroyedFrozen)], true),
        ("migration-cancelled-in", vec![into(Mode::Precopy, Fate::Cancelled)], true),
        ("migration-failed-in-blackout-out", vec![out(Mode::Precopy, Fate::UnpausedFrozen)], true),
        ("migration-in", vec![into(Mode::Precopy, Fate::Done)], true),
        ("migration-in", vec![into(Mode::PeerToPeer, Fate::Done)], true),
        ("migration-in-persistent", vec![into(Mode::Persistent, Fate::Done)], true),
        ("migration-of-paused-in", vec![into(Mode::Paused, Fate::Done), simple(Verb::Resume)], true),
        ("migration-of-paused-out", vec![out(Mode::Precopy, Fate::Done)], true),
        ("migration-out", vec![out(Mode::Precopy, Fate::Done)], true),
        ("migration-out-transient", vec![out(Mode::PeerToPeer, Fate::Done)], false),
        ("postcopy-in", vec![into(Mode::Postcopy, Fate::Done)], true),
        ("postcopy-out", vec![out(Mode::Postcopy, Fate::Done)], true),
        ("postcopy-out-failed", vec![out(Mode::Postcopy, Fate::FetchDies)], true),
        ("qemu-killed", vec![simple(Verb::KillQemu)], true),
        ("save-restore", vec![simple(Verb::Save), simple(Verb::Restore)], true),
        ("shutdown-acpi", vec![simple(Verb::Shutdown)], true),
        ("sleep-wake", vec![simple(Verb::Sleep), simple(Verb::Wake)], true),
        ("start", vec![simple(Verb::Start)], true),
        ("start-paused", vec![simple(Verb::StartPaused), simple(Verb::Resume)], true),
        ("suspend-resume", vec![simple(Verb::Suspend), simple(Verb::Resume)], true),
        ("undefine-running", vec![simple(Verb::Undefine)], true),
    ]
}

#[test]
fn every_recording_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let files: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let replayed: BTreeSet<String> = recorded().into_iter().map(|(name, ..)| name.to_owned()).collect();
    assert_eq!(replayed, files);
}

/// An event as a recording has it, with the states that a look may find: the one right after it, and the next.
struct Told {
    event: String,
    states: Vec<String>,
}

fn shown(state: Option<VmState>) -> String {
    state.map_or_else(|| "gone".to_owned(), |state| state.to_string())
}

/// What the model's libvirtd on host 0 tells.
fn told((_, operations, persistent, gap): &Replayed, begins: Option<VmState>) -> Vec<Told> {
    let mut random = Random::new(7, 7);
    let arrives = operations[0].verb == Verb::Migrate && operations[0].to == HERE;
    let begins_at = if arrives { THERE } else { HERE };
    let mut state = begins;
    let off = matches!(operations[0].verb, Verb::Start | Verb::StartPaused);
    let mut stage = if off { Stage::Off } else { Stage::Here(begins_at) };
    let mut told: Vec<Told> = Vec::new();
    for operation in operations {
        let mut script = guests::script(operation, stage, state, *persistent, &mut random);
        assert!(!script.is_empty(), "{operation} can't be done in {stage:?} {state:?}");
        if let Some(gap) = gap.filter(|gap| gap.breaks) {
            let tells = |(_, act): &(_, Act)| matches!(act, Act::State(HERE, _, Some(_)));
            let place = script.iter().position(tells).unwrap();
            assert_eq!(gap.after, 1);
            script.truncate(place + 1);
            let copied = Stage::Copy { from: THERE, to: HERE, mode: operation.mode };
            let moment = Moment { stage: copied, runs: true, source_hangs: false };
            script.extend(breaks::broken(moment, Break::Libvirtd(HERE), *persistent, &mut random));
        }
        for (_, act) in script {
            match act {
                Act::State(host, now, kind) if host == HERE => {
                    if let Some(last) = told.last_mut() {
                        last.states.push(shown(now));
                    }
                    if let Some(kind) = kind {
                        told.push(Told { event: kind.to_string(), states: vec![shown(now)] });
                    }
                    state = now;
                }
                Act::Stage(now) => stage = now,
                Act::State(..) | Act::Side(..) | Act::Runs(_) | Act::Needs(_) | Act::Transient => {}
            }
        }
    }
    if let Some(Gap { after, lost, breaks }) = *gap {
        let unheard: Vec<Told> = told.drain(after..after + lost).collect();
        let stands = if breaks {
            shown(state)
        } else {
            unheard.last().map_or_else(|| shown(begins), |last| last.states[0].clone())
        };
        told.insert(after, Told { event: LIST.to_owned(), states: vec![stands] });
    }
    told
}

/// Stands for an event where there was a list.
const LIST: &str = "list";

/// What a recording has: the state at first, and the events and lists, each with the state that a look, or the list, found.
fn heard(text: &str) -> (&str, Vec<(&str, &str)>) {
    let begins = text.lines().find_map(|line| line.strip_prefix("start ")).unwrap();
    let rows = text.lines().filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        ["event", _, event, state] => Some((event, state)),
        ["list", _, state] => Some((LIST, state)),
        _ => None,
    });
    (begins, rows.collect())
}

#[test]
fn libvirtd_tells_what_was_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for replayed in recorded() {
        let (name, operations, _, gap) = &replayed;
        let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
        let (begins, mut rows) = heard(&text);
        if gap.is_some() && rows.iter().all(|(event, _)| *event != LIST) {
            // Of one that begins in the middle it is the first list.
            rows.insert(0, (LIST, begins));
        }
        let paused = operations[0].verb == Verb::Migrate && begins == "paused/user";
        let state = if paused {
            VmState::Paused(roamd::vm::PausedReason::User)
        } else {
            VmState::Running(roamd::vm::RunningReason::Booted)
        };
        let model = told(&replayed, Some(state));
        let told: Vec<&str> = model.iter().map(|told| told.event.as_str()).collect();
        let recorded: Vec<&str> = rows.iter().map(|(event, _)| *event).collect();
        assert_eq!(told, recorded, "{name}");
        for (told, (event, state)) in model.iter().zip(&rows) {
            // A look is a moment later: it may find the state of the next event already.
            let found = told.states.iter().take(2).any(|one| one == state);
            assert!(
                found,
                "{name}: after {event} a look found {state}, in the model one of {:?}",
                told.states
            );
        }
    }
}

/// What ExaBGP was seen to say, as far as the kind of each line goes.
fn kinds(text: &str) -> Vec<std::mem::Discriminant<Reply>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| std::mem::discriminant(&Reply::parse(line.as_bytes()))).collect()
}

/// An ExaBGP that has no session yet.
pub(crate) fn without_session(version: Version, echo: bool) -> Exabgp {
    let identity = Identity {
        version,
        local: "127.0.0.1".to_owned(),
        peer: "127.0.0.2".to_owned(),
        local_as: 65_001,
        peer_as: 65_000,
        manual_eor: true,
        echo,
    };
    Exabgp::new(identity, [])
}

/// One whose session has just come up.
fn with_session(version: Version, echo: bool) -> Exabgp {
    let mut model = without_session(version, echo);
    model.session_up(0);
    model
}

/// An UPDATE that was reported.
const UPDATE: &str = r#"{ "type": "update", "neighbor": { "address": { "local": "10.0.0.1", "peer": "10.0.0.2" }, "direction": "send", "message": { "update": { "withdraw": { "ipv4 unicast": [ { "nlri": "10.1.0.1/32" } ] } } } } }"#;

#[test]
fn exabgp_says_nothing_that_was_not_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exabgp");
    let read = |file: &str| kinds(&fs::read_to_string(folder.join(file)).unwrap());
    let update = read("4.2.21.txt")
        .into_iter()
        .find(|kind| *kind == std::mem::discriminant(&Reply::parse(UPDATE.as_bytes())));
    for (version, file) in [(Version::V4, "4.2.21.txt"), (Version::V5, "5.0.15.txt")] {
        // An UPDATE stands in one of the two only.
        let recorded: Vec<_> = read(file).into_iter().chain(update).collect();
        let mut model = with_session(version, true);
        let route = "10.1.0.2/32 next-hop self origin igp as-path [ 65001 65001 ] med 0 local-preference 1 large-community [ 65001:82:1 ]";
        let commands = format!(
            "# roamd\nversion\nnonsense\nannounce route {route}\nshow neighbor summary\nshow neighbor configuration\n\
             show adj-rib out extensive\nwithdraw route 10.1.0.2/32\nannounce eor ipv4 unicast\n"
        );
        model.read(commands.as_bytes());
        while model.is_busy() {
            model.turn();
        }
        for line in model.replies.lines() {
            let kind = std::mem::discriminant(&Reply::parse(line.as_bytes()));
            assert!(recorded.contains(&kind), "{file} has nothing like {line}");
        }
    }
}

/// The MED that a neighbor has for a prefix when it was sent these.
fn held(updates: &[exabgp::Update], of: &str) -> Option<u32> {
    let change = |update: &exabgp::Update| match update {
        exabgp::Update::Announce(prefix, told) if prefix == of => Some(Some(told.med())),
        exabgp::Update::Withdraw(prefix) if prefix == of => Some(None),
        _ => None,
    };
    updates.iter().rev().find_map(change).flatten()
}

/// What was measured of ExaBGP's batches (the rules of `src/plan.rs` are made for them): what the neighbor ends up with.
#[test]
fn exabgp_falls_into_the_traps_that_were_measured() {
    let ends_with = |version, first: bool, commands: &[&str]| {
        let mut model = with_session(version, false);
        if !first {
            model.read(b"announce route 10.9.0.1/32 next-hop self med 1\n");
            model.turn();
        }
        for command in commands {
            let line = match *command {
                "W" => "withdraw route 10.1.0.1/32\n".to_owned(),
                med => format!("announce route 10.1.0.1/32 next-hop self med {med}\n"),
            };
            model.read(line.as_bytes());
        }
        held(&model.turn(), "10.1.0.1/32")
    };
    // An announce and a bare withdraw in a session's first batch.
    assert_eq!(ends_with(Version::V4, true, &["5", "W"]), None);
    assert_eq!(ends_with(Version::V5, true, &["5", "W"]), Some(5));
    // A withdraw on both sides of an announce.
    assert_eq!(ends_with(Version::V4, false, &["W", "7", "W"]), None);
    assert_eq!(ends_with(Version::V5, false, &["W", "7", "W"]), Some(7));
    // The last writer does not win, on either.
    assert_eq!(ends_with(Version::V4, false, &["7", "W", "5", "7"]), Some(5));
    assert_eq!(ends_with(Version::V5, false, &["7", "W", "5", "7"]), Some(5));
    // One at a time it is right.
    assert_eq!(ends_with(Version::V5, false, &["5"]), Some(5));
    assert_eq!(ends_with(Version::V5, false, &["W"]), None);
}

/// Measured as well: each change a third of a second after the one before, all while an attempt to have a session hung.
#[test]
fn exabgp_sends_what_was_changed_before_its_session_in_the_same_way() {
    for (version, false_route) in [(Version::V4, 7), (Version::V5, 5)] {
        let mut model = without_session(version, false);
        for change in [
            "announce route 10.1.0.1/32 next-hop self med 7",
            "announce route 10.1.0.1/32 next-hop self med 5",
            "announce route 10.1.0.1/32 next-hop self med 7",
            "announce route 10.1.0.2/32 next-hop self med 7",
            "announce route 10.1.0.2/32 next-hop self med 5",
            "withdraw route 10.1.0.2/32",
            "withdraw route 10.1.0.2/32",
        ] {
            model.read(format!("{change}\n").as_bytes());
            assert_eq!(model.turn(), []);
        }
        model.session_up(0);
        let updates = model.turn();
        assert_eq!(held(&updates, "10.1.0.1/32"), Some(5), "the last was 7");
        assert_eq!(held(&updates, "10.1.0.2/32"), Some(false_route), "it is withdrawn");
    }
}
