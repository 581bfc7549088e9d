//! The service inside the lab's guest: echoes, and dirties memory when it is told to.
//!
//! A single static program on the standard library, started by `init`. It listens on
//! - UDP 7: every datagram goes back to its sender;
//! - TCP 7: every byte goes back, for as long as the connection is held;
//! - TCP 99: a line `dirty MIB MIB_PER_SECOND` makes it write to so many pages at that pace, so that a live migration
//!   copies them again and again; `idle` stops that. Each line is answered by `ok` or by what is wrong with it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const PAGES_PER_MIB: usize = 256;

/// What is to be dirtied, in pages and pages a second; zero pages: nothing.
#[derive(Default)]
struct Load {
    pages: AtomicU64,
    pages_per_second: AtomicU64,
}

fn main() -> io::Result<()> {
    let load = Arc::new(Load::default());
    let datagrams = UdpSocket::bind("[::]:7")?;
    let streams = TcpListener::bind("[::]:7")?;
    let orders = TcpListener::bind("0.0.0.0:99")?;
    thread::spawn(move || echo_datagrams(&datagrams));
    thread::spawn(move || each(&streams, echo_stream));
    let dirtied = Arc::clone(&load);
    thread::spawn(move || dirty(&dirtied));
    println!("guest: ready");
    each(&orders, move |stream| obey(stream, &load));
    Ok(())
}

/// Serves every connection in a thread of its own.
fn each(listener: &TcpListener, serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) {
    for stream in listener.incoming().flatten() {
        let serve = serve.clone();
        // A peer that is gone is no news here.
        thread::spawn(move || serve(stream).ok());
    }
}

fn echo_datagrams(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    loop {
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // An unreachable peer is reported by the next call, and is the peer's trouble.
            socket.send_to(&buffer[..length], from).ok();
        }
    }
}

fn echo_stream(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..length])?;
    }
}

fn obey(stream: TcpStream, load: &Load) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["idle"] => {
                load.pages.store(0, Ordering::Relaxed);
                "ok"
            }
            ["dirty", mib, pace] => match (mib.parse::<u64>(), pace.parse::<u64>()) {
                (Ok(mib @ 1..=64), Ok(pace @ 1..)) => {
                    load.pages_per_second.store(pace * PAGES_PER_MIB as u64, Ordering::Relaxed);
                    load.pages.store(mib * PAGES_PER_MIB as u64, Ordering::Relaxed);
                    "ok"
                }
                _ => "dirty takes 1 to 64 MiB, and MiB a second",
            },
            _ => "no such order",
        };
        writeln!(answers, "{answer}")?;
    }
    Ok(())
}

/// Writes one byte to each page in turn; the memory is given back when there is nothing to do.
fn dirty(load: &Load) {
    let mut memory: Vec<u8> = Vec::new();
    let mut next = 0;
    let mut value = 0_u8;
    loop {
        let pages = load.pages.load(Ordering::Relaxed) as usize;
        if pages == 0 {
            memory = Vec::new();
            thread::sleep(Duration::from_millis(50));
            continue;
        }
        memory.resize(pages * PAGE, 0);
        let started = Instant::now();
        let slice = (load.pages_per_second.load(Ordering::Relaxed) as usize / 50).max(1);
        for _ in 0..slice {
            next = (next + 1) % pages;
            value = value.wrapping_add(1);
            memory[next * PAGE] = value;
        }
        std::hint::black_box(&memory);
        thread::sleep(Duration::from_millis(20).saturating_sub(started.elapsed()));
    }
}
