//! A look at all that matters of what the kernel holds, and what its news say.
//!
//! Called by `worker.rs`, on its thread.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums grow with the kernel; what is not named does not matter"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;

use super::Settings;
use super::entries::{Index, Kernel};
use super::message::{self, Dump};
use super::netlink::{KernelError, Requests};
use super::reconciler::{Change, Extent};

/// What matters. `known`: the last look, of which the interfaces are taken where these are not looked at. `false`: it changed
/// while it was shown, and something may be missing.
pub(super) async fn look(
    settings: &Settings,
    extent: Extent,
    known: &Kernel,
    requests: &mut Requests,
) -> Result<(Kernel, bool), KernelError> {
    let mut kernel = Kernel::default();
    let mut whole = true;
    let mut dumps = Vec::new();
    let tables = match extent {
        Extent::Whole => {
            let take = |message| {
                if let RouteNetlinkMessage::NewLink(message) = message
                    && let Some((index, link)) = message::link(&message)
                {
                    kernel.links.insert(index, link);
                }
            };
            whole &= requests.dump(Dump::Links, take).await?;
            settings.tables(&kernel)
        }
        Extent::Tables => settings.tables(known),
    };
    // Of others' routes those in the tables where ours stand; of ours all, for one may stand where it should not.
    for ipv6 in settings.families() {
        dumps.extend(tables.iter().map(|table| Dump::Table { ipv6, table: *table }));
        if extent == Extent::Whole {
            dumps.push(Dump::Protocol { ipv6, protocol: settings.protocol });
        }
    }
    for dump in dumps {
        let is_dumped = |table| matches!(dump, Dump::Protocol { .. }) && tables.contains(&table);
        let take = |message| {
            if let RouteNetlinkMessage::NewRoute(message) = message
                && let Some((key, route)) = message::route(&message)
                && !is_dumped(key.table)
            {
                kernel.routes.entry(key).or_default().push(route);
            }
        };
        whole &= requests.dump(dump, take).await?;
    }
    for ipv6 in settings.families() {
        whole &= requests
            .dump(Dump::Neighbors { ipv6 }, |message| {
                if let RouteNetlinkMessage::NewNeighbour(message) = message
                    && let Some((key, neighbor)) = message::neighbor(&message)
                {
                    kernel.neighbors.insert(key, neighbor);
                }
            })
            .await?;
        whole &= requests
            .dump(Dump::Rules { ipv6 }, |message| {
                if let RouteNetlinkMessage::NewRule(message) = message
                    && let Some((rule, protocol)) = message::rule(&message)
                    && protocol == settings.protocol
                {
                    kernel.rules.insert(rule);
                }
            })
            .await?;
    }
    Ok((kernel, whole))
}

/// What a message says, as far as it may matter.
pub(super) fn change(message: &RouteNetlinkMessage, ours: u8) -> Option<Change> {
    let route = |message| message::route(message).map(|(key, route)| Change::Route(key, route.protocol));
    let neighbor =
        |message| message::neighbor(message).map(|(key, found)| Change::Neighbor(key, found.protocol));
    let rule =
        |message| message::rule(message).filter(|(_, protocol)| *protocol == ours).map(|_| Change::Rule);
    match message {
        RouteNetlinkMessage::NewLink(message) => {
            message::link(message).map(|(index, link)| Change::Link(index, link))
        }
        RouteNetlinkMessage::DelLink(message) => {
            message::link(message).map(|(index, _)| Change::LinkGone(index))
        }
        RouteNetlinkMessage::NewRoute(message) | RouteNetlinkMessage::DelRoute(message) => route(message),
        RouteNetlinkMessage::NewNeighbour(message) | RouteNetlinkMessage::DelNeighbour(message) => {
            neighbor(message)
        }
        RouteNetlinkMessage::NewRule(message) | RouteNetlinkMessage::DelRule(message) => rule(message),
        _ => None,
    }
}

/// The addresses of interfaces.
pub(super) async fn addresses(requests: &mut Requests) -> Result<BTreeMap<Index, Vec<IpAddr>>, KernelError> {
    let mut addresses: BTreeMap<Index, Vec<IpAddr>> = BTreeMap::new();
    let take = |message| {
        let RouteNetlinkMessage::NewAddress(message) = message else { return };
        for attribute in message.attributes {
            if let AddressAttribute::Address(address) | AddressAttribute::Local(address) = attribute {
                addresses.entry(message.header.index).or_default().push(address);
            }
        }
    };
    requests.dump(Dump::Addresses, take).await?;
    Ok(addresses)
}
