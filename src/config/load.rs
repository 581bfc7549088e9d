//! From a path to a configuration: the file, its text, the raw shape, the judgement, and the faults in their places.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::fault::{Finding, Placed, Subject, one_line};
use super::judge::{Parts, judge};
use super::marks::{self, Marks};
use super::path::{At, KeyPath, Step};
use super::raw::{Leaf, Shaped};
use super::{Config, Fault, Faults, Source, digest, schema};

/// Largest file that is read, in bytes: some six hundred bytes a VM for 100,000 VMs.
const MAX_FILE: u64 = 64 << 20;

const BOM: &str = "\u{feff}";

impl Config {
    /// Reads and judges the file at `path`; blocks on the file system.
    ///
    /// The error holds every fault of the file, among them that it can't be read.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let bytes = read(path).map_err(|(value, rule)| alone(path, value, rule))?;
        from_bytes(path, &bytes)
    }
}

/// What was found instead of a file, and what is due.
type Unreadable = (String, String);

fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let unreadable =
        |error: std::io::Error| (error.to_string(), "must be a file that roamd can read".to_owned());
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than the limit tells a file that is too large, and ends what has no end (a device, a pipe).
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(("a larger file".to_owned(), format!("must be at most {} MiB", MAX_FILE >> 20)));
    }
    Ok(bytes)
}

/// Judges the bytes of a file; `path` is only named.
pub(super) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Config, Faults> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix(BOM).unwrap_or(text),
        Err(error) => return Err(not_utf8(path, bytes, error.valid_up_to())),
    };
    if text.trim().is_empty() {
        return Err(alone(path, "an empty file".to_owned(), EMPTY.to_owned()));
    }
    let parts = judged(text).map_err(|placed| faults(path, text, placed))?;
    let Parts { libvirt, exabgp, bgp, mobility, hold, host_routes, http, log, vms } = parts;
    let source =
        Source { path: path.to_owned(), sha256: digest::of_bytes(bytes), vms_sha256: digest::of_vms(&vms) };
    Ok(Config { source, libvirt, exabgp, bgp, mobility, hold, host_routes, http, log, vms })
}

const EMPTY: &str = "must be a map that holds at least bgp.local_as and exabgp.transport";

fn judged(text: &str) -> Result<Parts, Vec<Placed>> {
    let mut oddities = Vec::new();
    if marks::suspicious(text) {
        let Marks { refused, oddities: odd, broken, .. } = marks::scan(text, Vec::new());
        if !refused.is_empty() {
            return Err([refused, odd].concat());
        }
        oddities = odd;
        if let Some(broken) = broken {
            oddities.push(broken);
            return Err(oddities);
        }
    }
    let mut ignored = Vec::new();
    let reader = serde_yaml::Deserializer::from_str(text);
    let file: Shaped<schema::File> = serde_ignored::deserialize(reader, |path| ignored.push(key_path(&path)))
        .map_err(|error| unparsed(text, &error))?;
    let file = match file {
        Shaped::Map(file) => file,
        Shaped::Other(leaf) => return Err(vec![not_a_map(&leaf)]),
    };
    ignored.sort();
    ignored.dedup();
    match judge(file, ignored) {
        Ok(parts) if oddities.is_empty() => Ok(parts),
        Ok(_) => Err(oddities),
        Err(findings) => Err(placed(text, findings)),
    }
}

/// Findings in their places, with the oddities of the file, which say it better where both are about the same:
/// a duplicate key was read as an unknown one, a hexadecimal number as its value.
fn placed(text: &str, findings: Vec<Finding>) -> Vec<Placed> {
    let Marks { mut placed, oddities, refused, broken } = marks::scan(text, findings);
    let about = |one: &Placed| (one.finding.path.clone(), one.finding.subject);
    let odd: HashSet<(KeyPath, Subject)> = oddities.iter().map(about).collect();
    placed.retain(|one| odd.is_empty() || !odd.contains(&about(one)));
    placed.extend(oddities);
    placed.extend(refused);
    placed.extend(broken);
    placed
}

/// The first parser stopped: its message, or better words for what made it stop.
fn unparsed(text: &str, error: &serde_yaml::Error) -> Vec<Placed> {
    let Marks { oddities, refused, .. } = marks::scan(text, Vec::new());
    if !refused.is_empty() {
        return [refused, oddities].concat();
    }
    let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
    let rule = format!("must be YAML: {}", one_line(&error.to_string()));
    let finding = Finding::value(&At::Root, "broken YAML".to_owned(), rule);
    let mut all = oddities;
    all.push(Placed { line, column, finding });
    all
}

fn not_a_map(leaf: &Leaf) -> Placed {
    let value = if *leaf == Leaf::Null { "nothing but comments".to_owned() } else { leaf.shown() };
    Placed { line: 1, column: 1, finding: Finding::value(&At::Root, value, EMPTY) }
}

fn not_utf8(path: &Path, bytes: &[u8], offset: usize) -> Faults {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let line = breaks(&before) + 1;
    let column = before.rsplit(['\n', '\r']).next().map_or(0, |rest| rest.chars().count()) + 1;
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let rule = format!("must be UTF-8; byte {offset} of the file, in line {line}, begins no character");
    let finding = Finding::value(&At::Root, format!("byte 0x{byte:02x}"), rule);
    Faults::new(path, vec![fault(path, Placed { line, column, finding })])
}

/// A fault of the file as a whole.
fn alone(path: &Path, value: String, rule: String) -> Faults {
    let finding = Finding::value(&At::Root, value, rule);
    Faults::new(path, vec![fault(path, Placed { line: 1, column: 1, finding })])
}

/// Faults with lines that the file has: what is found at its very end stands behind the last line break.
fn faults(path: &Path, text: &str, placed: Vec<Placed>) -> Faults {
    let ends_in_break = text.ends_with(['\n', '\r']);
    let lines = (breaks(text) + usize::from(!ends_in_break)).max(1);
    let inside = placed.into_iter().map(|one| Placed { line: one.line.clamp(1, lines), ..one });
    Faults::new(path, inside.map(|one| fault(path, one)).collect())
}

fn fault(path: &Path, placed: Placed) -> Fault {
    let Placed { line, column, finding } = placed;
    let Finding { path: key, value, rule, .. } = finding;
    Fault { file: path.to_owned(), line, column, key: key.to_string(), value, rule }
}

/// Line breaks: line feeds, carriage returns, and the two as one.
fn breaks(text: &str) -> usize {
    let all = text.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    all - text.matches("\r\n").count()
}

fn key_path(path: &serde_ignored::Path<'_>) -> KeyPath {
    let mut steps = Vec::new();
    let mut here = path;
    loop {
        here = match here {
            serde_ignored::Path::Root => break,
            serde_ignored::Path::Seq { parent, index } => {
                steps.push(Step::Item(*index));
                parent
            }
            serde_ignored::Path::Map { parent, key } => {
                steps.push(Step::Key(key.clone()));
                parent
            }
            serde_ignored::Path::Some { parent }
            | serde_ignored::Path::NewtypeStruct { parent }
            | serde_ignored::Path::NewtypeVariant { parent } => parent,
        };
    }
    steps.reverse();
    KeyPath(steps)
}
