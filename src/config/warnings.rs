//! What is allowed and harmless, but hardly meant.

use super::Config;
use crate::route::AttributeOverrides;

/// An attribute that every rung sets, by its key and how to tell that it was given.
type RungAttribute = (&'static str, fn(&AttributeOverrides) -> bool);

const SET_BY_EACH_RUNG: [RungAttribute; 3] = [
    ("med", |attributes| attributes.med.is_some()),
    ("local_preference", |attributes| attributes.local_preference.is_some()),
    ("as_path_prepend", |attributes| attributes.as_path_prepend.is_some()),
];

impl Config {
    /// Harmless oddities, one sentence each, beginning with the key path: for the log and `roamd check`.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (key, given) in SET_BY_EACH_RUNG {
            let why = format!("has no effect, because each rung sets {key}; set it in bgp.preference");
            if given(&self.bgp.attributes) {
                warnings.push(format!("bgp.attributes.{key}: {why}"));
            }
            let mut vms = self.vms.values().filter(|vm| given(&vm.attributes));
            if let Some(first) = vms.next() {
                let others = match vms.count() {
                    0 => String::new(),
                    others => format!(" (and {others} more)"),
                };
                warnings.push(format!("vms.{:?}.attributes.{key}{others}: {why}", first.name));
            }
        }
        if self.vms.is_empty() {
            warnings.push("vms: is empty, so that nothing is ever announced".to_owned());
        }
        warnings
    }
}
