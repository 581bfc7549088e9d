//! Every target in one program; the environment's `ROAMD_FUZZ` says which one runs. See `tests/fuzz/run`.
#![no_main]
#![allow(clippy::unwrap_used, reason = "the values are the targets' own")]

mod agent;
mod commands;
mod config;
mod grammar;
mod link;
mod replies;
mod requests;
mod socket;
mod switch;
mod xml;

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

type Target = fn(&[u8]);

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("ROAMD_FUZZ").expect("ROAMD_FUZZ names a target");
    match name.as_str() {
        "replies" => replies::run,
        "link" => link::run,
        "agent" => agent::run,
        "commands" => commands::run,
        "config" => config::run,
        "xml" => xml::run,
        "requests" => requests::run,
        other => panic!("there is no target {other}"),
    }
});

fuzz_target!(|data: &[u8]| TARGET(data));
