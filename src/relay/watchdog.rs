//! Ends a relay that hangs. It is the relay that lowers what nobody vouches for, and nobody could do it in its place; so
//! one that does not come round is killed, and ExaBGP starts another, which knows all of it from the ledger.
//!
//! The kernel does it, by a timer of this process whose signal is SIGKILL (`timer_create(2)`): that reaches a process that
//! is stopped or never leaves a loop too. The relay's own loop puts it off; nothing else does.

use std::io;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;

/// Ends this process unless it is fed.
#[derive(Debug)]
pub(super) struct Watchdog {
    timer: Timer,
    patience: Duration,
    next: Instant,
}

impl Watchdog {
    /// For how long a relay may not come round. What it does in a round takes less than a millisecond; and it is ended
    /// before any route that it should have lowered can tie with another (the least `mobility.settle` is longer by far).
    pub(super) const PATIENCE: Duration = Duration::from_secs(10);

    /// The least number of times that it is fed in that time.
    const MEALS: u32 = 4;

    /// Ends this process in so much time, unless it is fed before. Fails where the user has too many timers
    /// (`RLIMIT_SIGPENDING`).
    pub(super) fn new(patience: Duration, now: Instant) -> io::Result<Self> {
        let kill = SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(kill))?;
        let mut watchdog = Self { timer, patience, next: now };
        watchdog.feed(now)?;
        Ok(watchdog)
    }

    /// When to feed it next.
    pub(super) const fn due(&self) -> Instant {
        self.next
    }

    /// Puts the end off, where that is due.
    pub(super) fn feed(&mut self, now: Instant) -> io::Result<()> {
        if now >= self.next {
            let end = Expiration::OneShot(TimeSpec::from_duration(self.patience));
            self.timer.set(end, TimerSetTimeFlags::empty())?;
            self.next = now + self.patience / Self::MEALS;
        }
        Ok(())
    }
}
