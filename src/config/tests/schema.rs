//! The example beside the schema: what an operator copies from must have every key.

use crate::config::path::{KeyPath, Step};
use crate::config::raw::Section;
use crate::config::schema::{File, keys_at};

const EXAMPLE: &str = include_str!("../../../config.example.yaml");

/// The paths of all keys, with `test` for the VM.
fn every_key(around: &mut Vec<Step>, paths: &mut Vec<KeyPath>) {
    let below = match around.as_slice() {
        [Step::Key(only)] if only == "vms" => &["test"][..],
        _ => keys_at(around),
    };
    for key in below {
        around.push(Step::Key((*key).to_owned()));
        paths.push(KeyPath(around.clone()));
        every_key(around, paths);
        around.pop();
    }
}

/// Whether a line of the example is the key, live or commented out, with a value or as the head of a section.
fn stands_in_example(key: &str) -> bool {
    EXAMPLE.lines().any(|line| {
        let line = line.trim_start_matches([' ', '#']);
        line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
    })
}

#[test]
fn every_key_of_the_schema_stands_in_the_example() {
    let mut paths = Vec::new();
    every_key(&mut Vec::new(), &mut paths);
    assert!(paths.len() > File::KEYS.len() + 80, "only {} keys were found", paths.len());
    let missing: Vec<String> = paths
        .iter()
        .filter(|path| !matches!(path.0.last(), Some(Step::Key(key)) if stands_in_example(key)))
        .map(ToString::to_string)
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_optional_key_of_the_example_that_is_commented_out_can_be_switched_on() {
    let live: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("  #  ") {
            Some(key) => format!("    {key}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let live = live
        .replace("  attributes: {}\n", "  attributes:\n")
        .replace("  preference: {}\n", "  preference:\n")
        .replace("    uplinks:", "  uplinks:");
    let config = super::good(&live);
    assert_eq!(config.bgp.attributes.communities.len(), 1);
    assert_eq!(config.bgp.attributes.med, Some(100));
    assert_eq!(config.warnings().len(), 3);
}
