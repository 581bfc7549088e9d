//! What `/api/v1/config` shows loads to the same configuration.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Config, LEAST, good, parse};

/// The whole of it, as the REST view puts it together.
fn effective(config: &Config) -> Value {
    let mut whole = serde_json::to_value(config.effective()).expect("it is JSON");
    whole["vms"] =
        config.vms.iter().map(|(name, vm)| (name.as_str().to_owned(), json!(vm.effective()))).collect();
    whole
}

/// Everything but where it was loaded from.
fn parts(config: Config) -> Config {
    let vms_sha256 = config.source.vms_sha256.clone();
    Config { source: crate::config::Source { path: "".into(), sha256: String::new(), vms_sha256 }, ..config }
}

#[track_caller]
fn assert_round_trip(text: &str) {
    let config = good(text);
    let shown = effective(&config).to_string();
    match parse(&shown) {
        Ok(again) => assert_eq!(parts(again), parts(config), "{shown}"),
        Err(faults) => panic!("{faults}\n{shown}"),
    }
}

#[test]
fn every_default_is_filled_in() {
    let shown = effective(&good(LEAST));
    let rung = |steps: u32, med: u32, preference: u32| json!({"med": med, "local_preference": preference, "as_path_prepend": 3 * steps});
    let expected = json!({
        "libvirt": {"uri": "qemu:///system", "read_write": false, "resync": "30s", "lease": "1m"},
        "exabgp": {
            "transport": "print", "socket": "/run/roamd/exabgp.sock", "socket_group": null, "lease": "1m", "on_stop": "keep",
        },
        "bgp": {
            "local_as": 65101, "prepend_step": 3, "mark": 82, "next_hop": "self", "next_hop_v6": null, "neighbors": [],
            "attributes": {},
            "preference": {
                "arrived": rung(0, 50, 140), "active": rung(1, 100, 130), "unsure": rung(2, 200, 120),
                "standby": rung(3, 250, 110), "leaving": rung(4, 300, 105),
            },
        },
        "mobility": {"standby": true, "settle": "3m", "frozen": "standby"},
        "hold": [],
        "host_routes": {"enabled": false},
        "http": {"listen": "127.0.0.1:9179", "token_file": null, "hosts": []},
        "log": {"level": "info", "format": "text"},
        "vms_dir": null,
        "vms": {},
    });
    assert_eq!(shown, expected);
}

#[test]
fn the_example_loads_again() {
    assert_round_trip(include_str!("../../../config.example.yaml"));
}

#[test]
fn every_key_that_differs_from_its_default_loads_again() {
    assert_round_trip(
        r#"
libvirt: {uri: "test:///default", read_write: true, resync: 1500ms, lease: 90s}
exabgp: {transport: relay, socket: /run/x.sock, socket_group: exabgp, lease: 59s, on_stop: withdraw}
bgp:
  local_as: 4200000001
  prepend_step: 5
  mark: 4294967295
  next_hop: 192.0.2.9
  next_hop_v6: 2001:db8::9
  neighbors: [192.0.2.1, "2001:db8::1"]
  allowed_prefixes: [198.51.100.0/24, "2001:db8:5::/48"]
  attributes: {origin: egp, communities: ["65101:100"], large_communities: ["65101:1:2"], extended_communities: ["target:65101:100"]}
  preference: {arrived: {med: 7, local_preference: 500, communities: ["1:2"]}, leaving: {as_path_prepend: 64}}
mobility: {standby: false, settle: 5m, frozen: withdraw}
hold: [web-1]
host_routes:
  enabled: true
  protocol: 99
  table: vrf-red
  transit_table: 1234
  rule_priority: 7
  uplinks: [eth0, eth1]
  gateway: {v4: null, v6: "fe80::2", mac: "52:54:00:12:34:56"}
http: {listen: "[::]:9179", token_file: /etc/roamd/token, hosts: [KVM1.example.net]}
log: {level: trace, format: json}
vms:
  web-1:
    uuid: 6f0b2c9e-3f5d-4c0a-9b1e-2d7c5a1f0e44
    service_ips: [198.51.100.10, "2001:db8:5::10", 198.51.100.64/28]
    nic: {mac: "52:54:00:12:34:56"}
    nics: {198.51.100.10: {network: "front \"x\""}, "2001:db8:5::10": {alias: net0}}
    attributes: {med: 5, communities: ["65101:10"]}
  "größe: {a} #b '": {service_ips: [198.51.100.11]}
"#,
    );
    assert_round_trip(&format!("{LEAST}http: {{listen: 'unix:/run/roamd/http.sock'}}\n"));
    assert_round_trip(
        &format!("{LEAST}bgp: {{}}\n")
            .replace("bgp: {}\n", "host_routes: {enabled: true, uplinks: [eth0]}\n"),
    );
}

/// A name of a VM, as libvirt may have it.
fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,24}".prop_filter("it is not blank", |name| !name.trim().is_empty())
}

fn vm(index: u8) -> impl Strategy<Value = Value> {
    let uuid = prop::option::of(any::<u64>());
    let nic = prop_oneof![
        Just(json!({})),
        "[^\\p{Cc}]{1,8}"
            .prop_filter("it is text", |text| !text.trim().is_empty())
            .prop_map(|text| json!({"network": text})),
        Just(json!({"mac": "52:54:00:12:34:56"})),
    ];
    let attributes = (prop::option::of(any::<u32>()), prop::collection::btree_set(any::<(u16, u16)>(), 0..3));
    (uuid, 24_u8..=32, nic, attributes).prop_map(move |(uuid, length, nic, (med, communities))| {
        let prefix = format!("10.{index}.0.0/{length}");
        let communities: Vec<String> = communities.iter().map(|(one, two)| format!("{one}:{two}")).collect();
        let mut attributes = json!({ "communities": communities });
        if let Some(med) = med {
            attributes["med"] = json!(med);
        }
        json!({
            "uuid": uuid.map(|number| format!("{:08x}-0000-4000-8000-{index:012x}", number & 0xffff_ffff)),
            "service_ips": [prefix, format!("2001:db8:{index:x}::/64")],
            "nic": nic,
            "attributes": attributes,
        })
    })
}

fn file() -> impl Strategy<Value = Value> {
    let vms = prop::collection::btree_map(name(), any::<()>(), 0..6).prop_flat_map(|names| {
        let vms: Vec<_> =
            (0..=u8::MAX).zip(names.into_keys()).map(|(index, name)| (Just(name), vm(index))).collect();
        vms
    });
    let bgp = (1_u32.., 0_u8..=16, any::<u32>(), any::<bool>());
    let times = (1_u64..90_000_000, 1_u64..86_000, 0_u64..300);
    (vms, bgp, times, any::<bool>(), 0_usize..4).prop_map(
        |(vms, (local_as, step, mark, own), times, standby, held)| {
            let (resync, lease, longer) = times;
            let hold: Vec<&String> = vms.iter().take(held).map(|(name, _)| name).collect();
            json!({
                "libvirt": {"resync": format!("{}ms", resync.min(86_400_000)), "lease": format!("{lease}s")},
                "exabgp": {"transport": "print"},
                "bgp": {
                    "local_as": local_as, "prepend_step": step, "mark": mark, "next_hop_v6": "2001:db8::1",
                    "next_hop": if own { "self" } else { "192.0.2.1" },
                },
                "mobility": {"standby": standby, "settle": format!("{}s", (lease + 1 + longer).min(86_400))},
                "hold": hold,
                "vms": vms.iter().cloned().collect::<serde_json::Map<_, _>>(),
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_that_is_taken_loads_again_to_the_same(file in file()) {
        if let Ok(config) = parse(&file.to_string()) {
            let shown = effective(&config).to_string();
            let again = parse(&shown).map_err(|faults| TestCaseError::fail(format!("{faults}\n{shown}")))?;
            prop_assert_eq!(parts(again), parts(config));
        }
    }
}
