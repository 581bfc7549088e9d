//! What is allowed and harmless, but hardly meant.

use super::{Config, names};
use crate::route::AttributeOverrides;
use crate::vm::VmName;

/// An attribute that every rung sets, by its key and how to tell that it was given.
type RungAttribute = (&'static str, fn(&AttributeOverrides) -> bool);

const SET_BY_EACH_RUNG: [RungAttribute; 3] = [
    ("med", |attributes| attributes.med.is_some()),
    ("local_preference", |attributes| attributes.local_preference.is_some()),
    ("as_path_prepend", |attributes| attributes.as_path_prepend.is_some()),
];

/// One warning for all VMs of which the same is said, by the first of them.
fn of_vms<'a>(mut vms: impl Iterator<Item = &'a VmName>, key: &str, why: &str) -> Option<String> {
    let first = vms.next()?;
    let others = match vms.count() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    Some(format!("vms.{first:?}{key}{others}: {why}"))
}

impl Config {
    /// Harmless oddities, one sentence each, beginning with the key path: for the log and `roamd check`.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (key, given) in SET_BY_EACH_RUNG {
            let why = format!("has no effect, because each rung sets {key}; set it in bgp.preference");
            if given(&self.bgp.attributes) {
                warnings.push(format!("bgp.attributes.{key}: {why}"));
            }
            let vms = self.vms.values().filter(|vm| given(&vm.attributes)).map(|vm| &vm.name);
            warnings.extend(of_vms(vms, &format!(".attributes.{key}"), &why));
        }
        for (why, names) in names::oddities(self.vms.keys()) {
            warnings.extend(of_vms(names.into_iter(), "", &why));
        }
        if self.vms.is_empty() {
            warnings.push("vms: is empty, so that nothing is ever announced".to_owned());
        }
        warnings
    }
}
