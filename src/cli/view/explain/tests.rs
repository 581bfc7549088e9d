use serde_json::json;

use super::super::text::{Paint, fitted};
use super::*;

#[test]
fn a_name_is_one_segment_of_the_path() {
    for (name, expected) in [
        ("web-1", "web-1"),
        ("198.51.100.0/28", "198.51.100.0%2F28"),
        ("2001:db8::1", "2001%3Adb8%3A%3A1"),
        ("a b?#%ü", "a%20b%3F%23%25%C3%BC"),
        ("..", ".."),
    ] {
        assert_eq!(path(name), format!("/api/v1/explain/{expected}"));
    }
}

#[test]
fn an_explanation_is_a_summary_and_a_paragraph_for_each_step() {
    let answer = json!({
        "generation": 7, "at": "2026-03-01T12:00:00.000Z", "subject": {"kind": "vm", "name": "web"}, "vm": "web",
        "summary": "web executes here, and this host announces it.",
        "chain": [
            {"step": "presence", "text": "web executes here: it is `present`.", "fields": {}},
            {"step": "route", "text": "One.", "fields": {}},
            {"step": "route", "text": "Two\u{1b}[31m.", "fields": {}},
        ],
    });
    let explanation: Explanation = serde_json::from_value(answer).unwrap();
    let text = |width| fitted(&lines(&explanation, width), width, Paint::Plain);
    assert_eq!(
        text(None),
        "web executes here, and this host announces it.\n\
         \n\
         presence       web executes here: it is `present`.\n\
         route          One.\n\
         \x20              Two\\u{1b}[31m.\n"
    );
    assert_eq!(
        text(Some(40)),
        "web executes here, and this host\n\
         announces it.\n\
         \n\
         presence       web executes here: it is\n\
         \x20              `present`.\n\
         route          One.\n\
         \x20              Two\\u{1b}[31m.\n"
    );
}
