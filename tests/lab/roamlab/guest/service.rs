//! The service inside the lab's guest: echoes, dirties memory when it is told to, and probes other guests.
//!
//! A single static program on the standard library, started by `init`. It listens on
//! - UDP 7: every datagram goes back to its sender;
//! - TCP 7: every byte goes back, for as long as the connection is held;
//! - TCP 99: a line `dirty MIB MIB_PER_SECOND` makes it write to so many pages at that pace, so that a live migration
//!   copies them again and again; `idle` stops that. `probe ADDRESS INTERVAL_MS` makes it send datagrams to the UDP echo of
//!   another guest; `probed ADDRESS` stops that. Each line is answered by `ok` or by what is wrong with it, but `probed` by
//!   what came of it: the present time, then SENT:RECEIVED of each probe with nothing in place of an arrival that never
//!   came, all in microseconds since this service began.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const PAGES_PER_MIB: usize = 256;
/// How long after the end answers to probes are waited for.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be dirtied, in pages and pages a second; zero pages: nothing.
#[derive(Default)]
struct Load {
    pages: AtomicU64,
    pages_per_second: AtomicU64,
}

/// What has come of the probes to one address: when each was sent, and when its answer came.
#[derive(Default)]
struct Probe {
    /// Nothing more is sent.
    ended: AtomicBool,
    /// Nothing more is waited for.
    over: AtomicBool,
    found: Mutex<Vec<(u128, Option<u128>)>>,
}

/// All that orders are about.
struct Service {
    began: Instant,
    load: Load,
    probes: Mutex<HashMap<IpAddr, Arc<Probe>>>,
}

fn main() -> io::Result<()> {
    let service = Arc::new(Service { began: Instant::now(), load: Load::default(), probes: Mutex::default() });
    let datagrams = UdpSocket::bind("[::]:7")?;
    let streams = TcpListener::bind("[::]:7")?;
    let orders = TcpListener::bind("0.0.0.0:99")?;
    thread::spawn(move || echo_datagrams(&datagrams));
    thread::spawn(move || each(&streams, echo_stream));
    let dirtied = Arc::clone(&service);
    thread::spawn(move || dirty(&dirtied.load));
    println!("guest: ready");
    each(&orders, move |stream| obey(stream, &service));
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

fn obey(stream: TcpStream, service: &Service) -> io::Result<()> {
    let load = &service.load;
    let mut answers = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["idle"] => {
                load.pages.store(0, Ordering::Relaxed);
                "ok".to_owned()
            }
            ["dirty", mib, pace] => match (mib.parse::<u64>(), pace.parse::<u64>()) {
                (Ok(mib @ 1..=64), Ok(pace @ 1..)) => {
                    load.pages_per_second.store(pace * PAGES_PER_MIB as u64, Ordering::Relaxed);
                    load.pages.store(mib * PAGES_PER_MIB as u64, Ordering::Relaxed);
                    "ok".to_owned()
                }
                _ => "dirty takes 1 to 64 MiB, and MiB a second".to_owned(),
            },
            ["probe", address, interval] => match (address.parse(), interval.parse()) {
                (Ok(address), Ok(interval @ 1..)) => service.probe(address, Duration::from_millis(interval))?,
                _ => "probe takes an address, and milliseconds".to_owned(),
            },
            ["probed", address] => match address.parse() {
                Ok(address) => service.probed(address),
                Err(_) => "probed takes an address".to_owned(),
            },
            _ => "no such order".to_owned(),
        };
        writeln!(answers, "{answer}")?;
    }
    Ok(())
}

impl Service {
    /// Begins to probe an address, in place of what was there before.
    fn probe(&self, address: IpAddr, interval: Duration) -> io::Result<String> {
        let any: IpAddr = if address.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((address, 7))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (answers, probe, began) = (socket.try_clone()?, Arc::new(Probe::default()), self.began);
        let (sends, receives) = (Arc::clone(&probe), Arc::clone(&probe));
        thread::spawn(move || sends.send(&socket, interval, began));
        thread::spawn(move || receives.receive(&answers, began));
        if let Some(last) = self.probes.lock().expect("no thread panics").insert(address, probe) {
            last.ended.store(true, Ordering::Relaxed);
            last.over.store(true, Ordering::Relaxed);
        }
        Ok("ok".to_owned())
    }

    /// Ends to probe an address, and tells what came of it.
    fn probed(&self, address: IpAddr) -> String {
        let Some(probe) = self.probes.lock().expect("no thread panics").remove(&address) else {
            return format!("{address} is not probed");
        };
        probe.ended.store(true, Ordering::Relaxed);
        // The last answers may be on their way.
        let until = Instant::now() + GRACE;
        while Instant::now() < until && probe.is_due(self.began) {
            thread::sleep(Duration::from_millis(5));
        }
        probe.over.store(true, Ordering::Relaxed);
        let found = probe.found.lock().expect("no thread panics");
        let mut told = self.began.elapsed().as_micros().to_string();
        for (sent, received) in found.iter() {
            told += &format!(" {sent}:{}", received.map_or_else(String::new, |at| at.to_string()));
        }
        told
    }
}

impl Probe {
    /// Whether the answer to a probe of the last second may still come.
    fn is_due(&self, began: Instant) -> bool {
        let since = began.elapsed().saturating_sub(GRACE).as_micros();
        let found = self.found.lock().expect("no thread panics");
        found.iter().rev().take_while(|(sent, _)| *sent >= since).any(|(_, received)| received.is_none())
    }

    /// A probe each interval, numbered in its first bytes. What the guest had no time for is left out and not sent late.
    fn send(&self, socket: &UdpSocket, interval: Duration, began: Instant) {
        let mut due = Instant::now();
        while !self.ended.load(Ordering::Relaxed) {
            let number = {
                let mut found = self.found.lock().expect("no thread panics");
                found.push((began.elapsed().as_micros(), None));
                found.len() as u32 - 1
            };
            // One that can't be sent counts as one without an answer.
            socket.send(&number.to_be_bytes()).ok();
            let turns = due.elapsed().as_micros() / interval.as_micros() + 1;
            due += interval * u32::try_from(turns).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn receive(&self, socket: &UdpSocket, began: Instant) {
        let mut buffer = [0; 64];
        while !self.over.load(Ordering::Relaxed) {
            // Nothing for a while, or an error that a router told of: it is the probe's, which stays without an answer.
            let Ok(length) = socket.recv(&mut buffer) else { continue };
            let at = began.elapsed().as_micros();
            let Some(number) = buffer[..length].first_chunk().map(|bytes| u32::from_be_bytes(*bytes)) else { continue };
            let mut found = self.found.lock().expect("no thread panics");
            if let Some((_, received @ None)) = found.get_mut(number as usize) {
                *received = Some(at);
            }
        }
    }
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
