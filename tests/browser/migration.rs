//! A VM that QEMU live-migrates between the two hosts of `tests/lab`, as the browser sees it.

use std::io::copy;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::page::Page;

/// The lab, which ends with the test.
struct Lab {
    name: String,
    path: PathBuf,
}

impl Lab {
    fn up() -> Self {
        let name = format!("page-{}", std::process::id());
        let roamd = env!("CARGO_BIN_EXE_roamd");
        let mut lab = Self { name, path: PathBuf::new() };
        let said = lab.run(&["up", "--roamd", roamd]);
        let (_, path) = said.trim().split_once("configurations in ").expect("it says where it is");
        lab.path = path.into();
        lab
    }

    /// Runs a verb of `tests/lab/lab`, which must succeed, and gives what it says.
    fn run(&self, verb: &[&str]) -> String {
        let output = self.command(verb).output().expect("python3 is installed");
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "lab {verb:?}: {said}{complained}");
        said.into_owned()
    }

    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab"));
        command.args(["--name", &self.name]).args(verb);
        command
    }

    /// The page of a host's agent. It listens on a unix socket, to which a browser can't go.
    fn page(&self, host: &str) -> Page {
        let socket = self.path.join(host).join("run/roamd/http.sock");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the kernel has a free port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                pass_on(client, UnixStream::connect(&socket).expect("the agent listens"));
            }
        });
        Page::open(&format!("http://{address}/"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.command(&["down"]).status().ok();
    }
}

/// Carries bytes both ways until each side has ended.
fn pass_on(client: TcpStream, agent: UnixStream) {
    let (mut from_client, mut to_client) = (client.try_clone().expect("a descriptor is left"), client);
    let (mut from_agent, mut to_agent) = (agent.try_clone().expect("a descriptor is left"), agent);
    thread::spawn(move || {
        copy(&mut from_client, &mut to_agent).ok();
        to_agent.shutdown(Shutdown::Write).ok();
    });
    thread::spawn(move || {
        copy(&mut from_agent, &mut to_client).ok();
        to_client.shutdown(Shutdown::Both).ok();
    });
}

#[test]
fn a_live_migration_is_watched_from_both_hosts() {
    let lab = Lab::up();
    let (source, target) = (lab.page("h1"), lab.page("h2"));
    for page in [&source, &target] {
        page.until("the page is live", |page| page.text_of("link") == "live");
    }
    lab.run(&["start", "h1"]);
    source.shows("svc", "arrived");
    for page in [&source, &target] {
        page.browser.script("location.hash = '#/vm/svc'", &json!([]));
    }
    lab.run(&["migrate", "h1", "h2"]);
    let drawn = |page: &Page| {
        let label = "return document.querySelector('svg.timeline.completed')?.getAttribute('aria-label')";
        page.browser.script(label, &json!([])).as_str().unwrap_or_default().to_owned()
    };
    // The phases in the order in which they follow from one another, each with its time.
    for (page, phases) in [
        (
            &source,
            ["paused after 0", "demoted after", "acknowledged after", "stopped after", "withdrawn after"],
        ),
        (
            &target,
            [
                "incoming seen after 0",
                "standby announced after",
                "resumed after",
                "arrived announced after",
                "acknowledged after",
            ],
        ),
    ] {
        page.until("the migration is drawn", |page| {
            let label = drawn(page);
            let places: Vec<Option<usize>> = phases.iter().map(|phase| label.find(phase)).collect();
            places.is_sorted() && places.iter().all(Option::is_some)
        });
    }
    target.until("it executes here now", |page| page.text_of("main").contains("arrived"));
    source.until("and no more there", |page| page.text_of("main").contains("absent"));
    // For the README, which has one of these.
    if let Some(folder) = std::env::var_os("ROAMD_PICTURES").map(PathBuf::from) {
        target.browser.picture(&folder.join("dashboard.png"));
        target.browser.prefer("dark");
        target.browser.picture(&folder.join("dashboard-dark.png"));
    }
    for page in [&source, &target] {
        page.has_nothing_to_complain_of();
    }
}
