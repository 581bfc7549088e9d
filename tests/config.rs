//! The configuration as an operator meets it: the example that ships, and a corpus of files with one fault each.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use roamd::config::{Config, Transport};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_loads_and_runs_without_exabgp_and_a_hypervisor() {
    let config =
        Config::load(&repository().join("config.example.yaml")).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.libvirt.uri, "test:///default");
    assert_eq!(config.exabgp.transport, Transport::Print);
    assert_eq!(config.bgp.local_as.get(), 65101);
    let vms: Vec<&str> = config.vms.keys().map(roamd::vm::VmName::as_str).collect();
    assert_eq!(vms, ["test"]);
    let addresses: Vec<String> =
        config.vms.values().flat_map(|vm| &vm.service_ips).map(ToString::to_string).collect();
    assert_eq!(addresses, ["198.51.100.10/32", "2001:db8:5::10/128"]);
    assert_eq!(config.warnings(), Vec::<String>::new());
}

#[test]
fn each_bad_file_of_the_corpus_gets_the_very_message_beside_it() {
    let names = bad_files();
    let wrong: Vec<String> = names.iter().filter_map(|path| difference(path)).collect();
    assert!(wrong.is_empty(), "{} of {} files differ\n\n{}", wrong.len(), names.len(), wrong.join("\n\n"));
}

/// The files of the corpus.
fn bad_files() -> Vec<PathBuf> {
    let folder = repository().join("tests/config/bad");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 25, "only {} files in {}", names.len(), folder.display());
    names
}

/// How the message about a bad file differs from the one that stands beside it.
fn difference(path: &Path) -> Option<String> {
    let name = path.file_name().expect("it is a file").to_string_lossy();
    let folder = path.parent().expect("it is in the corpus");
    let beside = path.with_extension("txt");
    let expected =
        fs::read_to_string(&beside).unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
    let found = match Config::load(path) {
        Ok(_) => "it loads without a fault".to_owned(),
        Err(faults) => faults.to_string().replace(&format!("{}/", folder.display()), ""),
    };
    (found != expected.trim_end())
        .then(|| format!("{name}\nexpected: {}\nfound:    {found}", expected.trim_end()))
}

#[test]
fn each_message_of_the_corpus_has_its_file() {
    let folder = repository().join("tests/config/bad");
    let orphans: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter(|path| !path.with_extension("yaml").exists())
        .collect();
    assert_eq!(orphans, Vec::<PathBuf>::new());
}

/// Runs `roamd` in the corpus, so that paths are short.
fn roamd(arguments: &[&str]) -> Output {
    let folder = repository().join("tests/config/bad");
    let mut command = Command::new(env!("CARGO_BIN_EXE_roamd"));
    command.args(arguments).current_dir(folder).output().expect("roamd can be run")
}

#[test]
fn check_shows_each_fault_with_its_line_and_a_mark_below_the_place() {
    for (file, expected) in [
        (
            "overlap-between-vms.yaml",
            "\
overlap-between-vms.yaml:5:25: vms.web-2.service_ips[0]: 198.51.100.0/28: overlaps with 198.51.100.1/32 at \
vms.web-1.service_ips[0]; an address leads to one VM, and is listed once
  |
5 |   web-2: {service_ips: [198.51.100.0/28]}
  |                         ^^^^^^^^^^^^^^^
",
        ),
        (
            "unknown-key.yaml",
            "\
unknown-key.yaml:3:12: mobility.setle: 3m: unknown key; did you mean settle?
  |
3 | mobility: {setle: 3m}
  |            ^^^^^
",
        ),
        (
            "empty.yaml",
            "empty.yaml:1:1: .: an empty file: must be a map that holds at least bgp.local_as and exabgp.transport\n",
        ),
    ] {
        let output = roamd(&["check", "--config", file]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        assert_eq!(output.status.code(), Some(78), "{file}");
    }
}

#[test]
fn check_in_json_has_every_fault_with_its_place_and_what_it_collides_with() {
    let output = roamd(&["check", "--json", "--config", "vms-dir-collisions.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(report["valid"], false);
    assert_eq!((&report["vms"], &report["warnings"]), (&serde_json::Value::Null, &serde_json::json!([])));
    assert_eq!(report["faults"].as_array().map(Vec::len), Some(7));
    assert_eq!(
        report["faults"][2],
        serde_json::json!({
            "file": "vms-dir-collisions/10-web.yaml",
            "line": 5,
            "column": 17,
            "key": "web-2.service_ips[0]",
            "value": "198.51.100.1",
            "rule": "is the same as 198.51.100.1/32 at vms.web-1.service_ips[0]; an address leads to one VM, and is \
                     listed once",
            "other": {"file": "vms-dir-collisions.yaml", "line": 6, "column": 19},
        })
    );

    let output = roamd(&["check", "--json", "--config", "../../../config.example.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&report["valid"], &report["vms"]), (&serde_json::json!(true), &serde_json::json!(1)));
    assert_eq!(report["vms_sha256"].as_str().map(str::len), Some(64));
}

/// Faults that the JSON Schema can't tell: what several keys or files say together, what a number or an address means,
/// and what YAML itself hides from its reader.
const BEYOND_A_SCHEMA: [&str; 38] = [
    "address-link-local",
    "address-loopback",
    "address-multicast",
    "address-reserved",
    "address-unspecified",
    "alias",
    "anchor",
    "default-route",
    "duplicate-neighbor",
    "duration-too-long",
    "duration-zero",
    "hold-unknown-vm",
    "host-bits",
    "http-beyond-loopback",
    "ipv4-compatible",
    "ipv4-mapped",
    "ladder-out-of-order",
    "large-community-own-mark",
    "merge-key",
    "next-hop-family",
    "next-hop-v6-link-local",
    "next-hop-v6-missing",
    "nic-by-two-keys",
    "nic-mac-of-a-group",
    "nics-of-another-vm",
    "number-in-hexadecimal",
    "number-with-exponent",
    "number-with-leading-zero",
    "number-with-underscore",
    "outside-allowed-prefixes",
    "overlap-between-vms",
    "same-address-twice",
    "same-uuid",
    "settle-within-lease",
    "socket-too-long",
    "transit-table-is-table",
    "uplinks-missing",
    "vms-dir-collisions",
];

#[test]
fn the_json_schema_takes_the_example_and_refuses_every_fault_of_shape() {
    let schema = roamd(&["schema"]);
    assert!(schema.status.success());
    let mut files = bad_files();
    files.push(repository().join("config.example.yaml"));
    let verdicts = validated(&schema.stdout, "main", &files);
    let valid: BTreeSet<&str> =
        verdicts.iter().filter(|(_, verdict)| verdict == "valid").map(|(name, _)| name.as_str()).collect();
    let expected: BTreeSet<&str> =
        BEYOND_A_SCHEMA.into_iter().chain(["config.example", "vms-dir-missing"]).collect();
    assert_eq!(valid, expected);
}

#[test]
fn the_json_schema_of_a_vm_map_is_for_the_files_of_the_folder() {
    let schema = roamd(&["schema", "--vms"]);
    assert!(schema.status.success());
    let folder = repository().join("tests/config/bad");
    let files = ["vms-dir-collisions/10-web", "vms-dir-unusable/d-list", "vms-dir-unusable/f-none"];
    let paths = files.map(|name| folder.join(format!("{name}.yaml")));
    let expected = [("10-web", "invalid"), ("d-list", "invalid"), ("f-none", "valid")];
    let verdicts = validated(&schema.stdout, "vms", &paths);
    assert_eq!(verdicts, expected.map(|(name, verdict)| (name.to_owned(), verdict.to_owned())));
}

/// The verdict on each file as an editor has it, by the file's name.
fn validated(schema: &[u8], name: &str, files: &[PathBuf]) -> Vec<(String, String)> {
    let path = std::env::temp_dir().join(format!("roamd-schema-{name}-{}.json", std::process::id()));
    fs::write(&path, schema).expect("the schema can be written");
    let script = repository().join("tests/config/validate.py");
    let output = Command::new("/usr/bin/python3").arg(script).arg(&path).args(files).output();
    fs::remove_file(&path).expect("it is there");
    let output = output.expect("python3 can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("paths and words");
    let verdict = |line: &str| {
        let (path, verdict) = line.rsplit_once(' ').expect("a path and a word");
        let name = Path::new(path).file_stem().expect("it is a file").to_string_lossy().into_owned();
        (name, verdict.to_owned())
    };
    lines.lines().map(verdict).collect()
}
