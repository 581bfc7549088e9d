//! All faults at once, in order, in their places; and each rule over the values around its edge.

use std::path::Path;

use super::{LEAST, bad, faulty_keys, good, parse};
use crate::config::Config;

#[test]
fn all_faults_of_a_file_come_at_once_in_its_order() {
    let text = "\
log:
  level: loud
  colour: true
  level: info
exabgp: {transport: pipe}
vms:
  web-1:
    service_ips: [198.51.100.10, 10.0.0.256]
    attributes: {communities: [no-export], med: -1}
  web-2:
    uuid: none
    service_ips: [198.51.100.10]
hold: [web-3]
bgp:
  local_as: 65101
  neighbors: 192.0.2.1
mobility: [standby]
";
    assert_eq!(
        bad(text),
        [
            "2:10: log.level: loud: must be error, warn, info, debug or trace",
            "3:3: log.colour: true: unknown key; the keys here are level, format",
            "4:3: log.level: info: duplicate key, it stands in line 2 already; remove one of the two",
            "5:21: exabgp.transport: pipe: must be relay, child or print",
            "8:34: vms.web-1.service_ips[1]: 10.0.0.256: must be an IPv4 or IPv6 address, or a prefix such as \
             198.51.100.0/28",
            "9:32: vms.web-1.attributes.communities[0]: no-export: names are not taken; write the number \
             65535:65281",
            "9:49: vms.web-1.attributes.med: -1: must be a whole number from 0 to 4294967295",
            "11:11: vms.web-2.uuid: none: must be a uuid such as `virsh domuuid` prints, 8-4-4-4-12 hexadecimal \
             digits",
            "12:19: vms.web-2.service_ips[0]: 198.51.100.10: is the same as 198.51.100.10/32 at \
             vms.web-1.service_ips[0]; an address leads to one VM, and is listed once",
            "13:8: hold[0]: web-3: must be the name of a VM in vms; did you mean \"web-1\"?",
            "16:14: bgp.neighbors: 192.0.2.1: must be a list: [first, second], or a line `- item` for each",
            "17:1: mobility: a list: must be a map with some of the keys standby, settle, frozen",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn each_rule_takes_what_is_inside_its_edge_and_refuses_what_is_outside() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "bgp.local_as",
            &["1", "4294967295"],
            &["0", "4294967296", "-1", "65101.0", "1.1", "true", "[65101]", "{}"],
        ),
        ("bgp.prepend_step", &["0", "16"], &["17", "-1", "300", "\"3\"", "3s"]),
        ("bgp.mark", &["0", "4294967295"], &["4294967296", "0x52", "+82", "082", "1_0", "1e1", "0b1", "0o7"]),
        ("bgp.attributes.as_path_prepend", &["0", "64"], &["65", "-1"]),
        ("bgp.attributes.origin", &["igp", "egp", "incomplete"], &["IGP", "i", "0"]),
        (
            "bgp.next_hop",
            &["self", "192.0.2.1", "169.254.0.1"],
            &[
                "Self",
                "0.0.0.0",
                "0.1.2.3",
                "127.0.0.1",
                "224.0.0.1",
                "255.255.255.255",
                "2001:db8::1",
                "192.0.2.1/32",
                "host",
                "1",
            ],
        ),
        (
            "bgp.next_hop_v6",
            &["self", "2001:db8::1"],
            &["192.0.2.1", "\"::\"", "\"::1\"", "fe80::1", "ff02::1", "\"::ffff:192.0.2.1\"", "fe80::1%eth0"],
        ),
        ("bgp.neighbors", &["[]", "[192.0.2.1, \"2001:db8::1\"]", "[127.0.0.2]"], &["null_", "{}"]),
        (
            "bgp.allowed_prefixes",
            &["[]", "[198.51.100.0/24, 192.0.2.1]", "[0.0.0.0/0]"],
            &["", "null", "all"],
        ),
        (
            "libvirt.uri",
            &["test:///default", "qemu+tcp://[2001:db8::1]/system"],
            &["\"\"", "\" \"", "a b", "\"a\\tb\"", "5"],
        ),
        ("libvirt.read_write", &["true", "False"], &["yes", "on", "1", "\"true\""]),
        (
            "libvirt.resync",
            &["1ms", "24h", "1h 30m", "86400s"],
            &["0s", "1us", "25h", "1d 1s", "10", "10.5", "\"10\"", "ten", "-1s", "1M"],
        ),
        ("exabgp.socket", &["/run/x", "/a b"], &["run/x", "\"\"", "\"/a\\0\""]),
        ("exabgp.socket_group", &["null", "exabgp", "\"110\""], &["110", "\"\"", "a b"]),
        ("exabgp.on_stop", &["keep", "withdraw"], &["Keep", "true"]),
        ("mobility.frozen", &["standby", "active", "withdraw"], &["unsure", "no"]),
        ("mobility.settle", &["60001ms", "24h"], &["60s", "1m", "5s"]),
        (
            "http.listen",
            &["127.0.0.1:0", "\"[::1]:9179\"", "unix:/run/x"],
            &[
                "9179",
                "localhost:9179",
                "127.0.0.1",
                "127.0.0.1:70000",
                "\"[::ffff:127.0.0.1]:9179\"",
                "unix:run/x",
                "\"unix:/a\\0\"",
            ],
        ),
        ("http.token_file", &["null", "/etc/roamd/token"], &["\"\"", "5", "[]"]),
        ("log.format", &["text", "json"], &["JSON", "plain"]),
        ("host_routes.enabled", &["false"], &["no"]),
        ("host_routes.rule_priority", &["1", "32765"], &["0", "32766", "low"]),
        ("host_routes.protocol", &["5", "255"], &["0", "3", "4", "256", "bird"]),
        (
            "host_routes.table",
            &["main", "1", "254", "256", "4294967295", "vrf-blue"],
            &["0", "255", "a/b", "sixteen-letters-", "true"],
        ),
        (
            "host_routes.transit_table",
            &["1", "252", "256", "4294967295"],
            &["0", "253", "254", "255", "transit"],
        ),
        ("hold", &["[]", "null"], &["web-1", "{}"]),
        ("vms_dir", &["null"], &["/nonexistent", "/dev/null", "''", "5", "[]"]),
    ];
    for (key, taken, refused) in cases {
        for value in *taken {
            let config = with(key, value);
            assert!(config.is_ok(), "{key}: {value}: {}", config.unwrap_err());
        }
        for value in *refused {
            let Err(faults) = with(key, value) else { panic!("{key}: {value} is taken") };
            let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
            assert_eq!(keys, [*key], "{key}: {value}: {faults}");
        }
    }
}

/// The least file with one key more.
fn with(key: &str, value: &str) -> Result<Config, super::Faults> {
    let path: Vec<&str> = key.split('.').collect();
    let rest = match path[..] {
        ["bgp", "local_as"] => format!("bgp:\n  local_as: {value}\n"),
        ["bgp", name] => format!("bgp:\n  local_as: 65101\n  {name}: {value}\n"),
        ["bgp", section, name] => format!("bgp:\n  local_as: 65101\n  {section}:\n    {name}: {value}\n"),
        ["exabgp", name] => {
            return parse(&format!(
                "exabgp:\n  transport: print\n  {name}: {value}\nbgp: {{local_as: 65101}}\n"
            ));
        }
        [section, name] => format!("bgp: {{local_as: 65101}}\n{section}:\n  {name}: {value}\n"),
        _ => format!("bgp: {{local_as: 65101}}\n{key}: {value}\n"),
    };
    parse(&format!("exabgp: {{transport: print}}\n{rest}"))
}

#[test]
fn host_routes_need_uplinks_and_tables_of_their_own() {
    assert_eq!(faulty_keys("host_routes:\n  enabled: true\n"), ["host_routes.uplinks"]);
    assert_eq!(faulty_keys("host_routes: {enabled: true, uplinks: [eth0]}\n"), Vec::<String>::new());
    assert_eq!(
        faulty_keys("host_routes: {uplinks: [eth0, 'eth 1', 'bond0/1', sixteen-letters-]}\n"),
        ["host_routes.uplinks[1]", "host_routes.uplinks[2]", "host_routes.uplinks[3]",]
    );
    assert_eq!(faulty_keys("host_routes: {table: 82}\n"), ["host_routes.transit_table"]);
}

#[test]
fn http_beyond_loopback_is_taken_with_a_token() {
    let listen = |more: &str| faulty_keys(&format!("http: {{listen: '[2001:db8::1]:9179'{more}}}\n"));
    assert_eq!(listen(""), ["http.token_file"]);
    assert_eq!(listen(", token_file: null"), ["http.token_file"]);
    assert_eq!(listen(", token_file: /etc/roamd/token"), Vec::<String>::new());
}

#[test]
fn host_headers_are_host_names_without_port() {
    let hosts = "hosts: [roamd.example, KVM-1, '*.example', 'a b', 'roamd.example:80', -a, a-, a..b, '']";
    let faulty: Vec<String> = (2..9).map(|index| format!("http.hosts[{index}]")).collect();
    let mut found = faulty_keys(&format!("http: {{{hosts}}}\n"));
    found.sort();
    assert_eq!(found, faulty);
}

#[test]
fn every_order_fault_of_the_ladder_stands_at_preference() {
    let text = "exabgp: {transport: print}\nbgp:\n  local_as: 65101\n  preference: {arrived: {local_preference: 1, med: 4, as_path_prepend: 9}}\n";
    assert_eq!(
        bad(text),
        [
            "4:3: bgp.preference: a map: arrived must have a higher local_preference than active (1 is not above 130)",
            "4:3: bgp.preference: a map: arrived must have fewer as_path_prepend than active, or as many and a lower \
         med (9 with med 4 does not beat 3 with med 100)",
        ]
    );
}

#[test]
fn with_prepends_off_the_rungs_are_in_order_by_med() {
    let config = good("exabgp: {transport: print}\nbgp: {local_as: 65101, prepend_step: 0}\n");
    assert_eq!(config.bgp.prepend_step, 0);
}

#[test]
fn own_marks_are_refused_wherever_attributes_stand() {
    let text = "exabgp: {transport: print}
bgp:
  mark: 7
  attributes: {large_communities: ['65101:82:1', '65101:7:1']}
  preference: {unsure: {large_communities: ['65101:7:2']}}
  local_as: 65101
vms:
  web-1: {service_ips: [198.51.100.1], attributes: {large_communities: ['65101:7:3']}}
";
    let keys: Vec<String> =
        parse(text).expect_err("they are ours").iter().map(|fault| fault.key.clone()).collect();
    assert_eq!(
        keys,
        [
            "bgp.attributes.large_communities[1]",
            "bgp.preference.unsure.large_communities[0]",
            "vms.web-1.attributes.large_communities[0]",
        ]
    );
}

#[test]
fn a_fault_is_one_line_whatever_the_file_holds() {
    let found =
        bad(&format!("{LEAST}vms: {{\"a\\nb\": {{\"c\\rd\": \"e\\nf\", service_ips: [198.51.100.1]}}}}\n"));
    assert_eq!(
        found,
        [
            r#"3:7: vms."a\nb": "a\nb": a VM's name must have no line break, NUL or other control character"#,
            r#"3:16: vms."a\nb"."c\rd": "e\nf": unknown key; the keys here are uuid, service_ips, nic, nics, attributes"#,
        ]
    );
}

#[test]
fn what_cannot_be_read_is_a_fault_of_the_file() {
    let folder = std::env::temp_dir();
    for (path, why) in [(Path::new("/nonexistent/roamd.yaml"), "No such file"), (&folder, "directory")] {
        let faults = Config::load(path).expect_err("there is no such file");
        let text = faults.to_string();
        assert!(text.starts_with(&format!("{}:1:1: .: ", path.display())), "{text}");
        assert!(text.contains(why) && text.ends_with("must be a file that roamd can read"), "{text}");
    }
    let endless = Config::load(Path::new("/dev/zero")).expect_err("it has no end");
    assert_eq!(endless.to_string(), "/dev/zero:1:1: .: a larger file: must be at most 64 MiB");
}

#[test]
fn a_file_of_comments_alone_is_as_good_as_empty() {
    let rule = "must be a map that holds at least bgp.local_as and exabgp.transport";
    assert_eq!(bad("# nothing\n"), [format!("1:1: .: nothing but comments: {rule}")]);
    assert_eq!(bad(" \n\n"), [format!("1:1: .: an empty file: {rule}")]);
    assert_eq!(bad("- bgp\n"), [format!("1:1: .: a list: {rule}")]);
}
