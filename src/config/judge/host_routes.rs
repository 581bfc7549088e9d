//! `host_routes`: judged in full, although this version can't switch it on.

use super::Judge;
use crate::config::fault::Finding;
use crate::config::path::At;
use crate::config::raw::{Leaf, Shaped};
use crate::config::scalar::{self, Judged, boolean};
use crate::config::schema;

/// Where a routing table's number comes from: itself, or a VRF whose number only the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Number(u32),
    Vrf,
}

/// The kernel's number of the table `main` (`RT_TABLE_MAIN` in rtnetlink.h).
const MAIN: u32 = 254;

/// The table for routes in transit unless another is given.
const TRANSIT: u32 = 82;

impl Judge {
    pub(super) fn host_routes(&mut self, at: &At<'_>, section: Option<Shaped<schema::HostRoutes>>) {
        let raw = self.section(at, section);
        let enabled = self.value(&at.key("enabled"), raw.enabled.as_ref(), boolean).unwrap_or(false);
        self.value(&at.key("protocol"), raw.protocol.as_ref(), protocol);
        let table_at = at.key("table");
        let table = self.value(&table_at, raw.table.as_ref(), table).unwrap_or(Table::Number(MAIN));
        let transit_at = at.key("transit_table");
        let transit = self.value(&transit_at, raw.transit_table.as_ref(), transit);
        if table == Table::Number(transit.unwrap_or(TRANSIT)) {
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
        let uplinks_at = at.key("uplinks");
        let uplinks = |leaf: &Leaf| scalar::interface(leaf).map(str::to_owned);
        self.list(&uplinks_at, raw.uplinks.as_ref(), uplinks);
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
    }
}

/// A route protocol number that is nobody else's: `RTPROT_*` of rtnetlink.h.
fn protocol(leaf: &Leaf) -> Judged<u8> {
    scalar::small(leaf, 5..=255).map_err(|rule| {
        format!("{rule} (0 to 4 are the kernel's and the administrator's own, see rtnetlink.h)")
    })
}

fn table(leaf: &Leaf) -> Judged<Table> {
    let due =
        "must be main, a table number (not 0 and not 255, the kernel's table local) or the name of a VRF";
    match leaf {
        Leaf::Integer(_) => match scalar::number(leaf, 1..=u32::MAX) {
            Ok(number) if number != 255 => Ok(Table::Number(number)),
            Ok(_) | Err(_) => Err(due.to_owned()),
        },
        Leaf::Text(text) if text == "main" => Ok(Table::Number(MAIN)),
        Leaf::Text(text)
            if !text.bytes().all(|byte| byte.is_ascii_digit()) && scalar::interface(leaf).is_ok() =>
        {
            Ok(Table::Vrf)
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
