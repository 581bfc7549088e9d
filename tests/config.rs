//! The configuration as an operator meets it: the example that ships, and a corpus of files with one fault each.

use std::fs;
use std::path::{Path, PathBuf};

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
    let folder = repository().join("tests/config/bad");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() >= 25, "only {} files in {}", names.len(), folder.display());
    let wrong: Vec<String> = names.iter().filter_map(|path| difference(path)).collect();
    assert!(wrong.is_empty(), "{} of {} files differ\n\n{}", wrong.len(), names.len(), wrong.join("\n\n"));
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
