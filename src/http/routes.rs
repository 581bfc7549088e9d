//! `/api/v1/routes` and `/api/v1/routes/{prefix}`
//!
//! The prefix may be written with `/` or `%2F` and in any spelling of its address; an address stands for its
//! host route.

use std::ops::Bound;
use std::sync::Arc;

use super::list::List;
use crate::route::Prefix;
use crate::snapshot::{RouteView, Snapshot};

pub(super) struct Routes;

impl List for Routes {
    const FIELD: &'static str = "routes";
    const LIST: &'static str = "/api/v1/routes";
    const ONE: &'static str = "/api/v1/routes/";
    const ROUTE: &'static str = "/api/v1/routes/{*prefix}";
    const NONE: &'static str = "this host has no route for this very prefix";
    type Key = Prefix;
    type Entry = Arc<RouteView>;

    fn key(text: &str) -> Result<Self::Key, String> {
        text.parse().map_err(|rule| format!("the prefix {rule}"))
    }

    fn find(snapshot: &Snapshot, key: &Self::Key) -> Option<Self::Entry> {
        snapshot.routes.get(key).cloned()
    }

    fn after<'a>(
        snapshot: &'a Snapshot,
        prefix: Option<&Prefix>,
    ) -> impl Iterator<Item = (Prefix, Arc<RouteView>)> + use<'a> {
        let start = prefix.map_or(Bound::Unbounded, Bound::Excluded);
        let routes = snapshot.routes.range::<Prefix, _>((start, Bound::Unbounded));
        routes.map(|(prefix, route)| (*prefix, Arc::clone(route)))
    }
}
