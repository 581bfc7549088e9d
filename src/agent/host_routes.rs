//! The agent's side of host routes: which tap and MAC each address of a VM here needs, and how far the kernel is.
//!
//! Order with what is announced:
//!
//! - Nothing is announced that this host could not forward: a route that ExaBGP does not hold is held back until the kernel
//!   has confirmed that packets from the uplinks reach the VM.
//! - A raise of rung does not wait. The packets that it draws come from the uplinks, and have their way to the tap since the
//!   route was announced on `standby`; the route in the main table, for what the host itself sends, is set beside it.
//! - On the way down ExaBGP is told first. What the kernel holds is taken back when ExaBGP has taken the demotion or the
//!   withdraw, or when it has not for [`PATIENCE`]: packets that are still drawn here would find no way, or the host's
//!   own would go to and fro with its switch, but a VM that has left must not draw the host's own packets for long.
//! - The kernel is ordered when ExaBGP's steps are written: the thread that carries it out takes no processor from these.
//! - What ExaBGP holds is never taken back because the kernel's route fails: the VM is nowhere else.

mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::config::{Config, Vm};
use crate::host_routes::{Order, Overall, Report, Stand, StandState, Standing, Want, Wanted};
use crate::libvirt::NicsAnswer;
use crate::mobility::Mobility;
use crate::plan::{Hold, Plan};
use crate::route::Prefix;
use crate::vm::nic::{Backend, Nic, NicFault};
use crate::vm::{Presence, Uuid};

/// How long the kernel's route is kept for ExaBGP to be told.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of a domain's NICs.
#[derive(Debug)]
struct Facts {
    /// When it was first asked about in this stay: older answers are of an earlier one.
    since: Instant,
    nics: Result<Vec<Nic>, String>,
    answered: bool,
}

#[derive(Debug)]
pub(super) struct HostRoutes {
    orders: mpsc::UnboundedSender<Order>,
    /// What is ordered when ExaBGP's steps are written.
    outbox: Vec<Order>,
    facts: BTreeMap<Uuid, Facts>,
    /// What was ordered.
    wants: BTreeMap<Prefix, Want>,
    /// What is ordered when ExaBGP was told, or at that time.
    lowering: BTreeMap<Prefix, (Want, Instant)>,
    /// Why an address can't be ordered.
    faults: BTreeMap<Prefix, String>,
    stands: BTreeMap<Prefix, Stand>,
    /// Addresses whose host route was in place once in this stay of their VM: they are held back no more.
    free: BTreeSet<Prefix>,
    overall: Overall,
    complete: bool,
    asks: BTreeSet<Uuid>,
    clearing: bool,
    cleared: bool,
}

impl HostRoutes {
    pub(super) const fn new(orders: mpsc::UnboundedSender<Order>) -> Self {
        Self {
            orders,
            outbox: Vec::new(),
            facts: BTreeMap::new(),
            wants: BTreeMap::new(),
            lowering: BTreeMap::new(),
            faults: BTreeMap::new(),
            stands: BTreeMap::new(),
            free: BTreeSet::new(),
            overall: Overall { error: None, conflicts: Vec::new(), repairs: 0, warnings: Vec::new() },
            complete: false,
            asks: BTreeSet::new(),
            clearing: false,
            cleared: false,
        }
    }

    /// A VM may be otherwise here than before, or behind other NICs.
    pub(super) fn refresh(&mut self, vm: &Vm, config: &Config, mobility: &Mobility, now: Instant) {
        let known = mobility.known_vm(&vm.name).map(|known| (known.uuid, known.presence));
        let standing = known.and_then(|(_, presence)| standing(presence));
        let held_off = config.hold.contains(&vm.name);
        let Some(((uuid, _), standing)) = known.zip(standing).filter(|_| !held_off) else {
            if let Some((uuid, _)) = known {
                self.facts.remove(&uuid);
            }
            // Before the first list nobody knows who is here.
            let want = if mobility.is_listed() || held_off { Want::Nothing } else { Want::Unclear };
            for prefix in &vm.service_ips {
                self.faults.remove(prefix);
                self.set(*prefix, want.clone(), now);
            }
            return;
        };
        let asks = &mut self.asks;
        let facts = self.facts.entry(uuid).or_insert_with(|| {
            asks.insert(uuid);
            Facts {
                since: now,
                nics: Err("libvirt has not shown its network interfaces yet".to_owned()),
                answered: false,
            }
        });
        let mut wants = Vec::new();
        for prefix in &vm.service_ips {
            let want = match &facts.nics {
                Err(error) => Err((Want::Unclear, error.clone())),
                Ok(nics) => match vm.nics.for_prefix(*prefix).of(nics) {
                    Ok((tap, mac)) => Ok(Want::Here(Wanted { tap: tap.clone(), mac, standing })),
                    // One more was plugged in: the one that serves goes on to, until somebody says which is meant.
                    Err(fault @ (NicFault::Several(_) | NicFault::Ambiguous(..))) => Err((
                        self.wants.get(prefix).map_or(Want::Nothing, |last| kept(last, nics, standing)),
                        fault.to_string(),
                    )),
                    Err(fault) => Err((Want::Nothing, fault.to_string())),
                },
            };
            wants.push((*prefix, want));
        }
        for (prefix, want) in wants {
            match want {
                Ok(want) => {
                    self.faults.remove(&prefix);
                    self.set(prefix, want, now);
                }
                Err((want, fault)) => {
                    self.faults.insert(prefix, fault);
                    self.set(prefix, want, now);
                }
            }
        }
    }

    /// A domain is no configured VM any more.
    pub(super) fn forget(&mut self, uuid: Uuid) {
        self.facts.remove(&uuid);
        self.asks.remove(&uuid);
    }

    /// Addresses that are no VM's any more.
    pub(super) fn release(&mut self, gone: &[Prefix], now: Instant) {
        for prefix in gone {
            self.faults.remove(prefix);
            self.set(*prefix, Want::Nothing, now);
        }
    }

    /// The domains to be asked for their NICs.
    pub(super) fn take_asks(&mut self) -> BTreeSet<Uuid> {
        std::mem::take(&mut self.asks)
    }

    /// libvirt's answer; `false` where it is of an earlier stay.
    pub(super) fn nics(&mut self, uuid: Uuid, asked_at: Instant, answer: NicsAnswer) -> bool {
        let Some(facts) = self.facts.get_mut(&uuid).filter(|facts| facts.since <= asked_at) else {
            return false;
        };
        facts.answered = true;
        match answer {
            NicsAnswer::Found(nics) => facts.nics = Ok(nics),
            // What was known stays so.
            NicsAnswer::Gone | NicsAnswer::Failed(_) if facts.nics.is_ok() => {}
            NicsAnswer::Gone => facts.nics = Err("libvirt does not know the VM any more".to_owned()),
            NicsAnswer::Failed(error) => facts.nics = Err(error),
        }
        true
    }

    /// Events may have been missed: all are asked again, and what is known stays so until then.
    pub(super) fn doubt(&mut self) {
        self.asks.extend(self.facts.keys());
    }

    /// A device was plugged in or out.
    pub(super) fn doubt_one(&mut self, uuid: Uuid) {
        if self.facts.contains_key(&uuid) {
            self.asks.insert(uuid);
        }
    }

    /// A list came: those are asked again whose answer was none, or leads nowhere.
    pub(super) fn listed(&mut self, config: &Config, mobility: &Mobility) {
        let fails = |prefix: &Prefix| {
            let stand = self.stands.get(prefix);
            self.faults.contains_key(prefix)
                || stand.is_some_and(|stand| stand.device.is_none() && stand.error.is_some())
        };
        for vm in config.vms.values().filter(|vm| vm.service_ips.iter().any(fails)) {
            if let Some(known) = mobility.known_vm(&vm.name)
                && self.facts.get(&known.uuid).is_some_and(|facts| facts.answered)
            {
                self.asks.insert(known.uuid);
            }
        }
    }

    /// Says once that all VMs are known, when they are: libvirt was listed, and each VM here was answered for.
    pub(super) fn conclude(&mut self, mobility: &Mobility) {
        if !self.complete && mobility.is_listed() && self.facts.values().all(|facts| facts.answered) {
            self.complete = true;
            self.order(Order::Want { changes: Vec::new(), complete: true });
        }
    }

    /// What the kernel is like; returns the addresses that stand otherwise than before.
    pub(super) fn report(&mut self, report: Report) -> Vec<Prefix> {
        match report {
            Report::Stand(news) => {
                let prefixes = news.iter().map(|(prefix, _)| *prefix).collect();
                for (prefix, stand) in news {
                    match stand {
                        Some(stand) => self.stand(prefix, stand),
                        None if matches!(self.wants.get(&prefix), Some(Want::Here(_))) => {}
                        None => drop(self.stands.remove(&prefix)),
                    }
                }
                prefixes
            }
            Report::Overall(overall) => {
                self.log(&overall);
                self.overall = overall;
                Vec::new()
            }
            Report::Cleared => {
                self.cleared = true;
                Vec::new()
            }
        }
    }

    /// Whether the route for this address may be announced where it is not.
    pub(super) fn hold(&self, prefix: Prefix) -> Hold {
        let (fault, unclear) =
            (self.faults.contains_key(&prefix), matches!(self.wants.get(&prefix), Some(Want::Unclear)));
        let stuck = fault && !unclear;
        // Before the first list only what stood before this agent is announced, and the kernel's routes of then are kept.
        let unlisted = unclear && !fault;
        match self.stands.get(&prefix).map(|stand| stand.state) {
            _ if self.free.contains(&prefix) || unlisted => Hold::Free,
            _ if stuck => Hold::Stuck,
            Some(StandState::Failed) => Hold::Stuck,
            Some(StandState::Pending | StandState::Placed | StandState::Transit) | None => Hold::Waits,
        }
    }

    /// Takes back what ExaBGP has been told of, or was not for too long.
    pub(super) fn lower(&mut self, plan: &Plan, now: Instant) {
        let due = |(prefix, (_, at)): (&Prefix, &(Want, Instant))| {
            (*at <= now || plan.is_told(*prefix)).then_some(*prefix)
        };
        let due: Vec<Prefix> = self.lowering.iter().filter_map(due).collect();
        for prefix in due {
            if let Some((want, _)) = self.lowering.remove(&prefix) {
                self.order_one(prefix, want);
            }
        }
    }

    /// When [`Self::lower`] has something to do whatever ExaBGP does.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lowering.values().map(|(_, at)| *at).min()
    }

    /// Takes all of it away, once; whether that is done.
    pub(super) fn clear(&mut self) -> bool {
        if !self.clearing {
            self.clearing = true;
            self.order(Order::Clear);
            self.flush();
        }
        self.cleared
    }

    fn stand(&mut self, prefix: Prefix, stand: Stand) {
        // What an order from before led to says nothing of the last one.
        let is_of_last = match self.wants.get(&prefix) {
            Some(Want::Here(last)) => (&last.tap, last.mac) == (&stand.wanted.tap, stand.wanted.mac),
            Some(Want::Nothing | Want::Unclear) | None => false,
        };
        if !is_of_last {
            return;
        }
        match stand.state {
            StandState::Placed | StandState::Transit => {
                self.free.insert(prefix);
            }
            StandState::Pending | StandState::Failed => {}
        }
        let last = self.stands.get(&prefix).and_then(|last| last.error.as_ref());
        match (last, &stand.error) {
            // The tap of a VM that leaves goes with its QEMU, before libvirt says that it is gone.
            (_, Some(_)) if stand.wanted.standing == Standing::Waits && self.free.contains(&prefix) => {}
            (last, Some(error)) if last != Some(error) => warn!(%prefix, %error, "no host route"),
            (Some(_), None) => info!(%prefix, "the host route is in place again"),
            (_, _) => {}
        }
        self.stands.insert(prefix, stand);
    }

    /// Wants this; at once where packets get further by it, else when ExaBGP was told.
    fn set(&mut self, prefix: Prefix, want: Want, now: Instant) {
        let last = self.wants.get(&prefix);
        let lowers = match (last, &want) {
            (Some(Want::Here(last)), Want::Here(next)) => {
                (last.standing, next.standing) == (Standing::Executes, Standing::Waits)
            }
            (Some(Want::Here(_)), Want::Nothing | Want::Unclear) => true,
            (Some(Want::Nothing | Want::Unclear) | None, _) => false,
        };
        if lowers {
            let at = self.lowering.get(&prefix).map_or(now + PATIENCE, |(_, at)| *at);
            self.lowering.insert(prefix, (want, at));
        } else {
            self.lowering.remove(&prefix);
            self.order_one(prefix, want);
        }
    }

    fn order_one(&mut self, prefix: Prefix, want: Want) {
        let last = self.wants.get(&prefix);
        if last == Some(&want) || (last.is_none() && want == Want::Nothing && self.complete) {
            return;
        }
        let same_way = match (last, &want) {
            (Some(Want::Here(last)), Want::Here(next)) => (&last.tap, last.mac) == (&next.tap, next.mac),
            (Some(_) | None, _) => false,
        };
        if !same_way {
            self.stands.remove(&prefix);
            self.free.remove(&prefix);
        }
        self.wants.insert(prefix, want.clone());
        self.order(Order::Want { changes: vec![(prefix, want)], complete: false });
    }

    fn order(&mut self, order: Order) {
        self.outbox.push(order);
    }

    /// Sends what was ordered.
    pub(super) fn flush(&mut self) {
        for order in self.outbox.drain(..) {
            // Its thread ends by a panic only, which is logged; then nothing changes any more, and it is published as it was.
            drop(self.orders.send(order));
        }
    }
}

/// What is wanted now where nobody can tell which NIC is meant, but one of them has served.
fn kept(last: &Want, nics: &[Nic], standing: Standing) -> Want {
    let serves = |last: &Wanted| {
        nics.iter().any(|nic| nic.mac == last.mac && nic.backend == Backend::Tap(last.tap.clone()))
    };
    match last {
        Want::Here(last) if serves(last) => Want::Here(Wanted { standing, ..last.clone() }),
        Want::Here(_) | Want::Nothing | Want::Unclear => Want::Nothing,
    }
}

/// How far a VM of this presence is here; `None`: not at all.
const fn standing(presence: Presence) -> Option<Standing> {
    match presence {
        Presence::Arrived | Presence::Present | Presence::Frozen => Some(Standing::Executes),
        Presence::Incoming | Presence::Departing => Some(Standing::Waits),
        Presence::Absent => None,
    }
}

#[cfg(test)]
mod tests;
