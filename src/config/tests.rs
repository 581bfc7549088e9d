//! Tests of the configuration as a whole, on texts in memory.

mod defaults;
mod effective;
mod faults;
mod fleet;
mod folder;
mod robustness;
mod schema;

use std::path::Path;

use super::{Config, Faults};

/// The least that a file must say.
const LEAST: &str = "exabgp: {transport: print}\nbgp: {local_as: 65101}\n";

fn parse(text: &str) -> Result<Config, Faults> {
    Config::from_bytes(Path::new("c.yaml"), text.as_bytes().to_vec())
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The faults of `text`, one a line, without the name of the file.
#[track_caller]
fn bad(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => panic!("it is taken:\n{text}"),
        Err(faults) => faults
            .to_string()
            .lines()
            .map(|line| line.strip_prefix("c.yaml:").expect("the file comes first").to_owned())
            .collect(),
    }
}

/// The key paths that are at fault in the least file with `more`.
#[track_caller]
fn faulty_keys(more: &str) -> Vec<String> {
    let text = format!("{LEAST}{more}");
    parse(&text).map_or_else(|faults| faults.iter().map(|fault| fault.key.clone()).collect(), |_| Vec::new())
}
