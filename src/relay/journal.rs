//! The ledger's file. It lives on a tmpfs: it outlives this process, not the machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Ledger;

/// The longest file that is read, many times what a host can have.
const LONGEST: u64 = 64 << 20;

/// The file is written anew when it has grown to twice its shortest length and this.
const SLACK: u64 = 1 << 16;

/// How long a file that could not be written is left alone.
const AGAIN: Duration = Duration::from_secs(1);

/// Appends changes, and writes the file anew where that is shorter or appending has failed.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Keys the file; without it none is kept.
    epoch: Option<String>,
    file: Option<File>,
    length: u64,
    limit: u64,
    failed_at: Option<Instant>,
}

impl Journal {
    pub(super) const fn new(path: PathBuf, epoch: Option<String>) -> Self {
        Self { path, epoch, file: None, length: 0, limit: 0, failed_at: None }
    }

    /// What a predecessor left since the machine booted.
    pub(super) fn read(&self) -> Ledger {
        let Some(epoch) = &self.epoch else { return Ledger::default() };
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
        match read {
            Ok(_) => Ledger::read(&text, epoch),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ledger::default(),
            Err(error) => {
                warn!(path = %self.path.display(), %error, "the ledger can't be read; it begins empty");
                Ledger::default()
            }
        }
    }

    /// Writes the whole ledger: the file is the old one or the new one, never half of it.
    pub(super) fn begin(&mut self, ledger: &Ledger) {
        let Some(epoch) = &self.epoch else {
            warn!("this life of ExaBGP can't be told from others: the ledger is kept in memory only");
            return;
        };
        let text = ledger.text(epoch);
        match self.replace(&text) {
            Ok(()) if self.failed_at.take().is_some() => {
                info!(path = %self.path.display(), "the ledger is written again");
            }
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    /// Adds these changes, which `ledger` already holds.
    pub(super) fn append(&mut self, changes: &[u8], ledger: &Ledger) {
        if changes.is_empty() || self.epoch.is_none() {
            return;
        }
        if self.failed_at.is_some_and(|at| at.elapsed() < AGAIN) {
            return;
        }
        let added = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        match &mut self.file {
            Some(file) if self.length.saturating_add(added) <= self.limit => match file.write_all(changes) {
                Ok(()) => self.length += added,
                Err(error) => self.failed(&error),
            },
            Some(_) | None => self.begin(ledger),
        }
    }

    fn failed(&mut self, error: &io::Error) {
        // What is half-written is not appended to.
        self.file = None;
        if self.failed_at.replace(Instant::now()).is_none() {
            let path = self.path.display();
            warn!(
                %path, %error,
                "the ledger can't be written and is kept in memory: should this relay die, it forgets the last \
                 wills; name a place with --ledger"
            );
        }
    }

    fn replace(&mut self, text: &[u8]) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(text)?;
        fs::rename(&new, &self.path)?;
        self.length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.limit = self.length.saturating_mul(2).saturating_add(SLACK);
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
