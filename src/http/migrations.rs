//! `/api/v1/migrations`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{self, Listed, Series};
use super::{Snapshots, latest};
use crate::snapshot::{MigrationView, Snapshot};

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(migrations))
}

/// The last migrations to and from this host, with their phases
///
/// The last 1,000 of this agent's life are kept.
#[utoipa::path(
    get, path = "/api/v1/migrations", tag = "history",
    responses((status = 200, description = "All of them, latest first.", body = MigrationList)),
)]
async fn migrations(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::list::<Migrations>(latest(&snapshots), &uri)
}

struct Migrations;

type MigrationList = Listed<Migrations>;

impl Series for Migrations {
    const FIELD: &'static str = "migrations";
    /// The migration's number.
    type Key = u64;
    type Entry<'a> = Arc<MigrationView>;

    fn after<'a>(
        snapshot: &'a Snapshot,
        id: Option<&u64>,
    ) -> impl Iterator<Item = (u64, Arc<MigrationView>)> + use<'a> {
        let all = &snapshot.migrations;
        let start = id.map_or(0, |id| all.partition_point(|migration| migration.id >= *id));
        all[start..].iter().map(|migration| (migration.id, Arc::clone(migration)))
    }
}
