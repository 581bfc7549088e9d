//! The VM map: what it may hold, what makes two maps the same, and how large it may be.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::{LEAST, bad, faulty_keys, good, parse};
use crate::route::Prefix;

fn hash(vms: &str) -> String {
    good(&format!("{LEAST}{vms}")).source.vms_sha256
}

#[test]
fn the_hash_of_the_map_does_not_depend_on_order_and_spelling() {
    let one = hash(
        "vms:
  web-1:
    uuid: 6f0b2c9e-3f5d-4c0a-9b1e-2d7c5a1f0e44
    service_ips: [198.51.100.1, 198.51.100.32/28]
    attributes: {communities: ['65101:1', '65101:2']}
  web-2: {service_ips: [198.51.100.2]}
",
    );
    let same = hash(
        "# another spelling
vms: {'web-2': {attributes: {}, uuid: null, service_ips: [198.51.100.2/32]},
      \"web-1\": {attributes: {communities: [65101:2, 65101:1]}, service_ips: [198.51.100.32/28, 198.51.100.1],
                uuid: 6F0B2C9E-3F5D-4C0A-9B1E-2D7C5A1F0E44}}
",
    );
    assert_eq!(one, same);
}

#[test]
fn the_hash_of_the_map_tells_every_difference() {
    let base = "vms: {web-1: {service_ips: [198.51.100.1]}}\n";
    let others = [
        "vms: {web-2: {service_ips: [198.51.100.1]}}\n",
        "vms: {web-1: {service_ips: [198.51.100.2]}}\n",
        "vms: {web-1: {service_ips: [198.51.100.1, 198.51.100.2]}}\n",
        "vms: {web-1: {service_ips: [198.51.100.1], attributes: {origin: egp}}}\n",
        "vms: {web-1: {service_ips: [198.51.100.1], nic: {alias: net0}}}\n",
        "vms: {web-1: {service_ips: [198.51.100.1], nics: {198.51.100.1: {alias: net0}}}}\n",
        "vms: {web-1: {service_ips: [198.51.100.1], uuid: 6f0b2c9e-3f5d-4c0a-9b1e-2d7c5a1f0e44}}\n",
        "vms: {}\n",
    ];
    for other in others {
        assert_ne!(hash(base), hash(other), "{other}");
    }
}

#[test]
fn the_hash_of_the_map_is_that_of_its_documented_form() {
    let form = b"[\"a\",null,[\"198.51.100.1/32\"],{}]\n[\"b\\\"\",null,[\"198.51.100.2/32\"],{\"med\":5}]\n";
    let vms = "vms: {'b\"': {service_ips: [198.51.100.2], attributes: {med: 5}}, a: {service_ips: [198.51.100.1]}}\n";
    assert_eq!(hash(vms), crate::config::digest::of_bytes(form));
}

#[test]
fn names_are_taken_as_libvirt_has_them() {
    let names = ["123", "'null'", "true", "'a b'", "größe", "'a.b'", "1e3", "'#x'", "web/1"];
    let vms: String = names.iter().enumerate().fold("vms:\n".to_owned(), |mut vms, (index, name)| {
        writeln!(vms, "  {name}: {{service_ips: [198.51.100.{index}]}}").expect("a string takes everything");
        vms
    });
    let config = good(&format!("{LEAST}{vms}"));
    let found: Vec<&str> = config.vms.keys().map(crate::vm::VmName::as_str).collect();
    assert_eq!(found, ["#x", "123", "1e3", "a b", "a.b", "größe", "null", "true", "web/1"]);
    for name in ["''", r#""a\0b""#, r#""a\nb""#, r#""a\x1bb""#] {
        let vms = format!("{LEAST}vms:\n  {name}: {{service_ips: [198.51.100.1]}}\n");
        assert!(bad(&vms).iter().all(|fault| fault.contains("a VM's name must")), "{name}");
    }
}

#[test]
fn a_prefix_overlaps_with_everything_inside_it_and_nothing_beside_it() {
    let vms = "vms:
  a: {service_ips: [198.51.100.0/28, 198.51.100.16/28]}
  b: {service_ips: [198.51.100.1, 198.51.100.32]}
  c: {service_ips: [198.51.100.15, '2001:db8::/64']}
  d: {service_ips: [198.51.100.16/30, '2001:db8:0:1::/64']}
";
    let text = vms.replace("vms:", "bgp: {local_as: 65101, next_hop_v6: self}\nvms:");
    let faults = parse(&format!("exabgp: {{transport: print}}\n{text}")).expect_err("three overlap");
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["vms.b.service_ips[0]", "vms.c.service_ips[0]", "vms.d.service_ips[0]"]);
}

#[test]
fn a_vm_needs_a_service_ip() {
    for vm in ["{}", "", "null", "{service_ips: }", "{service_ips: []}"] {
        assert_eq!(faulty_keys(&format!("vms:\n  web-1: {vm}\n")), ["vms.web-1.service_ips"], "{vm}");
    }
    assert_eq!(faulty_keys("vms:\n  web-1: 198.51.100.1\n"), ["vms.web-1"]);
    assert_eq!(faulty_keys("vms: [web-1]\n"), ["vms"]);
}

#[test]
fn an_ipv6_address_without_quotes_that_yaml_takes_for_a_map_is_explained() {
    assert_eq!(
        bad(&format!("{LEAST}vms:\n  web-1: {{service_ips: [{{2001: db8}}]}}\n")),
        [
            "4:25: vms.web-1.service_ips[0]: a map: must be text, not a map; put text that ends in `:` or holds `: ` \
          in quotes"
        ]
    );
}

/// The least file with 100,000 VMs of one address each, three lines a VM below the three of the head.
fn hundred_thousand() -> String {
    let mut text = format!("{LEAST}vms:\n");
    for vm in 0..100_000_u32 {
        let [_, a, b, c] = vm.to_be_bytes();
        let uuid = format!("00000000-0000-4000-8000-{vm:012x}");
        writeln!(text, "  vm-{vm:06}:\n    uuid: {uuid}\n    service_ips: [10.{a}.{b}.{c}]")
            .expect("a string takes everything");
    }
    text
}

#[test]
fn a_hundred_thousand_vms_are_read() {
    let config = good(&hundred_thousand());
    assert_eq!(config.vms.len(), 100_000);
    let addresses: HashSet<&Prefix> = config.vms.values().flat_map(|vm| &vm.service_ips).collect();
    assert_eq!(addresses.len(), 100_000);
}

#[test]
fn one_fault_among_a_hundred_thousand_vms_is_found_in_its_line() {
    let text = hundred_thousand().replace("[10.1.0.7]", "[10.1.0.6]");
    let line = 3 + 3 * 65_543 + 3;
    assert_eq!(
        bad(&text),
        [format!(
            "{line}:19: vms.vm-065543.service_ips[0]: 10.1.0.6: is the same as 10.1.0.6/32 at \
             vms.vm-065542.service_ips[0]; an address leads to one VM, and is listed once"
        )]
    );
}

#[test]
fn names_that_libvirt_takes_and_that_are_not_what_they_seem_are_warned_of() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["web-1", "web-l", "größe", "東京-1", "сервер"], &[]),
        (&["a\tb"], &[r#"vms."a\tb": has characters that are not seen, or that direct the others"#]),
        (&["a\u{7f}"], &[r#"vms."a\u{7f}": has characters that are not seen, or that direct the others"#]),
        (
            &["web\u{202e}1-bew", "web\u{200b}"],
            &[
                r#"vms."web\u{200b}" (and 1 more): has characters that are not seen, or that direct the others"#,
            ],
        ),
        (&[" "], &[r#"vms." ": begins or ends with a blank"#]),
        (&["web-1 "], &[r#"vms."web-1 ": begins or ends with a blank"#]),
        // A Cyrillic e among Latin letters, with and without the VM that it looks like.
        (&["w\u{435}b-1"], &["vms.\"w\u{435}b-1\": mixes letters of several scripts, as look-alikes do"]),
        (
            &["web-1", "w\u{435}b-1"],
            &[
                "vms.\"w\u{435}b-1\": mixes letters of several scripts, as look-alikes do",
                "vms.\"w\u{435}b-1\": looks like another VM, \"web-1\"",
            ],
        ),
        // Cyrillic from end to end.
        (
            &["cop", "\u{441}\u{43e}\u{440}"],
            &["vms.\"\u{441}\u{43e}\u{440}\": looks like another VM, \"cop\""],
        ),
        // One letter, and a letter with its accent.
        (&["\u{e9}", "e\u{301}"], &["vms.\"\u{e9}\": looks like another VM, \"e\\u{301}\""]),
    ];
    for (names, expected) in cases {
        let vms: String = names.iter().enumerate().fold("vms:\n".to_owned(), |mut vms, (index, name)| {
            let name = serde_json::to_string(name).expect("a text becomes JSON");
            writeln!(vms, "  {name}: {{service_ips: [198.51.100.{index}]}}")
                .expect("a string takes everything");
            vms
        });
        assert_eq!(good(&format!("{LEAST}{vms}")).warnings(), *expected, "{names:?}");
    }
}
