//! A domain's live XML to its NICs. Pure.
//!
//! Called by `connection.rs` with what `virDomainGetXMLDesc` gave. Names, metadata and descriptions in it may have been
//! written by a VM's owner: nothing of it is trusted beyond its shape, and only checked values leave this file.
//! libvirt's form: <https://libvirt.org/formatdomain.html#network-interfaces>.

use roxmltree::{Document, Node, ParsingOptions};

use crate::vm::nic::{Backend, InterfaceName, Mac, Nic};

#[cfg(test)]
mod tests;

/// The most elements, texts and comments that a definition may have: some hundred times as many as a large one has.
const MOST_NODES: u32 = 100_000;

/// Interface types behind which there is a tap, and with a `<target dev=…/>` that names it.
const TAPS: [&str; 3] = ["network", "bridge", "ethernet"];

/// All others that libvirt has (`virDomainNet` in `domain_conf.c`), some of which have a target that is no tap.
const OTHERS: [&str; 12] = [
    "direct",
    "hostdev",
    "vdpa",
    "vhostuser",
    "user",
    "passt",
    "server",
    "client",
    "mcast",
    "udp",
    "internal",
    "vds",
];

/// Why a domain's XML tells nothing of its NICs.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// It is no XML, or more than a domain's can be.
    #[error("reading the domain's XML")]
    Malformed(#[source] roxmltree::Error),
    /// It is no domain's.
    #[error("the domain's XML has no <devices> in <domain>")]
    NoDevices,
}

/// The NICs in the order of the definition. One without a MAC address is left out: libvirt gives each one.
pub fn nics(xml: &str) -> Result<Vec<Nic>, XmlError> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml, options).map_err(XmlError::Malformed)?;
    let domain = Some(document.root_element()).filter(|root| root.has_tag_name("domain"));
    let devices = domain.and_then(|domain| child(domain, "devices")).ok_or(XmlError::NoDevices)?;
    Ok(devices.children().filter(|node| node.has_tag_name("interface")).filter_map(nic).collect())
}

fn nic(interface: Node<'_, '_>) -> Option<Nic> {
    let of = |tag, name| child(interface, tag).and_then(|node| node.attribute(name));
    let mac: Mac = of("mac", "address")?.parse().ok()?;
    let kind = interface.attribute("type").unwrap_or_default();
    let backend = if TAPS.contains(&kind) {
        of("target", "dev").and_then(InterfaceName::new).map_or(Backend::Unnamed, Backend::Tap)
    } else {
        let known = OTHERS.into_iter().find(|other| *other == kind);
        Backend::Untappable(known.unwrap_or("unknown to roamd"))
    };
    Some(Nic {
        mac,
        network: of("source", "network").map(str::to_owned),
        alias: of("alias", "name").map(str::to_owned),
        backend,
    })
}

fn child<'a, 'input>(node: Node<'a, 'input>, tag: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(tag))
}
