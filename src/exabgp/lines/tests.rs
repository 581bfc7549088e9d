use proptest::prelude::*;

use super::*;

fn cut(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut lines = Lines::default();
    let mut got = Vec::new();
    for chunk in chunks {
        lines.feed(chunk, |line| got.push(line.map(<[u8]>::to_vec)));
    }
    got
}

#[test]
fn a_line_may_come_in_pieces() {
    let got = cut(&[b"do", b"ne\ner", b"ror\n\nrest"]);
    assert_eq!(got, [Some(b"done".to_vec()), Some(b"error".to_vec()), Some(Vec::new())]);
}

#[test]
fn a_line_that_is_too_long_is_dropped_to_its_end() {
    let long = vec![b'x'; Lines::MAX];
    assert_eq!(cut(&[&long, b"x", b"xx\ndone\n"]), [None, Some(b"done".to_vec())]);
    assert_eq!(cut(&[&long, b"\ndone\n"]), [Some(long.clone()), Some(b"done".to_vec())]);
}

#[test]
fn a_line_without_end_takes_no_more_memory_than_the_longest() {
    let mut lines = Lines::default();
    let chunk = vec![b'x'; 1 << 16];
    for _ in 0..40 {
        lines.feed(&chunk, |_| panic!("no line has ended"));
        assert!(lines.partial.capacity() <= 2 * Lines::MAX);
    }
}

/// As 4.2.21 wrote it when its neighbor sent a NOTIFICATION with such a text.
const DOWN: &str = "{ \"exabgp\": \"4.0.1\", \"type\": \"state\", \"neighbor\": { \"address\": { \"local\": \"127.0.0.1\", \
                    \"peer\": \"127.0.0.2\" }, \"asn\": { \"local\": 65101, \"peer\": 65000 } , \"state\": \"down\", \"reason\": \
                    \"peer reset, message (notification received (6,1)) error(Cease / ";

#[test]
fn the_text_of_a_neighbor_makes_no_lines() {
    let said = format!("{DOWN}\ndone\nerror\n\ndone)\" }} }}\ndone\n");
    let event = format!("{DOWN} done error  done)\" }} }}");
    assert_eq!(cut(&[said.as_bytes()]), [Some(event.into_bytes()), Some(b"done".to_vec())]);
}

#[test]
fn the_text_of_a_neighbor_ends_at_last() {
    let said = [DOWN.as_bytes(), &b"\ndone".repeat(Lines::LONGEST_EVENT / 5), b"\ndone\n"].concat();
    let got = cut(&[&said]);
    assert!(got[0].as_ref().is_some_and(|event| event.len() >= Lines::LONGEST_EVENT));
    assert_eq!(got.last(), Some(&Some(b"done".to_vec())));
}

#[test]
fn other_json_that_breaks_off_holds_up_nothing() {
    let cases: [&[u8]; 2] = [b"{ \"type\": \"upd\ndone\n", b"{\ndone\n"];
    for said in cases {
        assert_eq!(cut(&[said])[1], Some(b"done".to_vec()));
    }
}

proptest! {
    #[test]
    fn however_bytes_are_cut_the_lines_are_the_same(event: bool, bytes: Vec<u8>, cuts: Vec<usize>) {
        let bytes = if event { [DOWN.as_bytes(), &bytes].concat() } else { bytes };
        let mut chunks: Vec<&[u8]> = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            let (head, tail) = rest.split_at(cut % (rest.len() + 1));
            chunks.push(head);
            rest = tail;
        }
        chunks.push(rest);
        prop_assert_eq!(cut(&chunks), cut(&[&bytes]));
    }
}
