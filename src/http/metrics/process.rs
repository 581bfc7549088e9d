//! What the kernel knows of this process (proc(5)), under the names that all Prometheus clients use.
//!
//! A few small files that the kernel makes at once; nothing of a disk is read.

use std::fs;

use super::family::{self, Family};
use super::{Page, Value};

/// Ticks a second in `/proc/self/stat`: `USER_HZ`, which is fixed on every architecture that roamd is built for.
const TICKS: f64 = 100.0;

/// A process. What could not be read is left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Process {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    threads: Option<u64>,
    open_fds: Option<usize>,
    max_fds: Option<u64>,
}

impl Process {
    /// This one, as it is now.
    pub(super) fn read() -> Self {
        let text = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        // One of them is the descriptor by which they are listed.
        let open_fds = fs::read_dir("/proc/self/fd").map(|fds| fds.count().saturating_sub(1)).ok();
        Self { open_fds, ..Self::parse(&text("stat"), &text("status"), &text("limits")) }
    }

    fn parse(stat: &str, status: &str, limits: &str) -> Self {
        let number = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).and_then(first);
        let kibibytes = |key: &str| number(key).map(|kibibytes| kibibytes * 1_024);
        Self {
            cpu_seconds: cpu_seconds(stat),
            resident_bytes: kibibytes("VmRSS:"),
            virtual_bytes: kibibytes("VmSize:"),
            threads: number("Threads:"),
            open_fds: None,
            max_fds: limits.lines().find_map(|line| line.strip_prefix("Max open files")).and_then(first),
        }
    }

    pub(super) fn show(&self, page: &mut Page) {
        let Self { cpu_seconds, resident_bytes, virtual_bytes, threads, open_fds, max_fds } = self;
        let all: [(&Family, Option<Value>); 6] = [
            (&family::CPU, cpu_seconds.map(Into::into)),
            (&family::RESIDENT, resident_bytes.map(Into::into)),
            (&family::VIRTUAL, virtual_bytes.map(Into::into)),
            (&family::THREADS, threads.map(Into::into)),
            (&family::OPEN_FDS, open_fds.map(Into::into)),
            (&family::MAX_FDS, max_fds.map(Into::into)),
        ];
        for (family, value) in all {
            if let Some(value) = value {
                page.one(family, value);
            }
        }
    }
}

/// The first word as a number.
fn first(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// `utime` and `stime`, the 14th and 15th field; the second is the program's name in brackets, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS)
}

#[cfg(test)]
mod tests;
