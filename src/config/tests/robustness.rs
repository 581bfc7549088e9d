//! Whatever the bytes are: no panic, no endless work, and faults that stand in the file.

use std::path::Path;

use proptest::prelude::*;

use super::{LEAST, bad, good};
use crate::config::Config;

/// Pieces out of which YAML is made, good and bad.
const PIECES: [&str; 48] = [
    "exabgp",
    "transport",
    "print",
    "bgp",
    "local_as",
    "65101",
    "vms",
    "web-1",
    "service_ips",
    "198.51.100.1",
    "hold",
    "attributes",
    "communities",
    ": ",
    ":",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "#",
    " #",
    "&a ",
    "*a",
    "!t ",
    "!!str ",
    "<<",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "|\n",
    ">-\n",
    "? ",
    "~",
    "0x10",
    "\t",
    "\r\n",
    "\r",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\\",
];

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Err(faults) = Config::from_bytes(Path::new("f"), bytes.to_vec()) else { return Ok(()) };
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.lines().count().max(1);
    prop_assert!(faults.iter().count() > 0);
    for fault in &faults {
        prop_assert!(fault.with_excerpt().to_string().lines().count() <= 4);
        prop_assert!((1..=lines).contains(&fault.line), "{} of {lines}: {}", fault.line, fault);
        prop_assert!(fault.column >= 1);
        prop_assert_eq!(fault.to_string().lines().count(), 1);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_give_a_configuration_or_faults_inside_the_file(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&bytes)?;
    }

    #[test]
    fn any_pieces_of_yaml_give_a_configuration_or_faults_inside_the_file(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60),
    ) {
        check(pieces.concat().as_bytes())?;
    }

    #[test]
    fn a_good_file_with_a_few_bytes_changed_gives_a_configuration_or_faults_inside_the_file(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = include_bytes!("../../../config.example.yaml").to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes)?;
    }
}

#[test]
fn a_billion_laughs_are_refused_unread() {
    let level = |level: u32| {
        let below = level.checked_sub(1).map_or_else(|| "ha".to_owned(), |below| format!("*a{below}"));
        format!("a{level}: &a{level} [{}]\n", vec![below; 9].join(", "))
    };
    let text: String = (0..60).map(level).collect();
    let faults = bad(&text);
    assert_eq!(
        faults.first().map(String::as_str),
        Some("1:5: a0: an anchor: anchors are not taken; remove it")
    );
    assert_eq!(faults.iter().filter(|fault| fault.contains(": an alias: ")).count(), 59 * 9);
}

#[test]
fn endless_aliases_are_soon_done_with() {
    let text = format!("a: &a 1\nb: [{}]\n", "*a, ".repeat(200_000));
    assert_eq!(bad(&text).len(), 1000);
}

#[test]
fn deep_nesting_is_refused_in_every_style() {
    let rule = "nested too deep: maps and lists may be nested at most 32 deep";
    for deep in
        ["[".repeat(200_000), "{a: ".repeat(50_000), format!("hold: {}", "[".repeat(40) + &"]".repeat(40))]
    {
        let faults = bad(&deep);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].ends_with(rule), "{}", faults[0]);
    }
    let block = bad(&format!("{LEAST}hold:\n  {}x\n", "- ".repeat(200)));
    assert!(block.iter().any(|fault| fault.ends_with(rule)), "{block:?}");
}

#[test]
fn the_characters_of_anchors_aliases_and_tags_are_taken_in_texts_and_comments() {
    let text = format!("{LEAST}# a & b, *c, !d, <<\nhttp: {{token_file: '/etc/&a*!<<'}}\n");
    assert_eq!(good(&text).http.token_file.as_deref(), Some(Path::new("/etc/&a*!<<")));
}

#[test]
fn tags_and_complex_keys_and_empty_keys_are_refused_in_words() {
    assert_eq!(
        bad(&format!("{LEAST}http: {{listen: !!str 127.0.0.1:9179}}\n")),
        ["3:16: http.listen: !!str: tags are not taken; remove it"]
    );
    assert_eq!(bad(&format!("{LEAST}? [a, b]\n: c\n")), ["3:3: .: a list: a key must be text"]);
}

#[test]
fn what_the_parser_would_keep_whole_is_refused_in_words() {
    let rule =
        "may be at most 1048576 characters long; write each item in a line of its own, without brackets";
    let inner = bad(&format!("{LEAST}hold: [[{}]]\n", "1,".repeat(600_000)));
    let text = bad(&format!("{LEAST}log: {{level: {}}}\n", "a".repeat(2_000_000)));
    for faults in [inner, text] {
        assert_eq!(faults.len(), 1, "{}", faults[0]);
        assert!(faults[0].ends_with(rule), "{}", faults[0]);
    }
}

#[test]
fn a_long_list_in_brackets_is_read_item_by_item() {
    let hold = bad(&format!("{LEAST}hold: [{}]\n", "web-1, ".repeat(300_000)));
    assert_eq!(hold.len(), 10_001);
    assert_eq!(hold[10_000], "1:1: .: 290000 more faults: mend the others first");
}

#[test]
fn faults_without_end_are_counted() {
    let unknown: Vec<String> = (0..10_050).map(|number| format!("key-{number}: 1\n")).collect();
    let faults = bad(&format!("{LEAST}{}", unknown.concat()));
    assert_eq!(faults.len(), 10_001);
    assert_eq!(faults[10_000], "1:1: .: 50 more faults: mend the others first");
}

#[test]
fn json_is_read_item_by_item_and_its_faults_are_found_in_their_places() {
    let vms: Vec<String> = (0..30_000)
        .map(|vm| format!(r#""vm-{vm}": {{"service_ips": ["10.0.{}.{}"]}}"#, vm / 250, vm % 250))
        .collect();
    let json = format!(
        r#"{{"exabgp": {{"transport": "print"}}, "bgp": {{"local_as": 65101}}, "vms": {{{}}}}}"#,
        vms.join(", ")
    );
    assert!(json.len() > 1 << 20);
    assert_eq!(good(&json).vms.len(), 30_000);
    assert_eq!(
        bad(r#"{"exabgp": {"transport": "pipe"}, "bgp": {"local_as": 1}}"#),
        [r#"1:26: exabgp.transport: "pipe": must be relay, child or print"#]
    );
    assert_eq!(
        bad(r#"{"bgp": [1}"#),
        ["1:11: bgp[1]: broken YAML: must be YAML: while parsing a flow sequence, expected ',' or ']'"]
    );
}
