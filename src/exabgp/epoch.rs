//! Which life of ExaBGP this is. Called by its API process, `roamd run` or `roamd relay`.

use std::io;
use std::os::unix::process::parent_id;

/// The epoch of this process's parent. ExaBGP starts its API process without a shell in between, so the parent is
/// ExaBGP itself.
pub(crate) fn of_parent() -> io::Result<String> {
    epoch(parent_id())
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
