//! The event stream over real sockets, while events come.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::running::{PATIENCE, Running, is_closed, rest, status_of};
use super::*;
use crate::snapshot::{Life, What};

/// A client of the stream.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects behind a place, and reads the head of the answer.
    fn open(address: SocketAddr, place: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let place = place.map_or_else(String::new, |place| format!("Last-Event-ID: {place}\r\n"));
        let request = format!("GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n{place}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut client = Self(BufReader::new(stream));
        let mut head = Vec::new();
        while let Some(line) = client.line().filter(|line| !line.is_empty()) {
            head.push(line);
        }
        assert_eq!(head[0], "HTTP/1.1 200 OK");
        for header in
            ["content-type: text/event-stream", "cache-control: no-store", "transfer-encoding: chunked"]
        {
            assert!(head.iter().any(|line| line == header), "{header}: {head:?}");
        }
        client
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The next event, by its number and kind. Between two stands what HTTP writes around its chunks.
    fn event(&mut self) -> Option<(u64, String)> {
        let mut id = 0;
        loop {
            let line = self.line()?;
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().unwrap();
            } else if let Some(kind) = line.strip_prefix("event: ") {
                return Some((id, kind.to_owned()));
            }
        }
    }

    /// The numbers up to this one.
    fn through(&mut self, last: u64) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.last() != Some(&last) {
            ids.push(self.event().unwrap().0);
        }
        ids
    }
}

/// Something happens.
fn happen(running: &Running, what: &What) -> u64 {
    let mut last_seq = 0;
    running.snapshots.send_modify(|snapshot| {
        let at = sample::time("2026-03-01T10:00:00Z");
        let snapshot = Arc::make_mut(snapshot);
        snapshot.generation += 1;
        snapshot.events.push(at, None, None, what.clone());
        last_seq = snapshot.events.last_seq();
    });
    last_seq
}

const STARTED: What = What::Agent { what: Life::Started };

#[test]
fn a_client_that_comes_back_again_and_again_misses_nothing_and_hears_nothing_twice() {
    let running = Running::tcp(Limits::default());
    let address = running.address.unwrap();
    let events = 2_000;
    let reader = thread::spawn(move || {
        let (mut ids, mut turn) = (Vec::new(), 0);
        while ids.last() != Some(&events) {
            let mut client = Client::open(address, Some(ids.last().copied().unwrap_or(0)));
            assert_eq!(client.event().unwrap().1, "hello");
            turn = (turn + 7) % 41;
            for _ in 0..turn {
                if ids.last() != Some(&events) {
                    ids.push(client.event().unwrap().0);
                }
            }
        }
        ids
    });
    for _ in 0..events {
        happen(&running, &STARTED);
    }
    assert_eq!(reader.join().unwrap(), (1..=events).collect::<Vec<_>>());
}

#[test]
fn every_one_of_many_clients_hears_everything_in_order() {
    let running = Running::tcp(Limits::default());
    let mut clients: Vec<Client> = (0..100).map(|_| Client::open(running.address.unwrap(), None)).collect();
    for client in &mut clients {
        assert_eq!(client.event(), Some((0, "hello".to_owned())));
    }
    for _ in 0..50 {
        happen(&running, &STARTED);
    }
    for client in &mut clients {
        assert_eq!(client.through(50), (1..=50).collect::<Vec<_>>());
    }
}

#[test]
fn the_end_of_the_server_ends_a_stream_after_what_happened_last() {
    let mut running = Running::tcp(Limits::default());
    let mut client = Client::open(running.address.unwrap(), None);
    client.event().unwrap();
    happen(&running, &What::Agent { what: Life::Stopping });
    assert!(running.stop() < Duration::from_secs(2), "nobody had to be cut off");
    assert_eq!(client.event(), Some((1, "agent".to_owned())));
    assert_eq!(client.event(), None);
}

#[test]
fn a_client_that_reads_nothing_is_cut_off_and_nobody_else_notices() {
    let running = Running::tcp(Limits { stall: Duration::from_secs(2), ..Limits::default() });
    let address = running.address.unwrap();
    let mut slow = Client::open(address, None);
    slow.event().unwrap();
    let mut fast = Client::open(address, None);
    assert_eq!(fast.event(), Some((0, "hello".to_owned())));
    // More than the sockets of both ends take: an event shows it twice.
    let large = What::Config { errors: vec!["x".repeat(30_000)] };
    for _ in 0..500 {
        happen(&running, &large);
    }
    let mut heard = fast.through(500);
    // What is sent to a closed connection comes back as an error.
    let begin = Instant::now();
    while slow.0.get_mut().write_all(b"\r\n").is_ok() {
        assert!(begin.elapsed() < PATIENCE, "it was not cut off");
        let last = happen(&running, &STARTED);
        heard.extend(fast.through(last));
    }
    assert_eq!(heard, (1..=heard.len() as u64).collect::<Vec<_>>());
    assert_eq!(status_of(&running.get("/api/v1/status")), 200);
}

#[test]
fn an_idle_stream_is_no_slow_request_and_holds_no_other_connection_up() {
    let limits = Limits { header_read: Duration::from_millis(100), ..Limits::default() };
    let running = Running::tcp(limits);
    let mut client = Client::open(running.address.unwrap(), None);
    client.event().unwrap();
    // A connection that sends nothing is closed after that time, and the stream is not.
    assert!(is_closed(&mut running.connect()));
    assert!(is_closed(&mut running.connect()));
    let last = happen(&running, &STARTED);
    assert_eq!(client.event(), Some((last, "agent".to_owned())));
}

#[test]
fn head_has_the_headers_and_ends() {
    let running = Running::tcp(Limits::default());
    let request = "HEAD /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut stream = running.connect();
    // Both on one connection: the first has ended when the second is answered.
    stream.write_all(request.repeat(2).as_bytes()).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let answers = rest(&mut stream);
    assert_eq!(answers.matches("content-type: text/event-stream\r\n").count(), 2, "{answers}");
    assert!(answers.ends_with("{\"status\":\"alive\"}"), "{answers}");
}

#[test]
fn a_place_that_is_no_number_is_refused() {
    let running = Running::tcp(Limits::default());
    for (path, header) in
        [("?after=x", ""), ("", "Last-Event-ID: x\r\n"), ("?after=1", "Last-Event-ID: -1\r\n")]
    {
        let request = format!(
            "GET /api/v1/events/stream{path} HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n"
        );
        let answer = running.talk(&request);
        assert_eq!(status_of(&answer), 400, "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}
