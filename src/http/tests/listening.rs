//! The `Host` header, unix sockets, the token's file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::running::{PATIENCE, Running, bind, http, one_answer, request, rest, status_of};
use super::*;

/// A folder of its own, removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("roamd-http-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn ask_unix(path: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    rest(&mut stream)
}

#[test]
fn on_tcp_the_host_header_must_be_ours() {
    let server = Running::tcp(Limits::default());
    for (hosts, status) in [
        ("Host: localhost\r\n", 200),
        ("host: KVM1:80\r\n", 200),
        ("Host: [::1]:9179\r\n", 200),
        ("Host: roamd.example.org.\r\n", 200),
        ("Host: evil.example\r\n", 421),
        ("Host:\r\n", 421),
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: na\u{ef}ve\r\n", 400),
    ] {
        let answer = server.talk(&format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"));
        assert_eq!(status_of(&answer), status, "{hosts:?}: {answer}");
        if status != 200 {
            assert!(answer.contains("\r\ncontent-type: application/problem+json\r\n"), "{answer}");
        }
    }
    let foreign = "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(status_of(&server.talk(foreign)), 421);
}

#[test]
fn a_new_snapshot_shows_in_the_next_answer() {
    let server = Running::tcp(Limits::default());
    let mut stream = server.connect();
    for generation in [7, 8, 9] {
        server.snapshots.send_replace(Arc::new(Snapshot { generation, ..sample::host() }));
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        // The document ends in three closing braces: counts, routes, status.
        let mut answer = one_answer(&mut stream);
        while !answer.ends_with("}}}") {
            answer += &one_answer(&mut stream);
        }
        assert!(answer.contains(&format!("\"generation\":{generation},")), "{answer}");
    }
}

#[test]
fn head_has_the_length_of_the_answer_and_no_body_on_the_wire() {
    let server = Running::tcp(Limits::default());
    let get = server.get("/api/v1/vms");
    let head = server.talk(&request("/api/v1/vms").replace("GET", "HEAD"));
    let headers = |answer: &str| -> Vec<String> {
        let head = answer.split("\r\n\r\n").next().unwrap();
        head.lines().filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect()
    };
    assert!(head.ends_with("\r\n\r\n"));
    assert_eq!(headers(&head), headers(&get));
    assert!(
        headers(&get).contains(&format!("content-length: {}", get.split("\r\n\r\n").nth(1).unwrap().len()))
    );
}

#[test]
fn a_unix_socket_has_its_mode_needs_no_host_and_goes_in_the_end() {
    let folder = Folder::new();
    let path = folder.file("http.sock");
    let mut server = Running::start(&http(Listen::Unix(path.clone())), Limits::default(), sample::host());
    assert_eq!(server.address, None);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
    for head in ["", "Host: evil.example\r\n", "Host: a\r\nHost: b\r\n"] {
        let answer = ask_unix(&path, &format!("GET /healthz HTTP/1.1\r\n{head}Connection: close\r\n\r\n"));
        assert_eq!(status_of(&answer), 200, "{answer}");
    }
    server.stop();
    assert!(!path.exists());
}

#[test]
fn a_stale_unix_socket_is_replaced() {
    let folder = Folder::new();
    let path = folder.file("http.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _server = Running::start(&http(Listen::Unix(path.clone())), Limits::default(), sample::host());
    assert_eq!(status_of(&ask_unix(&path, &request("/healthz"))), 200);
}

#[test]
fn a_living_unix_socket_is_left_alone() {
    let folder = Folder::new();
    let path = folder.file("http.sock");
    let config = http(Listen::Unix(path.clone()));
    let _first = Running::start(&config, Limits::default(), sample::host());
    assert!(matches!(bind(&config), Err(BindError::Occupied { .. })));
    assert_eq!(status_of(&ask_unix(&path, &request("/healthz"))), 200);
}

#[test]
fn a_unix_socket_that_was_removed_is_there_again() {
    let folder = Folder::new();
    let path = folder.file("http.sock");
    let _server = Running::start(&http(Listen::Unix(path.clone())), Limits::default(), sample::host());
    fs::remove_file(&path).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while UnixStream::connect(&path).is_err() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(status_of(&ask_unix(&path, &request("/healthz"))), 200);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
}

#[test]
fn the_socket_of_a_successor_is_not_removed() {
    let folder = Folder::new();
    let path = folder.file("http.sock");
    let first = bind(&http(Listen::Unix(path.clone()))).ok();
    fs::rename(&path, folder.file("moved")).unwrap();
    let _second = UnixListener::bind(&path).unwrap();
    drop(first);
    assert!(path.exists());
}

#[test]
fn what_is_no_socket_is_neither_removed_nor_used() {
    let folder = Folder::new();
    let file = folder.file("precious");
    fs::write(&file, "data").unwrap();
    let link = folder.file("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [&file, &link, &folder.0] {
        assert!(matches!(bind(&http(Listen::Unix(path.clone()))), Err(BindError::NotASocket { .. })));
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "data");
}

#[test]
fn a_socket_that_cannot_be_had_is_an_error_that_names_it() {
    let folder = Folder::new();
    let missing = bind(&http(Listen::Unix(folder.file("no/such/folder.sock")))).err().unwrap();
    assert!(missing.to_string().contains("no/such/folder.sock (http.listen)"), "{missing}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(&http(Listen::Tcp(address))).err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on {address} (http.listen)"));
}

#[test]
fn the_token_comes_from_its_file() {
    let folder = Folder::new();
    let file = folder.file("token");
    fs::write(&file, " s3cret\r\n").unwrap();
    let tcp = http(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    let config = Http { token_file: Some(file), ..tcp };
    let server = Running::start(&config, Limits::default(), sample::host());
    assert_eq!(status_of(&server.get("/api/v1/status")), 401);
    assert_eq!(status_of(&server.get("/healthz")), 200);
    let authorized =
        request("/api/v1/status").replace("Connection", "Authorization: Bearer s3cret\r\nConnection");
    assert_eq!(status_of(&server.talk(&authorized)), 200);
}

#[test]
fn a_token_that_is_read_again_is_in_force_at_once_and_a_bad_file_changes_nothing() {
    let folder = Folder::new();
    let file = folder.file("token");
    fs::write(&file, "first").unwrap();
    let tcp = http(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    let config = Http { token_file: Some(file.clone()), ..tcp };
    let server = Running::start(&config, Limits::default(), sample::host());
    let status = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\nConnection");
        status_of(&server.talk(&request("/api/v1/status").replace("Connection", &header)))
    };
    fs::write(&file, "second").unwrap();
    assert_eq!((status("first"), status("second")), (200, 401), "nobody asked for it");
    server.token.read_again().unwrap();
    assert_eq!((status("first"), status("second")), (401, 200));
    fs::write(&file, "\n").unwrap();
    assert!(matches!(server.token.read_again(), Err(BindError::TokenEmpty { .. })));
    fs::remove_file(&file).unwrap();
    assert!(matches!(server.token.read_again(), Err(BindError::TokenUnreadable { .. })));
    assert_eq!((status("first"), status("second")), (401, 200));
}

#[test]
fn a_token_file_without_a_token_is_an_error_that_names_it() {
    let folder = Folder::new();
    for (content, part) in [
        (None, "cannot read the bearer token from "),
        (Some(""), " is empty; write a token into it"),
        (Some(" \n\t\n"), " is empty; write a token into it"),
        (Some("two words"), " must be one word"),
        (Some("two\nlines"), " must be one word"),
        (Some("s\u{e9}cret"), " must be one word"),
    ] {
        let file = folder.file("token");
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let tcp = http(Listen::Tcp(([127, 0, 0, 1], 0).into()));
        let config = Http { token_file: Some(file.clone()), ..tcp };
        let error = bind(&config).err().unwrap().to_string();
        assert!(error.contains(part) && error.contains(file.to_str().unwrap()), "{error}");
        assert!(!error.contains("two"), "{error}");
    }
}
