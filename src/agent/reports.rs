//! What the agent makes of each message: of libvirt's, of ExaBGP's, and of what a signal asks for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::health::CameUp;
use super::history::Fact;
use super::{Agent, Command, DecidedBy, Origin, STOP};
use crate::config::OnStop;
use crate::exabgp::{self, NeighborState, Order};
use crate::libvirt::{self, Answer, Request};
use crate::mobility::{Cause, Transition};
use crate::plan::{Outcome, Step};
use crate::route::Prefix;
use crate::snapshot::{Life, What};
use crate::vm::Presence;

impl Agent {
    pub(super) fn libvirt(&mut self, report: libvirt::Report) {
        self.changed();
        self.counting.libvirt(&report);
        match report {
            libvirt::Report::Connected { connection, version, at } => {
                info!(connection, %version, "libvirt connected");
                self.connection = connection;
                self.connected_at = Some(at);
                self.health.libvirt.connected = true;
                self.health.libvirt.version = Some(version);
                self.health.libvirt.error = None;
                self.health.libvirt.since = Some(self.clock.stamp(at));
                self.history.happened(What::Libvirt { connected: true, error: None }, at);
                self.doubt_nics();
            }
            libvirt::Report::Event { connection, event } if connection == self.connection => {
                debug!(vm = %event.name.in_a_log(), uuid = %event.uuid, event = %event.kind, "libvirt event");
                let effects = self.mobility.event(&event);
                self.publisher.stale_domain(event.uuid);
                if effects.look.contains(&event.uuid) {
                    self.doubted_at.insert(event.uuid, event.at);
                }
                self.apply(effects, Some(Origin { event_at: event.at, decided_by: DecidedBy::Event }));
            }
            libvirt::Report::Listed { connection, asked_at, vms } if connection == self.connection => {
                if self.mobility.is_listed() {
                    debug!(vms = vms.len(), "libvirt listed");
                } else {
                    info!(vms = vms.len(), "libvirt listed for the first time");
                }
                let known: BTreeSet<_> = self.mobility.known().map(|known| known.uuid).collect();
                let effects = self.mobility.listed(asked_at, &vms);
                for uuid in known.into_iter().chain(vms.iter().map(|sighting| sighting.uuid)) {
                    self.publisher.stale_domain(uuid);
                }
                self.apply(effects, None);
                self.listed_host_routes();
            }
            libvirt::Report::Looked { connection, uuid, asked_at, answer }
                if connection == self.connection =>
            {
                let sighting = match &answer {
                    Answer::Found(sighting) => Some(sighting),
                    Answer::Gone => None,
                    Answer::Failed(error) => {
                        debug!(%uuid, %error, "libvirt could not tell a VM's state: all are listed");
                        (self.outputs.ask)(Request::List);
                        return;
                    }
                };
                let effects = self.mobility.looked(uuid, asked_at, sighting);
                self.publisher.stale_domain(uuid);
                let event_at = self.doubted_at.remove(&uuid);
                self.apply(
                    effects,
                    event_at.map(|event_at| Origin { event_at, decided_by: DecidedBy::Look }),
                );
            }
            libvirt::Report::Devices { connection, uuid } if connection == self.connection => {
                self.devices_changed(uuid);
            }
            libvirt::Report::Nics { connection, uuid, asked_at, answer } if connection == self.connection => {
                self.nics_answered(uuid, asked_at, answer);
            }
            libvirt::Report::Overflowed { .. } => {
                self.doubt_nics();
                warn!("events from libvirt were dropped: they came faster than they were taken");
            }
            libvirt::Report::Disconnected { error, at } => {
                if self.health.libvirt.connected || self.health.libvirt.error.as_ref() != Some(&error) {
                    warn!(%error, "libvirt is not reachable: its lease begins to run out");
                    let error = Some(error.clone());
                    self.history.happened(What::Libvirt { connected: false, error }, at);
                }
                if self.health.libvirt.connected || self.health.libvirt.since.is_none() {
                    self.health.libvirt.since = Some(self.clock.stamp(at));
                }
                self.health.libvirt.connected = false;
                self.health.libvirt.error = Some(error);
                self.mobility.libvirt_lost(at);
            }
            libvirt::Report::Event { .. }
            | libvirt::Report::Listed { .. }
            | libvirt::Report::Looked { .. }
            | libvirt::Report::Devices { .. }
            | libvirt::Report::Nics { .. } => {
                debug!("a report of an older libvirt connection is dropped");
            }
        }
    }

    pub(super) fn exabgp(&mut self, report: exabgp::Report) {
        self.changed();
        self.counting.exabgp(&report);
        match report {
            exabgp::Report::Ready { version, epoch, table, ledger, at } => {
                let version_text = version.as_deref().unwrap_or("none");
                info!(version = version_text, routes_found = table.len(), "ExaBGP answers");
                if !self.health.exabgp.connected {
                    self.health.exabgp.since = Some(self.clock.stamp(at));
                }
                if !self.health.exabgp.connected || self.health.exabgp.epoch != epoch {
                    let (version, epoch) = (version.clone(), epoch.clone());
                    self.history.happened(What::Exabgp { connected: true, version, epoch, error: None }, at);
                }
                self.health.exabgp.connected = true;
                self.health.exabgp.version = version;
                if self.health.exabgp.epoch != epoch {
                    self.offers.forget();
                    self.plan.new_exabgp();
                }
                self.health.exabgp.epoch = epoch;
                self.health.exabgp.error = None;
                let shown = table.iter().map(|found| (found.prefix, found.rung)).collect();
                let stood = self.mobility.stood(shown, &ledger);
                let effects = self.mobility.found(stood, at);
                self.want(&effects);
                self.plan.ready(table, &ledger, at);
                self.health.owe_all();
                self.publish_all_prefixes();
                // What is found as wanted needs no step by which anyone would learn of it.
                self.order(Order::Keep(self.plan.announced().cloned().collect()));
                self.apply(effects, None);
                self.causes.retain(|prefix, _| !self.plan.is_told(*prefix));
            }
            exabgp::Report::Settled { prefix, outcome, written_at, at } => {
                self.written(prefix, written_at);
                if let Outcome::Refused(reason) = &outcome {
                    warn!(%prefix, %reason, "ExaBGP refused a step; it is tried again");
                }
                if outcome == Outcome::Acknowledged
                    && let Some(step) = self.plan.open(prefix)
                {
                    let stand = match step {
                        Step::Announce(route) => Some(route.rung),
                        Step::Withdraw { .. } => None,
                    };
                    self.history.note(Fact::Settled { prefix, stand, written_at, at });
                }
                self.plan.settled(prefix, outcome, at);
                self.publisher.stale_prefix(prefix);
                self.send();
                self.note_settled(at);
            }
            exabgp::Report::InDoubt { reason } => {
                warn!(%reason, "what ExaBGP did is unknown: its table is read again");
                self.exabgp_lost(reason, self.clock.now());
            }
            exabgp::Report::Lost { reason, at } => {
                warn!(%reason, "ExaBGP is not reachable: its routes stay, under the relay's lease");
                self.exabgp_lost(reason, at);
                // What neighbors take back meanwhile is missed.
                self.offers.forget();
            }
            exabgp::Report::Neighbor(neighbor) => {
                info!(neighbor = %neighbor.address, asn = neighbor.asn, state = %neighbor.state, "BGP session");
                if neighbor.state != NeighborState::Up {
                    self.offers.down(neighbor.address);
                }
                if !self.health.has(&neighbor) {
                    let (address, asn, state) = (neighbor.address, neighbor.asn, neighbor.state);
                    self.history.happened(What::Neighbor { address, asn, state }, neighbor.at);
                }
                if let Some(CameUp { away_since }) = self.health.neighbor(neighbor, &self.clock) {
                    self.plan.session_up(self.clock.now(), away_since);
                    self.note_again();
                    // Some are on their way out once more.
                    self.publish_all_prefixes();
                }
                self.plan.away_since(self.health.away_since());
                self.end_of_rib();
            }
            exabgp::Report::Unwatched { since } => {
                self.mobility.unwatched(since);
                // What this agent has known before the relay came, the relay has not heard.
                self.vouched = false;
            }
            exabgp::Report::Wire(report) => self.wire(report),
            exabgp::Report::Gone { reason } => self.gone = Some(reason),
        }
    }

    fn publish_all_prefixes(&mut self) {
        for prefix in self.plan.prefixes() {
            self.publisher.stale_prefix(prefix);
        }
    }

    /// A step was written; says how long after the event that led to it, where there is one.
    fn written(&mut self, prefix: Prefix, at: Instant) {
        // A step that was on its way before the event leaves that to the one that comes.
        let Some(Origin { event_at, decided_by }) =
            self.causes.get(&prefix).copied().filter(|origin| origin.event_at <= at)
        else {
            return;
        };
        self.causes.remove(&prefix);
        let took = at - event_at;
        self.counting.written(decided_by, took);
        let event_to_written_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        debug!(%prefix, event_to_written_us, decided_by = decided_by.name(), "step written");
    }

    /// ExaBGP can't be asked, or what it did is unknown.
    fn exabgp_lost(&mut self, reason: String, at: Instant) {
        let exabgp = &mut self.health.exabgp;
        if exabgp.connected || exabgp.since.is_none() {
            exabgp.since = Some(self.clock.stamp(at));
        }
        if exabgp.connected || exabgp.error.as_ref() != Some(&reason) {
            let (version, epoch) = (exabgp.version.clone(), exabgp.epoch.clone());
            let error = Some(reason.clone());
            self.history.happened(What::Exabgp { connected: false, version, epoch, error }, at);
        }
        exabgp.connected = false;
        exabgp.error = Some(reason);
        self.plan.in_doubt();
    }

    pub(super) fn command(&mut self, command: Command) {
        self.changed();
        match command {
            Command::Reading => self.outputs.service.reloading(),
            Command::Reload(read) => self.reload(read),
            Command::Stop => {
                let on_stop = self.config.exabgp.on_stop;
                info!(?on_stop, "stopping");
                let now = self.clock.now();
                self.history.happened(What::Agent { what: Life::Stopping }, now);
                let withdraw = on_stop == OnStop::Withdraw && self.health.exabgp.connected;
                self.stopping = Some(now + if withdraw { STOP } else { Duration::ZERO });
                if withdraw {
                    let prefixes: Vec<Prefix> = self.plan.prefixes().collect();
                    self.plan.want(prefixes, Vec::new());
                    self.send();
                }
                self.outputs.service.stopping();
            }
        }
    }
}

/// What is found by the first list is what was there before: of interest only to those who look for it.
pub(super) fn log(transition: &Transition) {
    let Transition { uuid, name, vm, from, to, cause, .. } = transition;
    let managed = vm.is_some();
    let from = from.map_or("unknown", Presence::name);
    if matches!(cause, Cause::Listed(_)) && from == "unknown" {
        debug!(vm = %name.in_a_log(), %uuid, from, %to, %cause, managed, "presence changed");
    } else {
        info!(vm = %name.in_a_log(), %uuid, from, %to, %cause, managed, "presence changed");
    }
}
