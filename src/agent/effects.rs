//! Carrying out what the core asks for: steps to ExaBGP at once, everything else when they are written.

use tracing::debug;

use super::history::Fact;
use super::{Agent, Origin, reports};
use crate::config::Transport;
use crate::exabgp::Order;
use crate::libvirt::Request;
use crate::mobility::Effects;
use crate::plan::Step;
use crate::route::Prefix;

impl Agent {
    /// Carries out what the core asks for; `origin` is the event behind it, if there is one.
    pub(super) fn apply(&mut self, effects: Effects, origin: Option<Origin>) {
        if effects != Effects::default() {
            self.changed();
        }
        self.want(&effects);
        if let Some(origin) = origin {
            for prefix in self.prefixes_of(&effects) {
                // A withdraw that is only to be repeated goes back to an event of long ago.
                if self.plan.is_told(prefix) {
                    self.causes.remove(&prefix);
                } else {
                    self.causes.insert(prefix, origin);
                }
            }
        }
        self.send();
        self.looks.extend(effects.look);
        if effects.list {
            (self.outputs.ask)(Request::List);
        }
        for told in effects.moves {
            self.history.note(Fact::Moved(told));
        }
        for transition in effects.transitions {
            self.history.note(Fact::Changed(transition.clone()));
            self.transitions.push(transition);
        }
        self.note_settled(self.clock.now());
    }

    /// What can wait until the steps are written.
    pub(super) fn follow_up(&mut self) {
        for uuid in std::mem::take(&mut self.looks) {
            (self.outputs.ask)(Request::Look(uuid));
        }
        self.follow_up_host_routes();
        for transition in std::mem::take(&mut self.transitions) {
            self.publisher.stale_domain(transition.uuid);
            self.counting.changed(&transition);
            reports::log(&transition);
        }
        self.record();
        self.judge_offers();
        if self.history.deadline().is_some_and(|at| at <= self.clock.now()) {
            self.changed();
        }
        if self.publish_at().is_some_and(|at| at <= self.clock.now()) {
            self.publish();
        }
        self.follow_up_service();
    }

    /// Makes history of what was noted.
    pub(super) fn record(&mut self) {
        for migration in self.history.record(&self.mobility, &self.clock) {
            self.counting.migration(&migration);
            // Of a VM that is not configured only libvirt tells, and what it tells makes its view stale.
            if self.config.vms.contains_key(&migration.vm) {
                self.publisher.stale_vm(&migration.vm);
            }
            self.changed();
        }
    }

    pub(super) fn want(&mut self, effects: &Effects) {
        if self.stopping.is_some() {
            return;
        }
        for vm in &effects.touched {
            let routes = self.mobility.routes(vm);
            let prefixes = self.config.vms.get(vm).map(|vm| vm.service_ips.clone()).unwrap_or_default();
            for prefix in &prefixes {
                self.publisher.stale_prefix(*prefix);
            }
            self.publisher.stale_vm(vm);
            for prefix in &prefixes {
                self.offers.stale(*prefix);
            }
            self.place(vm);
            self.plan.want(prefixes, routes);
            self.hold_back(vm);
        }
    }

    fn prefixes_of(&self, effects: &Effects) -> Vec<Prefix> {
        let vms = effects.touched.iter().filter_map(|vm| self.config.vms.get(vm));
        vms.flat_map(|vm| vm.service_ips.iter().copied()).collect()
    }

    /// Says which routes are to be announced once more.
    pub(super) fn note_again(&mut self) {
        for prefix in self.plan.take_again() {
            debug!(%prefix, "a session came up: to be announced once more");
        }
    }

    /// Sends the steps that may go out now.
    pub(super) fn send(&mut self) {
        let steps = self.plan.next(self.clock.now());
        self.note_again();
        let done = self.plan.take_done();
        if !done.is_empty() && self.config.exabgp.transport == Transport::Relay {
            self.order(Order::Forget(done));
        }
        if steps.is_empty() {
            return;
        }
        self.changed();
        for step in &steps {
            match step {
                Step::Announce(route) => debug!(prefix = %route.prefix, rung = %route.rung, "announce"),
                Step::Withdraw { prefix, .. } => debug!(%prefix, "withdraw"),
            }
            self.publisher.stale_prefix(step.prefix());
        }
        self.counting.ordered(&steps);
        self.order(Order::Do(steps));
    }

    pub(super) fn order(&mut self, order: Order) {
        if self.outputs.orders.send(order).is_err() {
            self.gone.get_or_insert_with(|| "the way to ExaBGP has ended".to_owned());
        }
    }
}
