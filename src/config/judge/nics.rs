//! `vms.NAME.nic` and `vms.NAME.nics`: which network interface serves which address, for host routes.

use super::Judge;
use crate::config::NicChoices;
use crate::config::fault::Finding;
use crate::config::path::At;
use crate::config::raw::{Entries, Leaf, Shaped};
use crate::config::scalar::{self, Judged};
use crate::config::schema;
use crate::route::Prefix;
use crate::vm::nic::{Mac, NicChoice};

/// As the file has them.
pub(super) type Given = (Option<Shaped<schema::Nic>>, Option<Entries<Shaped<schema::Nic>>>);

impl Judge {
    /// `at` is the VM.
    pub(super) fn nics(&mut self, at: &At<'_>, (one, each): Given, service_ips: &[Prefix]) -> NicChoices {
        let mut choices = NicChoices { all: self.nic(&at.key("nic"), one), ..NicChoices::default() };
        let at = at.key("nics");
        let entries = match each {
            None | Some(Entries::Other(Leaf::Null)) => Vec::new(),
            Some(Entries::Map(entries)) => entries,
            Some(Entries::Other(leaf)) => {
                let rule =
                    "must be a map: under each service IP a map with one of the keys mac, network, alias";
                self.findings.push(Finding::value(&at, leaf.shown(), rule));
                Vec::new()
            }
        };
        for (address, nic) in entries {
            let entry = at.key(&address);
            let choice = self.nic(&entry, Some(nic));
            match address.parse::<Prefix>() {
                Ok(prefix) if service_ips.contains(&prefix) => {
                    if choices.of.insert(prefix, choice).is_some() {
                        self.findings.push(Finding::name(
                            &entry,
                            &address,
                            "is the same address as another key here",
                        ));
                    }
                }
                Ok(_) | Err(_) => {
                    self.findings.push(Finding::name(
                        &entry,
                        &address,
                        "must be one of the VM's service_ips",
                    ));
                }
            }
        }
        choices
    }

    fn nic(&mut self, at: &At<'_>, section: Option<Shaped<schema::Nic>>) -> NicChoice {
        let raw = self.section(at, section);
        let mac = self.value(&at.key("mac"), raw.mac.as_ref(), mac);
        let text = |leaf: &Leaf| scalar::text(leaf).map(str::to_owned);
        let network = self.value(&at.key("network"), raw.network.as_ref(), text);
        let alias = self.value(&at.key("alias"), raw.alias.as_ref(), text);
        match (mac, network, alias) {
            (None, None, None) => NicChoice::Only,
            (Some(mac), None, None) => NicChoice::Mac(mac),
            (None, Some(network), None) => NicChoice::Network(network),
            (None, None, Some(alias)) => NicChoice::Alias(alias),
            (_, _, _) => {
                let rule = "must have only one of the keys mac, network, alias";
                self.findings.push(Finding::value(at, "several".to_owned(), rule));
                NicChoice::Only
            }
        }
    }
}

pub(super) fn mac(leaf: &Leaf) -> Judged<Mac> {
    match leaf {
        Leaf::Text(text) => text.parse().map_err(|error: crate::vm::nic::MacError| error.to_string()),
        Leaf::Null | Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::List(_) | Leaf::Map => {
            Err(crate::vm::nic::MacError.to_string())
        }
    }
}
