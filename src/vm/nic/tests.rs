use super::*;

fn nic(mac: &str, network: &str, alias: &str, backend: Backend) -> Nic {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Nic { mac: mac.parse().unwrap(), network: some(network), alias: some(alias), backend }
}

fn tap(name: &str) -> Backend {
    Backend::Tap(InterfaceName::new(name).unwrap())
}

#[test]
fn a_mac_address_is_read_in_the_form_that_libvirt_prints_and_no_other() {
    let mac: Mac = "52:54:00:aB:00:0f".parse().unwrap();
    assert_eq!(mac.octets(), [0x52, 0x54, 0, 0xab, 0, 0x0f]);
    assert_eq!(mac.to_string(), "52:54:00:ab:00:0f");
    for text in [
        "",
        "52:54:00:ab:00",
        "52:54:00:ab:00:0f:01",
        "52-54-00-ab-00-0f",
        "52:54:0:ab:00:0f",
        "+2:54:00:ab:00:0f",
        "00:00:00:00:00:00",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
    ] {
        assert_eq!(text.parse::<Mac>(), Err(MacError), "{text:?}");
    }
}

#[test]
fn an_interface_name_is_one_that_the_kernel_can_have() {
    for name in ["vnet0", "a", "tap-svc", "eth0.82", "fifteen-letters"] {
        assert_eq!(InterfaceName::new(name).unwrap().as_str(), name);
    }
    for name in ["", ".", "..", "a b", "a/b", "a:b", "sixteen-letters-", "tap\u{0}", "täp", "a\nb"] {
        assert_eq!(InterfaceName::new(name), None, "{name:?}");
    }
}

#[test]
fn the_only_nic_serves_without_being_named() {
    let only = [nic("52:54:00:00:00:01", "", "net0", tap("vnet0"))];
    let (name, mac) = NicChoice::Only.of(&only).unwrap();
    assert_eq!((name.as_str(), mac.to_string().as_str()), ("vnet0", "52:54:00:00:00:01"));
    assert_eq!(NicChoice::Only.of(&[]), Err(NicFault::None));
}

#[test]
fn of_several_nics_one_is_named_by_mac_network_or_alias() {
    let nics = [
        nic("52:54:00:00:00:01", "front", "net0", tap("vnet0")),
        nic("52:54:00:00:00:02", "back", "ua-db", tap("vnet1")),
        nic("52:54:00:00:00:03", "back", "net2", tap("vnet2")),
    ];
    let chosen = |choice: NicChoice| choice.of(&nics).map(|(name, _)| name.as_str().to_owned());
    assert_eq!(chosen(NicChoice::Mac("52:54:00:00:00:02".parse().unwrap())), Ok("vnet1".to_owned()));
    assert_eq!(chosen(NicChoice::Network("front".to_owned())), Ok("vnet0".to_owned()));
    assert_eq!(chosen(NicChoice::Alias("ua-db".to_owned())), Ok("vnet1".to_owned()));
    assert_eq!(chosen(NicChoice::Only), Err(NicFault::Several(3)));
    let back = NicChoice::Network("back".to_owned());
    assert_eq!(chosen(back.clone()), Err(NicFault::Ambiguous(2, back)));
    let gone = NicChoice::Alias("net9".to_owned());
    assert_eq!(chosen(gone.clone()), Err(NicFault::NoSuch(gone)));
}

#[test]
fn a_nic_without_a_tap_is_refused_in_words() {
    let hostdev = [nic("52:54:00:00:00:01", "", "hostdev0", Backend::Untappable("hostdev"))];
    assert_eq!(
        NicChoice::Only.of(&hostdev).unwrap_err().to_string(),
        "its network interface 52:54:00:00:00:01 is of type hostdev, which has no tap on this host: roamd can route \
         only to interfaces of the types network, bridge and ethernet"
    );
    let unnamed = [nic("52:54:00:00:00:01", "", "net0", Backend::Unnamed)];
    assert_eq!(NicChoice::Only.of(&unnamed), Err(NicFault::Unnamed(unnamed[0].mac)));
}
