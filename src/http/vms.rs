//! `/api/v1/vms` and `/api/v1/vms/{name}`
//!
//! Any name can be asked for: it is percent-encoded, with `/` as `%2F`; the empty name is an empty last segment.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{self, List, Listed, Series};
use super::{Snapshots, latest};
use crate::snapshot::{Snapshot, VmView};
use crate::vm::VmName;

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    // The path with an empty key beside, which the template does not match.
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(one)).route(Vms::ONE, get(one))
}

/// Every VM that libvirt or the configuration of this host knows
#[utoipa::path(
    get, path = "/api/v1/vms", operation_id = "vms", tag = "state",
    responses((status = 200, description = "All of them, in order.", body = VmList)),
)]
async fn all(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::list::<Vms>(latest(&snapshots), &uri)
}

/// A VM
#[utoipa::path(
    get, path = "/api/v1/vms/{name}", operation_id = "vm", tag = "state",
    params(("name" = String, Path, description = "The name, percent-encoded.")),
    responses(
        (status = 200, description = "This one.", body = VmView),
        (status = 400, description = "That is no percent-encoded UTF-8."),
        (status = 404, description = "Nobody here knows a VM of this name."),
    ),
)]
async fn one(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::one::<Vms>(&latest(&snapshots), &uri)
}

struct Vms;

type VmList = Listed<Vms>;

impl Series for Vms {
    const FIELD: &'static str = "vms";
    type Key = VmName;
    type Entry<'a> = Arc<VmView>;

    fn after<'a>(
        snapshot: &'a Snapshot,
        name: Option<&VmName>,
    ) -> impl Iterator<Item = (VmName, Arc<VmView>)> + use<'a> {
        snapshot.vms_after(name).map(|vm| (vm.name.clone(), vm))
    }
}

impl List for Vms {
    const ONE: &'static str = "/api/v1/vms/";
    const NONE: &'static str = "neither libvirt nor the configuration of this host knows a VM of this name";

    fn key(text: &str) -> Result<Self::Key, String> {
        Ok(VmName::new(text))
    }

    fn find<'a>(snapshot: &'a Snapshot, key: &Self::Key) -> Option<Self::Entry<'a>> {
        snapshot.vm(key)
    }
}
