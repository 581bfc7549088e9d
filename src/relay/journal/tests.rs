//! The file holds what the ledger holds, whatever the file system does in between.

use super::*;
use crate::link::{self, Keep};
use crate::relay::ledger::Change;

const EPOCH: &str = "41-1000-boot";

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roamd-journal-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn journal(&self, epoch: &str) -> Journal {
        Journal::new(self.0.join("ledger"), Some(epoch.to_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn keep(journal: &mut Journal, ledger: &mut Ledger, number: u32) {
    let prefix = format!("10.{}.{}.1", number / 256, number % 256).parse().unwrap();
    let change = Change::Keep(Keep {
        prefix,
        rung: Some(1),
        demotion: Vec::new(),
        will: vec![format!("announce route {prefix}")],
    });
    ledger.apply(&change);
    let mut line = Vec::new();
    link::encode(&change, &mut line);
    journal.append(&line, ledger);
}

#[test]
fn a_successor_reads_what_its_predecessor_kept_also_in_a_new_life_and_a_new_boot_nothing() {
    let folder = Folder::new("successor");
    let (mut journal, mut ledger) = (folder.journal(EPOCH), Ledger::default());
    assert_eq!(journal.read(), ledger);
    journal.begin(&ledger);
    for number in 0..100 {
        keep(&mut journal, &mut ledger, number);
    }
    assert_eq!(folder.journal(EPOCH).read(), ledger);
    assert_eq!(folder.journal("42-1-boot").read(), ledger);
    assert_eq!(folder.journal("42-1-another").read(), Ledger::default());
    assert_eq!(Journal::new(folder.0.join("ledger"), None).read(), Ledger::default());
}

#[test]
fn a_file_that_grows_is_written_anew() {
    let folder = Folder::new("grows");
    let (mut journal, mut ledger) = (folder.journal(EPOCH), Ledger::default());
    journal.begin(&ledger);
    for round in 0..20_000 {
        keep(&mut journal, &mut ledger, round % 10);
    }
    let length = fs::metadata(folder.0.join("ledger")).unwrap().len();
    assert!(length < 2 * SLACK, "{length} bytes for ten prefixes");
    assert_eq!(folder.journal(EPOCH).read(), ledger);
}

#[test]
fn a_place_that_can_not_be_written_is_tried_again() {
    let folder = Folder::new("again");
    let missing = folder.0.join("later");
    let mut journal = Journal::new(missing.join("ledger"), Some(EPOCH.to_owned()));
    let mut ledger = Ledger::default();
    journal.begin(&ledger);
    keep(&mut journal, &mut ledger, 1);
    assert!(journal.failed_at.is_some());
    fs::create_dir(&missing).unwrap();
    // As if its time had come.
    journal.failed_at = Instant::now().checked_sub(AGAIN);
    keep(&mut journal, &mut ledger, 2);
    assert_eq!(Journal::new(missing.join("ledger"), Some(EPOCH.to_owned())).read(), ledger);
    assert_eq!(ledger.len(), 2);
}
