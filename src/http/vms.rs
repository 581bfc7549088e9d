//! `/api/v1/vms` and `/api/v1/vms/{name}`
//!
//! Any name can be asked for: it is percent-encoded, with `/` as `%2F`; the empty name is an empty last segment.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;

use super::answer::{json, not_found, problem};
use super::list::{List, list};
use super::path::decode;
use super::{Snapshots, latest};
use crate::snapshot::{Snapshot, VmView};
use crate::vm::VmName;

const LIST: &str = "/api/v1/vms";
const ONE: &str = "/api/v1/vms/";

struct Vms;

impl List for Vms {
    const FIELD: &'static str = "vms";
    type Key = VmName;
    type Entry = Arc<VmView>;

    fn after<'a>(
        snapshot: &'a Snapshot,
        name: Option<&VmName>,
    ) -> impl Iterator<Item = (VmName, Arc<VmView>)> + use<'a> {
        snapshot.vms_after(name).map(|vm| (vm.name.clone(), vm))
    }
}

pub(super) fn routes() -> Router<Snapshots> {
    Router::new().route(LIST, get(all)).route(ONE, get(one)).route("/api/v1/vms/{name}", get(one))
}

async fn all(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::<Vms>(latest(&snapshots), &uri)
}

async fn one(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    // The router's own decoding is lenient, so the name is taken from the path itself.
    let name = match decode(uri.path().strip_prefix(ONE).unwrap_or_default()) {
        Ok(name) => VmName::new(&name),
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string(), &uri),
    };
    match latest(&snapshots).vm(&name) {
        Some(vm) => json(StatusCode::OK, &vm, &uri),
        None => not_found("neither libvirt nor the configuration of this host knows a VM of this name", &uri),
    }
}
