//! `/api/v1/routes` and `/api/v1/routes/{prefix}`
//!
//! The prefix may be written with `/` or `%2F` and in any spelling of its address; an address stands for its
//! host route.

use std::ops::Bound;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{self, List, Listed, Series};
use super::{Snapshots, latest};
use crate::route::Prefix;
use crate::snapshot::{RouteView, Snapshot};

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    // The path with an empty key beside, which the template does not match.
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(one)).route(Routes::ONE, get(one))
}

/// Every route that is wanted, announced, or on its way out
#[utoipa::path(
    get, path = "/api/v1/routes", operation_id = "routes", tag = "state",
    responses((status = 200, description = "All of them, in order.", body = RouteList)),
)]
async fn all(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::list::<Routes>(latest(&snapshots), &uri)
}

/// A route
#[utoipa::path(
    get, path = "/api/v1/routes/{*prefix}", operation_id = "route", tag = "state",
    params((
        "prefix" = String, Path,
        description = "The prefix, with its `/` as it is or as `%2F`; an address stands for its host route.",
    )),
    responses(
        (status = 200, description = "This one.", body = RouteView),
        (status = 400, description = "That is no prefix."),
        (status = 404, description = "This host has no route for this very prefix."),
    ),
)]
async fn one(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::one::<Routes>(&latest(&snapshots), &uri)
}

struct Routes;

type RouteList = Listed<Routes>;

impl Series for Routes {
    const FIELD: &'static str = "routes";
    type Key = Prefix;
    type Entry<'a> = Arc<RouteView>;

    fn after<'a>(
        snapshot: &'a Snapshot,
        prefix: Option<&Prefix>,
    ) -> impl Iterator<Item = (Prefix, Arc<RouteView>)> + use<'a> {
        let start = prefix.map_or(Bound::Unbounded, Bound::Excluded);
        let routes = snapshot.routes.range::<Prefix, _>((start, Bound::Unbounded));
        routes.map(|(prefix, route)| (*prefix, Arc::clone(route)))
    }
}

impl List for Routes {
    const ONE: &'static str = "/api/v1/routes/";
    const NONE: &'static str = "this host has no route for this very prefix";

    fn key(text: &str) -> Result<Self::Key, String> {
        text.parse().map_err(|rule| format!("the prefix {rule}"))
    }

    fn find<'a>(snapshot: &'a Snapshot, key: &Self::Key) -> Option<Self::Entry<'a>> {
        snapshot.routes.get(key).cloned()
    }
}
