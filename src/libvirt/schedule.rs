//! When to list again and when to connect again. Pure: time is an argument.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Waiting times that double up to 5 s.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
}

impl Backoff {
    const LONGEST: Duration = Duration::from_secs(5);

    /// How long after a connection has ended the next attempt is made, at first.
    pub const RECONNECT: Duration = Duration::from_millis(100);

    /// `first` is the shortest waiting time.
    pub const fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// How long to wait after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(Self::LONGEST);
        wait
    }

    /// A success: the next failure waits the shortest time again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

/// When a connection's next list is due without being asked for.
#[derive(Debug)]
pub struct Schedule {
    /// From list to list.
    resync: Duration,
    /// Those some time after the connect, until they are done.
    settling: Option<Settling>,
    /// The next of all others.
    next: Instant,
    backoff: Backoff,
}

/// The lists that follow a connect, each after twice the time of the one before, until libvirtd has settled.
///
/// A libvirtd that has just started answers before it has found all its VMs again (qemuProcessReconnect, a thread for each): what
/// it then finds out of one, as that a migration was given up and the VM runs on, it tells by no event.
#[derive(Debug)]
struct Settling {
    connected_at: Instant,
    /// When the next is due, after the connect.
    after: Duration,
    /// And when the last is.
    last: Duration,
}

impl Settling {
    const FIRST: Duration = Duration::from_millis(250);

    fn new(connected_at: Instant, last: Duration) -> Self {
        Self { connected_at, after: Self::FIRST.min(last), last }
    }

    fn due(&self) -> Instant {
        self.connected_at + self.after
    }

    /// What remains after a list that was asked for at this time.
    fn after_list(mut self, asked_at: Instant) -> Option<Self> {
        while asked_at >= self.due() {
            if self.after == self.last {
                return None;
            }
            self.after = (self.after * 2).min(self.last);
        }
        Some(self)
    }
}

impl Schedule {
    /// How long after a connect libvirtd has settled.
    pub const SETTLE: Duration = Duration::from_secs(5);

    /// A resync that is longer than a year may as well be one; an instant can't hold everything.
    const LONGEST_RESYNC: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// How long after a list that failed the next one is tried, at first.
    const AGAIN: Duration = Duration::from_millis(100);

    /// The first list is due at once, others soon after it, the last of them at `settle` after the connect.
    pub fn new(connected_at: Instant, resync: Duration, settle: Duration) -> Self {
        let resync = resync.min(Self::LONGEST_RESYNC);
        Self {
            resync,
            settling: Some(Settling::new(connected_at, settle)),
            next: connected_at,
            backoff: Backoff::new(Self::AGAIN),
        }
    }

    /// When to list next.
    pub fn due(&self) -> Instant {
        self.settling.as_ref().map_or(self.next, |settling| settling.due().min(self.next))
    }

    /// A list that was asked for at `asked_at` came.
    pub fn listed(&mut self, asked_at: Instant) {
        self.settling = self.settling.take().and_then(|settling| settling.after_list(asked_at));
        self.next = asked_at + self.resync;
        self.backoff.reset();
    }

    /// A list failed at `now`: it is tried again after a back-off, and before that only when asked for.
    pub fn failed(&mut self, now: Instant) {
        self.settling = self.settling.take().and_then(|settling| settling.after_list(now));
        self.next = now + self.backoff.after_failure();
    }
}
