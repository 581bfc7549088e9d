//! `roamd check` and `roamd schema`: what can be said of a configuration without running anything.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{ConfigFile, Exit, complain, print};
use crate::config::{Config, Fault, Faults, schema};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON document: whether it is valid, the faults, the warnings
    #[arg(long)]
    json: bool,
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
}

/// Prints what is wrong with a configuration.
pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.file.config;
    let loaded = Config::load(path);
    let exit = if loaded.is_ok() { Exit::Success } else { Exit::Configuration };
    let text = match &loaded {
        loaded if arguments.json => json(path, loaded),
        Ok(config) => {
            for warning in config.warnings() {
                complain(&format!("warning: {warning}"));
            }
            format!("{}: {} VMs, no faults", path.display(), config.vms.len())
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

fn json(path: &Path, loaded: &Result<Config, Faults>) -> String {
    let config = loaded.as_ref().ok();
    let faults = loaded.as_ref().err();
    let report = Report {
        path: path.display().to_string(),
        valid: config.is_some(),
        vms: config.map(|config| config.vms.len()),
        vms_sha256: config.map(|config| config.source.vms_sha256.as_str()),
        faults: faults.into_iter().flatten().collect(),
        warnings: config.map(Config::warnings).unwrap_or_default(),
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
