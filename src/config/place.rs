//! The texts of the files, and the faults in them: from findings, which know a key path, to faults, which know a line.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Fault;
use super::fault::{Excerpt, Finding, Findings, Place, Placed, Subject};
use super::marks::{self, Marks};
use super::path::{At, KeyPath};

const BOM: &str = "\u{feff}";

/// Longest part of a line that is shown on either side of a fault, in characters.
const SHOWN: usize = 80;

/// A file that is text and not empty.
pub(super) struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    /// Judges the bytes of a file as text; `due` is what an empty one should hold.
    pub(super) fn new(path: &Path, bytes: Vec<u8>, due: &str) -> Result<Self, Box<Fault>> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            Box::new(not_utf8(path, error.as_bytes(), offset))
        })?;
        let document = Self { path: path.to_owned(), text };
        if document.text().trim().is_empty() {
            return Err(Box::new(alone(path, "an empty file".to_owned(), due.to_owned())));
        }
        Ok(document)
    }

    pub(super) fn text(&self) -> &str {
        self.text.strip_prefix(BOM).unwrap_or(&self.text)
    }

    /// Why the pass over the file stopped before its end, and how many more faults there are.
    pub(super) fn refusals(&self) -> (Vec<Fault>, usize) {
        let Marks { mut oddities, more, refused, broken, .. } = marks::scan(self.text(), Vec::new());
        // Behind something that is refused, the rest may be misread.
        if refused.is_empty() {
            oddities.extend(broken);
        }
        oddities.extend(refused);
        (self.faults(oddities, &HashMap::new()), more)
    }

    /// Faults with lines that the file has: what is found at its very end stands behind the last line break.
    fn faults(&self, mut placed: Vec<Placed>, others: &HashMap<(usize, KeyPath), Place>) -> Vec<Fault> {
        let text = self.text();
        let ends_in_break = text.ends_with(['\n', '\r']);
        let lines = (breaks(text) + usize::from(!ends_in_break)).max(1);
        for one in &mut placed {
            one.line = one.line.clamp(1, lines);
        }
        placed.sort_by_key(|one| (one.line, one.column));
        let mut cursor = Cursor { rest: text, line: 1, column: 1, begun: text };
        placed
            .into_iter()
            .map(|one| {
                let excerpt = cursor.excerpt(one.line, one.column);
                let other = one.finding.other.as_ref().and_then(|other| others.get(other)).cloned();
                Fault { other, excerpt, ..fault(&self.path, one) }
            })
            .collect()
    }
}

/// Findings in their places, with the oddities of each file, which say it better where both are about the same: a
/// duplicate key was read as nothing, a hexadecimal number as a text. Also how many more faults there are.
pub(super) fn faults(documents: &[Document], odd: &[bool], findings: Findings) -> (Vec<Fault>, usize) {
    let (findings, mut more) = findings.into_parts();
    let mut own: Vec<Vec<Finding>> = documents.iter().map(|_| Vec::new()).collect();
    let mut beside: Vec<Vec<Finding>> = documents.iter().map(|_| Vec::new()).collect();
    for finding in findings {
        if let Some((document, path)) = &finding.other {
            beside[*document].push(Finding::at(*document, path.clone(), String::new(), ""));
        }
        own[finding.document].push(finding);
    }
    let mut others = HashMap::new();
    let mut placed = Vec::new();
    for (number, (document, (own, beside))) in documents.iter().zip(own.into_iter().zip(beside)).enumerate() {
        if own.is_empty() && beside.is_empty() && !odd[number] {
            placed.push(Vec::new());
            continue;
        }
        let first = own.len();
        let mut marks = marks::scan(document.text(), own.into_iter().chain(beside).collect());
        for one in marks.placed.drain(first..) {
            let place = Place { file: document.path.clone(), line: one.line, column: one.column };
            others.insert((number, one.finding.path), place);
        }
        more += marks.more;
        placed.push(united(marks));
    }
    let both = documents.iter().zip(placed);
    (both.flat_map(|(document, placed)| document.faults(placed, &others)).collect(), more)
}

fn united(marks: Marks) -> Vec<Placed> {
    let Marks { mut placed, oddities, more: _, refused, broken } = marks;
    let about = |one: &Placed| (one.finding.path.clone(), one.finding.subject);
    let odd: HashSet<(KeyPath, Subject)> = oddities.iter().map(about).collect();
    placed.retain(|one| odd.is_empty() || !odd.contains(&about(one)));
    placed.extend(oddities);
    placed.extend(refused);
    placed.extend(broken);
    placed
}

/// A fault of a file as a whole.
pub(super) fn alone(path: &Path, value: String, rule: String) -> Fault {
    fault(path, Placed { line: 1, column: 1, finding: Finding::value(&At::Root(0), value, rule) })
}

fn not_utf8(path: &Path, bytes: &[u8], offset: usize) -> Fault {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let line = breaks(&before) + 1;
    let column = before.rsplit(['\n', '\r']).next().map_or(0, |rest| rest.chars().count()) + 1;
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let rule = format!("must be UTF-8; byte {offset} of the file, in line {line}, begins no character");
    Fault { line, column, ..alone(path, format!("byte 0x{byte:02x}"), rule) }
}

fn fault(path: &Path, placed: Placed) -> Fault {
    let Placed { line, column, finding } = placed;
    let Finding { path: key, value, rule, .. } = finding;
    let key = key.to_string();
    Fault { file: path.to_owned(), line, column, key, value, rule, other: None, excerpt: Excerpt::default() }
}

/// Line breaks: line feeds, carriage returns, and the two as one.
fn breaks(text: &str) -> usize {
    let all = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    all - text.matches("\r\n").count()
}

/// A place in a text that only goes on, so that many faults cost one pass.
struct Cursor<'t> {
    /// From the place on.
    rest: &'t str,
    line: usize,
    column: usize,
    /// From the beginning of the line on.
    begun: &'t str,
}

impl Cursor<'_> {
    /// What stands around a place that is not before the last one.
    fn excerpt(&mut self, line: usize, column: usize) -> Excerpt {
        while self.line < line
            && let Some(end) = self.rest.find(['\n', '\r'])
        {
            let length = if self.rest[end..].starts_with("\r\n") { 2 } else { 1 };
            self.rest = &self.rest[end + length..];
            (self.line, self.column, self.begun) = (self.line + 1, 1, self.rest);
        }
        while self.column < column
            && let Some(next) = self.rest.chars().next().filter(|c| !matches!(c, '\n' | '\r'))
        {
            self.rest = &self.rest[next.len_utf8()..];
            self.column += 1;
        }
        let before = &self.begun[..self.begun.len() - self.rest.len()];
        let start = before.char_indices().rev().nth(SHOWN - 1).map_or(0, |(start, _)| start);
        // The line may be long, and hold many faults.
        let most = self.rest.char_indices().nth(SHOWN).map_or(self.rest.len(), |(end, _)| end);
        let after = &self.rest[..most];
        let end = after.find(['\n', '\r']).unwrap_or(most);
        Excerpt { before: before[start..].to_owned(), after: after[..end].to_owned() }
    }
}
