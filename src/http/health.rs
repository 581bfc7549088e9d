//! `/healthz` and `/readyz`, for probes and load balancers: open to all that may connect.
//!
//! Both answer plain JSON, also with 503: what is not ready is the answer to the question, not a failed request,
//! and a reader needs only one shape.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::json;
use super::{Snapshots, latest};
use crate::snapshot::NotReady;

const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";

#[derive(Serialize, ToSchema)]
struct Health {
    /// `alive`
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Readiness<'a> {
    /// Whether it is ready.
    ready: bool,
    /// What is missing.
    reasons: &'a [NotReady],
}

/// Whether the path needs no token.
pub(super) fn is_open(path: &str) -> bool {
    path == ALIVE || path == READY
}

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// Whether the agent's HTTP server lives
#[utoipa::path(get, path = ALIVE, tag = "health", responses((status = 200, description = "It does.", body = Health)))]
async fn alive(uri: Uri) -> Response<Body> {
    json(StatusCode::OK, &Health { status: "alive" }, &uri)
}

/// Whether this host can take VMs
#[utoipa::path(
    get, path = READY, tag = "health",
    responses(
        (status = 200, description = "It can.", body = Readiness),
        (status = 503, description = "It can't, for these reasons.", body = Readiness),
    ),
)]
async fn ready(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    let snapshot = latest(&snapshots);
    let ready = snapshot.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Readiness { ready, reasons: &snapshot.not_ready }, &uri)
}
