//! `/api/v1/status`

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::json;
use super::{Snapshots, latest};
use crate::snapshot::{
    ConfigStatus, Conflicts, Counts, ExabgpStatus, HostRoutesStatus, LibvirtStatus, NotReady, Snapshot,
    Timestamp,
};

#[derive(Serialize, ToSchema)]
struct Status<'a> {
    /// The host's name.
    host: &'a str,
    /// roamd's version.
    version: &'static str,
    /// When this agent started.
    started_at: Timestamp,
    /// Grows by one with each change.
    generation: u64,
    /// As `/readyz` says it.
    ready: bool,
    /// Why it is not ready, as `/readyz` says it.
    not_ready: &'a [NotReady],
    /// The configuration in force.
    config: &'a ConfigStatus,
    /// libvirt's health.
    libvirt: &'a LibvirtStatus,
    /// ExaBGP's health.
    exabgp: &'a ExabgpStatus,
    /// Paths of other hosts to VMs that execute here.
    conflicts: &'a Conflicts,
    /// The kernel's routes to the VMs.
    host_routes: &'a HostRoutesStatus,
    /// How many VMs and routes stand where.
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
            not_ready: &snapshot.not_ready,
            config: &snapshot.config_status,
            libvirt: &snapshot.libvirt,
            exabgp: &snapshot.exabgp,
            conflicts: &snapshot.conflicts,
            host_routes: &snapshot.host_routes,
            counts: snapshot.counts(),
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(status))
}

/// This host, and the health of its parts
#[utoipa::path(
    get, path = "/api/v1/status", tag = "state",
    responses((status = 200, description = "The status.", body = Status)),
)]
async fn status(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    json(StatusCode::OK, &Status::of(&latest(&snapshots)), &uri)
}
