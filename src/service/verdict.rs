//! How a reload ended, left in the service's runtime directory for the one who asked for it (`roamd reload`).
//!
//! A file, because nothing else is known to someone who knows only the service: where HTTP listens stands in the configuration, and
//! that is what may have faults.

use std::fs;
use std::io;
use std::path::Path;
use std::process;

use serde::{Deserialize, Serialize};

use crate::snapshot::ConfigStatus;

/// The file in the runtime directory.
const FILE: &str = "reload.json";

/// How many faults are told; all of them stand in the log and in `status`.
const FAULTS: usize = 100;

/// What became of the configuration that was read last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The agent's process id.
    pub pid: u32,
    /// The how manieth of this agent's reloads it was, from 1.
    pub number: u64,
    /// The faults for which it was refused; none: it is in force.
    pub errors: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// Keys that take effect with a restart only.
    pub wait_for_restart: Vec<String>,
}

impl Verdict {
    pub(super) fn new(number: u64, config: &ConfigStatus) -> Self {
        Self {
            pid: process::id(),
            number,
            errors: config.errors.iter().take(FAULTS).cloned().collect(),
            more: config.errors.len().saturating_sub(FAULTS),
            wait_for_restart: config.wait_for_restart.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    /// Puts it in the place of the last one.
    pub(super) fn leave(&self, directory: &Path) -> io::Result<()> {
        let (new, file) = (directory.join(format!("{FILE}.new")), directory.join(FILE));
        fs::write(&new, serde_json::to_vec(self)?)?;
        fs::rename(new, file)
    }

    /// Removes what an earlier agent has left.
    pub(super) fn forget(directory: &Path) {
        // Mostly there is none; one that can't be removed can't be replaced either, and that is told.
        drop(fs::remove_file(directory.join(FILE)));
    }

    /// The last one of the agent with this process id, if it has left one.
    pub fn find(directory: &Path, pid: u32) -> Option<Self> {
        let verdict: Self = serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()?;
        (verdict.pid == pid).then_some(verdict)
    }
}
