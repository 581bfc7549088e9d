use super::*;

fn plain(text: &str) -> Piece {
    Piece::plain(text)
}

#[test]
fn what_would_move_a_terminal_or_turn_its_text_is_escaped() {
    for (given, shown) in [
        ("web-1", "web-1"),
        ("größe 東京 🚀", "größe 東京 🚀"),
        ("a\x1b[31mb", "a\\u{1b}[31mb"),
        ("a\x07\r\n\tb\0", "a\\u{7}\\u{d}\\u{a}\\u{9}b\\u{0}"),
        ("a\u{9b}31mb\u{7f}", "a\\u{9b}31mb\\u{7f}"),
        ("a\u{202e}b\u{2066}c\u{200f}\u{61c}", "a\\u{202e}b\\u{2066}c\\u{200f}\\u{61c}"),
        ("a\u{2028}b\u{200b}\u{feff}", "a\\u{2028}b\\u{200b}\\u{feff}"),
        ("<script>\\", "<script>\\"),
    ] {
        assert_eq!(printable(given), shown);
        assert_eq!(fitted(&[vec![plain(given)]], None, Paint::Plain), format!("{shown}\n"));
    }
}

#[test]
fn columns_stand_at_one_place_however_wide_their_letters() {
    let rows = vec![
        [plain("web-1"), plain("present"), plain("x")],
        [plain("東京"), plain("-"), plain("y")],
        [plain("e\u{301}"), plain("absent"), plain("")],
    ];
    let lines = table(["VM", "PRESENCE", "N"], rows, None);
    let expected = "VM     PRESENCE  N\nweb-1  present   x\n東京   -         y\ne\u{301}      absent\n";
    assert_eq!(fitted(&lines, None, Paint::Plain), expected);
}

#[test]
fn a_wide_table_has_its_widest_columns_cut() {
    let long = "a-very-long-name-of-a-virtual-machine";
    let rows = vec![[plain(long), plain("present"), plain("198.51.100.10/32")]];
    let lines = table(["VM", "PRESENCE", "PREFIX"], rows, Some(40));
    let text = fitted(&lines, Some(40), Paint::Plain);
    for line in text.lines() {
        assert!(line.width() <= 40, "{line:?}");
    }
    // 40 less two gaps and PRESENCE leave 28 for the two others.
    assert_eq!(text, "VM              PRESENCE  PREFIX\na-very-long-n…  present   198.51.100.10…\n");
    // No column is cut to nothing; what does not fit then ends at the edge.
    let rows = vec![[plain(long), plain(long), plain(long)]];
    let text = fitted(&table(["A", "B", "C"], rows, Some(12)), Some(12), Paint::Plain);
    assert_eq!(text, "A         B…\na-very-…  a…\n");
}

#[test]
fn json_stays_json_and_moves_nothing_on_a_terminal() {
    let value = serde_json::json!({"name": "a\u{9b}2J\u{202e}\u{e0041}\u{7f}é東"});
    let text = printable_json(&value.to_string());
    assert_eq!(text, r#"{"name":"a\u009b2J\u202e\udb40\udc41\u007fé東"}"#);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
}

#[test]
fn lines_are_cut_at_the_edge_between_letters() {
    let line = vec![plain("東京"), plain("東京")];
    for (width, shown) in
        [(8, "東京東京"), (7, "東京東…"), (6, "東京…"), (5, "東京…"), (4, "東京"), (1, "…"), (0, "")]
    {
        let text = fitted(std::slice::from_ref(&line), Some(width), Paint::Plain);
        assert!(text.trim_end().width() <= width, "{width}: {text:?}");
        assert_eq!(text.trim_end(), shown, "{width}");
    }
}

#[test]
fn colours_are_the_terminal_s_own_and_only_where_they_are_asked_for() {
    let line = vec![Piece::new(Tone::Good, "ready"), plain(" "), Piece::new(Tone::Bad, "not")];
    assert_eq!(fitted(std::slice::from_ref(&line), None, Paint::Plain), "ready not\n");
    assert_eq!(fitted(&[line], None, Paint::Colours), "\x1b[32mready\x1b[0m \x1b[31mnot\x1b[0m\n");
}

#[test]
fn words_are_wrapped_and_a_long_one_has_its_own_line() {
    assert_eq!(wrapped("one two three four", 9), ["one two", "three", "four"]);
    assert_eq!(wrapped("one abcdefghijkl two", 9), ["one", "abcdefghijkl", "two"]);
    assert_eq!(wrapped("", 9), [""]);
    assert_eq!(wrapped("a\x1bb", 9), ["a\\u{1b}b"]);
}
