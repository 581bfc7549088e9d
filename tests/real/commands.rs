//! `roamd status` and `roamd explain` against a running agent: what they print, how they end, and what they do to a terminal.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::agreement::{ACTIVE, web};
use crate::exabgp::Version;
use crate::lab::{Dir, Lab, Plan, VMS};
use crate::process::{self, Process};
use crate::rest::Rest;
use crate::wait;

const ROAMD: &str = env!("CARGO_BIN_EXE_roamd");

/// Exit code, standard output, standard error.
pub(crate) type Said = (Option<i32>, String, String);

pub(crate) fn roamd(arguments: &[&str]) -> Said {
    let output = Command::new(ROAMD).args(arguments).stdin(Stdio::null()).output().expect("roamd starts");
    let text = |bytes| String::from_utf8(bytes).expect("what it says is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn url(rest: Rest) -> String {
    format!("http://{}", rest.address)
}

#[test]
fn a_ready_host_is_shown_in_a_table_and_explained_in_sentences() {
    let mut lab = Lab::start(Version::V4, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    wait::until("the agent is ready", || match lab.rest.get("/readyz")?.status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    let url = url(lab.rest);
    let (code, output, errors) = roamd(&["status", "--url", &url]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    let row = output.lines().find(|line| line.starts_with("web ")).expect("web has a row");
    for word in ["present", "198.51.100.10/32", "active", "announced"] {
        assert!(row.split_whitespace().any(|found| found == word), "{word} is not in {row}");
    }
    assert!(output.contains("2001:db8:5::10/128") && output.contains(" ready\n"), "{output}");
    assert!(!output.contains('\x1b'), "a pipe has no colours: {output:?}");

    for name in ["web", "198.51.100.10", "198.51.100.10/32", "2001:db8:5::10"] {
        let (code, output, errors) = roamd(&["explain", name, "--url", &url]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
        for words in
            ["web executes here", "on the rung `active`", "198.51.100.10, 2001:db8:5::10", "`present`"]
        {
            let words = words.replace("10, 2001", "10 and 2001");
            assert!(output.contains(&words), "{words} is not in {output}");
        }
    }
    let (code, output, errors) = roamd(&["explain", "no/such vm", "--url", &url]);
    assert_eq!((code, output.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.contains(r#""no/such vm""#), "{errors}");
}

#[test]
fn json_is_what_the_api_answers() {
    let mut lab = Lab::start(Version::V4, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    let url = url(lab.rest);
    let json = |arguments: &[&str]| -> Value {
        let (_, output, errors) = roamd(&[arguments, &["--json", "--url", &url]].concat());
        assert_eq!(errors, "");
        serde_json::from_str(&output).expect("it is JSON")
    };
    wait::until("all of it is of one generation", || {
        let shown = json(&["status"]);
        let answers = ["status", "vms", "routes"].map(|part| lab.rest.json(&format!("/api/v1/{part}")));
        let [status, vms, routes] = answers;
        let expected = serde_json::json!({"status": status?, "vms": vms?, "routes": routes?});
        if shown == expected { Ok(()) } else { Err(format!("{shown}\n{expected}")) }
    });
    let mut shown = json(&["explain", "web"]);
    let mut answer = lab.rest.json("/api/v1/explain/web").expect("it is known");
    // Sentences reckon from the time of the question.
    for explanation in [&mut shown, &mut answer] {
        explanation["at"].take();
        for link in explanation["chain"].as_array_mut().expect("a list") {
            link["text"].take();
        }
    }
    assert_eq!(shown["vm"], "web");
    assert_eq!(shown, answer);
}

/// An agent by itself, on libvirt's test driver and without ExaBGP.
pub(crate) struct Alone {
    dir: Dir,
    pub(crate) config: PathBuf,
    agent: Process,
}

impl Alone {
    /// `http` and the rest of the configuration behind what every file has.
    pub(crate) fn start(transport: &str, http: &str, more: &str) -> Self {
        let dir = Dir::new();
        let config = dir.path().join("config.yaml");
        let socket = dir.path().join("agent.sock");
        let text = format!(
            "libvirt: {{uri: 'test:///default', read_write: true}}\nbgp: {{local_as: 65101}}\n\
             exabgp: {{transport: {transport}, socket: '{}'}}\nhttp: {}\n{more}",
            socket.display(),
            http.replace("DIR", &dir.path().display().to_string()),
        );
        fs::write(&config, text).expect("it is written");
        let log = dir.path().join("roamd.log");
        let agent = Process::start("roamd", Path::new(ROAMD), &log, |command| {
            command.arg("run").arg("--config").arg(&config);
        });
        Self { dir, config, agent }
    }

    pub(crate) fn socket(&self) -> String {
        self.dir.path().join("http.sock").display().to_string()
    }

    /// Waits for a command that succeeds; what it printed.
    pub(crate) fn answers(&mut self, arguments: &[&str]) -> String {
        let agent = &mut self.agent;
        wait::until(&format!("{arguments:?} succeeds"), || {
            agent.assert_alive();
            match roamd(arguments) {
                (Some(0), output, _) => Ok(output),
                other => Err(format!("{other:?}")),
            }
        })
    }
}

const TEST: &str = "vms: {test: {service_ips: [198.51.100.10]}}\n";

#[test]
fn a_unix_socket_is_asked_as_well_and_a_token_is_sent_from_its_file() {
    let http = "{listen: 'unix:DIR/http.sock', token_file: 'DIR/token'}";
    let token_of = |alone: &Alone| alone.dir.path().join("token").display().to_string();
    let mut alone = {
        let dir = Dir::new();
        let token = dir.path().join("token");
        fs::write(&token, "s3cret\n").expect("it is written");
        let http = http.replace("DIR/token", &token.display().to_string());
        let alone = Alone::start("print", &http, TEST);
        wait::until("the agent listens", || {
            if Path::new(&alone.socket()).exists() { Ok(()) } else { Err("no socket".to_owned()) }
        });
        fs::copy(&token, alone.dir.path().join("token")).expect("there is room for a copy");
        alone
    };
    let (socket, token) = (alone.socket(), token_of(&alone));
    let output = alone.answers(&["status", "--unix", &socket, "--token-file", &token]);
    assert!(output.contains("198.51.100.10/32"), "{output}");
    let output = alone.answers(&["explain", "test", "--unix", &socket, "--token-file", &token]);
    assert!(output.starts_with("test executes here"), "{output}");

    let (code, output, errors) = roamd(&["status", "--unix", &socket]);
    assert_eq!((code, output.as_str()), (Some(1), ""));
    assert!(errors.contains("--token-file"), "{errors}");
    let wrong = alone.dir.path().join("wrong");
    for (content, words) in
        [("wrong", "asks for its token"), ("two words \u{1}", "one word"), ("", "one word")]
    {
        fs::write(&wrong, content).expect("it is written");
        let (code, _, errors) =
            roamd(&["status", "--unix", &socket, "--token-file", wrong.to_str().unwrap()]);
        assert_eq!(code, Some(1));
        assert!(errors.contains(words), "{errors}");
        assert!(!errors.contains("s3cret"), "{errors}");
    }
    let missing = alone.dir.path().join("missing");
    let (code, _, errors) = roamd(&["explain", "test", "--token-file", missing.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("missing"), "{errors}");
}

#[test]
fn a_host_that_is_not_ready_is_shown_with_exit_code_1() {
    let mut alone = Alone::start("relay", "{listen: 'unix:DIR/http.sock'}", TEST);
    let socket = alone.socket();
    let agent = &mut alone.agent;
    let output = wait::until("the agent shows its VM", || {
        agent.assert_alive();
        let (code, output, errors) = roamd(&["status", "--unix", &socket]);
        assert_eq!(code, Some(1), "no ExaBGP is there");
        if output.contains("198.51.100.10/32") { Ok(output) } else { Err(output + &errors) }
    });
    assert!(output.contains("not ready") && output.contains("pending"), "{output}");
    // It can be explained all the same.
    let output = alone.answers(&["explain", "198.51.100.10", "--unix", &socket]);
    assert!(output.contains("ExaBGP does not answer"), "{output}");
}

#[test]
fn what_can_t_be_reached_is_said_with_exit_code_1_and_wrong_usage_with_2() {
    let dir = Dir::new();
    let nothing = dir.path().join("nothing.sock").display().to_string();
    for command in [&["status"][..], &["status", "--watch"], &["status", "--json"], &["explain", "web"]] {
        let (code, output, errors) = roamd(&[command, &["--unix", &nothing]].concat());
        assert_eq!((code, output.as_str()), (Some(1), ""));
        assert!(errors.contains(&nothing) && errors.contains("No such file"), "{errors}");
    }
    for url in ["https://127.0.0.1:1", "127.0.0.1", "ftp://x", "http://", ":"] {
        let (code, _, errors) = roamd(&["status", "--url", url]);
        assert_eq!(code, Some(2), "{url}");
        assert!(errors.contains("is no URL of the agent"), "{url}: {errors}");
    }
    for wrong in [
        &["explain"][..],
        &["status", "web"],
        &["status", "--url", "http://x", "--unix", "/y"],
        &["status", "--watch", "--json"],
    ] {
        assert_eq!(roamd(wrong).0, Some(2), "{wrong:?}");
    }
}

#[test]
fn the_effective_configuration_is_one_that_check_accepts() {
    let mut alone = Alone::start("print", "{listen: 'unix:DIR/http.sock'}", TEST);
    let socket = alone.socket();
    alone.answers(&["status", "--unix", &socket]);
    let shown = Command::new("curl")
        .args(["--silent", "--fail", "--unix-socket", &socket, "http://localhost/api/v1/config"])
        .output()
        .expect("curl starts");
    assert!(shown.status.success());
    let again = alone.config.with_file_name("again.yaml");
    fs::write(&again, &shown.stdout).expect("it is written");
    let (code, output, errors) = roamd(&["check", "--config", again.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{output}{errors}");
    assert!(output.contains("1 VMs, no faults"), "{output}");
}

/// A program on a pseudo-terminal of util-linux's `script`: what it was sent, and a way to press keys.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(command: &str) -> Self {
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", command, "/dev/null"])
            .env("TERM", "xterm-256color")
            // It runs the command in the user's shell, whichever that is.
            .env("SHELL", "/bin/sh")
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        let keys = child.stdin.take().expect("standard input is a pipe");
        let mut output = child.stdout.take().expect("standard output is a pipe");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&screen);
        // Ends with the program.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                shown.lock().expect("nobody panics with it").extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, keys, screen }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().expect("nobody panics with it")).into_owned()
    }

    /// Waits until this is shown behind the first `after` bytes; how much was shown then.
    fn shows(&self, words: &str, after: usize) -> usize {
        wait::until(&format!("the terminal shows {words:?}"), || {
            let shown = self.shown();
            let new = shown.get(after..).unwrap_or_default();
            if new.contains(words) { Ok(shown.len()) } else { Err(format!("{new:?}")) }
        })
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).and_then(|()| self.keys.flush()).expect("script reads");
    }

    fn exit(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait::until("the program exits", || {
            child.try_wait().expect("it can be waited for").ok_or_else(|| "it runs".to_owned())
        })
        .code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            process::signal("KILL", self.child.id());
            self.child.wait().ok();
        }
    }
}

#[test]
fn watch_draws_again_on_a_change_and_leaves_the_terminal_as_it_was() {
    let mut lab = Lab::start(Version::V4, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    let url = url(lab.rest);
    // The modes of the terminal before and after, as stty has them, around each end: by a key, by Ctrl-C and by a signal.
    for end in [&b"q"[..], b"\x03", b""] {
        let pid = lab.dir().join("watch.pid");
        let watch = format!("sh -c 'echo $$ >{}; exec {ROAMD} status --watch --url {url}'", pid.display());
        // Ctrl-C is for the shell too, which would end by it.
        let command = format!(
            "trap : INT; stty cols 100 rows 30; echo before $(stty -g); {watch}; echo code $?; echo after $(stty -g)"
        );
        let mut terminal = Terminal::start(&command);
        let at = terminal.shows("\x1b[?1049h", 0);
        let at = terminal.shows("198.51.100.10/32", at.saturating_sub(1000));
        terminal.shows("\x1b[32mannounced", 0);

        lab.libvirtd.virsh(&["suspend", "web"]);
        let at = terminal.shows("frozen", at);
        lab.libvirtd.virsh(&["resume", "web"]);
        terminal.shows("present", at);

        if end.is_empty() {
            let pid = fs::read_to_string(&pid).expect("it was written").trim().parse().expect("a number");
            process::signal("TERM", pid);
        } else {
            terminal.press(end);
        }
        terminal.shows("after ", 0);
        assert_eq!(terminal.exit(), Some(0));
        let shown = terminal.shown();
        let behind = |words: &str| {
            let (_, rest) =
                shown.rsplit_once(words).unwrap_or_else(|| panic!("{words:?} is not in {shown:?}"));
            rest.split(['\r', '\n']).next().unwrap_or_default().to_owned()
        };
        assert_eq!(behind("before "), behind("after "), "the terminal's modes");
        assert_eq!(shown.matches("\x1b[?1049h").count(), shown.matches("\x1b[?1049l").count());
        let last = |code: &str| shown.rfind(code).unwrap_or_else(|| panic!("{code:?} is not in {shown:?}"));
        assert!(last("\x1b[?25h") > last("\x1b[?25l"), "the cursor is back");
        assert!(last("\x1b[?1049l") < last("code "), "{shown:?}");
        // No line is wider than the terminal.
        let frame = shown.split("\x1b[H").nth(1).expect("a frame");
        for line in frame.split("\x1b[K") {
            let plain: String =
                line.split("\x1b[").map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect();
            assert!(plain.trim().chars().count() <= 100, "{plain:?}");
        }
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let mut alone = Alone::start("print", "{listen: 'unix:DIR/http.sock'}", TEST);
    let socket = alone.socket();
    alone.answers(&["status", "--unix", &socket]);
    let command = format!("{ROAMD} status --unix {socket}");
    for (command, colours) in [
        (command.clone(), true),
        (format!("NO_COLOR=1 {command}"), false),
        (format!("NO_COLOR= {command}"), true),
        (format!("TERM=dumb {command}"), false),
        (format!("{command} | cat"), false),
    ] {
        let mut terminal = Terminal::start(&command);
        assert_eq!(terminal.exit(), Some(0), "{command}");
        terminal.shows("routes", 0);
        assert_eq!(terminal.shown().contains("\x1b["), colours, "{command}: {:?}", terminal.shown());
    }
}
