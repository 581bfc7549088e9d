//! What is to be done about the difference between what the kernel is to hold and what it holds. Pure.
//!
//! Nothing that carries another protocol number is ever replaced or removed: routes are added only where there is none
//! (`NLM_F_EXCL`), and removed by their protocol. Somebody else's route for a VM's address is a conflict, and told.

use ipnet::IpNet;

use super::entries::{Kernel, Neighbor, NeighborKey, Route, RouteKey, Rule, Target, metric};
use super::goal::Goal;
use crate::vm::nic::Mac;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    SetNeighbor(NeighborKey, Mac),
    AddRoute(RouteKey, Target),
    AddRule(Rule),
    RemoveRule(Rule),
    /// With the metric that it has.
    RemoveRoute(RouteKey, u32),
    RemoveNeighbor(NeighborKey),
}

/// What an operation is about: what failed once is not tried again at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Neighbor(NeighborKey),
    Route(RouteKey),
    Rule(Rule),
}

impl Operation {
    pub(super) fn entry(&self) -> Entry {
        match self {
            Self::SetNeighbor(key, _) | Self::RemoveNeighbor(key) => Entry::Neighbor(*key),
            Self::AddRoute(key, _) | Self::RemoveRoute(key, _) => Entry::Route(*key),
            Self::AddRule(rule) | Self::RemoveRule(rule) => Entry::Rule(rule.clone()),
        }
    }

    /// Whether it takes something away.
    pub(super) const fn removes(&self) -> bool {
        match self {
            Self::SetNeighbor(..) | Self::AddRoute(..) | Self::AddRule(_) => false,
            Self::RemoveRule(_) | Self::RemoveRoute(..) | Self::RemoveNeighbor(_) => true,
        }
    }
}

/// How one entry of the goal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// As it is to be.
    There,
    /// It can be set.
    Missing,
    /// Somebody else's route leads the same way: good enough, but not ours to remove.
    Theirs(&'a Route),
    /// Somebody else's route is taken in its place.
    Taken(&'a Route),
}

/// How a route of the goal stands. `protocol` is ours.
pub(super) fn route<'a>(kernel: &'a Kernel, key: &RouteKey, target: Target, protocol: u8) -> Found<'a> {
    let routes = kernel.routes.get(key).map_or(&[][..], Vec::as_slice);
    let ours = |route: &&Route| route.protocol == protocol;
    let is_right = |route: &Route| route.target == target && route.metric == metric(key.prefix);
    // The kernel takes the one with the lowest metric, and has no two of the same metric.
    let better = routes.iter().filter(|route| !ours(route) && route.metric <= metric(key.prefix));
    if let Some(theirs) = better.min_by_key(|route| route.metric) {
        let device = match target {
            Target::Device { index, .. } => Some(index),
            Target::Blackhole | Target::Other => None,
        };
        let same_way = theirs.target == target || (device.is_some() && theirs.device == device);
        return if same_way { Found::Theirs(theirs) } else { Found::Taken(theirs) };
    }
    if routes.iter().filter(ours).any(is_right) { Found::There } else { Found::Missing }
}

/// How a neighbour of the goal stands. What the kernel has learnt by itself may be replaced.
pub(super) fn neighbor(kernel: &Kernel, key: NeighborKey, mac: Mac, protocol: u8) -> NeighborFound {
    match kernel.neighbors.get(&key) {
        Some(Neighbor { permanent: true, mac: Some(theirs), protocol: other }) if *other != protocol => {
            if *theirs == mac {
                NeighborFound::There
            } else {
                NeighborFound::Taken(*theirs)
            }
        }
        Some(Neighbor { permanent: true, mac: Some(found), .. }) if *found == mac => NeighborFound::There,
        Some(_) | None => NeighborFound::Missing,
    }
}

/// How a neighbour stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NeighborFound {
    There,
    Missing,
    /// Somebody else has set another MAC by hand.
    Taken(Mac),
}

/// What is to be done, in order. First what packets need on their way, from the VM to the uplink; then what is in their way
/// no more, from the uplink to the VM. Where the goal is not `complete`, nothing is taken away that it lacks; else `keep`
/// says of a prefix that what stands for it is to stay.
pub(super) fn operations(
    goal: &Goal,
    kernel: &Kernel,
    protocol: u8,
    complete: bool,
    keep: impl Fn(IpNet) -> bool,
) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (key, mac) in &goal.neighbors {
        if neighbor(kernel, *key, *mac, protocol) == NeighborFound::Missing {
            operations.push(Operation::SetNeighbor(*key, *mac));
        }
    }
    let mut blackholes = Vec::new();
    for (key, target) in &goal.routes {
        // Ours that leads elsewhere is in the way of the right one, so it goes just before.
        for wrong in ours_at(kernel, key, protocol).filter(|route| !is(route, key, *target)) {
            operations.push(Operation::RemoveRoute(*key, wrong.metric));
        }
        if route(kernel, key, *target, protocol) == Found::Missing {
            let add = Operation::AddRoute(*key, *target);
            // What drops packets comes after all that leads them on.
            if *target == Target::Blackhole { blackholes.push(add) } else { operations.push(add) }
        }
    }
    operations.append(&mut blackholes);
    operations.extend(goal.rules.difference(&kernel.rules).cloned().map(Operation::AddRule));
    if !complete {
        return operations;
    }
    operations.extend(kernel.rules.difference(&goal.rules).cloned().map(Operation::RemoveRule));
    let mut routes = Vec::new();
    let mut kept_neighbors = Vec::new();
    for (key, found) in &kernel.routes {
        if goal.routes.contains_key(key) {
            continue;
        }
        for route in found.iter().filter(|route| route.protocol == protocol) {
            if keep(key.prefix) {
                kept_neighbors.extend(neighbor_of(*key, route));
            } else {
                routes.push((route.target != Target::Blackhole, Operation::RemoveRoute(*key, route.metric)));
            }
        }
    }
    routes.sort_by_key(|(leads_on, _)| *leads_on);
    operations.extend(routes.into_iter().map(|(_, operation)| operation));
    for (key, found) in &kernel.neighbors {
        let unwanted = !goal.neighbors.contains_key(key) && !kept_neighbors.contains(key);
        if found.protocol == protocol && unwanted {
            operations.push(Operation::RemoveNeighbor(*key));
        }
    }
    operations
}

fn is(route: &Route, key: &RouteKey, target: Target) -> bool {
    route.target == target && route.metric == metric(key.prefix)
}

fn ours_at<'a>(kernel: &'a Kernel, key: &RouteKey, protocol: u8) -> impl Iterator<Item = &'a Route> {
    kernel.routes.get(key).into_iter().flatten().filter(move |route| route.protocol == protocol)
}

/// The neighbour that a route of ours leads to.
fn neighbor_of(key: RouteKey, route: &Route) -> Option<NeighborKey> {
    match route.target {
        Target::Device { index, gateway } => Some((index, gateway.unwrap_or_else(|| key.prefix.addr()))),
        Target::Blackhole | Target::Other => None,
    }
}
