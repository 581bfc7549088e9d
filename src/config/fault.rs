//! Faults of a configuration: what an operator reads, and what judging finds before it is known where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::path::{At, KeyPath};

/// One fault of a configuration file.
///
/// `Display` is `FILE:LINE:COLUMN: KEY.PATH: VALUE: RULE`, on one line whatever the file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The file, as given.
    #[serde(serialize_with = "lossy")]
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
    /// What it collides with, if it does with something.
    pub other: Option<Place>,
    /// What stands there.
    #[serde(skip)]
    pub excerpt: Excerpt,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, as given.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A part of the line in which a fault is.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excerpt {
    /// From the beginning of the line, or from 80 characters before the fault.
    pub before: String,
    /// From the fault to the end of the line, or for 80 characters.
    pub after: String,
}

/// A path as text, whatever its bytes.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, key, value, rule, other, excerpt: _ } = self;
        write!(f, "{}:{line}:{column}: {key}: {value}: {rule}", file.display())?;
        match other {
            Some(other) if other.file != *file => write!(f, " (the other one is at {other})"),
            Some(_) | None => Ok(()),
        }
    }
}

impl Fault {
    /// One of a file as a whole: the configuration, or a file that it names.
    pub fn of_file(file: &Path, key: &str, rule: String) -> Self {
        let (file, key, value) = (file.to_owned(), key.to_owned(), "the file".to_owned());
        Self { file, line: 1, column: 1, key, value, rule, other: None, excerpt: Excerpt::default() }
    }
}

/// Everything that is wrong with a configuration: never empty, in the order of the file.
///
/// `Display` is one fault a line, without a line break at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Those of the main file, `file`, first, in the order of files and lines, each once, and last how many more there
    /// are. No fault at all is one as well: the caller refuses a file.
    pub(super) fn new(file: &Path, mut faults: Vec<Fault>, more: usize) -> Self {
        let whole = |rule: &str| Fault::of_file(file, &KeyPath::default().to_string(), rule.to_owned());
        if faults.is_empty() {
            faults.push(whole("can't be made sense of; write it in plain YAML"));
        }
        faults.sort_by(|a, b| (a.file != file, a).cmp(&(b.file != file, b)));
        faults.dedup();
        if more > 0 {
            faults.push(Fault { value: format!("{more} more faults"), ..whole("mend the others first") });
        }
        Self(faults)
    }

    /// These, if any, and one more before them.
    pub fn and(faults: Option<Self>, one: Fault) -> Self {
        let mut all = faults.map_or_else(Vec::new, |faults| faults.0);
        all.insert(0, one);
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
    /// The number of the file, as in [`At::Root`].
    pub(super) document: usize,
    pub(super) path: KeyPath,
    pub(super) subject: Subject,
    pub(super) value: String,
    pub(super) rule: String,
    /// What it collides with: the number of its file, and the path there.
    pub(super) other: Option<(usize, KeyPath)>,
}

impl Finding {
    /// About the value at `at`, of which `value` is shown unless its spelling is found in the file.
    pub(super) fn value(at: &At<'_>, value: String, rule: impl Into<String>) -> Self {
        Self::at(at.document(), at.into(), value, rule)
    }

    /// As `value`, for a path that is at hand.
    pub(super) fn at(document: usize, path: KeyPath, value: String, rule: impl Into<String>) -> Self {
        Self { document, path, subject: Subject::Value, value, rule: rule.into(), other: None }
    }

    /// The same, with what it collides with.
    pub(super) fn beside(self, document: usize, path: KeyPath) -> Self {
        Self { other: Some((document, path)), ..self }
    }

    /// About the absence of `at`.
    pub(super) fn missing(at: &At<'_>, rule: impl Into<String>) -> Self {
        Self { subject: Subject::Missing, ..Self::value(at, "missing".to_owned(), rule) }
    }

    /// About the key at `at` as a name.
    pub(super) fn name(at: &At<'_>, name: &str, rule: impl Into<String>) -> Self {
        Self { subject: Subject::Name, ..Self::value(at, shown(name, true), rule) }
    }
}

/// Most findings of one kind that are kept: more than anybody mends at once.
pub(super) const MAX_FINDINGS: usize = 10_000;

/// What was found: as much as anybody reads, and how much more there is.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    more: usize,
}

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        if self.kept.len() < MAX_FINDINGS {
            self.kept.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// As many more that nobody looks at.
    pub(super) const fn add_more(&mut self, more: usize) {
        self.more += more;
    }

    pub(super) fn append(&mut self, other: Self) {
        other.kept.into_iter().for_each(|finding| self.push(finding));
        self.more += other.more;
    }

    pub(super) const fn len(&self) -> usize {
        self.kept.len() + self.more
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that were kept, and how many were not.
    pub(super) fn into_parts(self) -> (Vec<Finding>, usize) {
        (self.kept, self.more)
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

/// Whether a terminal shows the character by itself: not what controls it, directs the text or has no width.
pub(super) fn is_shown(c: char) -> bool {
    matches!(c, '\'' | '"' | '\\') || c.escape_debug().count() == 1
}

/// The same text with everything escaped that breaks the line or is not shown by itself.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_shown(c) {
            line.push(c);
        } else {
            line.extend(c.escape_default());
        }
    }
    line
}
