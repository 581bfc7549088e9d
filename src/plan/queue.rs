//! What waits to be sent, in order of urgency.

use std::collections::BTreeMap;

use crate::route::Prefix;

/// How urgent a step is; the smaller, the sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// A VM changes hosts, or changes rung: packets are lost meanwhile.
    Switch,
    /// A route is false.
    Withdraw,
    /// A withdraw is acknowledged, and may have had no effect. Of a mass that was withdrawn there are as many, and no
    /// route that is false for certain waits behind them.
    Repeat,
    /// A route is missing.
    Announce,
}

impl Class {
    /// Whether it overtakes a mass, and is not held up for the sake of those that do.
    pub(super) const fn is_urgent(self) -> bool {
        matches!(self, Self::Switch | Self::Withdraw)
    }
}

/// A place in the queue.
pub(super) type Place = (Class, u64);

/// Prefixes in the order in which they are to be taken.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Place, Prefix>,
    sequence: u64,
    /// The last one taken was a switch-over.
    switched: bool,
}

impl Queue {
    /// Queues a prefix behind all others of its class.
    pub(super) fn push(&mut self, class: Class, prefix: Prefix) -> Place {
        self.sequence += 1;
        let place = (class, self.sequence);
        self.waiting.insert(place, prefix);
        place
    }

    /// Takes a prefix out of its place.
    pub(super) fn remove(&mut self, place: Place) {
        self.waiting.remove(&place);
    }

    /// Takes the most urgent one. Withdraws take turns with switch-overs: after a host's start there may be a mass of
    /// VMs that arrive, and a false route must not wait for it.
    pub(super) fn pop(&mut self) -> Option<Prefix> {
        let first = *self.waiting.first_key_value()?.0;
        let withdraw = || self.waiting.range((Class::Withdraw, 0)..(Class::Repeat, 0)).next();
        let place = match withdraw() {
            Some((place, _)) if self.switched => *place,
            Some(_) | None => first,
        };
        self.switched = place.0 == Class::Switch;
        self.waiting.remove(&place)
    }

    /// Whether the next one is urgent.
    pub(super) fn is_urgent(&self) -> bool {
        self.waiting.first_key_value().is_some_and(|((class, _), _)| class.is_urgent())
    }
}
