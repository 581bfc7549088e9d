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

proptest! {
    #[test]
    fn however_bytes_are_cut_the_lines_are_the_same(bytes: Vec<u8>, cuts: Vec<usize>) {
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
