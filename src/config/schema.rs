//! The keys of the file, section by section, each with what editors say of it.
//!
//! One declaration makes the raw types that the file is read into and its JSON Schema (`roamd schema`), so that neither
//! can have a key that the other lacks. The kinds of values are in `schema/kinds.rs`.

mod kinds;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::judge::Fleet;
use super::path::{At, Step};
use super::raw::{Entries, Leaf, Read, Section, Shaped, Taken};
use super::yaml::{Reader, Stopped};
use kinds::{
    AddressOrNull, AsNumber, Boolean, Communities, Duration, ExtendedCommunities, FormatName, FrozenName,
    Hosts, Interfaces, LargeCommunities, LevelName, Listening, MacAddress, MacOrNull, Names, Neighbors,
    NextHop, NextHopOrNull, Nics, Number, OriginName, PathOrNull, Prefixes, ServiceIps, SocketPath, StopName,
    Table, Text, TransitTable, TransportName, UuidOrNull, Vms, Word, WordOrNull,
};

/// A section whose fields are its keys: `field: raw type as kind of value = default`. One that requires a key can't be left
/// empty.
macro_rules! section {
    ($(#[doc = $about:literal])* $name:ident $(requires $required:literal)? {
        $($(#[doc = $doc:literal])* $field:ident: $raw:ty as $kind:ty $(= $default:tt)?,)*
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$raw>,)*
        }

        impl Section for $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn take(&mut self, key: &str, reader: &mut Reader<'_>, at: &At<'_>) -> Result<Taken, Stopped> {
                match key {
                    $(stringify!($field) if self.$field.is_some() => return Ok(Taken::Before),)*
                    $(stringify!($field) => self.$field = Some(Read::read(reader, &at.key(key))?),)*
                    _ => return Ok(Taken::Unknown),
                }
                Ok(Taken::Now)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut keys = Map::new();
                $(
                    let default: &[Value] = &[$(json!($default))?];
                    let about = concat!($($doc),*);
                    let schema = generator.subschema_for::<$kind>();
                    keys.insert(stringify!($field).to_owned(), key(schema, about, default));
                )*
                let required: &[&str] = &[$($required)?];
                let kinds: &[&str] = if required.is_empty() { &["object", "null"] } else { &["object"] };
                json_schema!({
                    "description": concat!($($about),*).trim(),
                    "type": kinds,
                    "properties": keys,
                    "required": required,
                    "additionalProperties": false,
                })
            }
        }
    };
}

/// The schema of a key.
fn key(mut schema: Schema, about: &str, default: &[Value]) -> Value {
    schema.insert("description".to_owned(), about.trim().into());
    if let [default] = default {
        schema.insert("default".to_owned(), default.clone());
    }
    schema.to_value()
}

section!(
    /// The configuration of roamd on one host.
    File requires "bgp" {
        /// Where VMs are watched.
        libvirt: Shaped<Libvirt> as Libvirt,
        /// How routes are made known.
        exabgp: Shaped<Exabgp> as Exabgp,
        /// What is announced, and to whom.
        bgp: Shaped<Bgp> as Bgp,
        /// How a VM's route follows it.
        mobility: Shaped<Mobility> as Mobility,
        /// VMs whose routes stay off this host by hand. Each must be in vms.
        hold: Leaf as Names = [],
        /// Kernel routes to the VMs.
        host_routes: Shaped<HostRoutes> as HostRoutes,
        /// The read-only REST view.
        http: Shaped<Http> as Http,
        /// What is written to stderr.
        log: Shaped<Log> as Log,
        /// A folder of *.yaml files, each a map like vms. A relative path begins at the folder of this file.
        vms_dir: Leaf as PathOrNull = null,
        /// The fleet's VMs, the same on every host, each under its libvirt domain name.
        vms: Fleet as Vms,
    }
);

section!(
    /// Where VMs are watched.
    Libvirt {
        /// Any libvirt URI.
        uri: Leaf as Word = "qemu:///system",
        /// Open a connection that may change VMs, for a driver that has no read-only ones. roamd itself changes nothing.
        read_write: Leaf as Boolean = false,
        /// How often all VMs are listed, as a safety net under the events.
        resync: Leaf as Duration = "30s",
        /// How long libvirt may be unreachable before this host's routes fall to `unsure`.
        lease: Leaf as Duration = "60s",
    }
);

section!(
    /// How routes are made known.
    Exabgp {
        /// relay: ExaBGP runs `roamd relay`. child: ExaBGP runs `roamd run`. print: a dry run on stdout.
        transport: Leaf as TransportName = "relay",
        /// For relay: the socket to which `roamd relay` connects.
        socket: Leaf as SocketPath = "/run/roamd/exabgp.sock",
        /// For relay: the group that may connect, which is ExaBGP's.
        socket_group: Leaf as WordOrNull = null,
        /// For relay: how long it hears nothing from roamd before it takes this host's routes down to `unsure`.
        lease: Leaf as Duration = "60s",
        /// What becomes of the routes when roamd is stopped. keep: they stay, under the lease. withdraw: they go first.
        on_stop: Leaf as StopName = "keep",
    }
);

section!(
    /// What is announced, and to whom.
    Bgp requires "local_as" {
        /// This host's own AS, as in ExaBGP's configuration. The one key that every file must have.
        local_as: Leaf as AsNumber,
        /// Prepends of the AS for each step down the ladder: 3 in a leaf-spine, 5 in a five-stage fabric, 0 for none.
        prepend_step: Leaf as Number<0, 16> = 3,
        /// The middle number of the large community local_as:mark:rung that marks a route as roamd's own.
        mark: Leaf as Number<0, { u32::MAX }> = 82,
        /// The next hop of IPv4 routes: this host's address, or self for the local address of each session.
        next_hop: Leaf as NextHop = "self",
        /// The next hop of IPv6 routes. Required as soon as a VM has an IPv6 service IP.
        next_hop_v6: Leaf as NextHopOrNull,
        /// Announce to these neighbors only. Empty: to all that ExaBGP lets this process speak to.
        neighbors: Leaf as Neighbors = [],
        /// Nothing outside of these is ever announced. Without the key there is no limit.
        allowed_prefixes: Leaf as Prefixes,
        /// BGP attributes of every route.
        attributes: Shaped<Attributes> as Attributes,
        /// The attributes of each rung of the ladder, in place of the defaults, key by key.
        preference: Shaped<Preference> as Preference,
    }
);

section!(
    /// The attributes of each rung of the ladder, in place of the defaults, key by key.
    Preference {
        /// Began to run here less than mobility.settle ago: the best rung.
        arrived: Shaped<Attributes> as Attributes,
        /// Runs here.
        active: Shaped<Attributes> as Attributes,
        /// Nobody can tell any more.
        unsure: Shaped<Attributes> as Attributes,
        /// A frozen copy that may run soon.
        standby: Shaped<Attributes> as Attributes,
        /// Stopped here to run elsewhere: the worst rung.
        leaving: Shaped<Attributes> as Attributes,
    }
);

section!(
    /// BGP attributes.
    Attributes {
        /// The lower the better. Has an effect only in preference.
        med: Leaf as Number<0, { u32::MAX }>,
        /// The higher the better; to iBGP neighbors only. Has an effect only in preference.
        local_preference: Leaf as Number<0, { u32::MAX }>,
        /// How many times the own AS is prepended; to eBGP neighbors only. Has an effect only in preference.
        as_path_prepend: Leaf as Number<0, 64>,
        /// ORIGIN of RFC 4271.
        origin: Leaf as OriginName = "igp",
        /// Communities of RFC 1997, as numbers.
        communities: Leaf as Communities = [],
        /// Large communities of RFC 8092; not local_as:mark:..., which is roamd's own.
        large_communities: Leaf as LargeCommunities = [],
        /// Extended communities of RFC 4360: target:... or origin:...
        extended_communities: Leaf as ExtendedCommunities = [],
    }
);

section!(
    /// How a VM's route follows it.
    Mobility {
        /// Announce a VM that is being migrated to this host before it runs here, on the low rung `standby`.
        standby: Leaf as Boolean = true,
        /// How long a VM that began to run here stays on the best rung. Longer than both leases.
        settle: Leaf as Duration = "180s",
        /// The route of a VM that stands still here. standby: the worst rung but one. active: as if it ran. withdraw: gone.
        frozen: Leaf as FrozenName = "standby",
    }
);

section!(
    /// Kernel routes to the VMs.
    HostRoutes {
        /// Set a host route and a neighbour entry for each address of the VMs that are here. Needs CAP_NET_ADMIN.
        enabled: Leaf as Boolean = false,
        /// The route protocol number that marks what is roamd's.
        protocol: Leaf as Number<5, 255> = 82,
        /// The table of VMs that run here: main, a number, or the name of a VRF.
        table: Leaf as Table = "main",
        /// The table in which packets from the uplinks are looked up first. A table of its own.
        transit_table: Leaf as TransitTable = 82,
        /// The priority of the rules that lead packets from the uplinks to that table.
        rule_priority: Leaf as Number<1, 32765> = 82,
        /// The interfaces on which routed traffic comes in. Required once enabled.
        uplinks: Leaf as Interfaces,
        /// What the guests' default routes lead to; only checked.
        gateway: Shaped<Gateway> as Gateway,
    }
);

section!(
    /// What the guests' default routes lead to, the same on every host; only checked.
    Gateway {
        /// IPv4; null: there is none, and it is not checked.
        v4: Leaf as AddressOrNull = "169.254.1.1",
        /// IPv6; null: there is none, and it is not checked.
        v6: Leaf as AddressOrNull = "fe80::1",
        /// The MAC address that every bridge or tap with these must have; null: not checked.
        mac: Leaf as MacOrNull = null,
    }
);

section!(
    /// The read-only REST view.
    Http {
        /// ADDRESS:PORT, or unix:/absolute/path. Beyond loopback a token_file is required.
        listen: Leaf as Listening = "127.0.0.1:9179",
        /// File with the bearer token.
        token_file: Leaf as PathOrNull = null,
        /// Further Host headers to accept, without port. IP addresses, localhost and this host's name always are.
        hosts: Leaf as Hosts = [],
    }
);

section!(
    /// What is written to stderr.
    Log {
        /// The least important level that is written.
        level: Leaf as LevelName = "info",
        /// text for people, json for collectors.
        format: Leaf as FormatName = "text",
    }
);

section!(
    /// A VM, under the name of its libvirt domain.
    Vm requires "service_ips" {
        /// Only the domain with this very uuid may use the addresses, under whatever name it comes; null: the name decides.
        uuid: Leaf as UuidOrNull = null,
        /// What leads to this VM, at least one: an address, or a prefix that is routed to it. No two VMs' overlap.
        service_ips: Leaf as ServiceIps,
        /// With host_routes: the network interface that serves its addresses, by one of these keys.
        nic: Shaped<Nic> as Nic,
        /// The same for single addresses: under each service IP a map with one of these keys.
        nics: Entries<Shaped<Nic>> as Nics,
        /// BGP attributes of its routes.
        attributes: Box<Shaped<Attributes>> as Attributes,
    }
);

section!(
    /// A network interface of a VM, by one of these keys.
    Nic {
        /// Its MAC address, in quotes.
        mac: Leaf as MacAddress,
        /// The libvirt network that it is in.
        network: Leaf as Text,
        /// libvirt's alias of the device.
        alias: Leaf as Text,
    }
);

/// The JSON Schema of the main file.
pub fn of_file() -> Value {
    with_title::<File>("roamd configuration")
}

/// The JSON Schema of a file of `vms_dir`.
pub fn of_vms() -> Value {
    with_title::<Vms>("roamd VM map")
}

fn with_title<T: JsonSchema>(title: &str) -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    // An empty file is a fault.
    schema.insert("type".to_owned(), "object".into());
    schema.to_value()
}

/// The keys that the map at a path may have; none where there is no such map.
pub(super) fn keys_at(path: &[Step]) -> &'static [&'static str] {
    let mut keys: [&str; 4] = [""; 4];
    if path.len() > keys.len() {
        return &[];
    }
    for (key, step) in keys.iter_mut().zip(path) {
        match step {
            Step::Key(name) => *key = name,
            Step::Item(_) => return &[],
        }
    }
    match keys[..path.len()] {
        [] => File::KEYS,
        ["libvirt"] => Libvirt::KEYS,
        ["exabgp"] => Exabgp::KEYS,
        ["bgp"] => Bgp::KEYS,
        ["bgp", "preference"] => Preference::KEYS,
        ["bgp", "attributes"] | ["bgp", "preference", _] | ["vms", _, "attributes"] => Attributes::KEYS,
        ["mobility"] => Mobility::KEYS,
        ["host_routes"] => HostRoutes::KEYS,
        ["host_routes", "gateway"] => Gateway::KEYS,
        ["http"] => Http::KEYS,
        ["log"] => Log::KEYS,
        ["vms", _] => Vm::KEYS,
        ["vms", _, "nic"] | ["vms", _, "nics", _] => Nic::KEYS,
        _ => &[],
    }
}
