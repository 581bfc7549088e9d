//! `/api/v1/routes` and `/api/v1/routes/{prefix}`
//!
//! The prefix may be written with `/` or `%2F` and in any spelling of its address; an address stands for its
//! host route.

use std::ops::Bound;
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
use crate::route::Prefix;
use crate::snapshot::{RouteView, Snapshot};

const LIST: &str = "/api/v1/routes";
const ONE: &str = "/api/v1/routes/";

struct Routes;

impl List for Routes {
    const FIELD: &'static str = "routes";
    type Key = Prefix;
    type Entry = Arc<RouteView>;

    fn after<'a>(
        snapshot: &'a Snapshot,
        prefix: Option<&Prefix>,
    ) -> impl Iterator<Item = (Prefix, Arc<RouteView>)> + use<'a> {
        let start = prefix.map_or(Bound::Unbounded, Bound::Excluded);
        let routes = snapshot.routes.range::<Prefix, _>((start, Bound::Unbounded));
        routes.map(|(prefix, route)| (*prefix, Arc::clone(route)))
    }
}

pub(super) fn routes() -> Router<Snapshots> {
    Router::new().route(LIST, get(all)).route(ONE, get(one)).route("/api/v1/routes/{*prefix}", get(one))
}

async fn all(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::<Routes>(latest(&snapshots), &uri)
}

async fn one(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    let text = match decode(uri.path().strip_prefix(ONE).unwrap_or_default()) {
        Ok(text) => text,
        Err(error) => return problem(StatusCode::BAD_REQUEST, error.to_string(), &uri),
    };
    let prefix: Prefix = match text.parse() {
        Ok(prefix) => prefix,
        Err(rule) => return problem(StatusCode::BAD_REQUEST, format!("the prefix {rule}"), &uri),
    };
    match latest(&snapshots).routes.get(&prefix) {
        Some(route) => json(StatusCode::OK, route, &uri),
        None => not_found("this host has no route for this very prefix", &uri),
    }
}
