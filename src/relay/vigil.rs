//! Whether the agent lives: what was heard of it, and when its silence means something. Pure.

use std::time::{Duration, Instant};

/// How long an agent may be away before it counts as gone: a restart takes less, and so does the way back of one that
/// was given up although it was only slow.
pub(super) const RESTART: Duration = Duration::from_secs(1);

/// A link that stood for so long was not given up in vain again and again.
const CALM: Duration = Duration::from_secs(60);

/// What was heard of the agent.
#[derive(Debug)]
pub(super) struct Vigil {
    /// When its last heartbeat came, or when this relay began.
    heard_at: Instant,
    /// When an agent last knew what libvirt tells, or when this relay began, unless it inherits an earlier moment.
    vouched_at: Instant,
    agent: Agent,
    /// How many times the silence of an agent that is well it is left alone for. An agent that is only slow comes back
    /// when it was given up, and reads ExaBGP's table once more, which slows it down further: the next time it is waited
    /// for twice as long.
    slack: u32,
}

#[derive(Debug)]
enum Agent {
    /// Nobody is there since then, or since this relay began.
    Away { since: Instant },
    /// It greeted then.
    There {
        since: Instant,
        /// When it last said anything.
        spoke_at: Instant,
        /// For how long it says nothing at most when it is well; `None`: it has not told.
        silence: Option<Duration>,
    },
}

impl Vigil {
    /// Begins without an agent.
    pub(super) const fn new(now: Instant) -> Self {
        Self { heard_at: now, vouched_at: now, agent: Agent::Away { since: now }, slack: 1 }
    }

    /// An agent has greeted.
    pub(super) const fn came(&mut self, silence: Option<Duration>, now: Instant) {
        self.agent = Agent::There { since: now, spoke_at: now, silence };
    }

    /// It said something: its only thread runs, whatever it is busy with.
    pub(super) const fn spoke(&mut self, now: Instant) {
        if let Agent::There { spoke_at, .. } = &mut self.agent {
            *spoke_at = now;
        }
    }

    /// It said that it is alive.
    pub(super) const fn beat(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// Its link has ended.
    pub(super) const fn left(&mut self, now: Instant) {
        if let Agent::There { .. } = self.agent {
            self.agent = Agent::Away { since: now };
            self.slack = 1;
        }
    }

    /// Its link is given up, because [`Self::silent_at`] has come.
    pub(super) fn suspect(&mut self, now: Instant) {
        if let Agent::There { since, .. } = self.agent {
            self.agent = Agent::Away { since: now };
            self.slack = if now < since + CALM { self.slack.saturating_mul(2) } else { 2 };
        }
    }

    /// When an agent that is there has said nothing for too long.
    pub(super) fn silent_at(&self) -> Option<Instant> {
        match self.agent {
            Agent::There { spoke_at, silence: Some(silence), .. } => {
                spoke_at.checked_add(silence.saturating_mul(self.slack))
            }
            Agent::There { silence: None, .. } | Agent::Away { .. } => None,
        }
    }

    /// When an agent that is away counts as gone.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        match self.agent {
            Agent::Away { since } => Some(since + RESTART),
            Agent::There { .. } => None,
        }
    }

    /// It knows what libvirt tells.
    pub(super) const fn vouched(&mut self, now: Instant) {
        self.vouched_at = now;
    }

    /// For how long none has.
    pub(super) fn unwatched(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.vouched_at)
    }

    /// When a lease of this length ends. An agent that is there lowers its routes by itself when libvirt is away for longer
    /// than `libvirt_lease`. Of one that is not, what counts is when it last knew. One that did not know any more, but had
    /// that time left, left routes that still stood by its rules: they stay for a lease, as of any agent that is restarted,
    /// but for no longer than it would have let them. So agents and relays that come and go don't put the end off.
    pub(super) fn lease_ends_at(&self, lease: Duration, libvirt_lease: Duration) -> Option<Instant> {
        let since_heard = self.heard_at.checked_add(lease)?;
        match self.agent {
            Agent::There { .. } => Some(since_heard),
            Agent::Away { .. } => {
                let allowed = since_heard.min(self.vouched_at.checked_add(libvirt_lease)?);
                Some(self.vouched_at.checked_add(lease)?.max(allowed))
            }
        }
    }
}
