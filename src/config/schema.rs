//! The keys of the file, section by section.

use super::judge::Fleet;
use super::path::{At, Step};
use super::raw::{Entries, Leaf, Read, Section, Shaped, Taken};
use super::yaml::{Reader, Stopped};

/// A section whose fields are its keys.
macro_rules! section {
    ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $(pub(super) $field: Option<$kind>,)*
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
    };
}

section!(File {
    libvirt: Shaped<Libvirt>,
    exabgp: Shaped<Exabgp>,
    bgp: Shaped<Bgp>,
    mobility: Shaped<Mobility>,
    hold: Leaf,
    host_routes: Shaped<HostRoutes>,
    http: Shaped<Http>,
    log: Shaped<Log>,
    vms_dir: Leaf,
    vms: Fleet,
});

section!(Libvirt { uri: Leaf, read_write: Leaf, resync: Leaf, lease: Leaf });

section!(Exabgp { transport: Leaf, socket: Leaf, socket_group: Leaf, lease: Leaf, on_stop: Leaf });

section!(Bgp {
    local_as: Leaf,
    prepend_step: Leaf,
    mark: Leaf,
    next_hop: Leaf,
    next_hop_v6: Leaf,
    neighbors: Leaf,
    allowed_prefixes: Leaf,
    attributes: Shaped<Attributes>,
    preference: Shaped<Preference>,
});

section!(Preference {
    arrived: Shaped<Attributes>,
    active: Shaped<Attributes>,
    unsure: Shaped<Attributes>,
    standby: Shaped<Attributes>,
    leaving: Shaped<Attributes>,
});

section!(Attributes {
    med: Leaf,
    local_preference: Leaf,
    as_path_prepend: Leaf,
    origin: Leaf,
    communities: Leaf,
    large_communities: Leaf,
    extended_communities: Leaf,
});

section!(Mobility { standby: Leaf, settle: Leaf, frozen: Leaf });

section!(HostRoutes {
    enabled: Leaf,
    protocol: Leaf,
    table: Leaf,
    transit_table: Leaf,
    rule_priority: Leaf,
    uplinks: Leaf,
    gateway: Shaped<Gateway>,
});

section!(Gateway { v4: Leaf, v6: Leaf, mac: Leaf });

section!(Http { listen: Leaf, token_file: Leaf, hosts: Leaf });

section!(Log { level: Leaf, format: Leaf });

section!(Vm {
    uuid: Leaf,
    service_ips: Leaf,
    nic: Shaped<Nic>,
    nics: Entries<Shaped<Nic>>,
    attributes: Box<Shaped<Attributes>>,
});

section!(Nic { mac: Leaf, network: Leaf, alias: Leaf });

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
