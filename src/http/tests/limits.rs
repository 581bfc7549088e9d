//! What a client may take up, and how a server ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::running::{PATIENCE, Running, http, is_closed, one_answer, request, rest, status_of};
use super::*;

#[test]
fn a_client_that_is_slow_with_its_request_is_dropped() {
    let server = Running::tcp(Limits { header_read: Duration::from_secs(1), ..Limits::default() });
    let mut mute = server.connect();
    let mut half = server.connect();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").unwrap();
    let mut idle = server.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(status_of(&one_answer(&mut idle)), 200);
    assert_eq!(status_of(&server.get("/healthz")), 200);
    for stream in [&mut mute, &mut half, &mut idle] {
        assert!(is_closed(stream));
    }
}

#[test]
fn a_client_that_trickles_its_request_is_dropped() {
    let server = Running::tcp(Limits { header_read: Duration::from_millis(300), ..Limits::default() });
    let mut stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ").unwrap();
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "the connection is still open");
        match stream.read_exact(&mut [0]).map_err(|error| error.kind()) {
            Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => break,
            Err(error) => assert_eq!(error, ErrorKind::WouldBlock),
            Ok(()) => {}
        }
        if stream.write_all(b"x").is_err() {
            break;
        }
    }
}

#[test]
fn a_request_head_is_limited_in_size() {
    let server = Running::tcp(Limits::default());
    for (length, expected) in [(8_000, 200), (20_000, 431), (1_000_000, 431)] {
        let mut stream = server.connect();
        // The server may answer and close before all is written.
        let head = format!(
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: {}\r\n\r\n",
            "x".repeat(length)
        );
        let _ = stream.write_all(head.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let status = status_of(&String::from_utf8(answer).unwrap());
        // A connection that is reset takes the answer with it.
        assert!(status == expected || length > 100_000 && status == 0, "{length}: {status}");
    }
    assert_eq!(status_of(&server.get("/healthz")), 200);
}

#[test]
fn where_all_places_are_taken_the_connection_that_is_idle_for_longest_makes_room() {
    let server = Running::tcp(Limits { connections: 2, header_read: PATIENCE, ..Limits::default() });
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut open: Vec<TcpStream> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut open {
        stream.write_all(ask).unwrap();
        assert_eq!(status_of(&one_answer(stream)), 200);
    }
    // The first has asked again since.
    open[0].write_all(ask).unwrap();
    assert_eq!(status_of(&one_answer(&mut open[0])), 200);
    let mut third = server.connect();
    third.write_all(ask).unwrap();
    assert_eq!(status_of(&one_answer(&mut third)), 200);
    assert!(is_closed(&mut open[1]));
    open[0].write_all(ask).unwrap();
    assert_eq!(status_of(&one_answer(&mut open[0])), 200);
}

#[test]
fn an_answer_that_is_under_way_makes_room_for_nobody() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let server = Running::start(&http(Listen::Tcp(([127, 0, 0, 1], 0).into())), limits, large_host());
    let mut slow = server.connect();
    slow.write_all(request("/api/v1/routes").as_bytes()).unwrap();
    slow.read_exact(&mut [0; 1_000]).unwrap();
    let mut waiting = server.connect();
    waiting.write_all(request("/healthz").as_bytes()).unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(waiting.read_exact(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(rest(&mut slow).ends_with("]}\r\n0\r\n\r\n"), "it comes whole");
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(status_of(&rest(&mut waiting)), 200);
}

/// Slow-loris: hundreds of clients that send a little of a request and no more, and come again when they are closed.
#[test]
fn clients_with_half_a_request_keep_nobody_else_out() {
    let server = Running::tcp(Limits { connections: 100, header_read: PATIENCE, ..Limits::default() });
    let half_open = || {
        let mut stream = server.connect();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ").unwrap();
        stream
    };
    let mut half_open_ones: Vec<TcpStream> = (0..400).map(|_| half_open()).collect();
    for _ in 0..50 {
        assert_eq!(status_of(&server.get("/api/v1/vms")), 200);
        half_open_ones.rotate_left(1);
        *half_open_ones.last_mut().unwrap() = half_open();
    }
}

#[test]
fn two_thousand_clients_are_served_at_once() {
    let server = Running::tcp(Limits { header_read: PATIENCE, ..Limits::default() });
    let ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // Both ends of each connection are in this process.
    let files = getrlimit(Resource::Nofile);
    assert!(files.maximum.is_none_or(|most| most >= 5_000), "raise the hard limit of open files: {files:?}");
    setrlimit(Resource::Nofile, Rlimit { current: Some(5_000).max(files.current), ..files }).unwrap();
    let mut clients: Vec<TcpStream> = (0..2_048).map(|_| server.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            client.write_all(ask).unwrap();
        }
        for client in &mut clients {
            assert_eq!(status_of(&one_answer(client)), 200);
        }
    }
}

/// A host with so many routes that its list fits into no socket's buffers.
fn large_host() -> Snapshot {
    let mut host = sample::host();
    let sample = sample::route("10.0.0.0", "web-1", Rung::Active, RouteState::Failed);
    let error = Some("x".repeat(4_000));
    for number in 0..6_000 {
        let prefix = format!("10.0.{}.{}", number / 256, number % 256).parse().unwrap();
        let route = RouteView { prefix, error: error.clone(), ..(*sample).clone() };
        host.routes.insert(prefix, Arc::new(route));
    }
    host
}

#[test]
fn a_client_that_leaves_its_answer_unread_is_dropped() {
    let limits = Limits { connections: 1, stall: Duration::from_millis(200), ..Limits::default() };
    let server = Running::start(&http(Listen::Tcp(([127, 0, 0, 1], 0).into())), limits, large_host());
    let mut lazy = server.connect();
    lazy.write_all(request("/api/v1/routes").as_bytes()).unwrap();
    // The only turn is the lazy client's until it is dropped.
    assert_eq!(status_of(&server.get("/healthz")), 200);
    let mut received = Vec::new();
    let _ = lazy.read_to_end(&mut received);
    assert!(!received.ends_with(b"0\r\n\r\n"), "the answer came whole");
}

#[test]
fn a_large_answer_comes_whole_and_lets_others_in_between() {
    let tcp = http(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    let server = Running::start(&tcp, Limits::default(), large_host());
    let mut slow = server.connect();
    slow.write_all(request("/api/v1/routes").as_bytes()).unwrap();
    slow.read_exact(&mut [0; 1_000]).unwrap();
    assert_eq!(status_of(&server.get("/healthz")), 200);
    let answer = rest(&mut slow);
    assert!(answer.len() > 24_000_000 && answer.ends_with("]}\r\n0\r\n\r\n"), "{}", answer.len());
}

#[test]
fn a_client_that_closes_its_side_first_still_gets_its_answer() {
    let server = Running::tcp(Limits::default());
    let mut stream = server.connect();
    stream.write_all(b"GET /api/v1/vms HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = rest(&mut stream);
    assert!(status_of(&answer) == 200 && answer.ends_with("]}"), "{answer}");
}

#[test]
fn the_end_closes_idle_connections_at_once() {
    let mut server = Running::tcp(Limits { shutdown: PATIENCE, header_read: PATIENCE, ..Limits::default() });
    let mut idle = server.connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    one_answer(&mut idle);
    assert!(server.stop() < PATIENCE / 2);
    assert!(is_closed(&mut idle));
}

#[test]
fn the_end_does_not_wait_for_a_client_that_does_not_read() {
    let limits = Limits { shutdown: Duration::from_millis(200), stall: PATIENCE, ..Limits::default() };
    let tcp = http(Listen::Tcp(([127, 0, 0, 1], 0).into()));
    let mut server = Running::start(&tcp, limits, large_host());
    let mut lazy = server.connect();
    lazy.write_all(request("/api/v1/routes").as_bytes()).unwrap();
    lazy.read_exact(&mut [0; 1_000]).unwrap();
    assert!(server.stop() < PATIENCE / 2);
    assert!(TcpStream::connect(server.address.unwrap()).is_err());
}
