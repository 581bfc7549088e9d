use super::*;

fn interface(name: &str) -> Interface {
    Interface {
        index: Some(7),
        name: InterfaceName::new(name).unwrap(),
        mac: Some("02:00:00:00:00:01".parse().unwrap()),
        addresses: vec!["169.254.1.1".parse().unwrap(), "fe80::1".parse().unwrap()],
        forwarding_v4: Some(true),
        forwarding_v6: Some(true),
        rp_filter: Some(0),
        send_redirects: Some(false),
        proxy_arp: Some(false),
        proxy_ndp: Some(false),
    }
}

/// A host on which nothing is wrong.
fn good() -> Facts {
    Facts {
        v4: true,
        v6: true,
        bounded: true,
        uplinks: vec![interface("eth0")],
        devices: vec![interface("br0")],
        queues: BTreeMap::from([(InterfaceName::new("vnet0").unwrap(), ENOUGH)]),
        conntrack: Some(Conntrack { loose: true, liberal: true }),
    }
}

const fn gateway(mac: Option<Mac>) -> Gateway {
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    Gateway { v4: Some(Ipv4Addr::new(169, 254, 1, 1)), v6: Some(v6), mac }
}

fn found(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut facts = good();
    change(&mut facts);
    warnings(&facts, gateway("02:00:00:00:00:01".parse().ok()))
}

#[test]
fn a_host_on_which_nothing_is_wrong_gets_no_warning() {
    assert_eq!(found(|_| {}), Vec::<String>::new());
}

#[test]
fn each_thing_that_stalls_migrations_is_one_finding_with_its_remedy() {
    type Change = fn(&mut Facts);
    let cases: [(&str, Change); 14] = [
        ("sysctl -w net.ipv4.ip_forward=1", |facts| facts.uplinks[0].forwarding_v4 = Some(false)),
        ("net.ipv6.conf.all.forwarding=1", |facts| facts.devices[0].forwarding_v6 = Some(false)),
        ("net.ipv4.conf.br0.rp_filter=2", |facts| facts.devices[0].rp_filter = Some(1)),
        ("net.ipv4.conf.eth0.rp_filter=2", |facts| facts.uplinks[0].rp_filter = Some(1)),
        ("net.ipv4.conf.br0.send_redirects=0", |facts| facts.devices[0].send_redirects = Some(true)),
        ("ip addr add 169.254.1.1/32 dev br0", |facts| {
            facts.devices[0].addresses.remove(0);
        }),
        ("ip addr add fe80::1/64 dev br0", |facts| {
            facts.devices[0].addresses.remove(1);
        }),
        ("ip link set br0 address 02:00:00:00:00:01", |facts| {
            facts.devices[0].mac = "02:00:00:00:00:02".parse().ok();
        }),
        ("ip link set vnet0 txqueuelen 10000", |facts| {
            facts.queues.values_mut().for_each(|length| *length = 1000);
        }),
        ("bgp.allowed_prefixes", |facts| facts.bounded = false),
        ("nf_conntrack_tcp_loose=1", |facts| {
            facts.conntrack = Some(Conntrack { loose: false, liberal: true });
        }),
        ("nf_conntrack_tcp_be_liberal=1", |facts| {
            facts.conntrack = Some(Conntrack { loose: true, liberal: false });
        }),
        ("br0, br1, br2, 2 more", |facts| {
            facts.devices = (0..5).map(|number| interface(&format!("br{number}"))).collect();
            facts.devices.iter_mut().for_each(|device| device.send_redirects = Some(true));
        }),
        ("no packet reaches a VM", |facts| {
            facts.uplinks.push(interface("eth1"));
            facts.uplinks.iter_mut().for_each(|uplink| uplink.forwarding_v4 = Some(false));
        }),
    ];
    for (remedy, change) in cases {
        let found = found(change);
        assert_eq!(found.len(), 1, "{remedy}: {found:#?}");
        assert!(found[0].contains(remedy), "{remedy}: {found:#?}");
    }
}

#[test]
fn a_gateway_may_be_a_proxy() {
    let proxied = found(|facts| {
        facts.devices[0].addresses.clear();
        facts.devices[0].proxy_arp = Some(true);
        facts.devices[0].proxy_ndp = Some(true);
    });
    assert_eq!(proxied, Vec::<String>::new());
}

#[test]
fn what_no_vm_has_and_what_is_not_known_is_no_finding() {
    let nothing = found(|facts| {
        (facts.v4, facts.conntrack) = (false, None);
        for one in facts.uplinks.iter_mut().chain(&mut facts.devices) {
            (one.forwarding_v4, one.rp_filter, one.send_redirects) = (Some(false), Some(1), Some(true));
            (one.forwarding_v6, one.mac) = (None, None);
        }
        facts.devices[0].addresses.remove(0);
    });
    assert_eq!(nothing, Vec::<String>::new());
}

#[test]
fn a_gateway_whose_mac_is_not_configured_is_told_where_there_are_vms() {
    let told = |facts: &Facts| warnings(facts, gateway(None));
    assert_eq!(told(&good()).len(), 1);
    let mut empty = good();
    empty.devices.clear();
    assert_eq!(told(&empty), Vec::<String>::new());
}
