//! How far libvirt's word can be relied on: when it was last heard, and what its silence means for the routes.

use std::time::{Duration, Instant};

use super::{Effects, Mobility};
use crate::config;
use crate::route::Rung;

/// How long libvirt may be without a connection before routes on `arrived` count as unwatched. Nobody would take one down
/// if its VM ended now, and it would tie with that of the host on which the VM is started again. A restart of libvirtd
/// that takes longer costs such a route two updates, and no packet.
const BLINK: Duration = Duration::from_secs(1);

/// For how long after this process stood still longer than a lease nothing counts, and after any standstill no event by which a
/// VM ends. Whatever stopped it may have stopped libvirtd too, which then goes on telling for a moment how things were before;
/// and a host that is awake again can wait that long, because `unsure` serves a VM that runs nowhere else.
const WAKING: Duration = Duration::from_secs(5);

/// What its silence has just come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing stays on `arrived` any more.
    Blind,
    /// Nothing stays above `unsure` any more.
    Lapsed,
    /// After a standstill a list counts again.
    Heard,
}

/// Whether what libvirt tells counts, after this process stood still.
#[derive(Debug, Clone, Copy)]
enum Trust {
    /// It does.
    Full,
    /// From then on.
    From(Instant),
    /// It does since then, and nothing was listed yet.
    Since(Instant),
}

impl Trust {
    /// From when on a list counts; `None` where any does.
    const fn begins(self) -> Option<Instant> {
        match self {
            Self::Full => None,
            Self::From(at) | Self::Since(at) => Some(at),
        }
    }

    /// When that will be; `None` where it is so.
    const fn returns(self) -> Option<Instant> {
        match self {
            Self::From(at) => Some(at),
            Self::Full | Self::Since(_) => None,
        }
    }
}

/// What is known of libvirt as a witness.
#[derive(Debug)]
pub(super) struct Watch {
    lease: Duration,
    resync: Duration,
    listed: bool,
    /// Since when libvirt is known to be out of reach.
    lost_since: Option<Instant>,
    /// Since when there is no connection, where it is known that there is none.
    disconnected_at: Option<Instant>,
    /// When the last list was asked for that was answered.
    listed_at: Instant,
    trust: Trust,
    /// Until when what is heard may have waited while this process stood still.
    waking_until: Option<Instant>,
    /// There has been no connection, or no list since, for longer than [`BLINK`].
    blind: bool,
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
            disconnected_at: None,
            listed_at: now,
            trust: Trust::Full,
            waking_until: None,
            blind: false,
            lapsed: false,
        }
    }

    /// A list that was asked for at `asked_at` came.
    pub(super) fn listed(&mut self, asked_at: Instant) {
        self.listed = true;
        if self.trust.begins().is_some_and(|from| asked_at < from) {
            return;
        }
        self.trust = Trust::Full;
        self.lost_since = None;
        self.disconnected_at = None;
        self.listed_at = asked_at;
        self.blind = false;
        self.lapsed = false;
    }

    /// There is no connection from `at` on.
    pub(super) fn lost(&mut self, at: Instant) {
        self.lost_since.get_or_insert(at);
        self.disconnected_at.get_or_insert(at);
    }

    /// Before this agent's life nobody has watched libvirt since `since`.
    pub(super) fn unwatched(&mut self, since: Instant) {
        if !self.listed {
            self.lost_since = self.lost_since.map(|lost| lost.min(since));
        }
    }

    /// Whether what is known of the VMs is as libvirt tells it at `now`.
    pub(super) fn vouches(&self, now: Instant) -> bool {
        self.listed && matches!(self.trust, Trust::Full) && now < self.silent_since()
    }

    /// This process stood still for longer than a lease, until `now`: it has missed what happened meanwhile, and the VMs may
    /// run elsewhere by now.
    pub(super) fn stood_still(&mut self, now: Instant) {
        self.trust = Trust::From(now + WAKING);
        self.lapsed = true;
    }

    /// This process stood still for a while, until `now`.
    pub(super) fn woke(&mut self, now: Instant) {
        self.waking_until = Some(now + WAKING);
    }

    /// Whether what was heard at `at` may have waited while this process stood still.
    pub(super) fn is_waking(&self, at: Instant) -> bool {
        self.waking_until.is_some_and(|until| at < until)
    }

    /// Time passes; says what has come of libvirt's silence just now.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Silence> {
        let has_come = |at: Instant| at <= now;
        let blinded = !self.blind && self.blind_at().is_some_and(has_come);
        let lapses = !self.lapsed && has_come(self.lease_ends());
        let trusted = self.trust.returns().filter(|from| has_come(*from));
        self.blind |= blinded;
        self.lapsed |= lapses;
        if let Some(from) = trusted {
            self.trust = Trust::Since(from);
        }
        match (lapses, blinded, trusted.is_some()) {
            (true, _, _) => Some(Silence::Lapsed),
            (false, _, true) => Some(Silence::Heard),
            (false, true, false) => Some(Silence::Blind),
            (false, false, false) => None,
        }
    }

    /// When [`Self::tick`] will have something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let lapses_at = (!self.lapsed).then(|| self.lease_ends());
        let blinded_at = if self.blind { None } else { self.blind_at() };
        [lapses_at, blinded_at, self.trust.returns()].into_iter().flatten().min()
    }

    /// Whether libvirt has been listed in this agent's life.
    pub(super) const fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether there has been no connection for so long that nothing is on `arrived`.
    pub(super) const fn is_blind(&self) -> bool {
        self.blind
    }

    /// Whether libvirt has been silent for longer than its lease.
    pub(super) const fn is_lapsed(&self) -> bool {
        self.lapsed
    }

    /// The best rung for a VM of which libvirt last told at `informed_at`. What it told since it was lost is as good as
    /// ever.
    pub(super) fn best_rung(&self, informed_at: Option<Instant>) -> Rung {
        let stale_since = |since| informed_at.is_none_or(|at| at <= since);
        if self.lapsed && stale_since(self.silent_since()) {
            Rung::Unsure
        } else if self.blind && self.disconnected_at.is_some_and(stale_since) {
            Rung::Active
        } else {
            Rung::Arrived
        }
    }

    /// Since when libvirt has told nothing that can be trusted. A connection that stands while its lists fail or
    /// hang is as good as none: two are missed before that counts.
    fn silent_since(&self) -> Instant {
        let overdue = self.listed_at + 2 * self.resync;
        let silent = self.lost_since.map_or(overdue, |lost| lost.min(overdue));
        self.trust.begins().map_or(silent, |from| from.max(silent))
    }

    fn blind_at(&self) -> Option<Instant> {
        self.disconnected_at.map(|at| at + BLINK)
    }

    /// Whether it has been silent for its lease.
    pub(super) fn is_lease_over(&self, now: Instant) -> bool {
        self.lease_ends() <= now
    }

    fn lease_ends(&self) -> Instant {
        self.silent_since() + self.lease
    }
}

/// What others ask of the watch, and tell it.
impl Mobility {
    /// There is no connection to libvirt from `at` on.
    pub fn libvirt_lost(&mut self, at: Instant) {
        self.watch.lost(at);
    }

    /// Before this agent's life nobody has watched libvirt since `since`: its lease runs from there. An agent that is
    /// started again and again, while libvirt is away, must not keep a route for ever.
    pub fn unwatched(&mut self, since: Instant) {
        self.watch.unwatched(since);
    }

    /// Whether what is known of the VMs is as libvirt tells it at `now`.
    pub fn vouches(&self, now: Instant) -> bool {
        self.watch.vouches(now)
    }

    /// This process stood still for a while, until `now`: an end of a VM of which it hears in the next moments may be long past,
    /// and the VM run again. Until libvirt has told how it is now, no route is taken away.
    pub fn woke(&mut self, now: Instant) {
        self.watch.woke(now);
    }

    /// This process stood still for longer than a lease, until `now`. Nothing stays above `unsure` until libvirt is listed
    /// anew, a few seconds later.
    pub fn stood_still(&mut self, now: Instant) -> Effects {
        self.watch.stood_still(now);
        Effects { touched: self.everyone(), ..Effects::default() }
    }

    /// Whether libvirt has been silent for its lease at `now`, from when on what it told last is not relied on.
    pub fn is_lease_over(&self, now: Instant) -> bool {
        self.watch.is_lease_over(now)
    }

    /// Whether libvirt has been listed in this agent's life.
    pub const fn is_listed(&self) -> bool {
        self.watch.is_listed()
    }

    /// Whether libvirt has been unreachable for so long that nothing is on `arrived`.
    pub const fn is_blind(&self) -> bool {
        self.watch.is_blind()
    }

    /// Whether libvirt has been unreachable for longer than its lease.
    pub const fn is_lapsed(&self) -> bool {
        self.watch.is_lapsed()
    }
}
