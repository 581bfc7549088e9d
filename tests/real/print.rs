//! The agent by itself: transport `print` with the example configuration, and the command line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::lab::{Dir, free_port};
use crate::process::{Process, full};

const ROAMD: &str = env!("CARGO_BIN_EXE_roamd");

/// The example as it is shipped, but for a port that is free.
fn example(dir: &Dir) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.yaml");
    let text = fs::read_to_string(path).expect("the example is there");
    let address = Ipv4Addr::LOCALHOST;
    let shipped = "127.0.0.1:9179";
    assert!(text.contains(shipped), "the example has the default port");
    let example = dir.path().join("config.yaml");
    let text = text.replace(shipped, &format!("{address}:{}", free_port(address)));
    fs::write(&example, text).expect("it is written");
    example
}

fn roamd(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(ROAMD).args(arguments).stdin(Stdio::null()).output().expect("roamd starts");
    let text = |bytes| String::from_utf8(bytes).expect("what it says is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Whose writing to any file would end it (`RLIMIT_FSIZE` in setrlimit(2), SIGXFSZ), with a log that takes nothing.
#[test]
fn the_agent_writes_no_file_and_goes_on_where_its_log_takes_nothing() {
    let dir = Dir::new();
    let config = example(&dir);
    let log = dir.path().join("roamd.log");
    let mut agent = Process::start("roamd", Path::new("/usr/bin/prlimit"), &log, |command| {
        command.args(["--fsize=0:0", ROAMD, "run", "--config"]).arg(&config);
        command.stdout(Stdio::piped()).stderr(full());
    });
    let mut commands = BufReader::new(agent.child().stdout.take().expect("standard output is a pipe"));
    let mut first = String::new();
    commands.read_line(&mut first).expect("it writes text");
    assert!(first.starts_with("announce route "), "{first:?}");
    assert_eq!(agent.terminate().code(), Some(0));
}

#[test]
fn the_example_announces_the_test_drivers_vm_and_ends_in_order() {
    let dir = Dir::new();
    let config = example(&dir);
    let log = dir.path().join("roamd.log");
    let mut agent = Process::start("roamd", Path::new(ROAMD), &log, |command| {
        command.arg("run").arg("--config").arg(&config).stdout(Stdio::piped());
    });
    let stdout = agent.child().stdout.take().expect("standard output is a pipe");
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            sender.send(line.expect("commands are text")).ok();
        }
    });
    let first = lines.recv_timeout(Duration::from_secs(20)).expect("a command comes");
    let words: Vec<&str> = first.split(' ').collect();
    let [command, route, prefix, ..] = words[..] else { panic!("no command: {first:?}") };
    assert_eq!((command, route), ("announce", "route"), "{first}");
    let (address, length) = prefix.split_once('/').expect("a prefix");
    assert!(address.parse::<std::net::IpAddr>().is_ok() && ["32", "128"].contains(&length), "{first}");

    assert_eq!(agent.terminate().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
    reader.join().unwrap();
    for line in lines.try_iter().chain([first]) {
        assert!(line.starts_with("announce ") || line.starts_with("withdraw "), "{line:?} is no command");
        assert!(line.is_ascii(), "{line:?}");
    }
}

#[test]
fn check_accepts_the_example_and_prints_every_fault_of_another() {
    let dir = Dir::new();
    let config = example(&dir);
    let path = config.to_str().unwrap();
    let (code, _, errors) = roamd(&["check", "--config", path]);
    assert_eq!(code, Some(0), "{errors}");

    fs::write(
        &config,
        "bgp:\n  local_as: 0\n  mark: 82\n  colour: red\nvms:\n  web:\n    service_ips: [198.51.100.300]\n",
    )
    .unwrap();
    let (code, output, errors) = roamd(&["check", "--config", path]);
    assert_eq!(code, Some(78));
    let said = output + &errors;
    for part in [path, "local_as", "colour", "198.51.100.300"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [&["run", "--colour"][..], &["fly"], &["check", "--config"], &[]] {
        let (code, output, errors) = roamd(arguments);
        assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(!errors.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_faulty_configuration_ends_the_agent_with_78() {
    let dir = Dir::new();
    let config = dir.path().join("config.yaml");
    fs::write(&config, "exabgp: {transport: print}\nbgp: {}\n").unwrap();
    let (code, output, errors) = roamd(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!((code, output.as_str()), (Some(78), ""), "{errors}");
    assert!(errors.contains("local_as"), "{errors}");
}
