//! What a name, a prefix or an address stands for.

use super::super::Snapshot;
use super::Subject;
use crate::route::Prefix;
use crate::vm::VmName;

/// What is asked for, and the VM that it is or belongs to. A name that is both is a VM's.
pub(super) fn find(snapshot: &Snapshot, asked: &str) -> Option<(Subject, Option<VmName>)> {
    let name = VmName::new(asked);
    if snapshot.vm(&name).is_some() {
        return Some((Subject::Vm { name: name.clone() }, Some(name)));
    }
    let within: Prefix = asked.parse().ok()?;
    let holds = |prefix: &Prefix| prefix.network().contains(&within.network());
    let configured = snapshot.config.vms.values().flat_map(|vm| {
        vm.service_ips.iter().filter(|prefix| holds(prefix)).map(|prefix| (*prefix, Some(vm.name.clone())))
    });
    // A route that was only found names no VM; the configuration has the first word.
    let announced = snapshot.routes.values().filter(|route| holds(&route.prefix));
    let announced = announced.map(|route| (route.prefix, route.vm.clone()));
    let longest =
        configured.chain(announced).max_by_key(|(prefix, vm)| (prefix.network().prefix_len(), vm.is_some()));
    longest.map(|(prefix, vm)| (Subject::Prefix { prefix }, vm))
}
