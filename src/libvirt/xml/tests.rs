use proptest::prelude::*;

use super::*;

fn domain(devices: &str) -> String {
    format!(
        "<domain type='kvm' id='3'>\n  <name>web-1</name>\n  <metadata><x:y xmlns:x='u'/></metadata>\n  <devices>\n\
         {devices}  </devices>\n</domain>\n"
    )
}

/// As libvirt 9.0 prints it for a running guest.
const BRIDGED: &str = "    <interface type='bridge'>
      <mac address='52:54:00:6b:3c:58'/>
      <source network='default' portid='a6f1' bridge='virbr0'/>
      <target dev='vnet19'/>
      <model type='virtio'/>
      <alias name='net0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </interface>
";

#[test]
fn a_bridged_nic_is_read_with_tap_mac_network_and_alias() {
    let nics = nics(&domain(BRIDGED)).unwrap();
    assert_eq!(
        nics,
        [Nic {
            mac: "52:54:00:6b:3c:58".parse().unwrap(),
            network: Some("default".to_owned()),
            alias: Some("net0".to_owned()),
            backend: Backend::Tap(InterfaceName::new("vnet19").unwrap()),
        }]
    );
}

#[test]
fn what_has_no_tap_is_told_by_its_type_although_some_have_a_target() {
    let macvtap = "<interface type='direct'><mac address='52:54:00:00:00:01'/><source dev='eth0' mode='bridge'/>\
                   <target dev='macvtap0'/></interface>";
    let hostdev = "<interface type='hostdev' managed='yes'><mac address='52:54:00:00:00:02'/></interface>";
    let vhostuser =
        "<interface type='vhostuser'><mac address='52:54:00:00:00:03'/><target dev='vhu0'/></interface>";
    let newer = "<interface type='teleport'><mac address='52:54:00:00:00:04'/></interface>";
    let nics = nics(&domain(&[macvtap, hostdev, vhostuser, newer].concat())).unwrap();
    let kinds: Vec<Backend> = nics.into_iter().map(|nic| nic.backend).collect();
    let untappable = ["direct", "hostdev", "vhostuser", "unknown to roamd"].map(Backend::Untappable);
    assert_eq!(kinds, untappable);
}

#[test]
fn a_tap_without_a_usable_name_is_none() {
    for target in
        ["", "<target/>", "<target dev=''/>", "<target dev='../../etc'/>", "<target dev='a&#10;b'/>"]
    {
        let xml =
            format!("<interface type='ethernet'><mac address='52:54:00:00:00:01'/>{target}</interface>");
        assert_eq!(nics(&domain(&xml)).unwrap()[0].backend, Backend::Unnamed, "{target}");
    }
}

#[test]
fn interfaces_are_those_of_the_domain_and_not_what_an_owner_writes_elsewhere() {
    let metadata = "<domain><metadata><devices><interface type='bridge'><mac address='52:54:00:00:00:66'/>\
                    <target dev='eth0'/></interface></devices></metadata>";
    let xml = format!("{metadata}<devices>{BRIDGED}<hub><interface type='bridge'/></hub></devices></domain>");
    assert_eq!(nics(&xml).unwrap().len(), 1);
    assert_eq!(nics(&xml).unwrap()[0].mac.to_string(), "52:54:00:6b:3c:58");
    let comment = format!("<domain><!-- <devices> --><devices>{BRIDGED}</devices></domain>");
    assert_eq!(nics(&comment).unwrap().len(), 1);
    assert_eq!(nics("<domain><devices/></domain>").unwrap(), []);
}

#[test]
fn what_is_no_domain_is_an_error_and_bounded() {
    assert!(matches!(nics("<domain/>"), Err(XmlError::NoDevices)));
    assert!(matches!(nics("<network><devices/></network>"), Err(XmlError::NoDevices)));
    assert!(matches!(nics("<domain>"), Err(XmlError::Malformed(_))));
    let bomb =
        "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><domain><devices>&b;</devices></domain>";
    assert!(matches!(nics(bomb), Err(XmlError::Malformed(_))), "a document type is refused");
    let wide = format!("<domain><devices>{}</devices></domain>", "<a/>".repeat(200_000));
    assert!(matches!(nics(&wide), Err(XmlError::Malformed(_))), "too many elements");
    let deep = format!("<domain>{}{}</domain>", "<a>".repeat(90_000), "</a>".repeat(90_000));
    assert!(nics(&deep).is_err(), "deep nesting ends in an error, not in an overflow of the stack");
}

proptest! {
    #[test]
    fn nothing_that_an_owner_writes_makes_it_panic(at in 0..900_usize, text in "[<>&'\"/=!a-z \\[\\]-]{0,40}") {
        let mut xml = domain(BRIDGED);
        let at = at.min(xml.len());
        xml.insert_str(at, &text);
        if let Ok(nics) = nics(&xml) {
            prop_assert!(nics.len() <= 2 + text.len());
        }
    }
}
