//! From a path to a configuration: the files, their texts, the raw shape, the judgement, and the faults in their places.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::fault::{Finding, Findings};
use super::judge::{Fleet, Parts, SoFar, judge};
use super::path::{At, KeyPath};
use super::place::{self, Document};
use super::raw::{Leaf, Read as _, Shaped};
use super::scalar;
use super::yaml::Reader;
use super::{Config, Fault, Faults, Source, digest, schema};

/// Most bytes that are read, of the main file and those of `vms_dir` together: some six hundred a VM for 100,000 VMs.
const MAX_BYTES: usize = 64 << 20;

/// Most files of `vms_dir`.
const MAX_FILES: usize = 10_000;

/// What is found where there is no value at all.
pub(super) const COMMENTS: &str = "nothing but comments";

const EMPTY: &str = "must be a map that holds at least bgp.local_as and exabgp.transport";

impl Config {
    /// Reads and judges the file at `path` and those that it names; blocks on the file system.
    ///
    /// The error holds every fault of the files, among them that one can't be read.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        match read(path, MAX_BYTES) {
            Ok(bytes) => Self::from_bytes(path, bytes),
            Err((value, rule)) => Err(Faults::new(path, vec![place::alone(path, value, rule)], 0)),
        }
    }

    /// Judges the bytes of the main file, which came from `path`, and reads those that it names.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Faults> {
        from_bytes(path, bytes)
    }
}

/// What was found instead of a file, and what is due.
type Unreadable = (String, String);

fn read(path: &Path, most: usize) -> Result<Vec<u8>, Unreadable> {
    let unreadable = |error: io::Error| (error.to_string(), "must be a file that roamd can read".to_owned());
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than the limit tells a file that is too large, and ends what has no end (a device, a pipe).
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most {
        let all = if most == MAX_BYTES { "" } else { ", all files of the configuration together" };
        return Err(("a larger file".to_owned(), format!("must be at most {} MiB{all}", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Judges the bytes of the main file, which came from `path`.
fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Config, Faults> {
    let sha256 = digest::of_bytes(&bytes);
    let mut left = MAX_BYTES.saturating_sub(bytes.len());
    let main = Document::new(path, bytes, EMPTY).map_err(|fault| Faults::new(path, vec![*fault], 0))?;
    let mut reader = Reader::new(main.text());
    let read = reader.document(|reader| Shaped::<schema::File>::read(reader, &At::Root(0)));
    let mut file = match read {
        Ok(Some(Shaped::Map(file))) => file,
        Ok(other) => {
            let value = match other {
                Some(Shaped::Other(leaf)) if leaf != Leaf::Null => leaf.shown(),
                Some(_) | None => COMMENTS.to_owned(),
            };
            return Err(Faults::new(path, vec![place::alone(path, value, EMPTY.to_owned())], 0));
        }
        Err(_) => {
            let (faults, more) = main.refusals();
            return Err(Faults::new(path, faults, more));
        }
    };
    let unknown = |number: usize, paths: Vec<KeyPath>| paths.into_iter().map(move |path| (number, path));
    let mut odd = vec![reader.odd];
    let mut so_far = SoFar { unknown: unknown(0, reader.unknown).collect(), ..SoFar::default() };
    so_far.findings.add_more(reader.more_unknown);
    let mut fleet = file.vms.take().unwrap_or_default();
    let files = folder(path, file.vms_dir.take(), &mut so_far.findings);

    let mut documents = vec![main];
    let mut unusable: Vec<Fault> = Vec::new();
    for path in files {
        let document = match read_more(&path, &mut left) {
            Ok(document) => document,
            Err(fault) => {
                unusable.push(*fault);
                continue;
            }
        };
        let mut reader = Reader::new(document.text());
        let whole = fleet.add(&mut reader, documents.len()).is_ok();
        if !whole {
            // What was taken of it before it ended is judged all the same, in its place.
            let (faults, more) = document.refusals();
            unusable.extend(faults);
            so_far.findings.add_more(more);
        }
        so_far.unknown.extend(unknown(documents.len(), reader.unknown));
        so_far.findings.add_more(reader.more_unknown);
        odd.push(whole && reader.odd);
        documents.push(document);
    }
    so_far.every_vm = unusable.is_empty() && so_far.findings.is_empty();
    match judge(file, fleet, so_far) {
        Ok(parts) if unusable.is_empty() && !odd.contains(&true) => Ok(config(path, sha256, parts)),
        judged => {
            let findings = judged.err().unwrap_or_default();
            let (mut faults, more) = place::faults(&documents, &odd, findings);
            faults.extend(unusable);
            Err(Faults::new(path, faults, more))
        }
    }
}

fn config(path: &Path, sha256: String, parts: Parts) -> Config {
    let Parts { libvirt, exabgp, bgp, mobility, hold, host_routes, http, log, vms } = parts;
    let source = Source { path: path.to_owned(), sha256, vms_sha256: digest::of_vms(&vms) };
    Config { source, libvirt, exabgp, bgp, mobility, hold, host_routes, http, log, vms }
}

/// A file of `vms_dir`; `left` is how many bytes may still be read.
fn read_more(path: &Path, left: &mut usize) -> Result<Document, Box<Fault>> {
    let bytes = read(path, *left).map_err(|(value, rule)| Box::new(place::alone(path, value, rule)))?;
    *left -= bytes.len();
    Document::new(path, bytes, Fleet::DUE_ALONE)
}

/// The `*.yaml` files of `vms_dir` in the order of their names' bytes; hidden ones are left out, as a shell does.
///
/// A relative path begins at the folder of the main file, so that a checkout can be judged where it lies.
fn folder(main: &Path, leaf: Option<Leaf>, findings: &mut Findings) -> Vec<PathBuf> {
    let Some(leaf) = leaf.filter(|leaf| *leaf != Leaf::Null) else { return Vec::new() };
    let root = At::Root(0);
    let at = root.key("vms_dir");
    let path = match scalar::text(&leaf) {
        Ok(text) => main.parent().unwrap_or(Path::new("")).join(text),
        Err(rule) => {
            findings.push(Finding::value(&at, leaf.shown(), rule));
            return Vec::new();
        }
    };
    match yaml_files(&path) {
        Ok(files) if files.len() > MAX_FILES => {
            let rule = format!("must have at most {MAX_FILES} *.yaml files, and has {}", files.len());
            findings.push(Finding::value(&at, leaf.shown(), rule));
            Vec::new()
        }
        Ok(files) => files,
        Err(error) => {
            let rule = format!("must be a folder that roamd can read; {}: {error}", path.display());
            findings.push(Finding::value(&at, leaf.shown(), rule));
            Vec::new()
        }
    }
}

fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".yaml") && !bytes.starts_with(b".") {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}
