//! What is shown of which snapshot, line by line, and that the list of metrics, the README, the alert rules and the dashboard
//! speak of the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::exabgp::NeighborState;
use crate::route::Rung;
use crate::snapshot::{
    ConflictView, Conflicts, HostRouteConflict, HostRouteState, HostRouteView, HostRoutesStatus, NotReady,
    RouteState, RouteView, Tally, sample,
};
use crate::vm::{Presence, VmName};

/// The text without what differs from process to process.
fn shown(snapshot: &Snapshot) -> String {
    text(snapshot, &Process::default()).unwrap()
}

/// The lines of one metric, without its help and type.
fn of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let is_of = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    text.lines().filter(is_of).collect()
}

/// A host on which everything that may be shown is there.
fn troubled() -> Snapshot {
    let mut host = sample::host();
    let refused = RouteView {
        error: Some("refused".to_owned()),
        host_route: Some(HostRouteView {
            state: HostRouteState::Failed,
            device: None,
            error: Some("no tap".to_owned()),
        }),
        ..(*sample::route("198.51.100.99", "web-9", Rung::Arrived, RouteState::Failed)).clone()
    };
    host.routes.insert(refused.prefix, Arc::new(refused));
    host.conflicts = Arc::new(Conflicts { total: 4, open: vec![conflict(10)] });
    host.host_routes = Arc::new(HostRoutesStatus {
        enabled: true,
        error: Some("rtnetlink does not answer".to_owned()),
        conflicts: vec![HostRouteConflict {
            prefix: "198.51.100.10".parse().unwrap(),
            vm: None,
            table: 254,
            protocol: 4,
            metric: 0,
            device: None,
        }],
        repairs: 5,
        warnings: vec!["rp_filter".to_owned(), "proxy_arp".to_owned()],
    });
    host.not_ready = vec![NotReady { part: "host_routes", reason: "rtnetlink".to_owned() }];
    host.config_status.errors = vec!["one".to_owned(), "two".to_owned()];
    host.tally = Arc::new(counted());
    host
}

fn conflict(address: u8) -> ConflictView {
    ConflictView {
        prefix: format!("198.51.100.{address}").parse().unwrap(),
        vm: VmName::new("web-1"),
        neighbor: "192.0.2.1".parse().unwrap(),
        preference: None,
        marked_by: None,
        next_hop: None,
        since: sample::time("2026-03-01T10:00:00Z"),
    }
}

fn counted() -> Tally {
    let mut tally = Tally { reloads_accepted: 2, reloads_refused: 1, ..Tally::default() };
    tally.presences.insert(Presence::Arrived, 7);
    tally.libvirt.connections = 3;
    tally.libvirt.events.insert("started", 8);
    tally.libvirt.lists = 9;
    tally.libvirt.looks = 10;
    tally.libvirt.looks_failed = 11;
    tally.libvirt.overflows = 12;
    tally.exabgp.connections = 13;
    tally.exabgp.epochs = 14;
    tally.exabgp.in_doubt = 15;
    tally.exabgp.announcements.insert(Rung::Standby, 16);
    tally.exabgp.withdrawals = 17;
    tally.exabgp.refused = 18;
    tally.exabgp.acknowledgement.observe(Duration::from_millis(2));
    tally.exabgp.by_event.observe(Duration::from_micros(250));
    tally.exabgp.by_look.observe(Duration::from_secs(60));
    tally.exabgp.sessions.insert("192.0.2.1".parse().unwrap(), 19);
    tally
}

#[test]
fn every_metric_of_the_list_is_shown_with_its_help_and_kind_and_no_other() {
    let text = text(&troubled(), &Process::read()).unwrap();
    let mut heads = BTreeSet::new();
    for family in family::ALL {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let head = format!("# HELP {0} {1}\n# TYPE {0} {kind}\n", family.name, family.help);
        assert_eq!(text.matches(&head).count(), 1, "{head}\nin\n{text}");
        heads.insert(family.name);
    }
    assert_eq!(text.matches("# TYPE ").count(), heads.len(), "{text}");
}

#[test]
fn a_host_in_order() {
    let text = shown(&sample::host());
    for (name, expected) in [
        ("roamd_start_time_seconds", &["roamd_start_time_seconds 1772352000.25"][..]),
        ("roamd_generation", &["roamd_generation 7"]),
        ("roamd_ready", &["roamd_ready 1"]),
        (
            "roamd_not_ready",
            &[
                "roamd_not_ready{part=\"libvirt\"} 0",
                "roamd_not_ready{part=\"exabgp\"} 0",
                "roamd_not_ready{part=\"neighbors\"} 0",
                "roamd_not_ready{part=\"routes\"} 0",
                "roamd_not_ready{part=\"host_routes\"} 0",
            ],
        ),
        ("roamd_config_loaded_timestamp_seconds", &["roamd_config_loaded_timestamp_seconds 1772352000"]),
        ("roamd_config_errors", &["roamd_config_errors 0"]),
        (
            "roamd_vms",
            &[
                "roamd_vms{presence=\"arrived\"} 0",
                "roamd_vms{presence=\"present\"} 1",
                "roamd_vms{presence=\"incoming\"} 0",
                "roamd_vms{presence=\"frozen\"} 0",
                "roamd_vms{presence=\"departing\"} 1",
                "roamd_vms{presence=\"absent\"} 1",
            ],
        ),
        ("roamd_route_failed", &[]),
        ("roamd_libvirt_connected", &["roamd_libvirt_connected 1"]),
        ("roamd_exabgp_connected", &["roamd_exabgp_connected 1"]),
        ("roamd_exabgp_info", &["roamd_exabgp_info{transport=\"relay\",version=\"4.2.21\"} 1"]),
        ("roamd_exabgp_contradictions_total", &["roamd_exabgp_contradictions_total 0"]),
        (
            "roamd_neighbor_state",
            &[
                "roamd_neighbor_state{neighbor=\"192.0.2.1\",state=\"down\"} 0",
                "roamd_neighbor_state{neighbor=\"192.0.2.1\",state=\"connected\"} 0",
                "roamd_neighbor_state{neighbor=\"192.0.2.1\",state=\"up\"} 1",
            ],
        ),
        ("roamd_conflicts_open", &["roamd_conflicts_open 0"]),
        ("roamd_conflict", &[]),
        ("roamd_host_routes", &[]),
        ("roamd_host_routes_kept", &[]),
        ("roamd_libvirt_lists_total", &["roamd_libvirt_lists_total 0"]),
        ("roamd_refused_commands_total", &["roamd_refused_commands_total 0"]),
        ("roamd_acknowledgement_seconds_count", &["roamd_acknowledgement_seconds_count 0"]),
    ] {
        assert_eq!(of(&text, name), expected, "{name}");
    }
    let hashes = format!("{{sha256=\"{}\",vms_sha256=\"{}\"}}", "aa".repeat(32), "bb".repeat(32));
    assert_eq!(of(&text, "roamd_config_info"), [format!("roamd_config_info{hashes} 1")]);
    let routes: BTreeMap<&str, &str> =
        of(&text, "roamd_routes").into_iter().filter_map(|line| line.rsplit_once(' ')).collect();
    assert_eq!(routes.len(), RouteState::ALL.len() * Rung::ALL.len());
    let there: BTreeMap<_, _> = routes.into_iter().filter(|(_, count)| *count != "0").collect();
    let expected = [
        ("roamd_routes{state=\"announced\",rung=\"active\"}", "3"),
        ("roamd_routes{state=\"withdrawing\",rung=\"leaving\"}", "1"),
    ];
    assert_eq!(there, expected.into());
}

#[test]
fn a_host_in_trouble() {
    let text = shown(&troubled());
    for line in [
        "roamd_ready 0",
        "roamd_not_ready{part=\"host_routes\"} 1",
        "roamd_not_ready{part=\"libvirt\"} 0",
        "roamd_config_errors 2",
        "roamd_config_reloads_total{result=\"accepted\"} 2",
        "roamd_config_reloads_total{result=\"refused\"} 1",
        "roamd_presence_changes_total{to=\"arrived\"} 7",
        "roamd_presence_changes_total{to=\"absent\"} 0",
        "roamd_routes{state=\"failed\",rung=\"arrived\"} 1",
        "roamd_route_failed{vm=\"web-9\",prefix=\"198.51.100.99/32\"} 1",
        "roamd_libvirt_connections_total 3",
        "roamd_libvirt_events_total{event=\"started\"} 8",
        "roamd_libvirt_events_total{event=\"crashed\"} 0",
        "roamd_libvirt_lists_total 9",
        "roamd_libvirt_looks_total{result=\"answered\"} 10",
        "roamd_libvirt_looks_total{result=\"failed\"} 11",
        "roamd_libvirt_overflows_total 12",
        "roamd_exabgp_connections_total 13",
        "roamd_exabgp_epochs_total 14",
        "roamd_exabgp_in_doubt_total 15",
        "roamd_announcements_total{rung=\"standby\"} 16",
        "roamd_announcements_total{rung=\"arrived\"} 0",
        "roamd_withdrawals_total 17",
        "roamd_refused_commands_total 18",
        "roamd_neighbor_sessions_total{neighbor=\"192.0.2.1\"} 19",
        "roamd_conflicts_open 1",
        "roamd_conflicts_total 4",
        "roamd_conflict{vm=\"web-1\",prefix=\"198.51.100.10/32\",neighbor=\"192.0.2.1\"} 1",
        "roamd_host_routes{state=\"failed\"} 1",
        "roamd_host_routes{state=\"placed\"} 0",
        "roamd_host_routes_kept 0",
        "roamd_host_route_failed{vm=\"web-9\",prefix=\"198.51.100.99/32\"} 1",
        "roamd_host_route_conflicts 1",
        "roamd_host_route_warnings 2",
        "roamd_host_route_repairs_total 5",
        "roamd_acknowledgement_seconds_bucket{le=\"0.001\"} 0",
        "roamd_acknowledgement_seconds_bucket{le=\"0.0025\"} 1",
        "roamd_acknowledgement_seconds_bucket{le=\"10\"} 1",
        "roamd_acknowledgement_seconds_bucket{le=\"+Inf\"} 1",
        "roamd_acknowledgement_seconds_sum 0.002",
        "roamd_acknowledgement_seconds_count 1",
        "roamd_event_to_command_seconds_bucket{decided_by=\"event\",le=\"0.00025\"} 1",
        "roamd_event_to_command_seconds_bucket{decided_by=\"look\",le=\"10\"} 0",
        "roamd_event_to_command_seconds_bucket{decided_by=\"look\",le=\"+Inf\"} 1",
        "roamd_event_to_command_seconds_sum{decided_by=\"look\"} 60",
    ] {
        assert_eq!(text.lines().filter(|shown| *shown == line).count(), 1, "{line}\nin\n{text}");
    }
}

#[test]
fn what_exabgp_does_not_tell_is_empty() {
    let mut host = sample::host();
    host.exabgp.version = None;
    host.exabgp.neighbors.clear();
    let text = shown(&host);
    assert_eq!(of(&text, "roamd_exabgp_info"), ["roamd_exabgp_info{transport=\"relay\",version=\"\"} 1"]);
    assert_eq!(of(&text, "roamd_neighbor_state"), [""; 0]);
    host.exabgp.neighbors = sample::host().exabgp.neighbors;
    host.exabgp.neighbors[0].state = NeighborState::Connected;
    let connected = "roamd_neighbor_state{neighbor=\"192.0.2.1\",state=\"connected\"} 1";
    assert!(shown(&host).lines().any(|line| line == connected));
}

#[test]
fn no_name_of_a_vm_ends_its_label_or_its_line() {
    let mut host = sample::host();
    let name = "a\"} 1\nroamd_ready 0\\<script>é";
    let route = sample::route("198.51.100.99", name, Rung::Active, RouteState::Failed);
    host.routes.insert(route.prefix, route);
    let text = shown(&host);
    let escaped = r#"roamd_route_failed{vm="a\"} 1\nroamd_ready 0\\<script>é",prefix="198.51.100.99/32"} 1"#;
    assert_eq!(of(&text, "roamd_route_failed"), [escaped]);
    assert_eq!(of(&text, "roamd_ready"), ["roamd_ready 1"]);
}

/// A host with so many VMs that run, of which as many routes have failed.
fn large(vms: usize, failed: usize) -> Snapshot {
    let mut host = troubled();
    let prefix = |number: usize| format!("10.{}.{}.{}", number >> 16, (number >> 8) & 0xff, number & 0xff);
    for number in 0..vms {
        let state = if number < failed { RouteState::Failed } else { RouteState::Announced };
        let name = format!("vm-{number:05}");
        let route = sample::route(&prefix(number), &name, Rung::Active, state);
        host.routes.insert(route.prefix, Arc::clone(&route));
        let vm = sample::vm(&name, Presence::Present, vec![route]);
        host.vms.insert(vm.name.clone(), Arc::new(vm));
    }
    host
}

#[test]
fn the_page_does_not_grow_with_the_number_of_vms() {
    let lines = |snapshot: &Snapshot| shown(snapshot).lines().count();
    assert_eq!(lines(&large(3_000, 0)), lines(&large(0, 0)));
    let few = lines(&large(0, 0));
    assert_eq!(lines(&large(3_000, 3_000)), few - 1 + NAMED);
    let mut host = large(0, 0);
    host.conflicts = Arc::new(Conflicts { total: 200, open: (0..200).map(conflict).collect() });
    assert_eq!(lines(&host), few - 1 + NAMED);
}

/// What is named like a metric in `text`; a histogram's own series stand for it.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("roamd_") || word.starts_with("process_"));
    let histogram =
        |name: &str| family::ALL.iter().any(|family| family.name == name && family.kind == Kind::Histogram);
    let whole = |word| {
        let parts =
            ["_bucket", "_sum", "_count"].into_iter().filter_map(|part| str::strip_suffix(word, part));
        parts.into_iter().find(|name| histogram(name)).unwrap_or(word)
    };
    metrics.map(whole).collect()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn the_readme_lists_every_metric_and_no_other() {
    let readme = file("README.md");
    let (_, section) = readme.split_once("\n### Metrics and alerts\n").unwrap();
    let (section, _) = section.split_once("\n#").unwrap();
    assert_eq!(names(section), family::ALL.iter().map(|family| family.name).collect());
}

#[test]
fn the_alert_rules_their_tests_and_the_dashboard_name_no_metric_that_is_not_there() {
    let all: BTreeSet<&str> = family::ALL.iter().map(|family| family.name).collect();
    let used = |name: &str| {
        let text = file(name);
        let used: BTreeSet<String> = names(&text).into_iter().map(str::to_owned).collect();
        let unknown: Vec<&String> = used.iter().filter(|used| !all.contains(used.as_str())).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
        used
    };
    let rules = used("deploy/prometheus/roamd.rules.yml");
    let dashboard = used("deploy/grafana/roamd.json");
    used("tests/prometheus/roamd.rules.test.yml");
    assert!(rules.len() > 20 && dashboard.len() > 20, "{rules:?} {dashboard:?}");
}
