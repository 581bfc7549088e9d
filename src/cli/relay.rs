//! `roamd relay`: no configuration, no libvirt; a place to connect to and a place for the ledger.

use std::env;
use std::path::{Path, PathBuf};

use tracing::error;

use super::{Exit, logging};
use crate::chain::Chain;
use crate::config::{Log, LogFormat, LogLevel};
use crate::relay;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The agent's socket, `exabgp.socket` in its configuration
    #[arg(long, value_name = "PATH", default_value = "/run/roamd/exabgp.sock")]
    socket: PathBuf,
    /// Where to keep the last wills for a respawn, on a tmpfs that ExaBGP's user may write to [default: relay.ledger
    /// in the service's runtime directory (systemd), else in /run/roamd]
    #[arg(long, value_name = "PATH")]
    ledger: Option<PathBuf>,
}

/// Relays until ExaBGP is gone.
pub(super) fn run(arguments: &Arguments) -> Exit {
    logging::start(Log { level: LogLevel::Info, format: LogFormat::Text });
    let ledger = arguments.ledger.clone().unwrap_or_else(|| runtime_directory().join("relay.ledger"));
    match relay::run(&arguments.socket, &ledger) {
        Ok(()) => Exit::Success,
        Err(error) => {
            error!(error = %Chain(&error), "the relay ends");
            Exit::Failure
        }
    }
}

/// What systemd made for the service that this runs in (systemd.exec(5)): the first of its directories.
fn runtime_directory() -> PathBuf {
    let directories = env::var_os("RUNTIME_DIRECTORY");
    let first = directories.as_ref().and_then(|list| env::split_paths(list).next());
    match first {
        Some(first) if first.is_absolute() => first,
        Some(_) | None => Path::new("/run/roamd").to_path_buf(),
    }
}
