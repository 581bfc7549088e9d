//! Every message survives the way; every other version is refused by its number.

use proptest::prelude::*;

use super::*;
use crate::exabgp::Lines;

fn prefix() -> Prefix {
    "2001:db8:5::10/128".parse().unwrap()
}

fn line(message: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    encode(message, &mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'), "one message is one line");
    out
}

fn to_relay() -> impl Strategy<Value = ToRelay> {
    let texts = proptest::collection::vec("\\PC*", 0..3);
    prop_oneof![
        (any::<u64>(), any::<Option<u64>>()).prop_map(|(lease_ms, silence_ms)| ToRelay::Welcome(Welcome {
            protocol: PROTOCOL,
            lease_ms,
            silence_ms
        })),
        "(?s).*".prop_map(ToRelay::Commands),
        (proptest::option::of(0_u32..5), texts.clone(), texts).prop_map(|(rung, demotion, will)| {
            ToRelay::Keep(Keep { prefix: prefix(), rung, demotion, will })
        }),
        Just(ToRelay::Forget(prefix())),
        (any::<u64>(), any::<bool>(), any::<Option<u64>>()).prop_map(
            |(lease_ms, unwatched, libvirt_lease_ms)| ToRelay::Heartbeat {
                lease_ms,
                unwatched,
                libvirt_lease_ms
            }
        ),
    ]
}

fn to_agent() -> impl Strategy<Value = ToAgent> {
    let held = Held { prefix: prefix(), rung: Some(2), willed: true };
    prop_oneof![
        (any::<u32>(), proptest::option::of("\\PC*"), any::<Option<u64>>()).prop_map(
            |(pid, epoch, unwatched_ms)| ToAgent::Hello(Hello {
                protocol: PROTOCOL,
                pid,
                epoch,
                unwatched_ms
            })
        ),
        (0_usize..4).prop_map(move |length| ToAgent::Holds(vec![held; length])),
        "(?s).*".prop_map(ToAgent::Line),
        Just(ToAgent::Overlong),
        Just(ToAgent::Skipped),
    ]
}

proptest! {
    #[test]
    fn messages_to_the_relay_survive_the_way(message in to_relay()) {
        prop_assert_eq!(decode::<ToRelay>(&line(&message)).unwrap(), message);
    }

    #[test]
    fn messages_to_the_agent_survive_the_way(message in to_agent()) {
        prop_assert_eq!(decode::<ToAgent>(&line(&message)).unwrap(), message);
    }

    #[test]
    fn bytes_of_any_kind_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = first::<ToRelay>(&bytes);
        prop_assert!(decode::<ToAgent>(&bytes).is_err() || bytes.starts_with(b"\"overlong\""));
    }

    #[test]
    fn a_line_of_any_bytes_fits_into_a_message(byte in any::<char>()) {
        let text: String = std::iter::repeat_n(byte, MAX_LINE / byte.len_utf8()).collect();
        prop_assert!(line(&ToAgent::Line(text)).len() <= Lines::MAX);
    }
}

#[test]
fn greetings_of_another_version_are_refused_by_their_number_whatever_else_they_say() {
    let newer = br#"{"hello":{"protocol":2,"epoch":{"of":"another kind"},"more":[1]}}"#;
    let error = first::<ToAgent>(newer).unwrap_err();
    assert!(matches!(error, LinkError::Protocol { theirs: 2 }), "{error}");
    assert!(error.to_string().contains("version 2 of the link, this one version 1"), "{error}");
    let welcome = br#"{"welcome":{"protocol":0}}"#;
    assert!(matches!(first::<ToRelay>(welcome).unwrap_err(), LinkError::Protocol { theirs: 0 }));
}

#[test]
fn greetings_of_this_version_are_read() {
    let hello = ToAgent::Hello(Hello {
        protocol: PROTOCOL,
        pid: 7,
        epoch: Some("1-2-3".to_owned()),
        unwatched_ms: None,
    });
    assert_eq!(first::<ToAgent>(&line(&hello)).unwrap(), hello);
    let welcome = ToRelay::Welcome(Welcome { protocol: PROTOCOL, lease_ms: 60_000, silence_ms: None });
    assert_eq!(first::<ToRelay>(&line(&welcome)).unwrap(), welcome);
}

#[test]
fn a_heartbeat_is_read_with_what_other_releases_say_or_leave_out() {
    let read = |text: &str| decode::<ToRelay>(text.as_bytes()).unwrap();
    let heartbeat = ToRelay::Heartbeat { lease_ms: 60_000, unwatched: false, libvirt_lease_ms: None };
    assert_eq!(read(r#"{"heartbeat":{"lease_ms":60000}}"#), heartbeat);
    assert_eq!(read(r#"{"heartbeat":{"lease_ms":60000,"of_a_later_release":[1]}}"#), heartbeat);
}

#[test]
fn something_else_first_is_no_greeting() {
    for line in ["done", "{}", r#"{"line":"done"}"#, r#"{"hello":{}}"#, ""] {
        assert!(matches!(first::<ToAgent>(line.as_bytes()), Err(LinkError::Malformed(_))), "{line}");
    }
}

#[test]
fn a_ledger_goes_in_pieces_that_fit() {
    let held = Held { prefix: prefix(), rung: Some(1), willed: false };
    let messages = holds(std::iter::repeat_n(held, 2_500));
    let lengths: Vec<usize> = messages
        .iter()
        .map(|message| match message {
            ToAgent::Holds(piece) => piece.len(),
            ToAgent::Hello(_) | ToAgent::Line(_) | ToAgent::Overlong | ToAgent::Skipped => 0,
        })
        .collect();
    assert_eq!(lengths, [1_000, 1_000, 500]);
    assert!(messages.iter().all(|message| line(message).len() <= Lines::MAX));
}
