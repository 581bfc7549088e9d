//! What a file that says little means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{LEAST, bad, good, parse};
use crate::config::{Frozen, Gateway, Listen, LogFormat, LogLevel, OnStop, RouteTable, Transport};
use crate::route::{AttributeOverrides, Ladder, Mark, NextHop};
use crate::vm::nic::{InterfaceName, NicChoice};

#[test]
fn the_least_file_has_every_default() {
    let config = good(LEAST);
    assert_eq!(config.source.path, Path::new("c.yaml"));
    assert_eq!(config.libvirt.uri, "qemu:///system");
    assert!(!config.libvirt.read_write);
    assert_eq!(config.libvirt.resync, Duration::from_secs(30));
    assert_eq!(config.libvirt.lease, Duration::from_secs(60));
    assert_eq!(config.exabgp.transport, Transport::Print);
    assert_eq!(config.exabgp.socket, PathBuf::from("/run/roamd/exabgp.sock"));
    assert_eq!(config.exabgp.socket_group, None);
    assert_eq!(config.exabgp.lease, Duration::from_secs(60));
    assert_eq!(config.exabgp.on_stop, OnStop::Keep);
    assert_eq!(config.bgp.local_as.get(), 65101);
    assert_eq!(config.bgp.prepend_step, 3);
    assert_eq!(config.bgp.next_hop, NextHop::Own);
    assert_eq!(config.bgp.next_hop_v6, None);
    assert!(config.bgp.neighbors.is_empty());
    assert_eq!(config.bgp.allowed_prefixes, None);
    assert_eq!(config.bgp.attributes, AttributeOverrides::default());
    let mark = Mark { local_as: config.bgp.local_as, mark: 82 };
    assert_eq!(Ok(config.bgp.ladder), Ladder::new(mark, 3, &<[AttributeOverrides; 5]>::default()));
    assert!(config.mobility.standby);
    assert_eq!(config.mobility.settle, Duration::from_secs(180));
    assert_eq!(config.mobility.frozen, Frozen::Standby);
    assert!(config.hold.is_empty());
    assert_eq!(config.host_routes, None);
    assert_eq!(config.http.listen, Listen::Tcp("127.0.0.1:9179".parse().unwrap()));
    assert_eq!(config.http.token_file, None);
    assert!(config.http.hosts.is_empty());
    assert_eq!((config.log.level, config.log.format), (LogLevel::Info, LogFormat::Text));
    assert!(config.vms.is_empty());
}

#[test]
fn empty_sections_and_the_documented_nulls_mean_the_defaults() {
    let nulls = "libvirt:\nmobility:\nhold:\nhost_routes:\nhttp: {token_file: null, hosts: null}\nlog: {}\n\
                 vms_dir: null\nvms:\n";
    let least = good(LEAST);
    let config = good(&format!("{LEAST}{nulls}"));
    assert_eq!(config.http, least.http);
    assert_eq!((config.libvirt, config.mobility, config.log), (least.libvirt, least.mobility, least.log));
    assert_eq!(config.source.vms_sha256, least.source.vms_sha256);
}

#[test]
fn host_routes_that_are_enabled_have_every_default() {
    let config = good(&format!("{LEAST}host_routes: {{enabled: true, uplinks: [eth0]}}\n"));
    let host_routes = config.host_routes.expect("they are enabled");
    assert_eq!((host_routes.protocol, host_routes.transit_table, host_routes.rule_priority), (82, 82, 82));
    assert_eq!(host_routes.table, RouteTable::Number(254));
    let (v4, v6) = (Some([169, 254, 1, 1].into()), Some("fe80::1".parse().unwrap()));
    assert_eq!(host_routes.gateway, Gateway { v4, v6, mac: None });
}

#[test]
fn a_key_without_a_value_is_a_fault_where_the_default_is_not_null() {
    assert_eq!(
        bad(&format!("{LEAST}log: {{level: }}\n")),
        ["3:7: log.level: null: must have a value; write one, or leave the key out for its default"]
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_taken() {
    let text = format!("\u{feff}{}", LEAST.replace('\n', "\r\n"));
    assert_eq!(good(&text).bgp, good(LEAST).bgp);
    assert_eq!(
        bad(&format!("{text}mobility: {{\r\n  standby: 1}}\r\n")),
        ["4:12: mobility.standby: 1: must be true or false, in these words and without quotes"]
    );
}

#[test]
fn the_file_is_identified_by_the_hash_of_its_bytes() {
    assert_eq!(good(LEAST).source.sha256, crate::config::digest::of_bytes(LEAST.as_bytes()));
    assert_eq!(
        crate::config::digest::of_bytes(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
    );
    assert!(parse(&format!("{LEAST}\n")).is_ok_and(|other| other.source.sha256 != good(LEAST).source.sha256));
}

#[test]
fn each_key_is_read_into_its_own_field() {
    let config = good(
        "libvirt: {uri: 'qemu+ssh://kvm/system', read_write: true, resync: 5s, lease: 7s}
exabgp: {transport: child, socket: /run/x.sock, socket_group: exabgp, lease: 8s, on_stop: withdraw}
bgp:
  local_as: 4200000001
  prepend_step: 5
  mark: 83
  next_hop: 192.0.2.1
  next_hop_v6: 2001:db8::1
  neighbors: [192.0.2.254, '2001:db8::fe']
  allowed_prefixes: [198.51.100.0/24]
  attributes: {origin: incomplete, communities: ['65101:1', '65101:1'], extended_communities: ['target:65101:2']}
  preference: {leaving: {as_path_prepend: 40, large_communities: ['1:2:3']}}
mobility: {standby: false, settle: 9s, frozen: withdraw}
hold: [web-1]
host_routes: {enabled: true, protocol: 83, table: vrf-blue, transit_table: 900, rule_priority: 7, uplinks: [eth0, bond0.82],
  gateway: {v4: 169.254.2.2, v6: null, mac: '02:00:00:00:00:01'}}
http: {listen: 'unix:/run/roamd/http.sock', token_file: /etc/roamd/token, hosts: [KVM1.example]}
log: {level: trace, format: json}
vms: {web-1: {uuid: 6F0B2C9E-3F5D-4C0A-9B1E-2D7C5A1F0E44, service_ips: [198.51.100.0/28, 198.51.100.16], nic: {network: front},
  nics: {198.51.100.16/32: {alias: net1}}, attributes: {med: 7}}}
",
    );
    assert_eq!(config.libvirt.uri, "qemu+ssh://kvm/system");
    assert!(config.libvirt.read_write);
    assert_eq!((config.libvirt.resync.as_secs(), config.libvirt.lease.as_secs()), (5, 7));
    assert_eq!((config.exabgp.transport, config.exabgp.on_stop), (Transport::Child, OnStop::Withdraw));
    assert_eq!(config.exabgp.socket, PathBuf::from("/run/x.sock"));
    assert_eq!((config.exabgp.socket_group.as_deref(), config.exabgp.lease.as_secs()), (Some("exabgp"), 8));
    assert_eq!((config.bgp.local_as.get(), config.bgp.prepend_step), (4_200_000_001, 5));
    assert_eq!(config.bgp.ladder.mark().mark, 83);
    assert_eq!(config.bgp.next_hop.to_string(), "192.0.2.1");
    assert_eq!(config.bgp.next_hop_v6.map(|hop| hop.to_string()).as_deref(), Some("2001:db8::1"));
    assert_eq!(config.bgp.neighbors.len(), 2);
    assert_eq!(config.bgp.allowed_prefixes, Some(vec!["198.51.100.0/24".parse().unwrap()]));
    assert_eq!(config.bgp.attributes.communities.len(), 1);
    let leaving = config.bgp.ladder.attributes(
        crate::route::Rung::Leaving,
        &AttributeOverrides::default(),
        &config.bgp.attributes,
    );
    assert_eq!(
        (leaving.as_path_prepend, leaving.med, leaving.origin.to_string().as_str()),
        (40, 300, "incomplete")
    );
    assert_eq!((config.mobility.standby, config.mobility.settle.as_secs()), (false, 9));
    assert_eq!(config.mobility.frozen, Frozen::Withdraw);
    assert_eq!(config.hold.iter().map(crate::vm::VmName::as_str).collect::<Vec<_>>(), ["web-1"]);
    assert_eq!(config.http.listen, Listen::Unix("/run/roamd/http.sock".into()));
    assert_eq!(config.http.token_file, Some("/etc/roamd/token".into()));
    assert_eq!(config.http.hosts.iter().map(String::as_str).collect::<Vec<_>>(), ["kvm1.example"]);
    assert_eq!((config.log.level, config.log.format), (LogLevel::Trace, LogFormat::Json));
    let vm = config.vms.values().next().expect("there is one VM");
    assert_eq!(vm.uuid.map(|uuid| uuid.to_string()).as_deref(), Some("6f0b2c9e-3f5d-4c0a-9b1e-2d7c5a1f0e44"));
    assert_eq!(vm.attributes.med, Some(7));
    let choice = |prefix: &str| vm.nics.for_prefix(prefix.parse().unwrap()).clone();
    assert_eq!(choice("198.51.100.0/28"), NicChoice::Network("front".to_owned()));
    assert_eq!(choice("198.51.100.16"), NicChoice::Alias("net1".to_owned()));
    let host_routes = config.host_routes.as_ref().expect("they are enabled");
    let name = |name: &str| InterfaceName::new(name).unwrap();
    assert_eq!((host_routes.protocol, host_routes.transit_table, host_routes.rule_priority), (83, 900, 7));
    assert_eq!(host_routes.table, RouteTable::Vrf(name("vrf-blue")));
    assert_eq!(host_routes.uplinks, [name("eth0"), name("bond0.82")]);
    let mac = Some("02:00:00:00:00:01".parse().unwrap());
    assert_eq!(host_routes.gateway, Gateway { v4: Some([169, 254, 2, 2].into()), v6: None, mac });
    assert_eq!(
        config.warnings(),
        ["vms.\"web-1\".attributes.med: has no effect, because each rung sets med; set it in bgp.preference"]
    );
}
