//! What a configuration would change in the place of another one, told before it does. Pure.
//!
//! It speaks of routes that are wanted, as [`Mobility::reconfigure`](super::Mobility::reconfigure) brings them about: what is
//! on its way to ExaBGP, or was refused there, is not in it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::desired::{attributes_on, reachable, rung_of};
use super::identity::{pins, vm_of};
use super::reconfigure::changed;
use crate::config::{Config, Vm};
use crate::route::{NextHop, Prefix, Rung};
use crate::vm::{Presence, Uuid, VmName};

/// A domain on this host, as far as a configuration decides on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// libvirt's identity of it.
    pub uuid: Uuid,
    /// libvirt's name of it.
    pub name: VmName,
    /// How far it is here.
    pub presence: Presence,
    /// The best rung that libvirt's word about it is good for.
    pub best: Rung,
}

/// Of which host the difference is.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Of one with these domains.
    Here(&'a [Resident]),
    /// Of any, for each VM of one that has its routes, on whatever rung.
    Anywhere,
}

/// What a configuration changes in the place of another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The routes that change, by prefix.
    pub changes: Vec<Change>,
    /// On which rung a VM of a presence stands from then on.
    pub rules: Vec<Rule>,
    /// How many VMs are configured otherwise, have routes, and keep them as they are.
    pub unmoved: usize,
    /// How many VMs the change is about that have no route before it and none after it: they are not here, or held.
    pub elsewhere: usize,
}

/// What becomes of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was not there.
    Announce,
    /// It is there no more.
    Withdraw,
    /// It leads to another VM, and is there before and after.
    Move,
    /// It leads to the same VM, with another rung, other attributes, or another next hop.
    Change,
}

/// A route that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What is reached.
    pub prefix: Prefix,
    /// What becomes of it.
    pub action: Action,
    /// How it stands before; `None`: not at all.
    pub before: Option<Side>,
    /// And after.
    pub after: Option<Side>,
    /// Of an announcement the VM to which the prefix belonged, of a withdrawal the VM to which it belongs from then on, where
    /// that is another one, which has no route for it here.
    pub other: Option<VmName>,
    /// What of it differs, where it stands before and after.
    pub attributes: Vec<AttributeChange>,
}

/// How a route stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The VM that it leads to.
    pub vm: VmName,
    /// Its rung; `None`: whatever the VM's presence makes it.
    pub preference: Option<Rung>,
}

/// An attribute, or the next hop, that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// The rung on which it does; `None`: on each on which the route may stand.
    pub preference: Option<Rung>,
    /// Its key.
    pub attribute: String,
    /// What it was; of a list what is in it no more.
    pub before: Value,
    /// What it is; of a list what is new in it.
    pub after: Value,
}

/// On which rung a presence stands, where that differs; `None`: it has no route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The presence.
    pub presence: Presence,
    /// The rung before.
    pub before: Option<Rung>,
    /// And after.
    pub after: Option<Rung>,
}

/// What `next` changes in the place of `running`.
pub fn difference(running: &Config, next: &Config, scope: Scope<'_>) -> Difference {
    let stands = [running, next].map(|config| stands(config, scope));
    let owners = [running, next].map(owners);
    let [before, after] = &stands;
    let prefixes: BTreeSet<Prefix> = before.keys().chain(after.keys()).copied().collect();
    let changes: Vec<Change> = prefixes
        .into_iter()
        .filter_map(|prefix| {
            let [before, after] = [before, after].map(|stands| stands.get(&prefix).copied());
            let other = match (before, after) {
                (Some(gone), None) => owners[1].get(&prefix).filter(|vm| **vm != &gone.vm.name),
                (None, Some(new)) => owners[0].get(&prefix).filter(|vm| **vm != &new.vm.name),
                (Some(_), Some(_)) | (None, None) => None,
            };
            Some(Change { other: other.map(|vm| (*vm).clone()), ..change(prefix, before, after)? })
        })
        .collect();
    let rules = Presence::ALL.into_iter().filter_map(|presence| {
        let [before, after] = [running, next].map(|config| rung_of(presence, &config.mobility));
        (before != after).then_some(Rule { presence, before, after })
    });

    let otherwise = changed(&running.vms, &next.vms);
    let with_routes: BTreeSet<&VmName> =
        stands.iter().flat_map(BTreeMap::values).map(|stand| &stand.vm.name).collect();
    let with_changes: BTreeSet<&VmName> = changes.iter().flat_map(Change::vms).collect();
    let unmoved =
        otherwise.iter().filter(|vm| with_routes.contains(vm) && !with_changes.contains(vm)).count();
    let mut meant: BTreeSet<&VmName> = otherwise.iter().collect();
    meant.extend(running.hold.symmetric_difference(&next.hold).filter(|vm| next.vms.contains_key(*vm)));
    if running.bgp != next.bgp {
        meant.extend(next.vms.keys());
    }
    let elsewhere = meant.difference(&with_routes).count();
    Difference { rules: rules.collect(), unmoved, elsewhere, changes }
}

impl Change {
    fn vms(&self) -> impl Iterator<Item = &VmName> {
        self.before.iter().chain(&self.after).map(|side| &side.vm)
    }
}

/// A route as a configuration wants it.
#[derive(Clone, Copy)]
struct Stand<'a> {
    config: &'a Config,
    vm: &'a Vm,
    /// `None`: on any.
    rung: Option<Rung>,
    next_hop: NextHop,
}

impl Stand<'_> {
    fn side(&self) -> Side {
        Side { vm: self.vm.name.clone(), preference: self.rung }
    }

    fn rungs(&self) -> Vec<Rung> {
        self.rung.map_or_else(|| Rung::ALL.to_vec(), |rung| vec![rung])
    }

    /// Whether both are the same by all that they are made of; a large map is mostly this.
    fn is_same(&self, other: &Self) -> bool {
        let [ours, theirs] = [self, other].map(|stand| &stand.config.bgp);
        self.vm.name == other.vm.name
            && (self.rung, self.next_hop) == (other.rung, other.next_hop)
            && self.vm.attributes == other.vm.attributes
            && (&ours.ladder, &ours.attributes) == (&theirs.ladder, &theirs.attributes)
    }

    /// Each attribute on a rung by its key, and the next hop.
    fn attributes(&self, rung: Rung) -> BTreeMap<String, Value> {
        const ALWAYS: &str = "numbers and texts under text keys always become JSON";
        let attributes = serde_json::to_value(attributes_on(rung, self.vm, &self.config.bgp)).expect(ALWAYS);
        let next_hop = serde_json::to_value(self.next_hop).expect(ALWAYS);
        let attributes = attributes.as_object().into_iter().flatten();
        let attributes = attributes.map(|(key, value)| (key.clone(), value.clone()));
        attributes.chain([("next_hop".to_owned(), next_hop)]).collect()
    }
}

/// The routes that a configuration wants.
fn stands<'a>(config: &'a Config, scope: Scope<'_>) -> BTreeMap<Prefix, Stand<'a>> {
    let vms: Vec<(&Vm, Option<Rung>)> = match scope {
        Scope::Anywhere => config.vms.values().map(|vm| (&**vm, None)).collect(),
        Scope::Here(residents) => {
            let pins = pins(config);
            let mut vms: BTreeMap<&VmName, (&Vm, Rung)> = BTreeMap::new();
            for resident in residents {
                let Some(vm) = vm_of(config, &pins, resident.uuid, &resident.name) else { continue };
                let Some(rung) = rung_of(resident.presence, &config.mobility) else { continue };
                let rung = rung.max(resident.best);
                // Of several domains that claim a VM the best decides.
                vms.entry(&vm.name).and_modify(|(_, best)| *best = rung.min(*best)).or_insert((vm, rung));
            }
            vms.into_values().map(|(vm, rung)| (vm, Some(rung))).collect()
        }
    };
    let announced = vms.into_iter().filter(|(vm, _)| !config.hold.contains(&vm.name));
    announced
        .flat_map(|(vm, rung)| {
            let stand = move |(prefix, next_hop)| (prefix, Stand { config, vm, rung, next_hop });
            reachable(config, vm).map(stand)
        })
        .collect()
}

fn owners(config: &Config) -> BTreeMap<Prefix, &VmName> {
    let of = |vm: &'_ Vm| vm.service_ips.clone();
    config.vms.values().flat_map(|vm| of(vm).into_iter().map(|prefix| (prefix, &vm.name))).collect()
}

/// `None` where nothing differs.
fn change(prefix: Prefix, before: Option<Stand<'_>>, after: Option<Stand<'_>>) -> Option<Change> {
    let mut attributes = Vec::new();
    let action = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => Action::Announce,
        (Some(_), None) => Action::Withdraw,
        (Some(before), Some(after)) => {
            if before.is_same(&after) {
                return None;
            }
            attributes = attribute_changes(before, after);
            if before.vm.name != after.vm.name {
                Action::Move
            } else if before.rung == after.rung && attributes.is_empty() {
                return None;
            } else {
                Action::Change
            }
        }
    };
    let [before, after] = [before, after].map(|stand| stand.map(|stand| stand.side()));
    Some(Change { prefix, action, before, after, other: None, attributes })
}

/// What differs on every rung alike, and behind it rung by rung what does not.
fn attribute_changes(before: Stand<'_>, after: Stand<'_>) -> Vec<AttributeChange> {
    let on_each: Vec<(Rung, Vec<AttributeChange>)> = before
        .rungs()
        .into_iter()
        .zip(after.rungs())
        .map(|(from, to)| (to, differing(before.attributes(from), after.attributes(to))))
        .collect();
    let is_common = |change: &&AttributeChange| on_each.iter().all(|(_, changes)| changes.contains(change));
    let first = on_each.iter().take(1).flat_map(|(_, changes)| changes);
    let mut all: Vec<AttributeChange> = first.filter(is_common).cloned().collect();
    for (rung, changes) in &on_each {
        let single = changes.iter().filter(|change| !is_common(change));
        all.extend(single.map(|change| AttributeChange { preference: Some(*rung), ..change.clone() }));
    }
    all
}

fn differing(before: BTreeMap<String, Value>, mut after: BTreeMap<String, Value>) -> Vec<AttributeChange> {
    let pairs = before.into_iter().filter_map(|(key, value)| Some((after.remove(&key)?, key, value)));
    pairs
        .filter(|(after, _, before)| after != before)
        .map(|(after, attribute, before)| {
            let (before, after) = (without(&before, &after), without(&after, &before));
            AttributeChange { preference: None, attribute, before, after }
        })
        .collect()
}

/// A list without what is in the other one as well; any other value as it is.
fn without(value: &Value, other: &Value) -> Value {
    match (value, other) {
        (Value::Array(value), Value::Array(other)) => {
            value.iter().filter(|entry| !other.contains(entry)).cloned().collect()
        }
        (value, _) => value.clone(),
    }
}
