//! Each link by what must stand in it for an operator: tables over every cell, and one paragraph whole.

mod announcement;
mod links;
mod subjects;
mod words;

use std::collections::BTreeSet;

use super::super::sample::{self, configured, route, time};
use super::super::{CauseKind, CauseView, NotReady, RouteState};
use super::*;
use crate::route::Rung;
use crate::vm::{LifecycleKind, Presence, VmState};

const NOW: &str = "2026-03-01T12:00:00Z";

fn ask(host: &Snapshot, asked: &str) -> Explanation {
    host.explain(asked, time(NOW)).unwrap_or_else(|| panic!("{asked} is known"))
}

/// The sentences of a step, one after the other.
fn text(explanation: &Explanation, step: Step) -> String {
    let links = explanation.chain.iter().filter(|link| link.step == step);
    links.map(|link| link.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// A ready host on which `web` has one address and this presence, with its route on `rung`.
fn host_with(presence: Presence, rung: Option<Rung>) -> Snapshot {
    let routes = rung.map(|rung| route("198.51.100.10", "web", rung, RouteState::Announced));
    let vm = VmView {
        service_ips: vec!["198.51.100.10".to_owned()],
        ..sample::vm("web", presence, routes.into_iter().collect())
    };
    sample::snapshot(sample::config([configured("web", &["198.51.100.10"])]), [vm])
}

/// Changes the one VM of `host`.
fn change(host: &mut Snapshot, change: impl FnOnce(&mut VmView)) {
    let vm = host.vms.values_mut().next().unwrap();
    change(Arc::make_mut(vm));
}

/// Changes the one route of `host`.
fn change_route(host: &mut Snapshot, change: impl FnOnce(&mut RouteView)) {
    let route = host.routes.values_mut().next().unwrap();
    change(Arc::make_mut(route));
}

fn change_config(host: &mut Snapshot, change: impl FnOnce(&mut crate::config::Config)) {
    change(Arc::make_mut(&mut host.config));
}

#[track_caller]
fn assert_reads_well(explanation: &Explanation) {
    let mut texts: Vec<&str> = explanation.chain.iter().map(|link| link.text.as_str()).collect();
    texts.push(&explanation.summary);
    for text in texts {
        assert!(text.ends_with('.') && !text.ends_with(".."), "{text:?}");
        for flaw in ["None", "null", "Some(", "  ", " .", " ,", "{", "}", ". .", "..", "\n"] {
            assert!(!text.contains(flaw), "{flaw:?} in {text:?}");
        }
    }
    let steps: Vec<Step> = explanation.chain.iter().map(|link| link.step).collect();
    assert!(steps.is_sorted(), "{steps:?}");
}

fn running() -> Snapshot {
    host_with(Presence::Present, Some(Rung::Active))
}

#[track_caller]
fn says(host: &Snapshot, step: Step, words: &str) {
    let explanation = ask(host, "web");
    assert_reads_well(&explanation);
    let said = text(&explanation, step);
    assert!(said.contains(words), "{said}");
}

#[track_caller]
fn sums_up(host: &Snapshot, summary: &str) {
    assert_eq!(ask(host, "web").summary, summary);
}

#[test]
fn a_running_vm_is_explained_in_one_paragraph() {
    let explanation = ask(&host_with(Presence::Present, Some(Rung::Active)), "web");
    assert_eq!(explanation.summary, "web executes here, and this host announces it on the rung `active`.");
    let paragraph: Vec<&str> = explanation.chain.iter().map(|link| link.text.as_str()).collect();
    let expected = [
        "/etc/roamd/config.yaml, loaded 2026-03-01T08:00:00.000Z (4 h 0 min ago), gives web the service address \
         198.51.100.10.",
        "libvirt's domain web is this VM by its name; its uuid is 6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d.",
        "libvirt (qemu:///system) is connected since 2026-03-01T08:00:01.000Z (3 h 59 min ago).",
        "web executes here: it is `present` since 2026-03-01T09:59:59.123Z (2 h 0 min ago), because libvirt's event \
         resumed/unpaused told so. libvirt last showed it as running/booted.",
        "That is the rung `active` (2 of 5): the VM executes here.",
        "ExaBGP has acknowledged 198.51.100.10/32 on the rung `active` since 2026-03-01T10:00:00.500Z (2 h 0 min ago), \
         with next hop self, MED 100, local preference 130 and 3 prepends.",
        "ExaBGP 4.2.21 answers through `relay` since 2026-03-01T08:00:02.000Z (3 h 59 min ago).",
        "BGP sessions that are up: 192.0.2.1 (AS 65001, since 2026-03-01T08:00:03.000Z (3 h 59 min ago)).",
    ];
    assert_eq!(paragraph, expected);
    assert_reads_well(&explanation);
    assert_eq!((explanation.generation, explanation.at), (7, time(NOW)));
    assert_eq!(explanation.vm, Some(VmName::new("web")));
}

/// Presence, the rung of the ladder's table, and words of that table's row.
const CELLS: [(Presence, Option<Rung>, &str); 6] = [
    (Presence::Arrived, Some(Rung::Arrived), "began to execute here less than `mobility.settle` (3m) ago"),
    (Presence::Present, Some(Rung::Active), "executes here"),
    (Presence::Incoming, Some(Rung::Standby), "a frozen copy is here that may execute soon"),
    (Presence::Frozen, Some(Rung::Standby), "a frozen copy is here that may execute soon"),
    (Presence::Departing, Some(Rung::Leaving), "the VM is leaving this host"),
    (Presence::Absent, None, "no rung, and no route"),
];

fn causes() -> Vec<(CauseKind, Option<String>)> {
    let events = LifecycleKind::every().into_iter().map(|kind| (CauseKind::Event, Some(kind.to_string())));
    let states = || VmState::every().into_iter().map(|state| state.to_string());
    let listed = states().map(|state| (CauseKind::Listed, Some(state)));
    let looked = states().map(|state| (CauseKind::Looked, Some(state)));
    let settled = (CauseKind::Settled, Some("event resumed/migrated".to_owned()));
    events.chain(listed).chain(looked).chain([(CauseKind::Vanished, None), settled]).collect()
}

#[test]
fn every_presence_with_every_cause_says_what_told_so_and_which_rung_follows() {
    let causes = causes();
    assert!(causes.len() > 100, "{}", causes.len());
    for (presence, rung, words) in CELLS {
        for (kind, detail) in &causes {
            let mut host = host_with(presence, rung);
            change(&mut host, |vm| {
                vm.cause =
                    Some(CauseView { kind: *kind, detail: detail.clone(), at: time("2026-03-01T10:00:00Z") });
            });
            let explanation = ask(&host, "web");
            assert_reads_well(&explanation);
            let said = text(&explanation, Step::Presence);
            assert!(said.contains(&format!("`{presence}`")), "{said}");
            assert!(said.contains(detail.as_deref().unwrap_or("libvirt knows it no more")), "{said}");
            let said = text(&explanation, Step::Preference);
            assert!(said.contains(words), "{said}");
            assert_eq!(said.contains(" of 5"), rung.is_some(), "{said}");
            assert!(rung.is_none_or(|rung| said.contains(&format!("`{rung}`"))), "{said}");
        }
    }
}

#[test]
fn every_presence_with_every_state_says_what_libvirt_showed() {
    for (presence, rung, _) in CELLS {
        for state in VmState::every() {
            let mut host = host_with(presence, rung);
            change(&mut host, |vm| (vm.state, vm.reason) = (Some(state.name()), Some(state.reason())));
            let explanation = ask(&host, "web");
            assert_reads_well(&explanation);
            assert!(
                text(&explanation, Step::Presence).contains(&format!("libvirt last showed it as {state}."))
            );
        }
    }
}

#[test]
fn the_summary_says_where_the_vm_is_and_what_is_announced() {
    let summaries = [
        (
            Presence::Arrived,
            "web began to execute here a short time ago, and this host announces it on the rung `arrived`.",
        ),
        (Presence::Present, "web executes here, and this host announces it on the rung `active`."),
        (
            Presence::Incoming,
            "web is being copied to this host, and this host announces it on the rung `standby`.",
        ),
        (Presence::Frozen, "web stands still here, and this host announces it on the rung `standby`."),
        (Presence::Departing, "web is leaving this host, and this host announces it on the rung `leaving`."),
        (Presence::Absent, "web is not here, and this host announces nothing for it."),
    ];
    for ((presence, rung, _), (same, summary)) in CELLS.into_iter().zip(summaries) {
        assert_eq!(presence, same);
        assert_eq!(ask(&host_with(presence, rung), "web").summary, summary);
    }
}

#[test]
fn fields_are_the_facts_of_the_sentences() {
    let explanation = ask(&host_with(Presence::Present, Some(Rung::Active)), "web");
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["subject"], serde_json::json!({"kind": "vm", "name": "web"}));
    let field = |step: &str, key: &str| {
        let links = json["chain"].as_array().unwrap();
        links.iter().find(|link| link["step"] == step).unwrap()["fields"][key].clone()
    };
    assert_eq!(field("configuration", "hold"), false);
    assert_eq!(field("identity", "domain"), "web");
    assert_eq!(field("libvirt", "trust"), "full");
    assert_eq!(field("presence", "presence"), "present");
    assert_eq!(field("preference", "preference"), "active");
    assert_eq!(field("route", "state"), "announced");
    assert_eq!(field("exabgp", "connected"), true);
    assert_eq!(field("neighbors", "neighbors")[0]["state"], "up");
}

#[test]
fn every_combination_of_troubles_reads_well() {
    let troubles: [fn(&mut Snapshot); 7] = [
        |host| change_config(host, |config| assert!(config.hold.insert(VmName::new("web")))),
        |host| {
            host.libvirt.connected = false;
            host.libvirt.error = Some("Connection refused.".to_owned());
            host.libvirt.trust = super::super::LibvirtTrust::Lapsed;
        },
        |host| {
            host.exabgp.connected = false;
            host.exabgp.error = Some("no relay is connected".to_owned());
        },
        |host| host.exabgp.neighbors[0].state = crate::exabgp::NeighborState::Down,
        |host| host.config_status.errors = vec!["c.yaml:1:1: bgp: x: y".to_owned()],
        |host| {
            host.not_ready = vec![NotReady {
                part: "routes",
                reason: "not every desired route is acknowledged".to_owned(),
            }];
            if let Some(route) = host.routes.values_mut().next() {
                Arc::make_mut(route).state = RouteState::Failed;
                Arc::make_mut(route).error = Some("refused.".to_owned());
            }
        },
        |host| {
            change(host, |vm| {
                (vm.since, vm.cause, vm.state, vm.reason, vm.domain) = (None, None, None, None, None);
            });
        },
    ];
    let mut summaries = BTreeSet::new();
    for (presence, rung, _) in CELLS {
        for set in 0..1_u32 << troubles.len() {
            let mut host = host_with(presence, rung);
            for (_, trouble) in troubles.iter().enumerate().filter(|(index, _)| set >> index & 1 == 1) {
                trouble(&mut host);
            }
            let explanation = ask(&host, "web");
            assert_reads_well(&explanation);
            summaries.insert(explanation.summary);
        }
    }
    assert!(summaries.len() > 40, "{}", summaries.len());
}
