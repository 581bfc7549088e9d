//! `vms_dir`: which files are read, and what makes one map of them.

use std::fs::{self, File};
use std::path::PathBuf;

use super::{LEAST, good};
use crate::config::{Config, Faults};
use crate::vm::VmName;

/// A folder with a main file, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("roamd-vms-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("vms.d")).expect("a folder for files can be made");
        let folder = Self(path);
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("the file can be written");
    }

    fn load(&self) -> Result<Config, Faults> {
        Config::load(&self.0.join("config.yaml"))
    }

    /// The names of the VMs.
    fn vms(&self) -> Vec<String> {
        let config = self.load().unwrap_or_else(|faults| panic!("{faults}"));
        config.vms.keys().map(VmName::to_string).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It may be gone already; another run makes its own.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn main_file(rest: &str) -> String {
    format!("{LEAST}{rest}")
}

#[test]
fn the_yaml_files_of_the_folder_and_the_main_file_are_one_map() {
    let folder = Folder::new(
        "one-map",
        &[
            ("config.yaml", &main_file("vms_dir: vms.d\nvms: {a: {service_ips: [198.51.100.1]}}\n")),
            ("vms.d/10.yaml", "b: {service_ips: [198.51.100.2]}\n"),
            ("vms.d/20.yaml", "\u{feff}c: {service_ips: [198.51.100.3]}\r\n"),
            ("vms.d/none.yaml", "{}\n"),
            ("vms.d/.hidden.yaml", "d: {service_ips: [198.51.100.4]}\n"),
            ("vms.d/e.yml", "e: {service_ips: [198.51.100.5]}\n"),
            ("vms.d/f.yaml~", "f: {service_ips: [198.51.100.6]}\n"),
        ],
    );
    assert_eq!(folder.vms(), ["a", "b", "c"]);
}

#[test]
fn the_hash_of_the_map_does_not_depend_on_how_it_is_split_over_files() {
    let (web, db) = ("web: {service_ips: [198.51.100.1]}\n", "db: {service_ips: [198.51.100.2]}\n");
    let split = Folder::new(
        "split",
        &[("config.yaml", &main_file("vms_dir: vms.d\n")), ("vms.d/1.yaml", web), ("vms.d/2.yaml", db)],
    );
    let config = split.load().unwrap_or_else(|faults| panic!("{faults}"));
    let whole = good(&main_file(&format!("vms:\n  {db}  {web}")));
    assert_eq!(config.source.vms_sha256, whole.source.vms_sha256);
    assert_eq!(config.vms, whole.vms);
}

#[test]
fn an_absolute_path_is_taken_as_it_is() {
    let folder = Folder::new("absolute", &[("vms.d/1.yaml", "a: {service_ips: [198.51.100.1]}\n")]);
    let path = folder.0.join("vms.d");
    folder.write("config.yaml", &main_file(&format!("vms_dir: {}\n", path.display())));
    assert_eq!(folder.vms(), ["a"]);
}

#[test]
fn own_marks_and_limits_of_the_main_file_hold_in_every_file() {
    let folder = Folder::new(
        "limits",
        &[
            (
                "config.yaml",
                "exabgp: {transport: print}\nbgp: {local_as: 65101, allowed_prefixes: [192.0.2.0/24]}\nvms_dir: vms.d\n",
            ),
            (
                "vms.d/1.yaml",
                "a: {service_ips: [198.51.100.1], attributes: {large_communities: ['1:2:3', '65101:82:0']}}\n",
            ),
        ],
    );
    let faults = folder.load().expect_err("two rules are broken");
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["a.service_ips[0]", "a.attributes.large_communities[1]"]);
}

#[test]
fn the_files_together_may_be_as_large_as_one() {
    let folder = Folder::new("large", &[("config.yaml", &main_file("vms_dir: vms.d\n"))]);
    let large = File::create(folder.0.join("vms.d/1.yaml")).expect("it can be made");
    large.set_len(64 << 20).expect("a file may have a hole");
    let faults = folder.load().expect_err("together they are too large").to_string();
    let due = "1:1: .: a larger file: must be at most 64 MiB, all files of the configuration together";
    assert!(faults.ends_with(due), "{faults}");
}

#[test]
fn a_file_that_breaks_off_has_its_faults_in_its_own_places_wherever_it_stands() {
    // Host bits, an address of the main file's, and an anchor, which ends the reading.
    let broken = "a: {service_ips: [198.51.100.1/24]}\nb: {service_ips: [192.0.2.1]}\nc: &c {service_ips: [192.0.2.9]}\n";
    for (name, file) in [("breaks-off-last", "vms.d/9.yaml"), ("breaks-off-first", "vms.d/1.yaml")] {
        let folder = Folder::new(
            name,
            &[
                ("config.yaml", &main_file("vms_dir: vms.d\nvms: {m: {service_ips: [192.0.2.1]}}\n")),
                ("vms.d/5.yaml", "d: {service_ips: [198.51.100.5]}\n"),
                (file, broken),
            ],
        );
        let faults = folder.load().expect_err("the file has faults");
        let own: Vec<(usize, &str)> = faults
            .iter()
            .filter(|fault| fault.file.ends_with(file))
            .map(|fault| (fault.line, fault.key.as_str()))
            .collect();
        assert!(own.contains(&(1, "a.service_ips[0]")) && own.contains(&(3, "c")), "{faults}");
        assert!(faults.iter().all(|fault| !fault.file.ends_with("vms.d/5.yaml")), "{faults}");
    }
}
