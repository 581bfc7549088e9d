//! The effective configuration in the shape of the file: its own keys, every default filled in, no secret.
//!
//! As JSON it is YAML that loads to the same configuration. What has no effect is left out: the keys of `host_routes` where
//! these are not enabled.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::host_routes::{Gateway, HostRoutes, RouteTable};
use super::{Bgp, Config, Exabgp, Http, Libvirt, Log, Mobility, Vm};
use crate::route::{Asn, AttributeOverrides, NextHop, Prefix, Rung};
use crate::vm::nic::{InterfaceName, NicChoice};
use crate::vm::{Uuid, VmName, as_text};

/// The main file without `vms`.
#[derive(Serialize, ToSchema)]
pub struct EffectiveMain<'a> {
    libvirt: &'a Libvirt,
    exabgp: &'a Exabgp,
    bgp: EffectiveBgp<'a>,
    mobility: &'a Mobility,
    hold: Vec<&'a VmName>,
    #[schema(value_type = Object)]
    host_routes: EffectiveHostRoutes<'a>,
    http: &'a Http,
    log: Log,
    /// Always `null`: what a folder adds stands in `vms`.
    vms_dir: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
struct EffectiveBgp<'a> {
    #[schema(value_type = u32)]
    local_as: Asn,
    prepend_step: u8,
    mark: u32,
    /// `self` or an address.
    #[schema(value_type = String)]
    next_hop: NextHop,
    /// `self` or an address.
    #[schema(value_type = Option<String>)]
    next_hop_v6: Option<NextHop>,
    #[schema(value_type = Vec<String>)]
    neighbors: Vec<IpAddr>,
    /// Absent: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>)]
    allowed_prefixes: Option<&'a [IpNet]>,
    #[schema(value_type = Object)]
    attributes: &'a AttributeOverrides,
    /// Under each rung its attributes.
    #[schema(value_type = Object)]
    preference: BTreeMap<Rung, &'a AttributeOverrides>,
}

#[derive(Serialize)]
struct EffectiveHostRoutes<'a> {
    enabled: bool,
    #[serde(flatten)]
    settings: Option<HostRouteSettings<'a>>,
}

#[derive(Serialize)]
struct HostRouteSettings<'a> {
    protocol: u8,
    table: Table<'a>,
    transit_table: u32,
    rule_priority: u32,
    uplinks: Vec<&'a str>,
    gateway: &'a Gateway,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Table<'a> {
    Number(u32),
    Vrf(&'a str),
}

/// A VM in `vms`.
#[derive(Serialize, ToSchema)]
pub struct EffectiveVm<'a> {
    #[schema(value_type = Option<String>, format = Uuid)]
    uuid: Option<Uuid>,
    #[schema(value_type = Vec<String>)]
    service_ips: &'a [Prefix],
    #[schema(value_type = Object)]
    nic: EffectiveNic<'a>,
    #[schema(value_type = Object)]
    nics: BTreeMap<Prefix, EffectiveNic<'a>>,
    #[schema(value_type = Object)]
    attributes: &'a AttributeOverrides,
}

/// One key of `mac`, `network` and `alias`, or none.
struct EffectiveNic<'a>(&'a NicChoice);

impl Config {
    /// The main file in its effective form, without `vms`.
    pub fn effective(&self) -> EffectiveMain<'_> {
        let Bgp { local_as, prepend_step, next_hop, next_hop_v6, ref neighbors, ref attributes, .. } =
            self.bgp;
        EffectiveMain {
            libvirt: &self.libvirt,
            exabgp: &self.exabgp,
            bgp: EffectiveBgp {
                local_as,
                prepend_step,
                mark: self.bgp.ladder.mark().mark,
                next_hop,
                next_hop_v6,
                neighbors: neighbors.iter().copied().collect(),
                allowed_prefixes: self.bgp.allowed_prefixes.as_deref(),
                attributes,
                preference: Rung::ALL.into_iter().map(|rung| (rung, self.bgp.ladder.rung(rung))).collect(),
            },
            mobility: &self.mobility,
            hold: self.hold.iter().collect(),
            host_routes: EffectiveHostRoutes {
                enabled: self.host_routes.is_some(),
                settings: self.host_routes.as_ref().map(HostRouteSettings::from),
            },
            http: &self.http,
            log: self.log,
            vms_dir: None,
        }
    }
}

impl<'a> From<&'a HostRoutes> for HostRouteSettings<'a> {
    fn from(settings: &'a HostRoutes) -> Self {
        Self {
            protocol: settings.protocol,
            table: match &settings.table {
                RouteTable::Number(number) => Table::Number(*number),
                RouteTable::Vrf(name) => Table::Vrf(name.as_str()),
            },
            transit_table: settings.transit_table,
            rule_priority: settings.rule_priority,
            uplinks: settings.uplinks.iter().map(InterfaceName::as_str).collect(),
            gateway: &settings.gateway,
        }
    }
}

impl Vm {
    /// The VM in its effective form.
    pub fn effective(&self) -> EffectiveVm<'_> {
        EffectiveVm {
            uuid: self.uuid,
            service_ips: &self.service_ips,
            nic: EffectiveNic(&self.nics.all),
            nics: self.nics.of.iter().map(|(prefix, choice)| (*prefix, EffectiveNic(choice))).collect(),
            attributes: &self.attributes,
        }
    }
}

impl Serialize for EffectiveNic<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self.0 {
            NicChoice::Only => return serializer.collect_map(None::<(&str, &str)>),
            NicChoice::Mac(mac) => ("mac", mac.to_string()),
            NicChoice::Network(network) => ("network", network.clone()),
            NicChoice::Alias(alias) => ("alias", alias.clone()),
        };
        serializer.collect_map([(key, value)])
    }
}

/// A duration as the file writes it.
pub(super) fn duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    as_text(&humantime::format_duration(*duration), serializer)
}

impl Serialize for super::Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Tcp(address) => as_text(address, serializer),
            Self::Unix(path) => as_text(&format_args!("unix:{}", path.display()), serializer),
        }
    }
}
