//! A domain's XML, of which its owner may have written any part: what comes out are names and addresses that a kernel's
//! link can have, and one choice names one NIC.
//!
//! The input is the XML.

use roamd::libvirt;
use roamd::vm::nic::{Backend, Nic, NicChoice};

pub fn run(data: &[u8]) {
    let Ok(xml) = str::from_utf8(data) else { return };
    let Ok(nics) = libvirt::nics(xml) else { return };
    assert!(nics.len() <= xml.matches("interface").count(), "each NIC stands in the text");
    for nic in &nics {
        let octets = nic.mac.octets();
        assert!(octets[0] & 1 == 0 && octets != [0; 6], "the address of no NIC: {}", nic.mac);
        if let Backend::Tap(name) = &nic.backend {
            let name = name.as_str();
            assert!(
                (1..=15).contains(&name.len()) && name != "." && name != "..",
                "no kernel's name: {name:?}"
            );
            let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
            assert!(name.bytes().all(plain), "no kernel's name: {name:?}");
        }
        one(&NicChoice::Mac(nic.mac), &nics, |other| other.mac == nic.mac);
        if nic.network.is_some() {
            let choice = NicChoice::Network(nic.network.clone().unwrap());
            one(&choice, &nics, |other| other.network == nic.network);
        }
        if nic.alias.is_some() {
            let choice = NicChoice::Alias(nic.alias.clone().unwrap());
            one(&choice, &nics, |other| other.alias == nic.alias);
        }
    }
    one(&NicChoice::Only, &nics, |_| true);
}

/// The choice is the only NIC of which `fits` holds, if there is only one and it has a tap.
fn one(choice: &NicChoice, nics: &[Nic], fits: impl Fn(&&Nic) -> bool) {
    let fitting: Vec<&Nic> = nics.iter().filter(fits).collect();
    match (choice.of(nics), &fitting[..]) {
        (Ok((tap, mac)), [nic]) => assert_eq!((&Backend::Tap(tap.clone()), mac), (&nic.backend, nic.mac)),
        (Ok(_), _) => panic!("{choice:?} is one of {}: {nics:?}", fitting.len()),
        (Err(_), [Nic { backend: Backend::Tap(_), .. }]) => panic!("{choice:?} is refused: {nics:?}"),
        (Err(fault), _) => assert_eq!(fault.to_string().lines().count(), 1, "a fault is one line: {fault}"),
    }
}
