//! The command line: arguments, logging, exit codes, and the wiring of the parts.
//!
//! `run.rs` puts the agent together and runs it, `signals.rs` has what signals ask of it, `descriptors.rs` how many files
//! it may have open; `reload.rs` has the service read its configuration again and says how that ended; `check.rs` judges
//! a configuration without running anything; `child.rs` keeps a child of ExaBGP alive
//! on a bad configuration; `relay.rs` is the other process, which has none, and a program of its own besides. `view.rs`
//! asks a running agent, as any other client of it. Stdout carries only what was asked for (commands, faults); logs go to
//! stderr.

mod check;
mod child;
mod descriptors;
mod logging;
mod relay;
mod reload;
mod run;
mod signals;
mod view;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How the program ends; part of its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Stopped as asked, or nothing to complain of.
    Success,
    /// Something failed at run time.
    Failure,
    /// The arguments make no sense; clap, which sees most of that, ends with the same code.
    Usage,
    /// The configuration has faults (`EX_CONFIG` of sysexits.h).
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
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
    Check(check::Arguments),
    /// Print the JSON Schema of the configuration, for editors
    Schema(check::SchemaArguments),
    /// Have the service read its configuration again, and fail when it refuses it: what systemd runs for a reload
    Reload(reload::Arguments),
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
        Subcommands::Check(arguments) => check::run(&arguments),
        Subcommands::Schema(arguments) => check::print_schema(&arguments),
        Subcommands::Reload(arguments) => reload::run(&arguments),
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

/// Writes a line to stdout.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Writes a line to stderr where no log is set up. A stderr that is gone leaves nobody to tell.
fn complain(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}
