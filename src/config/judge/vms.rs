//! `vms` and `hold`: names, identities, and service IPs that lead to one VM only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;

use ipnet::IpNet;

use super::Judge;
use crate::config::Vm;
use crate::config::fault::Finding;
use crate::config::nearest::nearest;
use crate::config::path::{At, KeyPath};
use crate::config::raw::{Entries, Leaf, Shaped};
use crate::config::scalar::{self, Judged};
use crate::config::schema;
use crate::route::{Mark, Prefix};
use crate::vm::{Uuid, VmName};

/// The VMs, and where each of their service IPs stands in the file.
pub(super) struct Fleet {
    pub(super) map: BTreeMap<VmName, Vm>,
    /// In the order of the file.
    addresses: Vec<Address>,
}

/// A service IP: `vms.NAME.service_ips[index]`.
struct Address {
    prefix: Prefix,
    vm: VmName,
    index: usize,
}

impl Fleet {
    /// The first IPv6 service IP of the file, and whose it is.
    pub(super) fn first_ipv6(&self) -> Option<(Prefix, &str)> {
        let first = self.addresses.iter().find(|address| address.prefix.is_ipv6())?;
        Some((first.prefix, first.vm.as_str()))
    }
}

impl Address {
    fn finding(&self, rule: String) -> Finding {
        let vms = At::Key(&At::Root, "vms");
        let at = vms.key(self.vm.as_str());
        Finding::value(&at.key("service_ips").item(self.index), self.prefix.to_string(), rule)
    }

    fn path(&self) -> KeyPath {
        let vms = At::Key(&At::Root, "vms");
        let at = vms.key(self.vm.as_str());
        KeyPath::from(&at.key("service_ips").item(self.index))
    }
}

impl Judge {
    pub(super) fn vms(
        &mut self,
        at: &At<'_>,
        entries: Option<Entries<Shaped<schema::Vm>>>,
        mark: Option<Mark>,
    ) -> Fleet {
        let mut fleet = Fleet { map: BTreeMap::new(), addresses: Vec::new() };
        let entries = match entries {
            Some(Entries::Map(entries)) => entries,
            None | Some(Entries::Other(Leaf::Null)) => return fleet,
            Some(Entries::Other(leaf)) => {
                let rule = "must be a map of VMs, each under its libvirt domain name";
                self.findings.push(Finding::value(at, leaf.shown(), rule));
                return fleet;
            }
        };
        let mut owners: HashMap<Uuid, VmName> = HashMap::new();
        for (name, raw) in entries {
            let at = at.key(&name);
            if let Err(rule) = vm_name(&name) {
                self.findings.push(Finding::name(&at, &name, rule));
            }
            let name = VmName::new(&name);
            // What is no map at all is one fault, not also one for lack of addresses.
            let in_shape = matches!(raw, Shaped::Map(_) | Shaped::Other(Leaf::Null));
            let raw = self.section(&at, Some(raw));
            if !in_shape {
                continue;
            }
            let uuid = self.uuid(&at.key("uuid"), raw.uuid.as_ref(), &name, &mut owners);
            let service_ips = self.service_ips(&at.key("service_ips"), raw.service_ips.as_ref());
            let prefixes: Vec<Prefix> = service_ips.iter().map(|(_, prefix)| *prefix).collect();
            let nics = self.nics(&at, (raw.nic, raw.nics), &prefixes);
            let attributes = self.attributes(&at.key("attributes"), raw.attributes.map(|boxed| *boxed), mark);
            fleet.addresses.extend(service_ips.iter().map(|&(index, prefix)| Address {
                prefix,
                vm: name.clone(),
                index,
            }));
            fleet.map.insert(name.clone(), Vm { name, uuid, service_ips: prefixes, nics, attributes });
        }
        self.overlaps(&fleet.addresses);
        fleet
    }

    fn uuid(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        name: &VmName,
        owners: &mut HashMap<Uuid, VmName>,
    ) -> Option<Uuid> {
        let uuid = self.optional(at, leaf, uuid)?;
        if let Some(owner) = owners.get(&uuid) {
            let rule = format!("is the uuid of the VM {owner:?} as well; a uuid belongs to one VM");
            self.findings.push(Finding::value(at, uuid.to_string(), rule));
        } else {
            owners.insert(uuid, name.clone());
        }
        Some(uuid)
    }

    fn service_ips(&mut self, at: &At<'_>, leaf: Option<&Leaf>) -> Vec<(usize, Prefix)> {
        let rule = "is required: a list of at least one address or prefix that leads to this VM";
        match leaf {
            None => self.findings.push(Finding::missing(at, rule)),
            Some(Leaf::Null) => self.findings.push(Finding::value(at, "null".to_owned(), rule)),
            Some(Leaf::List(items)) if items.is_empty() => {
                self.findings.push(Finding::value(at, "an empty list".to_owned(), rule));
            }
            Some(
                Leaf::List(_) | Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::Text(_) | Leaf::Map,
            ) => {}
        }
        self.list(at, leaf, prefix)
    }

    /// Two prefixes that overlap are nested. Sorted by address and then length, what is inside a prefix
    /// follows it, before anything that is not: one pass finds every prefix that is inside another.
    fn overlaps(&mut self, addresses: &[Address]) {
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_by_key(|&place| (addresses[place].prefix, place));
        let mut cover: Option<usize> = None;
        for place in order {
            match cover {
                Some(outer) if addresses[outer].prefix.overlaps(addresses[place].prefix) => {
                    let (earlier, later) = (&addresses[outer.min(place)], &addresses[outer.max(place)]);
                    let verb =
                        if earlier.prefix == later.prefix { "is the same as" } else { "overlaps with" };
                    self.findings.push(later.finding(format!(
                        "{verb} {} at {}; an address leads to one VM, and is listed once",
                        earlier.prefix,
                        earlier.path()
                    )));
                }
                Some(_) | None => cover = Some(place),
            }
        }
    }

    /// Service IPs that `allowed` does not hold whole.
    pub(super) fn outside(&mut self, fleet: &Fleet, allowed: &[IpNet]) {
        for address in &fleet.addresses {
            if !allowed.iter().any(|network| network.contains(&address.prefix.network())) {
                let rule = "is not inside any of bgp.allowed_prefixes; correct it, or widen these";
                self.findings.push(address.finding(rule.to_owned()));
            }
        }
    }

    pub(super) fn hold(&mut self, at: &At<'_>, leaf: Option<&Leaf>, fleet: &Fleet) -> BTreeSet<VmName> {
        let name = |leaf: &Leaf| match leaf {
            Leaf::Text(text) => Ok(VmName::new(text)),
            Leaf::Null | Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::List(_) | Leaf::Map => {
                scalar::text(leaf).map(VmName::new)
            }
        };
        let mut hold = BTreeSet::new();
        for (index, name) in self.list(at, leaf, name) {
            if !fleet.map.contains_key(&name) {
                let known = fleet.map.keys().map(VmName::as_str);
                let rule = match nearest(name.as_str(), known) {
                    Some(near) => format!("must be the name of a VM in vms; did you mean {near:?}?"),
                    None => "must be the name of a VM in vms".to_owned(),
                };
                self.findings.push(Finding::value(&at.item(index), format!("{name:?}"), rule));
            }
            hold.insert(name);
        }
        hold
    }
}

fn prefix(leaf: &Leaf) -> Judged<Prefix> {
    Prefix::from_str(scalar::text(leaf)?).map_err(|error| error.to_string())
}

/// The form that libvirt prints: 36 characters with hyphens.
fn uuid(leaf: &Leaf) -> Judged<Uuid> {
    let text = scalar::text(leaf)?;
    let due = "must be a uuid such as `virsh domuuid` prints, 8-4-4-4-12 hexadecimal digits";
    if text.len() == 36 { Uuid::parse_str(text).map_err(|_| due.to_owned()) } else { Err(due.to_owned()) }
}

/// What libvirt takes as the name of a domain, less what would bend a line of text.
fn vm_name(name: &str) -> Judged<()> {
    if name.trim().is_empty() {
        return Err("a VM's name must not be empty or blank".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("a VM's name must have no line break, NUL or other control character".to_owned());
    }
    Ok(())
}
