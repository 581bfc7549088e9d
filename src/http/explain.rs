//! `/api/v1/explain/{subject}`

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{json, problem};
use super::path::decode;
use super::{Snapshots, latest};
use crate::snapshot::Timestamp;
use crate::snapshot::explain::Explanation;

const EXPLAIN: &str = "/api/v1/explain/";

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    // The path with an empty name beside, which the template does not match.
    OpenApiRouter::new().routes(routes!(explain)).route(EXPLAIN, get(explain))
}

/// Why a VM or an address is announced as it is
#[utoipa::path(
    get, path = "/api/v1/explain/{*subject}", tag = "state",
    params((
        "subject" = String, Path,
        description = "A VM's name, percent-encoded; or a prefix or address, which stands for the longest prefix that holds \
                       it. What is both is a VM.",
    )),
    responses(
        (status = 200, description = "The chain of facts and rules behind the present decision.", body = Explanation),
        (status = 400, description = "That is no percent-encoded UTF-8."),
        (status = 404, description = "Nothing here is known by it."),
    ),
)]
async fn explain(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    let asked = match decode(uri.path().strip_prefix(EXPLAIN).unwrap_or_default()) {
        Ok(asked) => asked,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string(), &uri),
    };
    if let Some(explanation) = latest(&snapshots).explain(&asked, Timestamp(jiff::Timestamp::now())) {
        return json(StatusCode::OK, &explanation, &uri);
    }
    let detail = format!(
        "neither libvirt nor the configuration of this host knows a VM named {asked:?}, and it is no address or prefix that \
         a VM or a route of this host has"
    );
    problem(StatusCode::NOT_FOUND, detail, &uri)
}
