//! What on this host makes migrations stall for tens of seconds, though every route is in place. Pure.
//!
//! roamd changes none of it: each finding says what an operator can do. The kernel's own words for the settings are in its
//! Documentation/networking/ip-sysctl.rst and nf_conntrack-sysctl.rst.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::entries::Index;
use crate::config::Gateway;
use crate::vm::nic::{InterfaceName, Mac};

#[cfg(test)]
mod tests;

/// Packets that a tap should be able to keep while its guest stands still. The kernel's 1,000 are 10 ms at 100,000 a second,
/// and a switch-over takes longer.
const ENOUGH: u32 = 10_000;

/// How many interfaces a finding names.
const NAMED: usize = 3;

/// What is known of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether VMs have addresses of the family.
    pub(super) v4: bool,
    pub(super) v6: bool,
    /// Whether `bgp.allowed_prefixes` bounds what may be a VM's address.
    pub(super) bounded: bool,
    pub(super) uplinks: Vec<Interface>,
    /// The bridges, and the taps without one, behind which there are VMs.
    pub(super) devices: Vec<Interface>,
    /// The taps of VMs, each with the length of its queue.
    pub(super) queues: BTreeMap<InterfaceName, u32>,
    /// `nf_conntrack_*`; `None`: the kernel tracks no connections here.
    pub(super) conntrack: Option<Conntrack>,
}

/// An interface, with what its sysctls come to (where one for all interfaces counts as well, with that). `None`: not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) index: Option<Index>,
    pub(super) name: InterfaceName,
    pub(super) mac: Option<Mac>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) forwarding_v4: Option<bool>,
    pub(super) forwarding_v6: Option<bool>,
    /// 0 off, 1 strict (RFC 3704 section 2.2), 2 loose.
    pub(super) rp_filter: Option<u8>,
    pub(super) send_redirects: Option<bool>,
    pub(super) proxy_arp: Option<bool>,
    pub(super) proxy_ndp: Option<bool>,
}

/// How connections are tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conntrack {
    /// Whether a connection that is seen in its middle is taken up (`tcp_loose`).
    pub(super) loose: bool,
    /// Whether segments out of the window that was seen pass (`tcp_be_liberal`).
    pub(super) liberal: bool,
}

/// The findings, each with the remedy.
pub(super) fn warnings(facts: &Facts, gateway: Gateway) -> Vec<String> {
    let mut warnings = Vec::new();
    if !facts.bounded {
        warnings.push(
            "bgp.allowed_prefixes is not set: the transit table ends in no blackhole, and packets for a VM that has left \
             go to and fro between this host and its switch; set it to the networks of the VMs' addresses"
                .to_owned(),
        );
    }
    forwarding(facts, &mut warnings);
    let all = || facts.uplinks.iter().chain(&facts.devices);
    finding(&mut warnings, all().filter(|one| facts.v4 && one.rp_filter == Some(1)), |names, first| {
        format!(
            "rp_filter is strict on {names}: packets of a VM that has just begun to run here are dropped until its route \
             has moved; sysctl -w net.ipv4.conf.{first}.rp_filter=2 (and net.ipv4.conf.all.rp_filter, the larger counts)"
        )
    });
    let redirecting = facts.devices.iter().filter(|one| facts.v4 && one.send_redirects == Some(true));
    finding(&mut warnings, redirecting, |names, first| {
        format!(
            "send_redirects is on for {names}: VMs on one host are told to reach each other past it, and can't when one \
             has moved; sysctl -w net.ipv4.conf.{first}.send_redirects=0 net.ipv4.conf.all.send_redirects=0"
        )
    });
    gateways(facts, gateway, &mut warnings);
    let short: Vec<(&InterfaceName, &u32)> =
        facts.queues.iter().filter(|(_, length)| **length < ENOUGH).collect();
    if let Some((first, length)) = short.first() {
        let count = short.len();
        warnings.push(format!(
            "{count} taps keep fewer than {ENOUGH} packets while their guest stands still for a migration ({first} keeps \
             {length}); ip link set {first} txqueuelen {ENOUGH}, for new ones by a udev rule"
        ));
    }
    conntrack(facts, &mut warnings);
    warnings
}

fn forwarding(facts: &Facts, warnings: &mut Vec<String>) {
    let all = || facts.uplinks.iter().chain(&facts.devices);
    finding(warnings, all().filter(|one| facts.v4 && one.forwarding_v4 == Some(false)), |names, _| {
        format!(
            "this host does not forward IPv4 from {names}: no packet reaches a VM; sysctl -w net.ipv4.ip_forward=1"
        )
    });
    finding(warnings, all().filter(|one| facts.v6 && one.forwarding_v6 == Some(false)), |names, _| {
        format!(
            "this host does not forward IPv6 from {names}: no packet reaches a VM; sysctl -w \
             net.ipv6.conf.all.forwarding=1 (and accept_ra=2 where an uplink learns its default route by advertisement)"
        )
    });
}

fn gateways(facts: &Facts, gateway: Gateway, warnings: &mut Vec<String>) {
    if let Some(v4) = gateway.v4.filter(|_| facts.v4) {
        let silent = facts.devices.iter().filter(|one| !answers_v4(one, v4));
        finding(warnings, silent, |names, first| {
            format!(
                "nobody answers guests that ask for the gateway {v4} on {names}: they lose their way when their ARP entry \
                 ends; ip addr add {v4}/32 dev {first} scope link (or proxy_arp=1 there)"
            )
        });
    }
    if let Some(v6) = gateway.v6.filter(|_| facts.v6) {
        let silent = facts.devices.iter().filter(|one| !answers_v6(one, v6));
        finding(warnings, silent, |names, first| {
            format!(
                "nobody answers guests that ask for the gateway {v6} on {names}; ip addr add {v6}/64 dev {first} nodad (or \
                 proxy_ndp=1 there with ip neigh add proxy {v6} dev {first})"
            )
        });
    }
    match gateway.mac {
        Some(mac) => {
            let other = facts.devices.iter().filter(|one| one.mac.is_some_and(|found| found != mac));
            finding(warnings, other, |names, first| {
                format!(
                    "the MAC address of {names} is not host_routes.gateway.mac ({mac}): guests that come here send to the \
                     one that they know, for up to a minute; ip link set {first} address {mac}, on every host"
                )
            });
        }
        None if !facts.devices.is_empty() => warnings.push(
            "host_routes.gateway.mac is not set: it can't be told whether guests find the same gateway on every host; set \
             it, and that address to every bridge or tap with VMs, on every host alike"
                .to_owned(),
        ),
        None => {}
    }
}

fn answers_v4(device: &Interface, gateway: Ipv4Addr) -> bool {
    device.addresses.contains(&IpAddr::V4(gateway)) || device.proxy_arp == Some(true)
}

fn answers_v6(device: &Interface, gateway: Ipv6Addr) -> bool {
    device.addresses.contains(&IpAddr::V6(gateway)) || device.proxy_ndp == Some(true)
}

fn conntrack(facts: &Facts, warnings: &mut Vec<String>) {
    let Some(conntrack) = facts.conntrack else { return };
    if !conntrack.loose {
        warnings.push(
            "connections are tracked with nf_conntrack_tcp_loose=0: those of a VM that comes here are not taken up, and a \
             rule that drops what is invalid cuts them; sysctl -w net.netfilter.nf_conntrack_tcp_loose=1, or do not track \
             the VMs' addresses (notrack)"
                .to_owned(),
        );
    }
    if !conntrack.liberal {
        warnings.push(
            "connections are tracked with nf_conntrack_tcp_be_liberal=0: when a VM comes back, entries from before do not \
             know what it said elsewhere, and a rule that drops what is invalid cuts its connections; sysctl -w \
             net.netfilter.nf_conntrack_tcp_be_liberal=1, or do not track the VMs' addresses (notrack)"
                .to_owned(),
        );
    }
}

/// One finding for all the interfaces that it is about.
fn finding<'a>(
    warnings: &mut Vec<String>,
    interfaces: impl Iterator<Item = &'a Interface>,
    words: impl FnOnce(&str, &InterfaceName) -> String,
) {
    let names: Vec<&InterfaceName> = interfaces.map(|interface| &interface.name).collect();
    let Some(first) = names.first() else { return };
    let mut shown: Vec<&str> = names.iter().take(NAMED).map(|name| name.as_str()).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = format!("{more} more");
    if names.len() > NAMED {
        shown.push(&more);
    }
    warnings.push(words(&shown.join(", "), first));
}
