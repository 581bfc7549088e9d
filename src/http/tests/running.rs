//! A server on a thread and runtime of its own, as in the program; clients are plain blocking sockets with a
//! time-out on every read.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::*;

/// Far longer than anything here takes, far shorter than a hanging test.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Running {
    pub(super) address: Option<SocketAddr>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
    pub(super) token: Arc<TokenFile>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    pub(super) fn tcp(limits: Limits) -> Self {
        Self::start(&http(Listen::Tcp(([127, 0, 0, 1], 0).into())), limits, sample::host())
    }

    pub(super) fn start(config: &Http, limits: Limits, snapshot: Snapshot) -> Self {
        let server = Server { limits, ..bind(config).unwrap() };
        let token = Arc::clone(&server.guard.token);
        let address = server.local_addr();
        let (snapshots, latest) = watch::channel(Arc::new(snapshot));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime().block_on(server.run(latest, async { stopped.await.unwrap_or_default() }))
        });
        Self { address, snapshots, token, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Everything that is answered until the server closes.
    pub(super) fn talk(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        rest(&mut stream)
    }

    pub(super) fn get(&self, path: &str) -> String {
        self.talk(&request(path))
    }

    pub(super) fn stop(&mut self) -> Duration {
        let begin = Instant::now();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
        begin.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.stop();
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Binds on a runtime that is gone when the server runs.
pub(super) fn bind(config: &Http) -> Result<Server, BindError> {
    runtime().block_on(async { Server::bind(config, "kvm1.example.net", Arc::default()) })
}

pub(super) fn http(listen: Listen) -> Http {
    Http { listen, token_file: None, hosts: BTreeSet::from(["roamd.example.org".to_owned()]) }
}

pub(super) fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

pub(super) fn rest(stream: &mut impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Whether the server has closed the connection, tidily or not, within [`PATIENCE`].
pub(super) fn is_closed(stream: &mut impl Read) -> bool {
    // Unlike `read` it goes on after an interruption, which waits with a limit meet without any signal handler.
    match stream.read_exact(&mut [0]) {
        Ok(()) => false,
        Err(error) => matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
    }
}

/// One answer of a connection that stays open; the body must end in `}`.
pub(super) fn one_answer(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

pub(super) fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}
