//! `roamd check` and `roamd schema`: what can be said of a configuration without running anything.
//!
//! `against.rs` says what it would change in the place of another one, or of what a running agent has.

mod against;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use self::against::Outlook;
use super::{ConfigFile, Exit, complain, print};
use crate::config::{Config, Fault, Faults, schema};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON document: whether it is valid, the faults, the warnings
    #[arg(long)]
    json: bool,
    /// Say as well what it would announce, withdraw and change in place of another configuration: a file, or that of a
    /// running agent, and then on its host (http://ADDRESS:PORT or unix:PATH)
    #[arg(long, value_name = "WHAT")]
    against: Option<String>,
    /// The file that holds the agent's bearer token
    #[arg(long, value_name = "FILE", requires = "against")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct SchemaArguments {
    /// The schema of the files in `vms_dir`
    #[arg(long)]
    vms: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    path: String,
    valid: bool,
    /// How many VMs there are; not known of a configuration with faults.
    vms: Option<usize>,
    /// SHA-256 of the VM map alone; not known of a configuration with faults.
    vms_sha256: Option<&'a str>,
    faults: Vec<&'a Fault>,
    warnings: Vec<String>,
    /// What it changes in the place of another one; only where that was asked for and it has no faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<&'a Outlook<'a>>,
}

/// Prints what is wrong with a configuration, and what it would change.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let loaded = Config::load(&arguments.file.config);
    match (&arguments.against, &loaded) {
        (Some(what), Ok(config)) => against::look(config, what, arguments.token_file.clone(), |outlook| {
            say(arguments, &loaded, Some(outlook))
        }),
        (Some(_) | None, _) => say(arguments, &loaded, None),
    }
}

fn say(arguments: &Arguments, loaded: &Result<Config, Faults>, outlook: Option<&Outlook<'_>>) -> Exit {
    let path = &arguments.file.config;
    let exit = if loaded.is_ok() { Exit::Success } else { Exit::Configuration };
    let text = match loaded {
        loaded if arguments.json => json(path, loaded, outlook),
        Ok(config) => {
            for warning in config.warnings() {
                complain(&format!("warning: {warning}"));
            }
            let mut lines = vec![format!("{}: {} VMs, no faults", path.display(), config.vms.len())];
            lines.extend(outlook.into_iter().flat_map(Outlook::lines));
            lines.join("\n")
        }
        Err(faults) => in_words(faults),
    };
    // Whoever asked may have stopped listening; the exit code says it all the same.
    match print(&text) {
        Err(_) if exit == Exit::Success => Exit::Failure,
        Ok(()) | Err(_) => exit,
    }
}

fn in_words(faults: &Faults) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| fault.with_excerpt().to_string()).collect();
    lines.join("\n")
}

fn json(path: &Path, loaded: &Result<Config, Faults>, against: Option<&Outlook<'_>>) -> String {
    let config = loaded.as_ref().ok();
    let faults = loaded.as_ref().err();
    let report = Report {
        path: path.display().to_string(),
        valid: config.is_some(),
        vms: config.map(|config| config.vms.len()),
        vms_sha256: config.map(|config| config.source.vms_sha256.as_str()),
        faults: faults.into_iter().flatten().collect(),
        warnings: config.map(Config::warnings).unwrap_or_default(),
        against,
    };
    serde_json::to_string(&report).expect("texts and numbers under text keys always become JSON")
}

/// Prints the JSON Schema of the configuration.
pub(super) fn print_schema(arguments: &SchemaArguments) -> Exit {
    let schema: Value = if arguments.vms { schema::of_vms() } else { schema::of_file() };
    match print(&format!("{schema:#}")) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Failure,
    }
}
