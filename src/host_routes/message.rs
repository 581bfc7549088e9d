//! rtnetlink's messages from and to our values: what is asked for, and what of an answer matters. No I/O.
//!
//! The formats are rtnetlink(7)'s; the constants behind the names are of linux/rtnetlink.h, neighbour.h and `fib_rules.h`.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums grow with the kernel; what is not named does not matter"
)]

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVrf, LinkAttribute, LinkExtentMask, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::difference::Operation;
use super::entries::{Index, Link, Neighbor, NeighborKey, Route, RouteKey, Rule, Target, metric};
use super::goal::is_ipv6;
use crate::vm::nic::{InterfaceName, Mac};

#[cfg(test)]
mod tests;

/// A message on the socket.
pub(super) type Message = NetlinkMessage<RouteNetlinkMessage>;

/// The number of a table that does not fit into a header of 8 bits stands in an attribute (`RT_TABLE_UNSPEC`).
const UNSPECIFIED: u8 = 0;

/// The request that an operation is.
pub(super) fn request(operation: &Operation, protocol: u8) -> Message {
    let add = NLM_F_CREATE | NLM_F_EXCL;
    match operation {
        // A neighbour that the kernel has learnt is replaced; whose was set by hand was looked at before.
        Operation::SetNeighbor(key, mac) => {
            let mut message = neighbor_message(*key);
            message.header.state = NeighbourState::Permanent;
            message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
            message.attributes.push(NeighbourAttribute::Protocol(protocol.into()));
            command(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
        }
        Operation::RemoveNeighbor(key) => {
            command(RouteNetlinkMessage::DelNeighbour(neighbor_message(*key)), 0)
        }
        Operation::AddRoute(key, target) => {
            let mut message = route_message(*key, protocol, metric(key.prefix));
            set_target(&mut message, *target);
            command(RouteNetlinkMessage::NewRoute(message), add)
        }
        // By protocol, so that nobody else's goes.
        Operation::RemoveRoute(key, metric) => {
            let mut message = route_message(*key, protocol, *metric);
            // RT_SCOPE_NOWHERE: of any scope.
            message.header.scope = RouteScope::NoWhere;
            command(RouteNetlinkMessage::DelRoute(message), 0)
        }
        Operation::AddRule(rule) => command(RouteNetlinkMessage::NewRule(rule_message(rule, protocol)), add),
        Operation::RemoveRule(rule) => command(RouteNetlinkMessage::DelRule(rule_message(rule, protocol)), 0),
    }
}

/// What is dumped of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dump {
    /// Interfaces, of no family.
    Links,
    /// Addresses of interfaces, of both families.
    Addresses,
    /// Routes in a table.
    Table {
        ipv6: bool,
        table: u32,
    },
    /// Routes of a protocol, in all tables.
    Protocol {
        ipv6: bool,
        protocol: u8,
    },
    Neighbors {
        ipv6: bool,
    },
    Rules {
        ipv6: bool,
    },
}

impl Dump {
    /// The request for it. With `NETLINK_GET_STRICT_CHK` the kernel gives nothing beside what it asks for.
    pub(super) fn request(self) -> Message {
        let message = match self {
            Self::Links => {
                let mut message = LinkMessage::default();
                // Counters are most of the answer, and nobody reads them.
                message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
                RouteNetlinkMessage::GetLink(message)
            }
            Self::Addresses => RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            Self::Table { ipv6, table } => {
                let mut message = RouteMessage::default();
                message.header.address_family = family(ipv6);
                message.attributes.push(RouteAttribute::Table(table));
                RouteNetlinkMessage::GetRoute(message)
            }
            Self::Protocol { ipv6, protocol } => {
                let mut message = RouteMessage::default();
                message.header.address_family = family(ipv6);
                message.header.protocol = protocol.into();
                RouteNetlinkMessage::GetRoute(message)
            }
            Self::Neighbors { ipv6 } => {
                let mut message = NeighbourMessage::default();
                message.header.family = family(ipv6);
                RouteNetlinkMessage::GetNeighbour(message)
            }
            Self::Rules { ipv6 } => {
                let mut message = RuleMessage::default();
                message.header.family = family(ipv6);
                RouteNetlinkMessage::GetRule(message)
            }
        };
        with_flags(message, NLM_F_REQUEST | NLM_F_DUMP)
    }
}

/// An interface; `None` for one of another kind than a family-less link, or with a name that is none.
pub(super) fn link(message: &LinkMessage) -> Option<(Index, Link)> {
    let mut name = None;
    let mut link = Link {
        name: InterfaceName::new("?")?,
        master: None,
        is_bridge: false,
        vrf_table: None,
        queue: None,
        mac: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = InterfaceName::new(text),
            LinkAttribute::Controller(index) => link.master = Some(*index),
            LinkAttribute::TxQueueLen(length) => link.queue = Some(*length),
            LinkAttribute::Address(octets) => link.mac = mac(octets),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(InfoKind::Bridge) => link.is_bridge = true,
                        LinkInfo::Data(InfoData::Vrf(data)) => {
                            link.vrf_table = data.iter().find_map(|data| match data {
                                InfoVrf::TableId(table) => Some(*table),
                                _ => None,
                            });
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    // Changes of a bridge's ports come as messages of that family, beside those of the link itself.
    let plain = message.header.interface_family == AddressFamily::Unspec;
    link.name = name.filter(|_| plain)?;
    Some((message.header.index, link))
}

/// A route; `None` for one that no route of ours can meet (another type of service, a cached one).
pub(super) fn route(message: &RouteMessage) -> Option<(RouteKey, Route)> {
    let header = &message.header;
    if header.tos != 0 || header.source_prefix_length != 0 || header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let mut destination = match header.address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        AddressFamily::Inet6 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let (mut table, mut metric, mut gateway) = (u32::from(header.table), 0, None);
    let (mut device, mut several) = (None, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => destination = ip(address)?,
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(number) => metric = *number,
            RouteAttribute::Oif(index) => device = Some(*index),
            RouteAttribute::Gateway(address) => gateway = ip(address),
            RouteAttribute::Via(_) | RouteAttribute::MultiPath(_) | RouteAttribute::NhId(_) => several = true,
            _ => {}
        }
    }
    let target = match (header.kind, device) {
        (RouteType::Unicast, Some(index)) if !several => Target::Device { index, gateway },
        // IPv6 has these lead to the loopback.
        (RouteType::BlackHole, _) => Target::Blackhole,
        (_, _) => Target::Other,
    };
    let device = device.filter(|_| target != Target::Blackhole && !several);
    let prefix = IpNet::new(destination, header.destination_prefix_length).ok()?;
    let route = Route { protocol: header.protocol.into(), metric, target, device };
    Some((RouteKey { table, prefix }, route))
}

/// A neighbour; `None` for one of another family.
pub(super) fn neighbor(message: &NeighbourMessage) -> Option<(NeighborKey, Neighbor)> {
    let mut address = None;
    let permanent = message.header.state == NeighbourState::Permanent;
    let mut neighbor = Neighbor { protocol: 0, mac: None, permanent };
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => {
                address = Some(IpAddr::V4(*found));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)) => {
                address = Some(IpAddr::V6(*found));
            }
            NeighbourAttribute::LinkLayerAddress(octets) => neighbor.mac = mac(octets),
            NeighbourAttribute::Protocol(protocol) => neighbor.protocol = (*protocol).into(),
            _ => {}
        }
    }
    Some(((message.header.ifindex, address?), neighbor))
}

/// A rule that is of the form of ours, with its protocol; `None` for any other.
pub(super) fn rule(message: &RuleMessage) -> Option<(Rule, u8)> {
    let header = &message.header;
    let ipv6 = match header.family {
        AddressFamily::Inet => false,
        AddressFamily::Inet6 => true,
        _ => return None,
    };
    let (mut table, mut priority, mut protocol) = (u32::from(header.table), 0, 0);
    let mut uplink = None;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Iifname(name) => uplink = InterfaceName::new(name),
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::Priority(number) => priority = *number,
            RuleAttribute::Protocol(number) => protocol = (*number).into(),
            _ => {}
        }
    }
    let rule = Rule { ipv6, uplink: uplink?, table, priority };
    (header.action == RuleAction::ToTable).then_some((rule, protocol))
}

fn command(message: RouteNetlinkMessage, flags: u16) -> Message {
    with_flags(message, NLM_F_REQUEST | NLM_F_ACK | flags)
}

fn with_flags(message: RouteNetlinkMessage, flags: u16) -> Message {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    NetlinkMessage::new(header, NetlinkPayload::from(message))
}

fn neighbor_message((index, address): NeighborKey) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address.is_ipv6());
    message.header.ifindex = index;
    message.attributes.push(NeighbourAttribute::Destination(address.into()));
    message
}

fn route_message(key: RouteKey, protocol: u8, metric: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(is_ipv6(key.prefix));
    message.header.destination_prefix_length = key.prefix.prefix_len();
    message.header.table = UNSPECIFIED;
    message.header.protocol = RouteProtocol::from(protocol);
    message.attributes.push(RouteAttribute::Table(key.table));
    message.attributes.push(RouteAttribute::Destination(RouteAddress::from(key.prefix.addr())));
    if metric != 0 {
        message.attributes.push(RouteAttribute::Priority(metric));
    }
    message
}

fn set_target(message: &mut RouteMessage, target: Target) {
    message.header.kind = RouteType::Unicast;
    message.header.scope = RouteScope::Universe;
    match target {
        Target::Device { index, gateway } => {
            message.attributes.push(RouteAttribute::Oif(index));
            match gateway {
                Some(address) => {
                    message.header.flags = RouteFlags::Onlink;
                    message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(address)));
                }
                // RT_SCOPE_LINK: directly attached, which IPv6 has no word for.
                None if message.header.address_family == AddressFamily::Inet => {
                    message.header.scope = RouteScope::Link;
                }
                None => {}
            }
        }
        Target::Blackhole | Target::Other => message.header.kind = RouteType::BlackHole,
    }
}

fn rule_message(rule: &Rule, protocol: u8) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(rule.ipv6);
    message.header.action = RuleAction::ToTable;
    message.header.table = UNSPECIFIED;
    message.attributes.push(RuleAttribute::Iifname(rule.uplink.as_str().to_owned()));
    message.attributes.push(RuleAttribute::Table(rule.table));
    message.attributes.push(RuleAttribute::Priority(rule.priority));
    message.attributes.push(RuleAttribute::Protocol(RouteProtocol::from(protocol)));
    message
}

const fn family(ipv6: bool) -> AddressFamily {
    if ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().and_then(Mac::new)
}
