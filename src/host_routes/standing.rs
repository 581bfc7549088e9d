//! How each address stands: what is wanted for it against what the kernel holds. Pure.

use std::collections::BTreeMap;

use super::difference::{self, Entry, Found, NeighborFound};
use super::entries::{Kernel, RouteKey};
use super::goal::Placement;
use super::{Conflict, Settings, Stand, StandState, Standing, Wanted};
use crate::route::Prefix;

/// What the kernel refused, in words.
pub(super) type Failures = BTreeMap<Entry, String>;

/// How an address stands that has a placement.
pub(super) fn stand(
    placement: &Placement,
    wanted: &Wanted,
    settings: &Settings,
    kernel: &Kernel,
    failures: &Failures,
) -> Stand {
    let device = kernel.links.name(placement.device).cloned();
    let mut missing = false;
    let mut error = None;
    let (key, mac) = placement.neighbor;
    match difference::neighbor(kernel, key, mac, settings.protocol) {
        NeighborFound::There => {}
        NeighborFound::Missing => {
            missing = true;
            error = error.or_else(|| failures.get(&Entry::Neighbor(key)).cloned());
        }
        NeighborFound::Taken(theirs) => {
            let address = key.1;
            let name = device.as_ref().map_or("the interface", |name| name.as_str());
            error = error.or_else(|| {
                Some(format!(
                    "the neighbour {address} on {name} was set to {theirs} by hand, the VM's MAC is {mac}: remove it \
                     (ip neigh del {address} dev {name})"
                ))
            });
        }
    }
    for (key, target) in &placement.routes {
        match difference::route(kernel, key, *target, settings.protocol) {
            Found::There | Found::Theirs(_) => {}
            Found::Missing => {
                missing = true;
                error = error.or_else(|| failures.get(&Entry::Route(*key)).cloned());
            }
            Found::Taken(theirs) => {
                error = error.or_else(|| {
                    let other = theirs.device.and_then(|index| kernel.links.name(index));
                    let way = other.map_or_else(String::new, |name| format!(" dev {name}"));
                    let (protocol, RouteKey { table, prefix }) = (protocol_name(theirs.protocol), *key);
                    Some(format!(
                        "table {table} has a route of protocol {protocol} for {prefix}{way}: remove it (ip route del \
                         {prefix}{way} table {table} proto {protocol})"
                    ))
                });
            }
        }
    }
    let state = match (error.is_some(), missing, wanted.standing) {
        (true, ..) => StandState::Failed,
        (false, true, _) => StandState::Pending,
        (false, false, Standing::Executes) => StandState::Placed,
        (false, false, Standing::Waits) => StandState::Transit,
    };
    Stand { wanted: wanted.clone(), state, device, error }
}

/// Whether packets from all uplinks are led to the VMs of a family that wait.
pub(super) fn is_led(ipv6: bool, settings: &Settings, kernel: &Kernel) -> bool {
    settings.rules(ipv6).all(|rule| kernel.rules.contains(&rule))
}

/// Why they are not.
pub(super) fn frame_failure(settings: &Settings, kernel: &Kernel, failures: &Failures) -> Option<String> {
    let mut rules = settings.families().flat_map(|ipv6| settings.rules(ipv6));
    let (rule, why) = rules.find_map(|rule| {
        let why = failures.get(&Entry::Rule(rule.clone()))?;
        (!kernel.rules.contains(&rule)).then_some((rule, why))
    })?;
    let family = if rule.ipv6 { "IPv6" } else { "IPv4" };
    let (uplink, table) = (&rule.uplink, rule.table);
    Some(format!(
        "the {family} rule that leads packets from {uplink} to table {table} is not in place: {why}"
    ))
}

/// Routes of others in the way of these addresses.
pub(super) fn conflicts(
    prefixes: impl Iterator<Item = Prefix>,
    settings: &Settings,
    kernel: &Kernel,
) -> Vec<Conflict> {
    let tables = settings.tables(kernel);
    let mut conflicts = Vec::new();
    for prefix in prefixes {
        for table in tables.iter().copied() {
            let key = RouteKey { table, prefix: prefix.network() };
            let routes = kernel.routes.get(&key).into_iter().flatten();
            for route in routes.filter(|route| route.protocol != settings.protocol) {
                let device = route.device.and_then(|index| kernel.links.name(index)).cloned();
                let (protocol, metric) = (route.protocol, route.metric);
                conflicts.push(Conflict { prefix, table, protocol, metric, device });
            }
        }
    }
    conflicts
}

/// A route protocol as iproute2 writes it.
pub(super) fn protocol_name(protocol: u8) -> String {
    match protocol {
        2 => "kernel".to_owned(),
        3 => "boot".to_owned(),
        4 => "static".to_owned(),
        9 => "ra".to_owned(),
        12 => "bird".to_owned(),
        16 => "dhcp".to_owned(),
        11 => "zebra".to_owned(),
        186 => "bgp".to_owned(),
        number => number.to_string(),
    }
}
