//! The relay's command line: no configuration, no libvirt; a place to connect to and a place for the ledger.
//!
//! It is there twice. `roamd-relay` is a program of its own that does not load libvirt, whose libraries take three
//! times the memory of all else in it, and which starts where they are missing or broken: ExaBGP ends itself, and
//! every route with it, when its API process fails to start again and again. `roamd relay` replaces itself by it.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tracing::error;

use super::{Exit, logging};
use crate::chain::Chain;
use crate::config::{Log, LogFormat, LogLevel};
use crate::relay;
use crate::service::runtime_directory;

/// The program without libvirt.
const PROGRAM: &str = "roamd-relay";

/// Relays between ExaBGP, which runs this, and the agent (`roamd run`).
#[derive(Debug, clap::Parser)]
#[command(name = PROGRAM, version, max_term_width = 100)]
pub(super) struct Program {
    #[command(flatten)]
    pub(super) arguments: Arguments,
}

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

/// The same for `roamd relay`: as the program without libvirt where that stands beside this one, with the process
/// id, the pipes and the signals that this process has; else by itself.
pub(super) fn replace_or_run(arguments: &Arguments) -> Exit {
    if let Some(program) = beside() {
        let mut command = Command::new(program);
        command.arg("--socket").arg(&arguments.socket);
        if let Some(ledger) = &arguments.ledger {
            command.arg("--ledger").arg(ledger);
        }
        // It comes back only when it failed, and leaves everything as it was.
        drop(command.exec());
    }
    run(arguments)
}

/// The program without libvirt in this one's directory, if it is of this version: of another it may speak another
/// version of the link.
fn beside() -> Option<PathBuf> {
    let program = env::current_exe().ok()?.with_file_name(PROGRAM);
    let asked = Command::new(&program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let answer = asked.ok()?.stdout;
    (answer.trim_ascii() == concat!("roamd-relay ", env!("CARGO_PKG_VERSION")).as_bytes()).then_some(program)
}
