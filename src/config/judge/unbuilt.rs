//! What the format has and this version can't do: refused in words, rather than accepted and not done.

use crate::config::fault::Finding;
use crate::config::path::At;
use crate::config::raw::Leaf;
use crate::config::schema;

/// The refusals of a file.
pub(super) fn not_built_yet(file: &schema::File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let root = At::Root;
    if let Some(leaf) = file.vms_dir.as_ref().filter(|leaf| **leaf != Leaf::Null) {
        let rule = "a folder of VM maps is not in this version of roamd; leave the key out and write the VMs into vms";
        findings.push(Finding::value(&root.key("vms_dir"), leaf.shown(), rule));
    }
    findings
}
