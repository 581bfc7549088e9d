//! The command line: arguments, logging, exit codes, and the wiring of the parts.
//!
//! `run.rs` puts the agent together and runs it, `signals.rs` has what signals ask of it,
//! `descriptors.rs` how many files it may have open; `child.rs` keeps a child
//! of ExaBGP alive on a bad configuration; `relay.rs` is the other process, which has none, and a program of its own
//! besides. `view.rs` asks a running agent, as any other client of it. Stdout carries only what was asked for (commands, faults); logs go to stderr.

mod child;
mod descriptors;
mod logging;
mod relay;
mod run;
mod signals;
mod view;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

/// How the program ends; part of its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Stopped as asked, or nothing to complain of.
    Success,
    /// Something failed at run time.
    Failure,
    /// The configuration has faults (`EX_CONFIG` of sysexits.h).
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // Exit code 2, wrong usage, is clap's own.
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Configuration => 78,
        })
    }
}

/// Makes ExaBGP announce the service addresses of the VMs that execute on this host.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run the agent
    Run(ConfigFile),
    /// Check the configuration and print every fault
    Check(ConfigFile),
    /// Show this host's VMs and routes; fails when it is not ready
    Status(view::Status),
    /// Say why a VM or an address is announced as it is
    Explain(view::Explain),
    /// Relay between ExaBGP, which runs this, and the agent
    Relay(relay::Arguments),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/roamd/config.yaml")]
    config: PathBuf,
}

/// Parses the arguments and does what they say.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Subcommands::Run(file) => run::run(&file.config),
        Subcommands::Check(file) => check(&file.config),
        Subcommands::Status(arguments) => view::status(&arguments),
        Subcommands::Explain(arguments) => view::explain(&arguments),
        Subcommands::Relay(arguments) => relay::replace_or_run(&arguments),
    }
    .into()
}

/// The program `roamd-relay`: `roamd relay` by itself, in which nothing leads to libvirt.
pub fn relay_main() -> ExitCode {
    relay::run(&relay::Program::parse().arguments).into()
}

fn check(path: &Path) -> Exit {
    let (text, exit) = match Config::load(path) {
        Ok(config) => {
            for warning in config.warnings() {
                complain(&format!("warning: {warning}"));
            }
            (format!("{}: {} VMs, no faults", path.display(), config.vms.len()), Exit::Success)
        }
        Err(faults) => (faults.to_string(), Exit::Configuration),
    };
    // Whoever asked may have stopped listening; the exit code says it all the same.
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => exit,
        Err(_) if exit == Exit::Configuration => exit,
        Err(_) => Exit::Failure,
    }
}

/// Writes a line to stderr where no log is set up. A stderr that is gone leaves nobody to tell.
fn complain(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}
