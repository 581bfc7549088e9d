//! What a session does when answers and commands no longer fit together: everything open is unknown, and ExaBGP is asked anew. Pure.

use std::time::{Duration, Instant};

use super::{Phase, Session};
use crate::exabgp::Report;

/// Doubts in a row that are followed up at once.
const HASTY: u32 = 4;

/// How long ExaBGP says nothing when it has answered all that it was asked.
const QUIET: Duration = Duration::from_millis(200);

impl Session {
    pub(super) fn doubt(&mut self, reason: String, at: Instant) {
        if self.ready_at.take().is_some_and(|ready| at >= ready + self.settings.ack_timeout) {
            self.doubts = 0;
        }
        self.doubts = self.doubts.saturating_add(1);
        self.put_in_doubt(reason);
        if self.doubts > HASTY {
            self.phase = Phase::Pausing { until: at + self.settings.ack_timeout };
        } else {
            self.fence(at);
        }
    }

    /// ExaBGP has not answered a fence in time: it is asked again, each time after a longer wait.
    pub(super) fn silence(&mut self, reason: String, at: Instant) {
        self.silences = self.silences.saturating_add(1);
        self.put_in_doubt(reason);
        self.fence(at);
    }

    /// A fence is answered that this session has not counted: somebody had asked before it. What ExaBGP says until it has said all
    /// is nobody's.
    pub(super) fn drain(&mut self, at: Instant) {
        self.put_in_doubt("ExaBGP answers what was asked before".to_owned());
        self.phase = Phase::Pausing { until: at + QUIET };
    }

    /// It goes on to speak in a pause.
    pub(super) fn drained(&mut self, at: Instant) {
        if let Phase::Pausing { until } = &mut self.phase {
            *until = (*until).max(at + QUIET);
        }
    }

    fn put_in_doubt(&mut self, reason: String) {
        self.unsettle();
        if self.told.as_ref() != Some(&reason) {
            self.tell(reason);
        }
    }

    /// Everything that was asked for is open no more, and what came of it unknown.
    pub(super) fn unsettle(&mut self) {
        self.steps.clear();
        self.wire.doubt();
        self.in_step = false;
    }

    pub(super) fn give_up(&mut self, reason: String) {
        self.unsettle();
        self.tell(reason.clone());
        self.phase = Phase::Unusable(reason);
    }

    pub(super) fn tell(&mut self, reason: String) {
        self.told = Some(reason.clone());
        self.effects.reports.push(Report::InDoubt { reason });
    }
}
