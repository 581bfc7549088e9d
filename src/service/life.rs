//! What the service manager should know, and what it was told; the difference is due. Pure.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// How long the manager is asked to wait for a start that goes on, where no watchdog says how long a silence may be.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many words fit into the time in which one must come: two may be late or lost.
const WORDS: u32 = 3;

/// How the service stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for libvirt or ExaBGP.
    #[default]
    Starting,
    /// It does what it is there for.
    Serving,
    /// It does, and reads its configuration again.
    Reloading,
    /// It was asked to end.
    Stopping,
}

/// The life of the service.
#[derive(Debug, Default)]
pub(super) struct Life {
    watchdog: Option<Duration>,
    phase: Phase,
    told_phase: Phase,
    status: String,
    told_status: String,
    /// That the agent lives is due.
    lives: bool,
    /// When that is due next.
    next: Option<Instant>,
}

impl Life {
    pub(super) fn new(watchdog: Option<Duration>) -> Self {
        Self { watchdog: watchdog.filter(|time| !time.is_zero()), ..Self::default() }
    }

    pub(super) const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the manager does not know the phase yet.
    pub(super) fn changed_phase(&self) -> bool {
        self.phase != self.told_phase
    }

    pub(super) fn ready(&mut self) {
        self.turn(Phase::Starting, Phase::Serving);
    }

    /// A start goes on through a reload as what it is.
    pub(super) fn reloading(&mut self) {
        self.turn(Phase::Serving, Phase::Reloading);
    }

    pub(super) fn reloaded(&mut self) {
        self.turn(Phase::Reloading, Phase::Serving);
    }

    pub(super) fn stopping(&mut self) {
        self.phase = Phase::Stopping;
    }

    fn turn(&mut self, from: Phase, to: Phase) {
        if self.phase == from {
            self.phase = to;
        }
    }

    /// What there is to say of it in words.
    pub(super) fn status(&mut self, status: String) {
        self.status = status;
    }

    /// The agent lives.
    pub(super) fn beat(&mut self, now: Instant) {
        if self.next.is_none_or(|next| next <= now) {
            self.next = Some(now + self.patience() / WORDS);
            self.lives = true;
        }
    }

    /// What the manager does not know yet.
    pub(super) fn due(&self) -> Vec<NotifyState<'_>> {
        let mut due = Vec::new();
        if self.changed_phase() {
            due.extend(match self.phase {
                Phase::Starting => None,
                Phase::Serving => Some(NotifyState::Ready),
                Phase::Reloading => Some(NotifyState::Reloading),
                Phase::Stopping => Some(NotifyState::Stopping),
            });
        }
        if self.status != self.told_status {
            due.push(NotifyState::Status(&self.status));
        }
        if self.lives && self.phase == Phase::Starting {
            let micros = u32::try_from(self.patience().as_micros()).unwrap_or(u32::MAX);
            due.push(NotifyState::ExtendTimeoutUsec(micros));
        }
        if self.lives && self.watchdog.is_some() {
            due.push(NotifyState::Watchdog);
        }
        due
    }

    /// What was due was told.
    pub(super) fn told(&mut self) {
        self.told_phase = self.phase;
        self.told_status.clone_from(&self.status);
        self.lives = false;
    }

    /// How long a silence may be.
    fn patience(&self) -> Duration {
        self.watchdog.unwrap_or(PATIENCE)
    }
}
