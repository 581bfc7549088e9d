//! `/api/v1/vms` and `/api/v1/vms/{name}`
//!
//! Any name can be asked for: it is percent-encoded, with `/` as `%2F`; the empty name is an empty last segment.

use std::sync::Arc;

use super::list::List;
use crate::snapshot::{Snapshot, VmView};
use crate::vm::VmName;

pub(super) struct Vms;

impl List for Vms {
    const FIELD: &'static str = "vms";
    const LIST: &'static str = "/api/v1/vms";
    const ONE: &'static str = "/api/v1/vms/";
    const ROUTE: &'static str = "/api/v1/vms/{name}";
    const NONE: &'static str = "neither libvirt nor the configuration of this host knows a VM of this name";
    type Key = VmName;
    type Entry = Arc<VmView>;

    fn key(text: &str) -> Result<Self::Key, String> {
        Ok(VmName::new(text))
    }

    fn find(snapshot: &Snapshot, key: &Self::Key) -> Option<Self::Entry> {
        snapshot.vm(key)
    }

    fn after<'a>(
        snapshot: &'a Snapshot,
        name: Option<&VmName>,
    ) -> impl Iterator<Item = (VmName, Arc<VmView>)> + use<'a> {
        snapshot.vms_after(name).map(|vm| (vm.name.clone(), vm))
    }
}
