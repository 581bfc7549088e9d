//! `/healthz` and `/readyz`, for probes and load balancers: open to all that may connect.
//!
//! Both answer plain JSON, also with 503: what is not ready is the answer to the question, not a failed request,
//! and a reader needs only one shape.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use serde::Serialize;

use super::answer::json;
use super::{Snapshots, latest};
use crate::snapshot::NotReady;

const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Readiness<'a> {
    ready: bool,
    reasons: &'a [NotReady],
}

/// Whether the path needs no token.
pub(super) fn is_open(path: &str) -> bool {
    path == ALIVE || path == READY
}

pub(super) fn routes() -> Router<Snapshots> {
    Router::new().route(ALIVE, get(alive)).route(READY, get(ready))
}

async fn alive(uri: Uri) -> Response<Body> {
    json(StatusCode::OK, &Health { status: "alive" }, &uri)
}

async fn ready(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    let snapshot = latest(&snapshots);
    let ready = snapshot.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Readiness { ready, reasons: &snapshot.not_ready }, &uri)
}
