//! `/metrics` of the whole agent: text that promtool takes, and counters that go with what happens.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Command, Stdio};

use crate::agreement::{ACTIVE, ARRIVED, STANDBY, db, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::process::signal;
use crate::relay::RELAY;
use crate::rest::Rest;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    metrics_follow_the_vms_and_promtool_takes_them,
    what_goes_wrong_is_counted,
    what_exabgp_refuses_is_counted_and_named,
}

/// Every series with its value.
#[derive(Debug)]
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn read(rest: Rest) -> Result<Self, String> {
        let response = rest.get("/metrics")?;
        let series = response.body.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line:?}"))?;
            Ok((series.to_owned(), value.parse().map_err(|_| format!("no number: {line:?}"))?))
        });
        series.collect::<Result<_, String>>().map(Self)
    }

    fn get(&self, series: &str) -> Result<f64, String> {
        self.0.get(series).copied().ok_or_else(|| format!("there is no {series} in {self:?}"))
    }
}

/// Waits until these series have grown by so much since `before`, and are no further.
fn grow(rest: Rest, before: &Metrics, expected: &[(&str, f64)]) -> Metrics {
    wait::until(&format!("{expected:?} since before"), || {
        let now = Metrics::read(rest)?;
        for (series, by) in expected {
            let grown = now.get(series)? - before.get(series)?;
            if (grown - by).abs() > 1e-9 {
                return Err(format!("{series} has grown by {grown}"));
            }
        }
        Ok(now)
    })
}

/// Waits until a series has this value.
fn becomes(rest: Rest, series: &str, value: f64) {
    wait::until(&format!("{series} is {value}"), || {
        let now = Metrics::read(rest)?.get(series)?;
        if (now - value).abs() < 1e-9 { Ok(()) } else { Err(format!("it is {now}")) }
    });
}

fn promtool_takes(lab: &Lab) {
    let response = lab.rest.get("/metrics").expect("it answers");
    assert_eq!((response.status, response.header("content-type")), (200, "text/plain; version=0.0.4"));
    let file = lab.dir().join("metrics.txt");
    std::fs::write(&file, &response.body).expect("it is written");
    let output = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(File::open(&file).expect("it was written")))
        .output()
        .expect("promtool is installed: run deploy/prepare tests");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "{said}\nin\n{}", response.body);
}

fn metrics_follow_the_vms_and_promtool_takes_them(version: Version) {
    let mut lab = Lab::start(version, &Plan { running: &["web"], config: VMS });
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let rest = lab.rest;
    becomes(rest, "roamd_ready", 1.0);
    becomes(rest, "roamd_vms{presence=\"present\"}", 2.0);
    becomes(rest, "roamd_routes{state=\"announced\",rung=\"active\"}", 2.0);
    becomes(rest, &format!("roamd_neighbor_state{{neighbor=\"{}\",state=\"up\"}}", lab.network.tor), 1.0);
    promtool_takes(&lab);
    // One of the lists that follow a connect could come between an event and the look that it leads to, and decide.
    wait::until("libvirt is listed at its own pace", || {
        let lists = Metrics::read(rest)?.get("roamd_libvirt_lists_total")?;
        if lists >= 7.0 { Ok(()) } else { Err(format!("{lists} lists")) }
    });
    let before = Metrics::read(rest).expect("it answers");
    assert_eq!(before.get("roamd_libvirt_connections_total"), Ok(1.0));
    assert_eq!(before.get("roamd_exabgp_connections_total"), Ok(1.0));

    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let started = grow(
        rest,
        &before,
        &[
            ("roamd_libvirt_events_total{event=\"started\"}", 1.0),
            ("roamd_presence_changes_total{to=\"arrived\"}", 1.0),
            ("roamd_announcements_total{rung=\"arrived\"}", 1.0),
            ("roamd_withdrawals_total", 0.0),
            ("roamd_acknowledgement_seconds_count", 1.0),
            ("roamd_event_to_command_seconds_count{decided_by=\"look\"}", 1.0),
            ("roamd_routes{state=\"announced\",rung=\"arrived\"}", 1.0),
            ("roamd_vms{presence=\"arrived\"}", 1.0),
            ("roamd_refused_commands_total", 0.0),
        ],
    );

    // libvirt must be asked why it was paused: both of its addresses follow from that look.
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..], &db(ARRIVED)]);
    let suspended = grow(
        rest,
        &started,
        &[
            ("roamd_libvirt_events_total{event=\"suspended\"}", 1.0),
            ("roamd_libvirt_looks_total{result=\"answered\"}", 1.0),
            ("roamd_announcements_total{rung=\"standby\"}", 2.0),
            ("roamd_event_to_command_seconds_count{decided_by=\"look\"}", 2.0),
            ("roamd_event_to_command_seconds_count{decided_by=\"event\"}", 0.0),
            ("roamd_vms{presence=\"frozen\"}", 1.0),
        ],
    );

    // This event says enough by itself.
    lab.libvirtd.virsh(&["resume", "web"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let resumed = grow(
        rest,
        &suspended,
        &[
            ("roamd_event_to_command_seconds_count{decided_by=\"event\"}", 2.0),
            ("roamd_vms{presence=\"frozen\"}", -1.0),
        ],
    );

    // The withdraw, and its repeat unless the wire echo has shown it, are two commands and one answer to the event.
    lab.libvirtd.virsh(&["destroy", "db"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    wait::until("the plan is done with it", || {
        let routes = rest.json("/api/v1/routes")?;
        if routes.to_string().contains("198.51.100.20") { Err(routes.to_string()) } else { Ok(()) }
    });
    let stopped = grow(
        rest,
        &resumed,
        &[
            ("roamd_presence_changes_total{to=\"absent\"}", 1.0),
            ("roamd_event_to_command_seconds_count{decided_by=\"event\"}", 1.0),
            ("roamd_event_to_command_seconds_count{decided_by=\"look\"}", 0.0),
            ("roamd_announcements_total{rung=\"arrived\"}", 0.0),
        ],
    );
    let sent = |metrics: &Metrics| metrics.get("roamd_withdrawals_total").expect("it is always there");
    let withdrawals = sent(&stopped) - sent(&resumed);
    assert!((1.0..=2.0).contains(&withdrawals), "{withdrawals}");
    promtool_takes(&lab);

    let head = rest.request("HEAD", "/metrics", "localhost").expect("it is answered");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(rest.request("POST", "/metrics", "localhost").expect("it is answered").status, 405);
}

fn what_goes_wrong_is_counted(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..]]);
    let rest = lab.rest;
    let before = Metrics::read(rest).expect("it answers");

    lab.edit_config("198.51.100.20", "203.0.113.20");
    lab.agent().signal("HUP");
    let refused = grow(
        rest,
        &before,
        &[
            ("roamd_config_errors", 1.0),
            ("roamd_config_reloads_total{result=\"refused\"}", 1.0),
            ("roamd_config_reloads_total{result=\"accepted\"}", 0.0),
        ],
    );
    lab.edit_config("203.0.113.20", "198.51.100.20");
    lab.agent().signal("HUP");
    grow(
        rest,
        &refused,
        &[("roamd_config_errors", -1.0), ("roamd_config_reloads_total{result=\"accepted\"}", 1.0)],
    );

    lab.libvirtd.kill();
    becomes(rest, "roamd_libvirt_connected", 0.0);
    becomes(rest, "roamd_not_ready{part=\"libvirt\"}", 1.0);
    becomes(rest, "roamd_ready", 0.0);
    lab.libvirtd.restart(&["web"]);
    lab.agrees_on([&web(ACTIVE)[..]]);
    grow(rest, &before, &[("roamd_libvirt_connections_total", 1.0), ("roamd_exabgp_connections_total", 0.0)]);

    signal("KILL", lab.exabgp.agent());
    grow(rest, &before, &[("roamd_exabgp_connections_total", 1.0), ("roamd_exabgp_epochs_total", 0.0)]);
    lab.agrees_on([&web(ACTIVE)[..]]);

    lab.bird.stop();
    let tor = lab.network.tor;
    becomes(rest, &format!("roamd_neighbor_state{{neighbor=\"{tor}\",state=\"up\"}}"), 0.0);
    becomes(rest, "roamd_not_ready{part=\"neighbors\"}", 1.0);
    lab.bird.restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    let sessions = format!("roamd_neighbor_sessions_total{{neighbor=\"{tor}\"}}");
    grow(rest, &before, &[(&sessions, 1.0)]);
    promtool_takes(&lab);
}

fn what_exabgp_refuses_is_counted_and_named(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let rest = lab.rest;
    let refused = |rest| Metrics::read(rest)?.get("roamd_refused_commands_total");
    assert_eq!(refused(rest), Ok(0.0));

    // ExaBGP has no such neighbor, and takes no command for it.
    lab.agent().terminate();
    lab.edit_config("  local_as: 65101\n", "  local_as: 65101\n  neighbors: ['127.0.0.9']\n");
    lab.agent().restart();
    becomes(rest, "roamd_not_ready{part=\"libvirt\"}", 0.0);
    lab.libvirtd.virsh(&["start", "db"]);
    becomes(rest, "roamd_route_failed{vm=\"db\",prefix=\"198.51.100.20/32\"}", 1.0);
    assert!(refused(rest).is_ok_and(|count| count >= 1.0), "{:?}", refused(rest));
    promtool_takes(&lab);

    lab.agent().terminate();
    lab.edit_config("  neighbors: ['127.0.0.9']\n", "");
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    assert_eq!(refused(rest), Ok(0.0));
}
