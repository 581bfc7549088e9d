//! What ExaBGP's reports of UPDATEs are good for: steps that are confirmed, commands of an operator's that would
//! make a false route, and a second host that announces a VM.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::agreement::{ACTIVE, STANDBY, db, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::operator::Cli;
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    a_withdraw_that_the_switch_was_seen_to_be_told_is_not_repeated,
    what_an_operator_changes_of_our_routes_is_put_right_and_counted,
    another_hosts_path_to_a_vm_that_executes_here_is_a_conflict,
}

/// As the comment in ExaBGP's configuration says.
const ECHO: (&str, &str) =
    ("    neighbor-changes;\n", "    neighbor-changes;\n    send { parsed; update; }\n");

impl Lab {
    fn status(&self, of: &str) -> Result<Value, String> {
        self.rest.json("/api/v1/status")?.pointer(of).cloned().ok_or_else(|| format!("status has no {of}"))
    }

    fn contradictions_are(&self, expected: u64) {
        wait::until(&format!("{expected} contradictions are counted"), || {
            let shown = self.status("/exabgp/contradictions")?;
            if shown == expected { Ok(()) } else { Err(format!("there are {shown}")) }
        });
    }

    /// Waits until `status.conflicts` has so many in all, and these open: prefix, VM, rung and AS of the other.
    fn conflicts_are(&self, total: u64, open: &[Value]) {
        wait::until("the conflicts are served", || {
            let shown = self.status("/conflicts")?;
            let conflicts = shown["open"].as_array().ok_or("no list")?.iter();
            let shown_open: Vec<Value> = conflicts
                .map(|one| json!([one["prefix"], one["vm"], one["preference"], one["marked_by"]]))
                .collect();
            if shown["total"] == total && shown_open == open { Ok(()) } else { Err(shown.to_string()) }
        });
    }
}

fn a_withdraw_that_the_switch_was_seen_to_be_told_is_not_repeated(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    lab.restart_exabgp_with(&[ECHO]);
    // An echo that comes within a second might be an older one's.
    wait::until("every route has been confirmed for some seconds", || {
        let routes = lab.rest.json("/api/v1/routes")?;
        let confirmed: Vec<Timestamp> = routes["routes"]
            .as_array()
            .ok_or("no list")?
            .iter()
            .filter_map(|route| route["confirmed_at"].as_str()?.parse().ok())
            .collect();
        let lasts = |at: &Timestamp| Timestamp::now().duration_since(*at) > SignedDuration::from_secs(3);
        if confirmed.len() == 3 && confirmed.iter().all(lasts) { Ok(()) } else { Err(routes.to_string()) }
    });
    lab.libvirtd.virsh(&["destroy", "db"]);
    // A withdraw that waits for its repeat is shown until then.
    lab.agrees_on([&web(ACTIVE)[..]]);
    let log = lab.agents_log();
    let withdraws: Vec<&str> = log.lines().filter(|line| line.contains("DEBUG withdraw")).collect();
    assert_eq!(withdraws.len(), 1, "{withdraws:#?}");
    lab.contradictions_are(0);
}

fn what_an_operator_changes_of_our_routes_is_put_right_and_counted(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    let cli = Cli::prepare(&lab, version);
    lab.restart_exabgp_with(&[ECHO]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);

    for (number, command) in [
        // A route that no VM has is given our mark; a VM's route is replaced, and taken back.
        (1, "announce route 198.51.100.99/32 next-hop self large-community [ 65101:82:0 ]"),
        (2, "announce route 198.51.100.20/32 next-hop self med 7 large-community [ 65101:820:1 ]"),
        (3, "withdraw route 198.51.100.20/32"),
    ] {
        cli.run(command).expect("it works");
        lab.contradictions_are(number);
        lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    }
    lab.another_reconcile_sends_nothing();
}

fn another_hosts_path_to_a_vm_that_executes_here_is_a_conflict(version: Version) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web", "db"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);
    lab.conflicts_are(0, &[]);
    // The switch has another path, and likes it better; what it sends beside it is no VM's.
    let others = "protocol device {}\nprotocol static others {\n  ipv4;\n  \
                  route 203.0.113.0/24 blackhole;\n  \
                  route 198.51.100.10/32 blackhole { bgp_large_community.add((65102, 82, RUNG)); };\n}\n";
    let offers = |lab: &Lab, from: &str, rung: &str| {
        lab.bird.edit(from, &others.replace("RUNG", rung));
        lab.bird.configure();
    };
    lab.bird.edit(
        "    # The host needs a default route only; here not even that.\n    export none;",
        "    export where source = RTS_STATIC;",
    );
    offers(&lab, "protocol device {}\n", "1");
    lab.conflicts_are(1, &[json!(["198.51.100.10/32", "web", "active", 65_102])]);

    // Its host learns that it has but a frozen copy.
    offers(&lab, &others.replace("RUNG", "1"), "3");
    lab.conflicts_are(1, &[]);
    offers(&lab, &others.replace("RUNG", "3"), "2");
    lab.conflicts_are(2, &[json!(["198.51.100.10/32", "web", "unsure", 65_102])]);
    // Nothing is withdrawn for it.
    lab.agrees_on([&web(ACTIVE)[..], &db(ACTIVE)]);

    // The VM does not execute here any more, and then does.
    lab.libvirtd.virsh(&["suspend", "web"]);
    lab.agrees_on([&web(STANDBY)[..], &db(ACTIVE)]);
    lab.conflicts_are(2, &[]);
    lab.libvirtd.virsh(&["resume", "web"]);
    lab.conflicts_are(3, &[json!(["198.51.100.10/32", "web", "unsure", 65_102])]);
    // The path is taken back with the session.
    lab.bird.stop();
    lab.conflicts_are(3, &[]);
    let log = lab.agents_log();
    assert_eq!(log.matches("another host announces a VM that executes here").count(), 3);
}
