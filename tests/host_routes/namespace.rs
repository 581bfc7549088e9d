//! Network namespaces, and `ip` in them.

use std::env;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Says to the test program that it has been started again.
const INSIDE: &str = "ROAMD_TEST_NAMESPACE";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs one test of this program again, in a new namespace; the kernel kills it when this thread is gone.
pub(crate) fn run(test: &str) {
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--net"])
        .arg(program)
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(INSIDE, "yes")
        .stdin(Stdio::null())
        .output()
        .expect("setpriv starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "in its namespace {test} ended with {}:\n{said}", output.status);
    assert!(said.contains("1 passed"), "{test} was not found:\n{said}");
}

/// Runs `ip` with these words; panics with what it says if it fails.
pub(crate) fn ip(words: &str) -> String {
    try_ip(words).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, with what it says as an error.
pub(crate) fn try_ip(words: &str) -> Result<String, String> {
    let output = Command::new("ip").args(words.split(' ')).output().expect("iproute2 is installed");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("ip {words}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// What `ip` shows, a line each, in order. That a bridge without a running guest has no carrier is left out.
pub(crate) fn lines(words: &str) -> Vec<String> {
    let line = |line: &str| line.replace(" linkdown", "").trim().to_owned();
    let mut lines: Vec<String> = ip(words).lines().map(line).collect();
    lines.sort();
    lines
}

/// Waits until `ip` shows exactly these lines.
pub(crate) fn until_lines(words: &str, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    until(&format!("ip {words} shows {expected:#?}"), || {
        let found = match try_ip(words) {
            Ok(_) => lines(words),
            Err(_) => Vec::new(),
        };
        if found == expected { Ok(()) } else { Err(format!("{found:#?}")) }
    });
}

/// Asks until there is an answer; panics with the last objection.
pub(crate) fn until<T>(what: &str, mut predicate: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match predicate() {
            Ok(value) => return value,
            Err(objection) if began.elapsed() > PATIENCE => panic!("not in time: {what}\n{objection}"),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// A namespace with an uplink, a bridge, and the loopback up.
pub(crate) fn host() {
    ip("link set lo up");
    ip("link add uplink type veth peer name tor");
    ip("link set uplink up");
    ip("link set tor up");
    ip("link add br0 type bridge");
    ip("link set br0 up");
}

/// A tap behind the bridge.
pub(crate) fn tap(name: &str) {
    ip(&format!("tuntap add {name} mode tap"));
    ip(&format!("link set {name} master br0 up"));
}
