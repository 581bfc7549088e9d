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
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

type Target = fn(&[u8]);

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    // A peer that hung up ends no Rust program; one without Rust's own `main` it would. The handler stays.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { drop(signal(SignalKind::pipe()).unwrap()) });
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
