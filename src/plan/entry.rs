//! One prefix of the plan: what is wanted, what ExaBGP is believed to hold, what is open.

use std::time::{Duration, Instant};

use super::queue::{Class, Place};
use super::{FoundRoute, Hold, Progress, Step};
use crate::route::{Prefix, Route, Rung};

/// The first wait before a refused step is tried again; it doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(1);

/// The longest wait before a refused step is tried again.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What ExaBGP is believed to hold for a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing of ours.
    Nothing,
    /// Acknowledged as announced.
    Route(Route),
    /// Found in its table.
    Found(FoundRoute),
    /// Nobody knows: an acknowledgement is missing, or a withdraw is still to be repeated.
    Unknown,
}

/// Why the last step was refused.
#[derive(Debug)]
pub(super) struct Failure {
    reason: String,
    wait: Duration,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) desired: Option<Route>,
    pub(super) held: Held,
    pub(super) open: Option<Step>,
    /// When that was opened.
    pub(super) opened_at: Option<Instant>,
    /// Its place in the queue.
    pub(super) queued: Option<Place>,
    pub(super) failure: Option<Failure>,
    /// Waits for this time before the step that is due is sent again.
    pub(super) not_before: Option<Instant>,
    /// The withdraw was acknowledged once and is to be repeated.
    pub(super) withdrawn_once: bool,
    /// The route as it was last announced.
    pub(super) last: Option<Route>,
    /// ExaBGP suppresses an announce that equals what it believes to have sent: the next one differs a little, and the
    /// route itself follows.
    pub(super) nudge: bool,
    /// What was sent last had no effect: until the route is announced, it is urgent.
    pub(super) repairs: bool,
    /// When what is held was told, or may have been at the latest.
    pub(super) told_at: Option<Instant>,
    /// When that had been told of which it took the place.
    pub(super) replaced: Option<Instant>,
    /// What is announced is to be announced once more then, unless it is another by that time.
    pub(super) repeat_at: Option<Instant>,
    /// Whether it may be announced where it is not.
    pub(super) hold: Hold,
    /// When the neighbors were seen to be told what was acknowledged last.
    pub(super) confirmed_at: Option<Instant>,
    /// The route as it was found in ExaBGP's table before it was withdrawn.
    pub(super) found: Option<FoundRoute>,
}

impl Entry {
    pub(super) fn holding(held: Held) -> Self {
        Self {
            desired: None,
            held,
            open: None,
            opened_at: None,
            queued: None,
            failure: None,
            not_before: None,
            withdrawn_once: false,
            last: None,
            nudge: false,
            repairs: false,
            told_at: None,
            replaced: None,
            repeat_at: None,
            hold: Hold::Free,
            confirmed_at: None,
            found: None,
        }
    }

    /// What is to be done now, if anything.
    pub(super) fn step(&self, prefix: Prefix) -> Option<Step> {
        if self.open.is_some() || self.not_before.is_some() {
            return None;
        }
        match (&self.desired, &self.held) {
            (Some(route), held) if held.is(route) && !self.nudge => None,
            (Some(_), held) if self.hold != Hold::Free && held.is_nothing() => None,
            (Some(route), _) if self.nudge => Some(Step::Announce(route.nudged())),
            (Some(route), _) => Some(Step::Announce(route.clone())),
            (None, Held::Nothing) => None,
            (None, Held::Route(route)) => Some(Step::Withdraw { prefix, last: Some(route.clone()) }),
            (None, Held::Found(_) | Held::Unknown) => {
                Some(Step::Withdraw { prefix, last: self.last.clone() })
            }
        }
    }

    pub(super) fn class(&self) -> Class {
        match (&self.desired, &self.held) {
            (None, _) if self.withdrawn_once => Class::Repeat,
            (None, _) => Class::Withdraw,
            (Some(_), _) if self.repairs => Class::Switch,
            (Some(route), Held::Nothing) if route.rung != Rung::Arrived => Class::Announce,
            (Some(route), held) if held.rung() == Some(route.rung) => Class::Announce,
            (Some(_), _) => Class::Switch,
        }
    }

    /// Keeps why the step was refused; returns when it may be tried again.
    pub(super) fn refused(&mut self, reason: String, now: Instant) -> Instant {
        let wait = self.failure.as_ref().map_or(RETRY, |failure| (failure.wait * 2).min(RETRY_MAX));
        self.failure = Some(Failure { reason, wait });
        let at = now + wait;
        self.not_before = Some(at);
        at
    }

    /// Nobody knows what is held; what was found there is remembered for those who look.
    pub(super) fn doubt(&mut self) {
        if let Held::Found(found) = std::mem::replace(&mut self.held, Held::Unknown) {
            self.found = Some(found);
        }
    }

    /// The withdraw was acknowledged, and is to be sent once more when its time has come.
    pub(super) fn repeat_withdraw(&mut self, last: Option<Route>, at: Instant) {
        self.doubt();
        self.withdrawn_once = true;
        self.not_before = Some(at);
        self.last = last;
    }

    /// Whether what is wanted is announced, and no step is on its way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.open.is_none() && self.desired.as_ref().is_some_and(|route| self.held.is(route))
    }

    pub(super) fn is_unsettled(&self) -> bool {
        match (&self.desired, &self.held) {
            (Some(_), held) if self.hold == Hold::Stuck && held.is_nothing() => false,
            (Some(route), held) => !held.stands_for(route),
            (None, Held::Nothing) => false,
            (None, Held::Unknown) => !self.withdrawn_once,
            (None, Held::Route(_) | Held::Found(_)) => true,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.desired.is_none() && self.open.is_none() && self.held == Held::Nothing && !self.withdrawn_once
    }

    pub(super) fn announced(&self) -> Option<&Route> {
        match self.progress() {
            Progress::Announced(route) => Some(route),
            Progress::Pending(_) | Progress::Failed(..) | Progress::Withdrawing { .. } => None,
        }
    }

    /// Whether the route is announced, also while it is announced once more.
    fn stands(&self, route: &Route) -> bool {
        let same =
            |step: &Step| matches!(step, Step::Announce(open) if open == route || *open == route.nudged());
        self.held.stands_for(route) && self.open.as_ref().is_none_or(same)
    }

    pub(super) fn progress(&self) -> Progress<'_> {
        match (&self.desired, &self.failure) {
            (Some(route), Some(failure)) => Progress::Failed(route, &failure.reason),
            (Some(route), None) if self.stands(route) => Progress::Announced(route),
            (Some(route), None) => Progress::Pending(route),
            (None, failure) => {
                let failure = failure.as_ref().map(|failure| failure.reason.as_str());
                let (last, found) = match &self.held {
                    Held::Route(route) => (Some(route), None),
                    Held::Found(found) => (self.last.as_ref(), Some(found)),
                    Held::Nothing | Held::Unknown => (self.last.as_ref(), self.found.as_ref()),
                };
                Progress::Withdrawing { last, found, failure }
            }
        }
    }
}

impl Held {
    /// Whether it is this route, as far as a peer can tell.
    fn is(&self, route: &Route) -> bool {
        match self {
            Self::Nothing | Self::Unknown => false,
            // Which VM a route belongs to is not on the wire.
            // What a relay makes of it is not either, but it is told of that with the announce, which ExaBGP does not
            // pass on where nothing else has changed.
            Self::Route(held) => {
                held.next_hop == route.next_hop
                    && held.attributes == route.attributes
                    && (&held.unsure, &held.settled) == (&route.unsure, &route.settled)
            }
            Self::Found(found) => {
                let mut attributes = found.attributes.clone();
                if !found.prepended {
                    attributes.as_path_prepend = route.attributes.as_path_prepend;
                }
                found.next_hop == route.next_hop && attributes == *route.attributes
            }
        }
    }

    /// Whether it is this route, but for a MED that differs by one for a moment.
    fn stands_for(&self, route: &Route) -> bool {
        self.is(route) || matches!(self, Self::Route(held) if *held == route.nudged())
    }

    /// Whether no route of ours is there for all that is known: also where a withdraw was acknowledged and is repeated.
    const fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing | Self::Unknown => true,
            Self::Route(_) | Self::Found(_) => false,
        }
    }

    fn rung(&self) -> Option<Rung> {
        match self {
            Self::Nothing | Self::Unknown => None,
            Self::Route(route) => Some(route.rung),
            Self::Found(found) => Some(found.rung),
        }
    }
}
