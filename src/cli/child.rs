//! A child of ExaBGP whose configuration has faults: it must not exit.
//!
//! ExaBGP respawns a child that exits, and after five respawns in a minute it ends itself, and every route
//! with it. So the faults are logged, what ExaBGP says is read and thrown away (an undrained child blocks
//! ExaBGP until its sessions die), and the file is looked at again every few seconds, and at `SIGHUP`. A new start
//! is an exec of the same program: process id and pipes stay, everything else is fresh.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::Exit;
use crate::config::Config;
use crate::exabgp::stdin;

/// How often the configuration is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What ended the wait.
enum Wake {
    Retry,
    Stop,
    EndOfFile,
}

/// Whether this process seems to be ExaBGP's API process, as far as that can be told without a configuration:
/// both standard streams are pipes, and either the file asks for it or the parent looks like ExaBGP.
pub(super) fn is_exabgps(config: &Path) -> bool {
    if !(stdin::is_pipe(0) && stdin::is_pipe(1)) {
        return false;
    }
    let asks = fs::read(config).is_ok_and(|text| {
        let text = String::from_utf8_lossy(&text);
        text.lines().any(|line| {
            let words: Vec<&str> = line.split([' ', '\t', '"', '\'', ',', '{', '}']).collect();
            words.contains(&"transport:") && words.contains(&"child")
        })
    });
    let parent = fs::read(format!("/proc/{}/cmdline", parent_id()));
    asks || parent.is_ok_and(|line| String::from_utf8_lossy(&line).contains("exabgp"))
}

/// Waits, draining stdin, until the configuration may have been mended, ExaBGP is gone, or a stop is asked for.
pub(super) fn wait_for_mending(config: &Path) -> Exit {
    warn!("this is ExaBGP's child: it stays, and starts when the configuration is mended");
    let wake = match wait(config) {
        Ok(wake) => wake,
        Err(error) => {
            error!(%error, "waiting for signals failed");
            return Exit::Configuration;
        }
    };
    match wake {
        Wake::Stop => Exit::Success,
        Wake::EndOfFile => {
            info!("ExaBGP is gone");
            Exit::Configuration
        }
        Wake::Retry => {
            // By its path first, so that a program that was upgraded in place is picked up.
            let by_path = std::env::args_os().next().map(PathBuf::from).filter(|path| path.is_absolute());
            let program = by_path.map_or_else(std::env::current_exe, Ok);
            let error = match program {
                Ok(program) => Command::new(program).args(std::env::args_os().skip(1)).exec(),
                Err(error) => error,
            };
            error!(%error, "starting again failed");
            Exit::Failure
        }
    }
}

fn wait(config: &Path) -> io::Result<Wake> {
    let (ended, end_of_file) = tokio::sync::oneshot::channel::<()>();
    std::thread::Builder::new().name("drain".to_owned()).spawn(move || {
        stdin::drain();
        drop(ended);
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let [mut hangup, mut terminate, mut interrupt] =
            [SignalKind::hangup(), SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        let next = async |signal: &mut io::Result<Signal>| match signal {
            Ok(signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        };
        let mended = async {
            while Config::load(config).is_err() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        // Cancel-safe: nothing is taken up again after one branch has won.
        Ok(tokio::select! {
            () = mended => Wake::Retry,
            _ = next(&mut hangup) => Wake::Retry,
            _ = next(&mut terminate) => Wake::Stop,
            _ = next(&mut interrupt) => Wake::Stop,
            _ = end_of_file => Wake::EndOfFile,
        })
    })
}
