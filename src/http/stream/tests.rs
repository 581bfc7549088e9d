//! The log of frames, and a stream's body polled by hand; with sockets in `http::tests::streams`.

use std::future::poll_fn;

use proptest::prelude::*;

use super::*;
use crate::snapshot::{Life, Snapshot, What, sample};

fn happen(snapshot: &mut Snapshot, errors: &[&str]) {
    for error in errors {
        let what = match *error {
            "" => What::Agent { what: Life::Started },
            error => What::Config { errors: vec![error.to_owned()] },
        };
        snapshot.events.push(sample::time("2026-03-01T10:00:00.042Z"), None, None, what);
    }
}

/// A feed of a host on which so much has happened.
fn feed(errors: &[&str]) -> (watch::Sender<Frames>, Feed) {
    let mut snapshot = sample::host();
    happen(&mut snapshot, errors);
    watch::channel(Frames::new(snapshot.into()))
}

async fn next(stream: &mut Stream) -> Option<String> {
    let frame = poll_fn(|cx| Pin::new(&mut *stream).poll_frame(cx)).await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_stream_greets_and_begins_with_what_happens_next() {
    let (sender, feed) = feed(&["", ""]);
    let mut stream = Stream::new(feed, None, KEEP_ALIVE);
    assert_eq!(
        next(&mut stream).await.unwrap(),
        "retry: 2000\n\nid: 2\nevent: hello\ndata: {\"agent_started_at\":\"2026-03-01T08:00:00.250Z\",\
         \"generation\":7,\"first_seq\":1,\"last_seq\":2}\n\n"
    );
    let mut snapshot = sample::host();
    happen(&mut snapshot, &["", "", "a\nb"]);
    sender.send_if_modified(|frames| frames.take(snapshot.into()));
    let frame = next(&mut stream).await.unwrap();
    let (head, data) = frame.split_once("data: ").unwrap();
    assert_eq!(head, "id: 3\nevent: config\n");
    let event: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&event["seq"], &event["errors"][0]), (&3.into(), &"a\nb".into()));
    assert_eq!(data.matches('\n').count(), 2, "a line break inside is escaped: {data}");
    drop(sender);
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_place_from_another_life_or_before_all_that_is_kept_is_reset() {
    let many = vec![""; 10_600];
    let (sender, feed) = feed(&many);
    for (place, reset) in [(10_601, true), (u64::MAX, true), (0, true), (300, true), (10_590, false)] {
        let mut stream = Stream::new(feed.clone(), Some(place), KEEP_ALIVE);
        next(&mut stream).await.unwrap();
        let frame = next(&mut stream).await.unwrap();
        let expected = "id: 10600\nevent: reset\ndata: {\"first_seq\":501,\"last_seq\":10600}\n\n";
        assert_eq!(frame == expected, reset, "{place}: {frame}");
    }
    drop(sender);
}

#[tokio::test]
async fn where_nothing_happens_a_comment_comes_again_and_again() {
    let (_sender, feed) = feed(&[]);
    let mut stream = Stream::new(feed, None, Duration::from_millis(1));
    next(&mut stream).await.unwrap();
    for _ in 0..3 {
        assert_eq!(next(&mut stream).await.unwrap(), ": alive\n\n");
    }
}

#[tokio::test]
async fn what_came_last_is_sent_before_the_end() {
    let (sender, feed) = feed(&[]);
    let mut stream = Stream::new(feed, None, KEEP_ALIVE);
    next(&mut stream).await.unwrap();
    let mut snapshot = sample::host();
    happen(&mut snapshot, &["last"]);
    sender.send_if_modified(|frames| frames.take(snapshot.into()));
    drop(sender);
    assert!(next(&mut stream).await.unwrap().starts_with("id: 1\nevent: config\n"));
    assert_eq!(next(&mut stream).await, None);
}

#[test]
fn the_place_is_the_header_s_or_else_the_query_s() {
    let uri = |text: &str| text.parse::<Uri>().unwrap();
    let mut headers = HeaderMap::new();
    assert_eq!(place(&headers, &uri("/x")), Ok(None));
    assert_eq!(place(&headers, &uri("/x?after=5")), Ok(Some(5)));
    assert!(place(&headers, &uri("/x?after=five")).is_err());
    headers.insert(LAST_EVENT_ID, HeaderValue::from_static("7"));
    assert_eq!(place(&headers, &uri("/x?after=5")), Ok(Some(7)));
    headers.insert(LAST_EVENT_ID, HeaderValue::from_static("seven"));
    assert!(place(&headers, &uri("/x")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn from_any_place_every_event_comes_once_and_in_order(
        batches in prop::collection::vec(prop::collection::vec(0..40_000_usize, 0..8), 0..8),
        place in 0..70_u64,
    ) {
        let mut snapshot = sample::host();
        let mut frames = Frames::new(snapshot.clone().into());
        for batch in batches {
            for length in batch {
                happen(&mut snapshot, &[&"x".repeat(length)]);
            }
            frames.take(snapshot.clone().into());
        }
        let last_seq = snapshot.events.last_seq();
        let (mut at, mut ids) = (place, Vec::new());
        loop {
            match frames.after(at) {
                Next::Frames { bytes, last_seq } => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    ids.extend(text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok()));
                    prop_assert!(text.ends_with("\n\n") && last_seq > at);
                    at = last_seq;
                }
                Next::Lost { last_seq, .. } => {
                    prop_assert!(place > last_seq);
                    at = last_seq;
                }
                Next::Nothing => break,
            }
        }
        prop_assert_eq!(ids, (place + 1..=last_seq).collect::<Vec<_>>());
    }
}
