//! Logs to stderr: text for people, JSON for machines.

use std::io::{IsTerminal, stderr};

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat, LogLevel};

/// Sets up the process's log; once.
pub(super) fn start(log: Log) {
    let level = LevelFilter::from_level(match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    });
    // A line that can't be written, because the disk is full or nobody reads, is lost. Of that the subscriber would tell by
    // `eprintln!`, which panics where stderr is what fails.
    let lines = fmt().with_max_level(level).with_target(false).with_writer(stderr).log_internal_errors(false);
    match log.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
