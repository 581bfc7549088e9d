//! Reads what the checks are about: sysctls, and addresses of interfaces.
//!
//! Called by `worker.rs`, on its thread, with the network namespace of the process: `/proc/sys/net` is that of the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;

use super::Settings;
use super::checks::{Conntrack, Facts, Interface};
use super::entries::{Index, Kernel};
use crate::vm::nic::InterfaceName;

/// The facts of this host. `devices`: each bridge or tap with VMs, with a tap of theirs.
pub(super) fn read(
    settings: &Settings,
    kernel: &Kernel,
    devices: &[(Index, Index)],
    addresses: &BTreeMap<Index, Vec<IpAddr>>,
) -> Facts {
    let known = |index: Index| {
        let link = kernel.links.get(index)?;
        Some(interface(Some(index), &link.name, kernel, addresses))
    };
    let distinct: BTreeSet<Index> = devices.iter().map(|(device, _)| *device).collect();
    let uplinks = settings.uplinks.iter().map(|name| {
        let index = kernel.links.named(name).map(|(index, _)| index);
        interface(index, name, kernel, addresses)
    });
    let queue = |tap: Index| {
        let link = kernel.links.get(tap)?;
        Some((link.name.clone(), link.queue?))
    };
    Facts {
        v4: settings.v4,
        v6: settings.v6,
        bounded: !settings.allowed.is_empty(),
        uplinks: uplinks.collect(),
        devices: distinct.into_iter().filter_map(known).collect(),
        queues: devices.iter().filter_map(|(_, tap)| queue(*tap)).collect(),
        conntrack: conntrack(),
    }
}

fn interface(
    index: Option<Index>,
    name: &InterfaceName,
    kernel: &Kernel,
    addresses: &BTreeMap<Index, Vec<IpAddr>>,
) -> Interface {
    let v4 = |key: &str| conf("ipv4", name.as_str(), key);
    let is_on = |value: u8| value != 0;
    // ip-sysctl.rst: of rp_filter the larger value counts, of send_redirects and proxy_arp either.
    let either = |key: &str| v4(key).max(conf("ipv4", "all", key));
    Interface {
        index,
        name: name.clone(),
        mac: index.and_then(|index| kernel.links.get(index)).and_then(|link| link.mac),
        addresses: index.and_then(|index| addresses.get(&index)).cloned().unwrap_or_default(),
        forwarding_v4: v4("forwarding").map(is_on),
        forwarding_v6: conf("ipv6", name.as_str(), "forwarding").map(is_on),
        rp_filter: either("rp_filter"),
        send_redirects: either("send_redirects").map(is_on),
        proxy_arp: either("proxy_arp").map(is_on),
        proxy_ndp: conf("ipv6", name.as_str(), "proxy_ndp").map(is_on),
    }
}

/// Connections are tracked where there are any: the sysctls are there as soon as the module is loaded.
fn conntrack() -> Option<Conntrack> {
    let is_on = |key: &str| sysctl(&format!("netfilter/nf_conntrack_{key}")).map(|value| value != "0");
    if !is_on("count")? {
        return None;
    }
    Some(Conntrack { loose: is_on("tcp_loose")?, liberal: is_on("tcp_be_liberal")? })
}

/// A setting of an interface; `None` where there is no such, or it can't be read.
fn conf(family: &str, interface: &str, key: &str) -> Option<u8> {
    sysctl(&format!("{family}/conf/{interface}/{key}"))?.parse().ok()
}

fn sysctl(path: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/net/{path}")).ok()?;
    Some(text.trim().to_owned())
}
