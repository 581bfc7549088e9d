//! `host_routes`: judged in full also where it is switched off.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Judge;
use super::nics::mac;
use crate::config::fault::Finding;
use crate::config::path::At;
use crate::config::raw::{Leaf, Shaped};
use crate::config::scalar::{self, Judged, boolean};
use crate::config::{Gateway, HostRoutes, RouteTable, schema};
use crate::vm::nic::InterfaceName;

/// The kernel's number of the table `main` (`RT_TABLE_MAIN` in rtnetlink.h).
const MAIN: u32 = 254;

/// The protocol, the table for routes in transit and the priority of the rules that lead to it, unless others are given.
const PROTOCOL: u8 = 82;
const TRANSIT: u32 = 82;
const PRIORITY: u32 = 82;

/// The address that a guest's default route leads to on every host, unless another is given.
const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

impl Judge {
    /// `None`: switched off.
    pub(super) fn host_routes(
        &mut self,
        at: &At<'_>,
        section: Option<Shaped<schema::HostRoutes>>,
    ) -> Option<HostRoutes> {
        let raw = self.section(at, section);
        let enabled = self.value(&at.key("enabled"), raw.enabled.as_ref(), boolean).unwrap_or(false);
        let protocol = self.value(&at.key("protocol"), raw.protocol.as_ref(), protocol).unwrap_or(PROTOCOL);
        let table_at = at.key("table");
        let table = self.value(&table_at, raw.table.as_ref(), table).unwrap_or(RouteTable::Number(MAIN));
        let transit_at = at.key("transit_table");
        let transit_table = self.value(&transit_at, raw.transit_table.as_ref(), transit).unwrap_or(TRANSIT);
        if table == RouteTable::Number(transit_table) {
            let rule =
                "must differ from host_routes.table: in it, the host itself would talk to a frozen copy";
            self.findings.push(match raw.transit_table {
                Some(leaf) => Finding::value(&transit_at, leaf.shown(), rule),
                None => Finding {
                    value: format!("{TRANSIT} (the default)"),
                    ..Finding::missing(&transit_at, rule)
                },
            });
        }
        let priority =
            |leaf: &Leaf| scalar::number(leaf, 1..=32_765).map_err(|rule| format!("{rule} (before main)"));
        let rule_priority =
            self.value(&at.key("rule_priority"), raw.rule_priority.as_ref(), priority).unwrap_or(PRIORITY);
        let uplinks_at = at.key("uplinks");
        let uplinks = self.list(&uplinks_at, raw.uplinks.as_ref(), uplink);
        let none = match &raw.uplinks {
            None | Some(Leaf::Null) => true,
            Some(Leaf::List(items)) => items.is_empty(),
            Some(Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::Text(_) | Leaf::Map) => false,
        };
        if enabled && none {
            let rule = "is required when host_routes.enabled is true: name the interfaces on which routed traffic \
                        comes in";
            self.findings.push(Finding::missing(&uplinks_at, rule));
        }
        let gateway = self.gateway(&at.key("gateway"), raw.gateway);
        let uplinks = uplinks.into_iter().map(|(_, name)| name).collect();
        enabled.then_some(HostRoutes { protocol, table, transit_table, rule_priority, uplinks, gateway })
    }

    fn gateway(&mut self, at: &At<'_>, section: Option<Shaped<schema::Gateway>>) -> Gateway {
        let raw = self.section(at, section);
        let given = |leaf: &Option<Leaf>| matches!(leaf, Some(Leaf::Null));
        let (no_v4, no_v6) = (given(&raw.v4), given(&raw.v6));
        let v4 = self.optional(&at.key("v4"), raw.v4.as_ref(), gateway_v4);
        let v6 = self.optional(&at.key("v6"), raw.v6.as_ref(), gateway_v6);
        Gateway {
            v4: (!no_v4).then_some(v4.unwrap_or(GATEWAY_V4)),
            v6: (!no_v6).then_some(v6.unwrap_or(GATEWAY_V6)),
            mac: self.optional(&at.key("mac"), raw.mac.as_ref(), mac),
        }
    }
}

fn gateway_v4(leaf: &Leaf) -> Judged<Ipv4Addr> {
    match scalar::address(leaf)? {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err("must be an IPv4 address".to_owned()),
    }
}

fn gateway_v6(leaf: &Leaf) -> Judged<Ipv6Addr> {
    match scalar::address(leaf)? {
        IpAddr::V6(address) => Ok(address),
        IpAddr::V4(_) => Err("must be an IPv6 address".to_owned()),
    }
}

fn uplink(leaf: &Leaf) -> Judged<InterfaceName> {
    let name = scalar::interface(leaf)?;
    InterfaceName::new(name).ok_or_else(|| "must be the name of an interface in printable ASCII".to_owned())
}

/// A route protocol number that is nobody else's: `RTPROT_*` of rtnetlink.h.
fn protocol(leaf: &Leaf) -> Judged<u8> {
    scalar::small(leaf, 5..=255).map_err(|rule| {
        format!("{rule} (0 to 4 are the kernel's and the administrator's own, see rtnetlink.h)")
    })
}

fn table(leaf: &Leaf) -> Judged<RouteTable> {
    let due =
        "must be main, a table number (not 0 and not 255, the kernel's table local) or the name of a VRF";
    match leaf {
        Leaf::Integer(_) => match scalar::number(leaf, 1..=u32::MAX) {
            Ok(number) if number != 255 => Ok(RouteTable::Number(number)),
            Ok(_) | Err(_) => Err(due.to_owned()),
        },
        Leaf::Text(text) if text == "main" => Ok(RouteTable::Number(MAIN)),
        Leaf::Text(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            InterfaceName::new(text).map(RouteTable::Vrf).ok_or_else(|| due.to_owned())
        }
        Leaf::Null | Leaf::Bool(_) | Leaf::Float(_) | Leaf::Text(_) | Leaf::List(_) | Leaf::Map => {
            Err(due.to_owned())
        }
    }
}

fn transit(leaf: &Leaf) -> Judged<u32> {
    match scalar::number(leaf, 1..=u32::MAX) {
        Ok(number) if number <= 252 || number > 255 => Ok(number),
        Ok(_) | Err(_) => {
            Err("must be the number of a table of its own: 1 to 252, or above 255 (253 to 255 are the \
                               kernel's default, main and local)"
                .to_owned())
        }
    }
}
