use proptest::prelude::*;

use super::*;

const SAMPLE_4_2: &str = include_str!("../../../tests/exabgp/4.2.21.txt");
const SAMPLE_5_0: &str = include_str!("../../../tests/exabgp/5.0.15.txt");

fn parse(line: &str) -> Reply {
    Reply::parse(line.as_bytes())
}

fn told(state: NeighborState, numbers: Option<(u32, u32)>) -> Reply {
    Reply::State(Told { address: "127.0.0.3".parse().unwrap(), numbers, state })
}

#[test]
fn each_kind_of_line_is_known() {
    use ConfigurationLine as C;
    let address: IpAddr = "127.0.0.2".parse().unwrap();
    let cases = [
        ("done", Reply::Done),
        ("error", Reply::Error),
        ("exabgp 4.2.21", Reply::Version("4.2.21".to_owned())),
        ("exabgp 5.0.15", Reply::Version("5.0.15".to_owned())),
        ("Peer            AS        up/down state       |     #sent     #recvd", Reply::SummaryHeader),
        (
            "127.0.0.2       65000     0:00:03 established           5          2",
            Reply::SummaryRow(address, NeighborState::Up),
        ),
        (
            "127.0.0.2       65000   1 day, 2:03:04 established           5          2",
            Reply::SummaryRow(address, NeighborState::Up),
        ),
        (
            "127.0.0.2       65000        down opensent              0          0",
            Reply::SummaryRow(address, NeighborState::Connected),
        ),
        (
            "127.0.0.2       65000        down idle                  0          0",
            Reply::SummaryRow(address, NeighborState::Down),
        ),
        ("neighbor 127.0.0.2 {", Reply::Configuration(C::Neighbor(address))),
        ("  local-as 65001;", Reply::Configuration(C::LocalAs(Some(65_001)))),
        ("  peer-as auto;", Reply::Configuration(C::PeerAs(None))),
        ("    ipv4 unicast;", Reply::Configuration(C::Ipv4)),
        ("    ipv6 unicast;", Reply::Configuration(C::Ipv6)),
        ("    ipv4 unicast ipv6;", Reply::Configuration(C::Other)),
        ("    processes [ a b ];", Reply::Configuration(C::Processes(vec!["a".to_owned(), "b".to_owned()]))),
        ("  }", Reply::Configuration(C::Other)),
        ("}", Reply::Configuration(C::End)),
        ("", Reply::Configuration(C::Other)),
        ("shutdown in progress", Reply::InProgress),
        ("reload in progress", Reply::InProgress),
        (r#"{ "answer": "done", "message": "command completed" }"#, Reply::JsonAnswer),
        (r#"{ "exabgp": "6.0.0", "type": "open", "neighbor": {} }"#, Reply::Event),
        (r#"{ "exabgp": "4.0.1", "type": "update", "neighbor": {} }"#, Reply::Garbage),
        ("neighbor 127.0.0.2 ipv4 unicast 0.0.0.0/0 next-hop self", Reply::OtherRow),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line}");
    }
}

#[test]
fn a_state_is_told_alike_by_both_versions() {
    let head_4 = r#"{ "exabgp": "4.0.1", "time": 1.5, "host" : "vm", "pid" : 1, "ppid" : 1, "counter": 1, "type": "state""#;
    let peer = r#""address": { "local": "127.0.0.1", "peer": "127.0.0.3" }, "asn": { "local": 65001, "peer": 65000 }"#;
    let reason = r#""reason": "peer reset, message (closing connection) error(Broken TCP connection)""#;
    let cases = [
        (format!(r#"{head_4}, "neighbor": {{ {peer} , "state": "up" }} }}"#), NeighborState::Up),
        (
            format!(r#"{head_4}, "neighbor": {{ {peer} , "state": "connected" }} }}"#),
            NeighborState::Connected,
        ),
        (
            format!(r#"{head_4}, "neighbor": {{ {peer} , "state": "down", {reason} }} }}"#),
            NeighborState::Down,
        ),
        (
            format!(r#"{head_4}, "neighbor": {{ {peer}, "router-id": "10.0.0.1" , "state": "up" }} }}"#),
            NeighborState::Up,
        ),
    ];
    for (line, state) in cases {
        assert_eq!(parse(&line), told(state, Some((65_000, 65_001))), "{line}");
    }
    let auto = peer.replace("65000", r#""auto""#);
    let line = format!(r#"{head_4}, "neighbor": {{ {auto} , "state": "down" }} }}"#);
    assert_eq!(parse(&line), told(NeighborState::Down, None));
}

#[test]
fn what_is_nearly_an_answer_is_garbage() {
    let nearly = [
        "done ",
        " done\u{a0}x",
        "Done",
        "donedone",
        "error\r",
        "errors",
        "done{",
        "exabgp",
        "exabgp x",
        "}x",
        "neighbor nobody {",
        r#"{ "type": "state", "neighbor": { "state": "#,
        "shutdown",
        "[{}]",
        "10.0.0.1 65000",
    ];
    for line in nearly {
        let reply = parse(line);
        let harmless = matches!(reply, Reply::Garbage | Reply::Configuration(ConfigurationLine::Other));
        assert!(harmless, "{line}: {reply:?}");
    }
    assert_eq!(Reply::parse(b"done\xff"), Reply::Garbage);
}

#[test]
fn no_line_of_a_recorded_exchange_is_garbage() {
    // Two tables of five routes each; 5.0 shows one of them, for two neighbors, with a community that it encoded
    // as another type than what was written.
    for (sample, complete) in [(SAMPLE_4_2, 10), (SAMPLE_5_0, 6)] {
        let replies: Vec<Reply> = sample.lines().map(parse).collect();
        let count = |wanted: fn(&Reply) -> bool| replies.iter().filter(|reply| wanted(reply)).count();
        assert_eq!(count(|reply| *reply == Reply::Garbage), 0);
        assert_eq!(count(|reply| matches!(reply, Reply::Version(_))), 1);
        assert_eq!(count(|reply| *reply == Reply::SummaryHeader), 1);
        assert_eq!(count(|reply| matches!(reply, Reply::State(_))), 2);
        let neighbors = |reply: &Reply| matches!(reply, Reply::Configuration(ConfigurationLine::Neighbor(_)));
        assert_eq!(count(neighbors), 4);
        assert_eq!(count(|reply| matches!(reply, Reply::Row(row) if row.complete)), complete);
        assert_eq!(count(|reply| matches!(reply, Reply::Row(_))), 10);
    }
}

/// As 4.2.21 writes it: the neighbor's text is in it as it came.
#[test]
fn a_session_is_down_whatever_its_neighbor_says_of_it() {
    for text in ["", "\\ \u{7}", "\u{1b}[2J \\\" \\", "(( done ))", "\\\", \\\"state\\\": \\\"up"] {
        let event = format!(
            r#"{{ "type": "state", "neighbor": {{ "address": {{ "local": "10.0.0.2", "peer": "10.0.0.1" }}, "asn": {{ "local": 65101, "peer": 65000 }} , "state": "down", "reason": "peer reset, message (notification received (6,1)) error({text})" }} }}"#
        );
        let told = Told {
            address: "10.0.0.1".parse().unwrap(),
            numbers: Some((65_000, 65_101)),
            state: NeighborState::Down,
        };
        assert_eq!(parse(&event), Reply::State(told), "{event}");
    }
}

#[test]
fn no_password_of_the_configuration_is_kept() {
    for sample in [SAMPLE_4_2, SAMPLE_5_0] {
        assert!(sample.contains("md5-password \"secret\""));
        let replies: Vec<Reply> = sample.lines().map(parse).collect();
        assert!(!format!("{replies:?}").contains("secret"));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_an_answer_but_the_answers_themselves(line: Vec<u8>) {
        prop_assume!(line != b"done" && line != b"error");
        prop_assert!(!matches!(Reply::parse(&line), Reply::Done | Reply::Error));
    }

    #[test]
    fn a_line_that_is_cut_off_or_run_into_another_is_no_answer(
        version in prop_oneof![Just(SAMPLE_4_2), Just(SAMPLE_5_0)],
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<&str> = version.lines().filter(|line| !line.is_empty()).collect();
        let (first, second) = (*first.get(&lines), *second.get(&lines));
        let glued = format!("{}{second}", &first[..=cut.index(first.len())]);
        prop_assert!(!matches!(parse(&glued), Reply::Done | Reply::Error));
        let head = &first[..cut.index(first.len())];
        prop_assert!(!matches!(parse(head), Reply::Done | Reply::Error), "{head}");
    }
}
