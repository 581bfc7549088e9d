//! `roamd reload`: a reload that ends when its outcome is known, for `ExecReload` of the service.
//!
//! systemd 252 knows no reload that the service itself reports (`Type=notify-reload` came with 253): it takes the exit code of
//! what it ran. So this sends the signal and waits for what the agent made of it, which the agent leaves in the service's
//! runtime directory.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{Exit, complain};
use crate::service::{Verdict, runtime_directory};

/// How long reading may take: less than `TimeoutStartSec` of the unit, so that it is this that says so.
const PATIENCE: Duration = Duration::from_secs(25);

/// How often the outcome is looked for.
const LOOK: Duration = Duration::from_millis(10);

/// `roamd reload`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The agent's process id, as systemd has it in $MAINPID
    pid: i32,
}

/// What keeps the outcome from being known.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("{0} is no process id")]
    NoPid(i32),
    #[error("the agent, process {pid}, can't be signalled: {error}")]
    Gone { pid: i32, error: Errno },
    #[error("the agent was told to read its configuration again, but does not say how that went")]
    Silent,
}

/// Has the agent read its configuration again; fails, with the faults, when that one is refused.
pub(super) fn run(arguments: &Arguments) -> Exit {
    match reload(arguments.pid) {
        Ok(verdict) if verdict.errors.is_empty() => {
            if !verdict.wait_for_restart.is_empty() {
                let keys = verdict.wait_for_restart.join(", ");
                complain(&format!("in force, but for what takes a restart: {keys}"));
            }
            Exit::Success
        }
        Ok(verdict) => {
            complain("refused; the running configuration is kept:");
            verdict.errors.iter().for_each(|error| complain(error));
            if verdict.more > 0 {
                complain(&format!("and {} more: see roamd check", verdict.more));
            }
            Exit::Configuration
        }
        Err(error) => {
            complain(&format!("roamd: {error}"));
            Exit::Failure
        }
    }
}

fn reload(number: i32) -> Result<Verdict, ReloadError> {
    let (Some(pid), Ok(agent)) = (Pid::from_raw(number), u32::try_from(number)) else {
        return Err(ReloadError::NoPid(number));
    };
    let gone = |error| ReloadError::Gone { pid: number, error };
    let directory = runtime_directory();
    let before = Verdict::find(&directory, agent).map(|verdict| verdict.number);
    kill_process(pid, Signal::HUP).map_err(gone)?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let verdict = Verdict::find(&directory, agent);
        if let Some(verdict) = verdict.filter(|verdict| Some(verdict.number) != before) {
            return Ok(verdict);
        }
        test_kill_process(pid).map_err(gone)?;
        thread::sleep(LOOK);
    }
    Err(ReloadError::Silent)
}
