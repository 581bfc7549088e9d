//! The agent's socket, and somebody on it who says anything; then a relay that is one.
//!
//! The input is what the first one says. Byte 1 waits until the agent has read it, 2 hangs up and connects again.
//! Whatever was said, the relay that comes then is greeted and asked, by commands that are commands; and the agent hears of
//! everything in order: a table is told only by what was greeted.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::LazyLock;

use roamd::config::{Config, Transport};
use roamd::exabgp::{self, Lines, Order, Report, Settings};
use roamd::link::{self, Hello, PROTOCOL, ToAgent, ToRelay};
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::yield_now;

use crate::{grammar, socket, switch};

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.example.yaml");
    let config = Config::load(&example).unwrap_or_else(|faults| panic!("{faults}"));
    let socket = env::temp_dir().join(format!("roamd-fuzz-{}/agent.sock", process::id()));
    Settings { transport: Transport::Relay, socket, ..Settings::from(&config) }
});

pub fn run(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_orders, heard) = unbounded_channel::<Order>();
        let (reports, mut told) = unbounded_channel();
        exabgp::spawn(SETTINGS.clone(), heard, reports).unwrap();
        anybody(data, &SETTINGS.socket).await;
        relay(&SETTINGS.socket, &mut told).await;
    });
    drop(runtime);
    // The lock's file stays otherwise, one for each run of the program.
    let _ = fs::remove_dir_all(SETTINGS.socket.parent().map_or_else(PathBuf::new, Path::to_path_buf));
}

async fn anybody(data: &[u8], path: &Path) {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let mut rest = data;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, 1 | 2)).unwrap_or(rest.len());
        if end > 0 {
            // It may have hung up.
            let _ = socket::write(&stream, &rest[..end]).await;
        }
        match rest.get(end) {
            Some(1) => {
                for _ in 0..4 {
                    yield_now().await;
                }
            }
            Some(_) => stream = UnixStream::connect(path).await.unwrap(),
            None => {}
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    for _ in 0..4 {
        yield_now().await;
    }
}

async fn relay(path: &Path, told: &mut UnboundedReceiver<Report>) {
    let stream = UnixStream::connect(path).await.unwrap();
    let epoch = Some("41-1000-boot".to_owned());
    let hello = Hello { protocol: PROTOCOL, pid: 42, epoch, unwatched_ms: Some(1_000) };
    let mut says = Vec::new();
    link::encode(&ToAgent::Hello(hello), &mut says);
    let (mut lines, mut greeted) = (Lines::default(), false);
    loop {
        socket::write(&stream, &says).await.unwrap();
        says.clear();
        let buffer = tokio::select! {
            buffer = socket::read(&stream) => buffer.unwrap(),
            report = told.recv() => match report.expect("the agent lives") {
                Report::Ready { epoch, .. } if epoch.as_deref() == Some("41-1000-boot") => return,
                Report::Gone { .. } | Report::Settled { .. } => panic!("nothing ended, nothing was ordered"),
                Report::Ready { .. }
                | Report::InDoubt { .. }
                | Report::Lost { .. }
                | Report::Neighbor(_)
                | Report::Wire(_)
                | Report::Unwatched { .. } => continue,
            },
        };
        assert!(!buffer.is_empty(), "a relay is turned away");
        lines.feed(&buffer, |line| {
            let line = line.expect("no message is longer than a line may be");
            let message: Result<ToRelay, _> = if greeted { link::decode(line) } else { link::first(line) };
            match message.expect("the agent sends messages") {
                ToRelay::Commands(commands) => {
                    for line in commands.strip_suffix('\n').expect("whole lines are written").split('\n') {
                        assert_eq!(grammar::prefix_of(line), None, "nothing was ordered: {line}");
                        for said in switch::answer(line).lines() {
                            link::encode(&ToAgent::Line(said.to_owned()), &mut says);
                        }
                    }
                }
                ToRelay::Welcome(_) => assert!(!greeted, "one greeting"),
                ToRelay::Keep(_) | ToRelay::Forget(_) | ToRelay::Heartbeat { .. } => {
                    panic!("nothing was ordered")
                }
            }
            greeted = true;
        });
    }
}
