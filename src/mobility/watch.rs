//! How far libvirt's word can be relied on: when it was last heard, and what its silence means for the routes.

use std::time::{Duration, Instant};

use crate::config;
use crate::route::Rung;

/// What is known of libvirt as a witness.
#[derive(Debug)]
pub(super) struct Watch {
    lease: Duration,
    resync: Duration,
    listed: bool,
    /// Since when libvirt is known to be out of reach.
    lost_since: Option<Instant>,
    /// When the last list was asked for that was answered.
    listed_at: Instant,
    lapsed: bool,
}

impl Watch {
    /// Without a list, from `now` on.
    pub(super) const fn new(settings: &config::Libvirt, now: Instant) -> Self {
        Self {
            lease: settings.lease,
            resync: settings.resync,
            listed: false,
            lost_since: Some(now),
            listed_at: now,
            lapsed: false,
        }
    }

    /// A list that was asked for at `asked_at` came.
    pub(super) const fn listed(&mut self, asked_at: Instant) {
        self.listed = true;
        self.lost_since = None;
        self.listed_at = asked_at;
        self.lapsed = false;
    }

    /// No list can be had from `at` on.
    pub(super) fn lost(&mut self, at: Instant) {
        self.lost_since.get_or_insert(at);
    }

    /// Time passes; says whether the lease has run out just now.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let lapses = !self.lapsed && self.lease_ends() <= now;
        self.lapsed |= lapses;
        lapses
    }

    /// When [`Self::tick`] will have something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.lapsed).then(|| self.lease_ends())
    }

    /// Whether libvirt has been listed in this agent's life.
    pub(super) const fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether libvirt has been silent for longer than its lease.
    pub(super) const fn is_lapsed(&self) -> bool {
        self.lapsed
    }

    /// The best rung for a VM of which libvirt last told at `informed_at`. What it told since it was lost is as good as
    /// ever.
    pub(super) fn best_rung(&self, informed_at: Option<Instant>) -> Rung {
        let stale = informed_at.is_none_or(|at| at <= self.silent_since());
        if self.lapsed && stale { Rung::Unsure } else { Rung::Arrived }
    }

    /// Since when libvirt has told nothing that can be trusted. A connection that stands while its lists fail or
    /// hang is as good as none: two are missed before that counts.
    fn silent_since(&self) -> Instant {
        let overdue = self.listed_at + 2 * self.resync;
        self.lost_since.map_or(overdue, |lost| lost.min(overdue))
    }

    fn lease_ends(&self) -> Instant {
        self.silent_since() + self.lease
    }
}
