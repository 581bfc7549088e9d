//! Chromium by chromedriver: as much of WebDriver (W3C) as these tests need, which is JSON over HTTP.
//!
//! The client libraries for it bring sixty crates, two versions of many of them, and a licence of their own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;

/// As a browser on an operator's desk, without what it would ask the world for.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,1000",
];

/// Long enough for a browser to start on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);

/// Keys that stand for no letter (WebDriver section 17.4.2).
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const SPACE: &str = "\u{e00d}";
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const END: &str = "\u{e010}";
    pub(crate) const HOME: &str = "\u{e011}";
    pub(crate) const DOWN: &str = "\u{e015}";
}

/// A browser with one window. The fields end in this order.
pub(crate) struct Browser {
    driver: Driver,
    session: String,
    _process: Process,
}

impl Browser {
    /// Starts it, with everything that it writes below `dir`.
    pub(crate) fn start(dir: &Path) -> Self {
        let log = dir.join("chromedriver.log");
        let mut process =
            Process::start("chromedriver", Path::new("/usr/bin/chromedriver"), &log, |command| {
                command.arg("--port=0").env("HOME", dir).env("TMPDIR", dir).stdout(Stdio::piped());
            });
        let stdout = process.child().stdout.take().expect("standard output is a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("chromedriver says on which port it listens");
            line.strip_prefix("ChromeDriver was started successfully on port ")?
                .trim_end_matches('.')
                .parse()
                .ok()
        });
        // The pipe stays open for what else it says, which is little.
        std::thread::spawn(move || lines.count());
        let driver = Driver { port: port.expect("chromedriver starts") };
        let profile = format!("--user-data-dir={}", dir.join("profile").display());
        let arguments: Vec<&str> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
        let capabilities = json!({
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        });
        let session = driver.post("/session", &json!({"capabilities": {"alwaysMatch": capabilities}}));
        let session = session["sessionId"].as_str().expect("a session has a name").to_owned();
        Self { driver, session, _process: process }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.driver.post(&format!("/session/{}/{path}", self.session), body)
    }

    /// Goes to a page, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// What a script's `return` gives, with `arguments` in it.
    pub(crate) fn script(&self, script: &str, arguments: &Value) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// What a script gives to the last of its arguments, a function.
    pub(crate) fn script_that_waits(&self, script: &str) -> Value {
        self.post("timeouts", &json!({"script": PATIENCE.as_millis()}));
        self.post("execute/async", &json!({"script": script, "args": []}))
    }

    /// Presses keys one after the other, where the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        self.post("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// Has the page believe that the user wants it `dark` or `light`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let parameters = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.post("goog/cdp/execute", &parameters);
    }

    /// Keeps a picture of what is in sight, as PNG.
    pub(crate) fn picture(&self, path: &Path) {
        let picture = self.driver.get(&format!("/session/{}/screenshot", self.session));
        let picture = picture.as_str().expect("a picture is text");
        fs::write(path, decoded(picture)).expect("the picture is written");
    }

    /// What the browser complained of since it was last asked: level and message.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", &json!({"type": "browser"}));
        let entries = log.as_array().expect("the log is a list");
        let text = |entry: &Value| format!("{}: {}", entry["level"], entry["message"]);
        // A 401 is an answer that the page knows what to do with.
        entries.iter().map(text).filter(|text| !text.contains("Failed to load resource")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser's own processes; chromedriver is ended with its process group besides.
        drop(self.driver.ask("DELETE", &format!("/session/{}", self.session), None));
    }
}

/// chromedriver's HTTP.
struct Driver {
    port: u16,
}

impl Driver {
    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, None).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, Some(body)).unwrap_or_else(|error| panic!("POST {path} {body}: {error}"))
    }

    /// The `value` of an answer, or the error in it.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let exchange = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all((head + &body).as_bytes())?;
            // chromedriver leaves connections open, whatever it is told.
            let mut answer = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while answer.read_line(&mut line)? > 2 {
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().map_err(std::io::Error::other)?;
                }
                line.clear();
            }
            let mut document = vec![0; length];
            answer.read_exact(&mut document).map(|()| document)
        };
        let answer = exchange().map_err(|error| error.to_string())?;
        let mut document: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        match document["value"]["error"].as_str() {
            Some(_) => Err(document["value"].to_string()),
            None => Ok(document["value"].take()),
        }
    }
}

/// What base64 (RFC 4648 section 4) stands for.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |letter: u8| LETTERS.iter().position(|known| *known == letter).expect("base64");
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').collect();
    letters
        .chunks(4)
        .flat_map(|chunk| {
            let bits =
                chunk.iter().fold(0, |bits, letter| bits << 6 | value(*letter)) << (6 * (4 - chunk.len()));
            bits.to_be_bytes()[5..8].iter().copied().take(chunk.len() - 1).collect::<Vec<u8>>()
        })
        .collect()
}
