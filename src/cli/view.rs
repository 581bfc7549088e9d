//! `roamd status` and `roamd explain`: the REST view on a terminal.
//!
//! `client.rs` asks the agent over TCP or its unix socket. `status.rs` and `explain.rs` make lines of the answers, purely;
//! `text.rs` is what lines are made of, and fits them to a terminal. `watch.rs` shows the status again and again on
//! `terminal.rs`, which it leaves as it was.
//!
//! Names come from libvirt and may hold anything: nothing of an answer reaches a terminal unescaped.

mod client;
mod explain;
mod status;
mod terminal;
mod text;
mod watch;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use tokio::runtime;

use super::{Exit, complain};
use crate::chain::Chain;
use client::{Client, ClientError};
pub(super) use text::printable;
use text::{Line, Paint};

/// Where the agent is.
#[derive(Debug, clap::Args)]
pub(super) struct Agent {
    /// Where the agent's REST view is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9179", conflicts_with = "unix")]
    url: String,
    /// The unix socket of the agent's REST view, in place of a URL
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// The file that holds the agent's bearer token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Agent {
    /// The agent at a URL or at `unix:PATH`; `None` for a text that is neither.
    pub(super) fn at(place: &str, token_file: Option<PathBuf>) -> Option<Self> {
        let unix = place.strip_prefix("unix:").map(PathBuf::from);
        (unix.is_some() || place.contains("://")).then(|| Self { url: place.to_owned(), unix, token_file })
    }
}

/// `roamd status`
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    agent: Agent,
    /// Show it again whenever something changes, until q or Ctrl-C
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Print the API's own answers as JSON: `{"status": …, "vms": …, "routes": …}`
    #[arg(long)]
    json: bool,
}

/// `roamd explain`
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// A VM, a prefix, or an address
    name: String,
    #[command(flatten)]
    agent: Agent,
    /// Print the API's own answer as JSON
    #[arg(long)]
    json: bool,
}

/// Shows the status of the agent; fails when it is not ready.
pub(super) fn status(arguments: &Status) -> Exit {
    run(async {
        let client = Client::new(&arguments.agent)?;
        if arguments.watch {
            return watch::watch(client).await;
        }
        let answers = status::Answers::ask(&client).await?;
        if arguments.json {
            print(&text::printable_json(&answers.json()));
        } else {
            print_lines(&status::lines(&answers.read()?, terminal::width()));
        }
        Ok(if answers.is_ready() { Exit::Success } else { Exit::Failure })
    })
}

/// Explains a VM, prefix or address; fails when nothing is known by that name.
pub(super) fn explain(arguments: &Explain) -> Exit {
    run(async {
        let client = Client::new(&arguments.agent)?;
        let answer = client.get(&explain::path(&arguments.name)).await?;
        if arguments.json {
            print(&text::printable_json(&answer));
        } else {
            let width = terminal::width();
            print_lines(&explain::lines(&client::read(&answer)?, width));
        }
        Ok(Exit::Success)
    })
}

/// Has `command` make something of what an agent answers to each of these paths.
pub(super) fn ask<const N: usize>(
    agent: &Agent,
    paths: [&str; N],
    command: impl FnOnce([String; N]) -> serde_json::Result<Exit>,
) -> Exit {
    run(async {
        let client = Client::new(agent)?;
        let mut answers = [const { String::new() }; N];
        for (answer, path) in answers.iter_mut().zip(paths) {
            *answer = client.get(path).await?;
        }
        Ok(command(answers)?)
    })
}

fn run(command: impl Future<Output = Result<Exit, ClientError>>) -> Exit {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("roamd: setting up a runtime: {error}"));
            return Exit::Failure;
        }
    };
    let result = runtime.block_on(command);
    // Not waited for: a thread that reads keys ends with the process.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| {
        complain(&format!("roamd: {}", printable(&Chain(&error).to_string())));
        if matches!(error, ClientError::Url(_)) { Exit::Usage } else { Exit::Failure }
    })
}

fn print_lines(lines: &[Line]) {
    let paint = Paint::of_stdout();
    print(&text::fitted(lines, terminal::width(), paint));
}

fn print(text: &str) {
    // Whoever asked may have stopped reading, as `head` does: that is no failure of what was asked.
    drop(writeln!(io::stdout(), "{}", text.trim_end_matches('\n')));
}

impl Paint {
    /// Colours only on a terminal that has them, and unless `NO_COLOR` is set (no-color.org).
    fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb && !set("NO_COLOR") { Self::Colours } else { Self::Plain }
    }
}
