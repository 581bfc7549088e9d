//! The neighbors as ExaBGP's configuration has them: what `show neighbor configuration` lists, sessions that are down too. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::command;
use super::reply::ConfigurationLine;

/// A neighbor in ExaBGP's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(super) asn: Option<u32>,
    pub(super) local_asn: Option<u32>,
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
    manual_eor: bool,
    processes: BTreeSet<String>,
}

impl Configured {
    /// The neighbor's AS and ours, where both are given.
    pub(super) fn numbers(&self) -> Option<(u32, u32)> {
        Some((self.asn?, self.local_asn?))
    }

    /// Those to which an API process may speak: ExaBGP lets each of them speak to all if no neighbor names one.
    pub(crate) fn of_an_api(neighbors: &BTreeMap<IpAddr, Self>) -> impl Iterator<Item = (IpAddr, &Self)> {
        let any_process = neighbors.values().any(|one| !one.processes.is_empty());
        let of_an_api = move |one: &Self| !any_process || !one.processes.is_empty();
        neighbors.iter().filter(move |(_, one)| of_an_api(one)).map(|(address, one)| (*address, one))
    }

    /// Whether ExaBGP gives some neighbors to other API processes, so that it can't be told for certain which are ours.
    /// ExaBGP tells a process nowhere what it is called.
    pub(crate) fn is_ambiguous(neighbors: &BTreeMap<IpAddr, Self>) -> bool {
        let mut with_process = neighbors.values().map(|one| &one.processes).filter(|names| !names.is_empty());
        let first = with_process.next();
        with_process.any(|names| Some(names) != first)
    }

    /// The lines that send the neighbor at `address` End-of-RIB (RFC 4724, section 2), one a family. ExaBGP sends it by itself to
    /// those without `manual-eor`.
    pub(crate) fn ends_of_rib(&self, address: IpAddr) -> impl Iterator<Item = String> + use<> {
        let families = [(self.ipv4, false), (self.ipv6, true)];
        let manual = self.manual_eor;
        families
            .into_iter()
            .filter(move |(carried, _)| manual && *carried)
            .map(move |(_, ipv6)| command::end_of_rib(address, ipv6))
    }
}

/// An answer that is being read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    neighbors: BTreeMap<IpAddr, Configured>,
    of: Option<IpAddr>,
}

impl Reading {
    /// Takes a line of it.
    pub(crate) fn take(&mut self, line: ConfigurationLine) {
        match line {
            ConfigurationLine::Neighbor(address) => {
                self.of = Some(address);
                self.neighbors.entry(address).or_default();
                return;
            }
            ConfigurationLine::End => {
                self.of = None;
                return;
            }
            ConfigurationLine::LocalAs(_)
            | ConfigurationLine::PeerAs(_)
            | ConfigurationLine::Ipv4
            | ConfigurationLine::Ipv6
            | ConfigurationLine::ManualEor
            | ConfigurationLine::Processes(_)
            | ConfigurationLine::Other => {}
        }
        let Some(neighbor) = self.of.and_then(|address| self.neighbors.get_mut(&address)) else {
            return;
        };
        match line {
            ConfigurationLine::LocalAs(number) => neighbor.local_asn = number,
            ConfigurationLine::PeerAs(number) => neighbor.asn = number,
            ConfigurationLine::Ipv4 => neighbor.ipv4 = true,
            ConfigurationLine::Ipv6 => neighbor.ipv6 = true,
            ConfigurationLine::ManualEor => neighbor.manual_eor = true,
            ConfigurationLine::Processes(names) => neighbor.processes.extend(names),
            ConfigurationLine::Neighbor(_) | ConfigurationLine::End | ConfigurationLine::Other => {}
        }
    }

    /// The answer is complete; `None` when it lists no neighbor, or ended in the middle of one, so that it can't be the answer
    /// to what was asked.
    pub(crate) fn end(&mut self) -> Option<BTreeMap<IpAddr, Configured>> {
        if self.neighbors.is_empty() || self.of.is_some() {
            None
        } else {
            Some(std::mem::take(&mut self.neighbors))
        }
    }
}
