//! `vms` and `hold`: names, identities, and service IPs that lead to one VM only.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Judge, attributes};
use crate::config::Vm;
use crate::config::fault::{Finding, Findings};
use crate::config::load::COMMENTS;
use crate::config::nearest::nearest;
use crate::config::path::{At, KeyPath, Step};
use crate::config::raw::{Leaf, Read, Shaped};
use crate::config::scalar::{self, Judged};
use crate::config::schema;
use crate::config::yaml::{Node, Reader, Stopped};
use crate::route::{LargeCommunity, Mark, Prefix};
use crate::vm::{Uuid, VmName};

/// The VMs of all files, judged as they are read, so that a large map never stands in memory twice.
#[derive(Debug, Default)]
pub(in crate::config) struct Fleet {
    judge: Judge,
    pub(super) map: BTreeMap<VmName, Arc<Vm>>,
    /// The file of each name.
    files: HashMap<VmName, usize>,
    owners: HashMap<Uuid, VmName>,
    /// In the order of the files.
    addresses: Vec<Address>,
    large_communities: Vec<Given>,
}

/// A service IP: `service_ips[index]` of a VM.
#[derive(Debug)]
struct Address {
    prefix: Prefix,
    index: u32,
    vm: VmName,
}

/// A large community: `attributes.large_communities[index]` of a VM. Whether it is one of roamd's own marks depends on
/// what may stand further down in the file.
#[derive(Debug)]
struct Given {
    community: LargeCommunity,
    index: usize,
    vm: VmName,
}

impl Read for Fleet {
    fn from_map(reader: &mut Reader<'_>, at: &At<'_>) -> Result<Self, Stopped> {
        let mut fleet = Self::default();
        fleet.entries(reader, at)?;
        Ok(fleet)
    }

    fn from_leaf(leaf: Leaf, at: &At<'_>) -> Self {
        let mut fleet = Self::default();
        if leaf != Leaf::Null {
            fleet.judge.findings.push(Finding::value(at, leaf.shown(), VMS_DUE));
        }
        fleet
    }
}

const VMS_DUE: &str = "must be a map of VMs, each under its libvirt domain name";

impl Fleet {
    /// What a file of `vms_dir` must be.
    pub(in crate::config) const DUE_ALONE: &str =
        "must be a map of VMs, each under its libvirt domain name; write {} for none";

    /// Takes the VMs of another file: the one of the number in `At::Root`.
    pub(in crate::config) fn add(&mut self, reader: &mut Reader<'_>, document: usize) -> Result<(), Stopped> {
        let root = At::Root(document);
        let other = reader.document(|reader| match reader.node()? {
            Node::Map => self.entries(reader, &root).map(|()| None),
            other @ (Node::Leaf(_) | Node::List) => Leaf::from_node(other, reader, &root).map(Some),
        })?;
        let found = match other {
            Some(None) => return Ok(()),
            Some(Some(leaf)) if leaf != Leaf::Null => leaf.shown(),
            Some(Some(_)) | None => COMMENTS.to_owned(),
        };
        self.judge.findings.push(Finding::value(&root, found, Self::DUE_ALONE));
        Ok(())
    }

    fn entries(&mut self, reader: &mut Reader<'_>, at: &At<'_>) -> Result<(), Stopped> {
        while reader.more()? {
            let key = reader.key()?;
            let at = at.key(&key);
            let raw = Shaped::read(reader, &at)?;
            let name = VmName::new(&key);
            match self.files.entry(name) {
                Entry::Vacant(new) => {
                    let name = new.key().clone();
                    new.insert(at.document());
                    self.vm(&at, name, raw);
                }
                Entry::Occupied(old) if *old.get() == at.document() => reader.odd = true,
                Entry::Occupied(old) => {
                    let rule = "is a VM of another file as well; a VM stands in one file";
                    let finding = Finding::name(&at, &key, rule);
                    let elsewhere = path_of(*old.get(), old.key(), &[]);
                    self.judge.findings.push(finding.beside(*old.get(), elsewhere));
                }
            }
        }
        Ok(())
    }

    fn vm(&mut self, at: &At<'_>, name: VmName, raw: Shaped<schema::Vm>) {
        if let Err(rule) = vm_name(name.as_str()) {
            self.judge.findings.push(Finding::name(at, name.as_str(), rule));
        }
        // What is no map at all is one fault, not also one for lack of addresses.
        let in_shape = matches!(raw, Shaped::Map(_) | Shaped::Other(Leaf::Null));
        let raw = self.judge.section(at, Some(raw));
        if !in_shape {
            return;
        }
        let uuid = self.uuid(&at.key("uuid"), raw.uuid.as_ref(), &name);
        let service_ips = self.judge.service_ips(&at.key("service_ips"), raw.service_ips.as_ref());
        let prefixes: Vec<Prefix> = service_ips.iter().map(|(_, prefix)| *prefix).collect();
        let nics = self.judge.nics(at, (raw.nic, raw.nics), &prefixes);
        let attributes_at = at.key("attributes");
        let attributes = raw.attributes.map(|boxed| *boxed);
        if let Some(Shaped::Map(schema::Attributes { large_communities: Some(Leaf::List(items)), .. })) =
            &attributes
        {
            self.large_communities.extend(items.iter().enumerate().filter_map(|(index, item)| {
                Some(Given { community: attributes::community(item).ok()?, index, vm: name.clone() })
            }));
        }
        let attributes = self.judge.attributes(&attributes_at, attributes, None);
        self.addresses.extend(service_ips.iter().map(|&(index, prefix)| Address {
            prefix,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            vm: name.clone(),
        }));
        self.map.insert(name.clone(), Arc::new(Vm { name, uuid, service_ips: prefixes, nics, attributes }));
    }

    fn uuid(&mut self, at: &At<'_>, leaf: Option<&Leaf>, name: &VmName) -> Option<Uuid> {
        let uuid = self.judge.optional(at, leaf, uuid)?;
        match self.owners.entry(uuid) {
            Entry::Vacant(new) => {
                new.insert(name.clone());
            }
            Entry::Occupied(old) => {
                let owner = old.get();
                let rule = format!("is the uuid of the VM {owner:?} as well; a uuid belongs to one VM");
                let document = self.files.get(owner).copied().unwrap_or_default();
                let elsewhere = path_of(document, owner, &[Step::Key("uuid".to_owned())]);
                let finding = Finding::value(at, uuid.to_string(), rule);
                self.judge.findings.push(finding.beside(document, elsewhere));
            }
        }
        Some(uuid)
    }

    /// The first IPv6 service IP of the files, and whose it is.
    pub(super) fn first_ipv6(&self) -> Option<(Prefix, &str)> {
        let first = self.addresses.iter().find(|address| address.prefix.is_ipv6())?;
        Some((first.prefix, first.vm.as_str()))
    }

    /// The number of a VM's file, and the path to something below the VM.
    fn place(&self, vm: &VmName, below: &str, index: usize) -> (usize, KeyPath) {
        let document = self.files.get(vm).copied().unwrap_or_default();
        let mut steps: Vec<Step> = below.split('.').map(|key| Step::Key(key.to_owned())).collect();
        steps.push(Step::Item(index));
        (document, path_of(document, vm, &steps))
    }

    fn finding(&self, address: &Address, rule: String) -> Finding {
        let (document, path) = self.place(&address.vm, SERVICE_IPS, address.place());
        Finding::at(document, path, address.prefix.to_string(), rule)
    }

    /// Everything that was found in the VMs by themselves and beside one another; nothing the second time.
    pub(super) fn findings(&mut self, mark: Option<Mark>) -> Findings {
        let mut findings = mem::take(&mut self.judge.findings);
        findings.append(self.overlaps());
        for given in mem::take(&mut self.large_communities) {
            if let Err(rule) = attributes::not_our_own(given.community, mark) {
                let (document, path) = self.place(&given.vm, LARGE_COMMUNITIES, given.index);
                findings.push(Finding::at(document, path, given.community.to_string(), rule));
            }
        }
        findings
    }

    /// Two prefixes that overlap are nested. Sorted by address and then length, what is inside a prefix follows it,
    /// before anything that is not: one pass finds every prefix that is inside another, each with the innermost of those.
    fn overlaps(&self) -> Findings {
        let addresses = &self.addresses;
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_unstable_by_key(|&place| (addresses[place].prefix, place));
        let mut findings = Findings::default();
        // Those that the last one is inside of, and itself.
        let mut covers: Vec<usize> = Vec::new();
        for place in order {
            while covers.pop_if(|outer| !addresses[*outer].prefix.overlaps(addresses[place].prefix)).is_some()
            {
            }
            if let Some(&outer) = covers.last() {
                let (earlier, later) = (&addresses[outer.min(place)], &addresses[outer.max(place)]);
                let verb = if earlier.prefix == later.prefix { "is the same as" } else { "overlaps with" };
                let (document, path) = self.place(&earlier.vm, SERVICE_IPS, earlier.place());
                let rule = format!(
                    "{verb} {} at {path}; an address leads to one VM, and is listed once",
                    earlier.prefix
                );
                findings.push(self.finding(later, rule).beside(document, path));
            }
            covers.push(place);
        }
        findings
    }

    /// Service IPs that `allowed` does not hold whole.
    pub(super) fn outside(&self, allowed: &[IpNet]) -> Findings {
        let outside =
            |address: &&Address| !allowed.iter().any(|network| network.contains(&address.prefix.network()));
        let rule = "is not inside any of bgp.allowed_prefixes; correct it, or widen these";
        let mut findings = Findings::default();
        for address in self.addresses.iter().filter(outside) {
            findings.push(self.finding(address, rule.to_owned()));
        }
        findings
    }
}

const SERVICE_IPS: &str = "service_ips";
const LARGE_COMMUNITIES: &str = "attributes.large_communities";

impl Address {
    fn place(&self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

/// The path to something below a VM: the main file has its VMs in `vms`, the others are such maps as a whole.
fn path_of(document: usize, vm: &VmName, below: &[Step]) -> KeyPath {
    let mut steps = Vec::with_capacity(below.len() + 2);
    if document == 0 {
        steps.push(Step::Key("vms".to_owned()));
    }
    steps.push(Step::Key(vm.as_str().to_owned()));
    steps.extend_from_slice(below);
    KeyPath(steps)
}

impl Judge {
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

    pub(super) fn hold(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        fleet: Option<&Fleet>,
    ) -> BTreeSet<VmName> {
        let name = |leaf: &Leaf| match leaf {
            Leaf::Text(text) => Ok(VmName::new(text)),
            Leaf::Null | Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::List(_) | Leaf::Map => {
                scalar::text(leaf).map(VmName::new)
            }
        };
        let mut hold = BTreeSet::new();
        for (index, name) in self.list(at, leaf, name) {
            if let Some(fleet) = fleet.filter(|fleet| !fleet.map.contains_key(&name)) {
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

/// What can be the name of a domain: libvirt refuses a line break, and what XML 1.0 can't hold. Other oddities are warned of.
fn vm_name(name: &str) -> Judged<()> {
    if name.is_empty() {
        return Err("a VM's name must not be empty".to_owned());
    }
    if name
        .chars()
        .any(|c| matches!(c, '\0'..='\x08' | '\n'..='\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}'))
    {
        return Err("a VM's name must have no line break, NUL or other control character".to_owned());
    }
    Ok(())
}
