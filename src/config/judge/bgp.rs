//! `bgp`: the own mark, next hops, neighbors, what may be announced, and the ladder.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Judge;
use super::vms::Fleet;
use crate::config::Bgp;
use crate::config::fault::Finding;
use crate::config::path::At;
use crate::config::raw::Leaf;
use crate::config::scalar::{self, Judged};
use crate::config::schema;
use crate::route::{Asn, AttributeOverrides, Ladder, Mark, NextHop};

const MARK: u32 = 82;
const PREPEND_STEP: u8 = 3;

impl Judge {
    /// What the community that marks our routes is made of; `None` where the AS is missing or wrong.
    pub(super) fn mark(&mut self, at: &At<'_>, raw: &schema::Bgp) -> Option<Mark> {
        let number = |leaf: &Leaf| scalar::number(leaf, 0..=u32::MAX);
        let mark = self.value(&at.key("mark"), raw.mark.as_ref(), number).unwrap_or(MARK);
        let local_as_at = at.key("local_as");
        let local_as = self.optional(&local_as_at, raw.local_as.as_ref(), asn);
        if matches!(raw.local_as, None | Some(Leaf::Null)) {
            let rule = "is required: the number of this host's own AS, as in ExaBGP's configuration";
            self.findings.push(Finding::missing(&local_as_at, rule));
        }
        Some(Mark { local_as: local_as?, mark })
    }

    /// Everything of `bgp` but the mark, which is judged already; `None` where there is no mark or no ladder.
    pub(super) fn bgp(
        &mut self,
        at: &At<'_>,
        raw: schema::Bgp,
        mark: Option<Mark>,
        fleet: &Fleet,
    ) -> Option<Bgp> {
        let step = |leaf: &Leaf| scalar::small(leaf, 0..=Ladder::MAX_PREPEND_STEP);
        let prepend_step =
            self.value(&at.key("prepend_step"), raw.prepend_step.as_ref(), step).unwrap_or(PREPEND_STEP);
        let next_hop =
            self.value(&at.key("next_hop"), raw.next_hop.as_ref(), next_hop_v4).unwrap_or(NextHop::Own);
        let next_hop_v6 = self.next_hop_v6(&at.key("next_hop_v6"), raw.next_hop_v6.as_ref(), fleet);
        let neighbors = self.neighbors(&at.key("neighbors"), raw.neighbors.as_ref());
        let allowed_prefixes =
            self.allowed_prefixes(&at.key("allowed_prefixes"), raw.allowed_prefixes.as_ref());
        if let Some(allowed) = &allowed_prefixes {
            self.findings.append(fleet.outside(allowed));
        }
        let attributes = self.attributes(&at.key("attributes"), raw.attributes, mark);
        let ladder = self.ladder(&at.key("preference"), raw.preference, mark, prepend_step);
        let (mark, ladder) = (mark?, ladder?);
        let local_as = mark.local_as;
        Some(Bgp {
            local_as,
            prepend_step,
            next_hop,
            next_hop_v6,
            neighbors,
            allowed_prefixes,
            attributes,
            ladder,
        })
    }

    fn next_hop_v6(&mut self, at: &At<'_>, leaf: Option<&Leaf>, fleet: &Fleet) -> Option<NextHop> {
        if matches!(leaf, None | Some(Leaf::Null))
            && let Some((prefix, vm)) = fleet.first_ipv6()
        {
            let rule = format!(
                "is required because the VM {vm:?} has the IPv6 service IP {prefix}; write this host's IPv6 \
                 address, or self where the BGP session itself is IPv6"
            );
            self.findings.push(Finding::missing(at, rule));
        }
        self.optional(at, leaf, next_hop_v6)
    }

    fn neighbors(&mut self, at: &At<'_>, leaf: Option<&Leaf>) -> BTreeSet<IpAddr> {
        let mut neighbors = BTreeSet::new();
        for (index, address) in self.list(at, leaf, scalar::address) {
            if !neighbors.insert(address) {
                let rule = "is in the list already; remove one of the two";
                self.findings.push(Finding::value(&at.item(index), address.to_string(), rule));
            }
        }
        neighbors
    }

    /// A list left empty by accident must not lift the limit: null is a fault here.
    fn allowed_prefixes(&mut self, at: &At<'_>, leaf: Option<&Leaf>) -> Option<Vec<IpNet>> {
        let leaf = leaf?;
        if *leaf == Leaf::Null {
            let rule = "must be a list of prefixes; leave the key out if anything may be announced";
            self.findings.push(Finding::value(at, leaf.shown(), rule));
            return None;
        }
        // With a fault in the list, "outside" would only say it again for each VM.
        let before = self.findings.len();
        let allowed = self.list(at, Some(leaf), scalar::network);
        if self.findings.len() > before {
            return None;
        }
        Some(allowed.into_iter().map(|(_, network)| network).collect())
    }

    fn ladder(
        &mut self,
        at: &At<'_>,
        section: Option<super::Shaped<schema::Preference>>,
        mark: Option<Mark>,
        prepend_step: u8,
    ) -> Option<Ladder> {
        let raw = self.section(at, section);
        let before = self.findings.len();
        let rungs: [AttributeOverrides; 5] = [
            self.attributes(&at.key("arrived"), raw.arrived, mark),
            self.attributes(&at.key("active"), raw.active, mark),
            self.attributes(&at.key("unsure"), raw.unsure, mark),
            self.attributes(&at.key("standby"), raw.standby, mark),
            self.attributes(&at.key("leaving"), raw.leaving, mark),
        ];
        if self.findings.len() > before {
            return None;
        }
        // The order of the rungs is the same under any AS: it is judged even where that is missing.
        let any = Mark { local_as: Asn::new(u32::MAX)?, mark: MARK };
        match Ladder::new(mark.unwrap_or(any), prepend_step, &rungs) {
            Ok(ladder) => Some(ladder),
            Err(errors) => {
                for error in errors {
                    self.findings.push(Finding::value(at, "a map".to_owned(), error.to_string()));
                }
                None
            }
        }
    }
}

fn asn(leaf: &Leaf) -> Judged<Asn> {
    let number = scalar::number(leaf, 1..=u32::MAX)?;
    Asn::new(number).ok_or_else(|| "must not be 0 (RFC 7607)".to_owned())
}

fn next_hop_v4(leaf: &Leaf) -> Judged<NextHop> {
    match next_hop(leaf, "must be self or an IPv4 address")? {
        NextHop::Address(IpAddr::V6(_)) => {
            Err("must be self or an IPv4 address; the next hop of IPv6 routes is bgp.next_hop_v6".to_owned())
        }
        good @ (NextHop::Own | NextHop::Address(IpAddr::V4(_))) => Ok(good),
    }
}

fn next_hop_v6(leaf: &Leaf) -> Judged<NextHop> {
    match next_hop(leaf, "must be self or an IPv6 address")? {
        NextHop::Address(IpAddr::V4(_)) => {
            Err("must be self or an IPv6 address; the next hop of IPv4 routes is bgp.next_hop".to_owned())
        }
        NextHop::Address(IpAddr::V6(v6)) if v6.is_unicast_link_local() => {
            Err("is a link-local address, which means another host on each link; write a global one"
                .to_owned())
        }
        good @ (NextHop::Own | NextHop::Address(IpAddr::V6(_))) => Ok(good),
    }
}

/// `self`, or an address of either family that packets can be sent to over a link.
fn next_hop(leaf: &Leaf, due: &str) -> Judged<NextHop> {
    let text = scalar::text(leaf)?;
    if text == "self" {
        return Ok(NextHop::Own);
    }
    if text.parse::<IpAddr>().is_err() {
        return Err(due.to_owned());
    }
    let address = scalar::address(leaf)?;
    if address.is_loopback() {
        return Err(
            "is a loopback address, to which no router can send; write this host's own address".to_owned()
        );
    }
    Ok(NextHop::Address(address))
}
