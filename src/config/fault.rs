//! Faults of a configuration: what an operator reads, and what judging finds before it is known where.

use std::fmt;
use std::path::{Path, PathBuf};

use super::path::{At, KeyPath};

/// One fault of a configuration file.
///
/// `Display` is `FILE:LINE:COLUMN: KEY.PATH: VALUE: RULE`, on one line whatever the file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, as given.
    pub file: PathBuf,
    /// The line, from 1. What is missing is reported at what should hold it; a fault of the file itself in line 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key path, as in `vms.web-1.service_ips[0]`; `.` is the file itself.
    pub key: String,
    /// What was found, as the file spells it, or what kind of thing: `a map`, `missing`.
    pub value: String,
    /// The rule that it breaks, and what to do.
    pub rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, key, value, rule } = self;
        write!(f, "{}:{line}:{column}: {key}: {value}: {rule}", file.display())
    }
}

impl Fault {
    /// One of a file as a whole: the configuration, or a file that it names.
    pub fn of_file(file: &Path, key: &str, rule: String) -> Self {
        let (file, key, value) = (file.to_owned(), key.to_owned(), "the file".to_owned());
        Self { file, line: 1, column: 1, key, value, rule }
    }
}

/// Everything that is wrong with a configuration: never empty, in the order of the file.
///
/// `Display` is one fault a line, without a line break at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// In the order of file and line, each once. No fault at all is one as well: the caller refuses a file.
    pub(super) fn new(file: &Path, mut faults: Vec<Fault>) -> Self {
        if faults.is_empty() {
            let rule = "can't be made sense of; write it in plain YAML".to_owned();
            faults.push(Fault::of_file(file, &KeyPath::default().to_string(), rule));
        }
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// These, if any, and one more.
    pub fn and(faults: Option<Self>, one: Fault) -> Self {
        let mut all = faults.map_or_else(Vec::new, |faults| faults.0);
        all.push(one);
        all.sort();
        Self(all)
    }

    /// The faults in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// What a fault is about, which decides the line and the value that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The value: its place and its spelling.
    Value,
    /// The key: its place, and the spelling of what stands there.
    Key,
    /// The key itself as a name: its place; the value shown is the finding's own.
    Name,
    /// Something absent: the place of the nearest thing around it.
    Missing,
}

/// A fault whose place in the file is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: KeyPath,
    pub(super) subject: Subject,
    pub(super) value: String,
    pub(super) rule: String,
}

impl Finding {
    /// About the value at `at`, of which `value` is shown unless its spelling is found in the file.
    pub(super) fn value(at: &At<'_>, value: String, rule: impl Into<String>) -> Self {
        Self { path: at.into(), subject: Subject::Value, value, rule: rule.into() }
    }

    /// About the absence of `at`.
    pub(super) fn missing(at: &At<'_>, rule: impl Into<String>) -> Self {
        Self { path: at.into(), subject: Subject::Missing, value: "missing".to_owned(), rule: rule.into() }
    }

    /// About the key at `at` as a name.
    pub(super) fn name(at: &At<'_>, name: &str, rule: impl Into<String>) -> Self {
        Self { path: at.into(), subject: Subject::Name, value: shown(name, true), rule: rule.into() }
    }
}

/// A finding with its place, line and column from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) finding: Finding,
}

/// Longest spelling of a value that is shown whole, in characters.
const SHOWN: usize = 80;

/// The spelling of a value on one line and not too long; in quotes where they were in the file.
pub(super) fn shown(text: &str, quoted: bool) -> String {
    let end = text.char_indices().nth(SHOWN).map(|(end, _)| end);
    let more = if end.is_some() { "…" } else { "" };
    let start = &text[..end.unwrap_or(text.len())];
    if quoted { format!("\"{}{more}\"", start.escape_debug()) } else { format!("{}{more}", one_line(start)) }
}

/// The same text with control characters and line breaks escaped.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
