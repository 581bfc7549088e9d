//! `/api/v1/status`

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use serde::Serialize;

use super::answer::json;
use super::{Snapshots, latest};
use crate::snapshot::{
    ConfigStatus, Conflicts, Counts, ExabgpStatus, HostRoutesStatus, LibvirtStatus, Snapshot, Timestamp,
};

#[derive(Serialize)]
struct Status<'a> {
    host: &'a str,
    version: &'static str,
    started_at: Timestamp,
    generation: u64,
    ready: bool,
    config: &'a ConfigStatus,
    libvirt: &'a LibvirtStatus,
    exabgp: &'a ExabgpStatus,
    conflicts: &'a Conflicts,
    host_routes: &'a HostRoutesStatus,
    counts: Counts,
}

impl<'a> Status<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self {
            host: &snapshot.host,
            version: env!("CARGO_PKG_VERSION"),
            started_at: snapshot.started_at,
            generation: snapshot.generation,
            ready: snapshot.is_ready(),
            config: &snapshot.config_status,
            libvirt: &snapshot.libvirt,
            exabgp: &snapshot.exabgp,
            conflicts: &snapshot.conflicts,
            host_routes: &snapshot.host_routes,
            counts: snapshot.counts(),
        }
    }
}

pub(super) fn routes() -> Router<Snapshots> {
    Router::new().route("/api/v1/status", get(status))
}

async fn status(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    json(StatusCode::OK, &Status::of(&latest(&snapshots)), &uri)
}
