//! Who is told that they have heard everything, where no agent tells them.

use super::*;

const CONFIGURATION: &str = "neighbor 10.255.0.2 {\n  local-as 65001;\n  peer-as 65000;\n  manual-eor true;\n\n  family {\n    \
                             ipv4 unicast;\n    ipv6 unicast;\n  }\n}\n\nneighbor 10.255.0.3 {\n  local-as 65001;\n  peer-as \
                             65000;\n\n  family {\n    ipv4 unicast;\n  }\n}\n\ndone\n";
const ENDS: [&str; 2] =
    ["neighbor 10.255.0.2 announce eor ipv4 unicast", "neighbor 10.255.0.2 announce eor ipv6 unicast"];
const ASKED: [&str; 1] = ["show neighbor summary"];
const CONFIGURATION_ASKED: [&str; 1] = ["show neighbor configuration"];

fn state(neighbor: &str, state: &str) -> String {
    STATE.replace("10.255.0.2", neighbor).replace(r#""state": "up""#, &format!(r#""state": "{state}""#))
        + "\n"
}

/// ExaBGP answers the fence, and is asked for its configuration.
fn exabgp_lists(bench: &mut Bench) {
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), CONFIGURATION_ASKED);
}

/// ExaBGP answers with the neighbors that are up, and with its configuration.
fn exabgp_shows(bench: &mut Bench, up: &[&str]) {
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.says(SUMMARY);
    for neighbor in up {
        bench.says(&format!("{neighbor}  65000  0:00:03 established  5  2\n"));
    }
    bench.says("done\n");
    assert_eq!(bench.at_exabgp(), CONFIGURATION_ASKED);
    bench.says(CONFIGURATION);
}

#[test]
fn a_relay_without_an_agent_ends_the_rib_of_those_to_whom_exabgp_does_not() {
    let mut bench = Bench::new();
    bench.at_exabgp();
    bench.says(&(state("10.255.0.2", "up") + &state("10.255.0.3", "up")));
    bench.pass(ALMOST);
    assert_eq!(bench.at_exabgp(), [""; 0], "an agent may come");
    bench.pass(Duration::from_millis(1));
    exabgp_shows(&mut bench, &["10.255.0.2", "10.255.0.3"]);
    assert_eq!(bench.at_exabgp(), ENDS);
    assert_eq!(bench.notices, [Notice::RibEnded(2)]);
    bench.says("done\ndone\n");
    assert_eq!(bench.relay.deadline(), None, "told once");
}

#[test]
fn a_relay_that_exabgp_starts_anew_asks_who_is_up() {
    let mut bench = Bench::new();
    bench.at_exabgp();
    bench.pass(LEASE);
    exabgp_shows(&mut bench, &["10.255.0.2"]);
    assert_eq!(bench.at_exabgp(), ENDS);
}

#[test]
fn the_wills_come_first() {
    let mut bench = Bench::linked();
    bench.keep(1, &[will(1)]);
    bench.says(&state("10.255.0.2", "up"));
    bench.dies();
    bench.pass(LEASE);
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), [will(1)]);
    bench.says("done\n");
    assert_eq!(bench.at_exabgp(), CONFIGURATION_ASKED);
    bench.says(CONFIGURATION);
    assert_eq!(bench.at_exabgp(), ENDS);
}

#[test]
fn a_neighbor_that_comes_up_later_is_told_at_once() {
    let mut bench = Bench::new();
    bench.at_exabgp();
    bench.pass(LEASE);
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!((bench.at_exabgp(), bench.relay.deadline()), (vec![], None), "nobody is up");
    bench.pass(LEASE);
    bench.says(&state("10.255.0.2", "up"));
    bench.pass(Duration::ZERO);
    exabgp_shows(&mut bench, &["10.255.0.2"]);
    assert_eq!(bench.at_exabgp(), ENDS);
    bench.says("done\nerror\n");
    bench.says(&state("10.255.0.2", "down"));
    assert_eq!(bench.relay.deadline(), None);
    bench.says(&state("10.255.0.2", "up"));
    bench.pass(Duration::ZERO);
    assert_eq!(bench.at_exabgp(), ASKED, "that is another session");
}

#[test]
fn what_an_agent_has_ended_is_not_ended_once_more() {
    for (lines, asks) in [(&ENDS[..], false), (&[], true)] {
        let mut bench = Bench::new();
        bench.says(&state("10.255.0.2", "up"));
        bench.greet();
        bench.at_exabgp();
        bench.pass(Duration::from_secs(1));
        bench.send(&ToRelay::Commands(lines.join("\n") + "\n"));
        bench.at_exabgp();
        bench.dies();
        bench.pass(LEASE);
        assert_eq!(bench.at_exabgp(), ASKED);
        bench.says(&format!("{SUMMARY}10.255.0.2  65000  0:00:03 established  5  2\ndone\n"));
        assert_eq!(bench.at_exabgp() == CONFIGURATION_ASKED, asks);
    }
}

#[test]
fn an_agent_that_comes_in_between_does_it_itself() {
    let mut bench = Bench::new();
    bench.says(&state("10.255.0.2", "up"));
    bench.at_exabgp();
    bench.pass(LEASE);
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.greet();
    bench.says(&format!("{SUMMARY}done\n{CONFIGURATION}"));
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.dies();
    bench.pass(LEASE);
    exabgp_shows(&mut bench, &["10.255.0.2"]);
    assert_eq!(bench.at_exabgp(), ENDS, "it died before it did");
}

#[test]
fn an_exabgp_that_does_not_answer_is_asked_again() {
    let mut bench = Bench::new();
    bench.says(&state("10.255.0.2", "up"));
    bench.at_exabgp();
    bench.pass(LEASE);
    exabgp_lists(&mut bench);
    bench.pass(Duration::from_secs(10));
    exabgp_shows(&mut bench, &["10.255.0.2"]);
    assert_eq!(bench.at_exabgp(), ENDS);
}

/// ExaBGP was silent for longer than it is waited for, and then answers what it was asked twice.
#[test]
fn an_answer_to_what_was_asked_before_is_not_taken_for_the_configuration() {
    let mut bench = Bench::new();
    bench.says(&state("10.255.0.2", "up"));
    bench.at_exabgp();
    bench.pass(LEASE);
    assert_eq!(bench.at_exabgp(), ASKED);
    bench.pass(Duration::from_secs(10));
    exabgp_lists(&mut bench);
    bench.says(&format!("{SUMMARY}done\n{CONFIGURATION}"));
    assert_eq!(bench.at_exabgp(), ENDS);
}

#[test]
fn neighbors_that_others_may_speak_to_are_left_alone() {
    let with = |first: &str, second: &str| {
        let api = |name: &str| {
            if name.is_empty() {
                String::new()
            } else {
                format!("  api {{\n    processes [ {name} ];\n  }}\n")
            }
        };
        let mut sections = CONFIGURATION.splitn(2, "}\n\n");
        let (one, other) = (sections.next().unwrap(), sections.next().unwrap());
        let other = other.replacen("}\n\ndone", &format!("{}}}\n\ndone", api(second)), 1);
        format!("{one}{}}}\n\n{other}", api(first))
    };
    // A process of its own each; one has none; both have the same.
    for (first, second, ends) in [("a", "b", false), ("", "b", false), ("a", "", true), ("a", "a", true)] {
        let mut bench = Bench::new();
        bench.says(&(state("10.255.0.2", "up") + &state("10.255.0.3", "up")));
        bench.at_exabgp();
        bench.pass(LEASE);
        exabgp_lists(&mut bench);
        bench.says(&with(first, second));
        assert_eq!(bench.at_exabgp() == ENDS, ends, "{first} {second}");
        bench.says("done\ndone\n");
        assert_eq!(bench.relay.deadline(), None);
    }
}
