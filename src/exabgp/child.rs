//! Transport `child`: ExaBGP runs this process as its API process, and the standard streams are the way to it.
//!
//! Measured on 4.2.21 and 5.0.15: when this process dies while ExaBGP has more than its buffer of 8 KiB to write
//! to it (a table of some 25 routes is as long), ExaBGP logs "lost the helper process for this peer" and stops
//! every neighbor until it is restarted. Commands are refused from then on.

use std::io;
use std::os::unix::process::parent_id;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::{Order, Report, Settings, drive};

/// Starts the exchange over stdin and stdout. SIGPIPE is ignored by Rust's runtime, so that a closed
/// stdout shows as an error of a write.
pub(super) fn spawn(
    mut settings: Settings,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    if settings.epoch.is_none() {
        // ExaBGP starts its API process without a shell in between, so the parent is ExaBGP itself.
        settings.epoch = epoch(parent_id()).ok();
    }
    drive::spawn(settings, io::stdin(), io::stdout(), orders, reports)
}

/// Identity of one life of process `pid`: `pid-starttime-bootid` (start time in clock ticks since boot, proc(5)).
fn epoch(pid: u32) -> io::Result<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let since = start_time(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok(format!("{pid}-{since}-{}", boot_id.trim()))
}

/// Field 22 of `/proc/pid/stat`. Field 2 is the command in brackets, which may itself hold blanks and brackets.
fn start_time(stat: &str) -> Option<u64> {
    let (_, after_command) = stat.rsplit_once(')')?;
    after_command.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests;
