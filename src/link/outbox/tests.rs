//! What is written comes out whole and in order; what is abandoned leaves no half line.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Act {
    Push(String),
    Write(usize),
    Abandon,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => "[a-z]{0,6}".prop_map(|text| Act::Push(text + "\n")),
        1 => Just(Act::Push("x".repeat(3 * KEPT) + "\n")),
        4 => (0_usize..12).prop_map(Act::Write),
        1 => (KEPT..3 * KEPT).prop_map(Act::Write),
        1 => Just(Act::Abandon),
    ]
}

proptest! {
    #[test]
    fn the_reader_gets_whole_lines_in_their_order(acts in proptest::collection::vec(act(), 0..60)) {
        let mut outbox = Outbox::default();
        let (mut pushed, mut read) = (Vec::new(), Vec::new());
        for act in acts {
            match act {
                Act::Push(line) => {
                    outbox.buffer().extend_from_slice(line.as_bytes());
                    pushed.push(line);
                }
                Act::Write(length) => {
                    let length = length.min(outbox.waiting().len());
                    read.extend_from_slice(&outbox.waiting()[..length]);
                    outbox.advance(length);
                }
                Act::Abandon => outbox.abandon(),
            }
        }
        read.extend_from_slice(outbox.waiting());
        prop_assert!(read.is_empty() || read.ends_with(b"\n"));
        let mut expected = pushed.iter();
        for line in String::from_utf8(read).unwrap().split_inclusive('\n') {
            prop_assert!(expected.any(|pushed| pushed == line), "{line:?} was not pushed, or not in this order");
        }
    }
}

#[test]
fn abandoning_keeps_only_the_rest_of_a_line_that_has_begun() {
    let mut outbox = Outbox::default();
    outbox.buffer().extend_from_slice(b"one\ntwo\nthree\n");
    outbox.advance(5);
    outbox.abandon();
    assert_eq!(outbox.waiting(), b"wo\n");
    outbox.advance(3);
    outbox.buffer().extend_from_slice(b"four\n");
    outbox.abandon();
    assert_eq!(outbox.waiting(), b"");
}

#[test]
fn a_buffer_that_has_grown_is_given_back() {
    let mut outbox = Outbox::default();
    outbox.buffer().extend(std::iter::repeat_n(b'\n', 100 * KEPT));
    outbox.advance(100 * KEPT);
    assert_eq!(outbox.buffer().capacity(), 0);
}
