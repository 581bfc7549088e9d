//! `/api/v1/config`: the effective configuration, as YAML that loads to the same one.

use std::collections::BTreeMap;
use std::ops::Bound;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::{self, Series};
use super::{Snapshots, latest};
use crate::config::{EffectiveMain, EffectiveVm};
use crate::snapshot::Snapshot;
use crate::vm::VmName;

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(config))
}

/// The configuration in force, every default filled in
#[utoipa::path(
    get, path = "/api/v1/config", tag = "state",
    responses((status = 200, description = "It, with the keys of the file.", body = EffectiveConfig)),
)]
async fn config(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    list::list::<Vms>(latest(&snapshots), &uri)
}

/// What [`config`] answers, for the OpenAPI document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a fleet's is written in pages, never built whole")]
struct EffectiveConfig<'a> {
    #[schema(inline)]
    #[serde(flatten)]
    main: EffectiveMain<'a>,
    vms: BTreeMap<VmName, EffectiveVm<'a>>,
}

/// The VMs of the configuration, behind all else of it.
struct Vms;

impl Series for Vms {
    const FIELD: &'static str = "vms";
    const TAIL: &'static [u8] = b"}}";
    type Key = VmName;
    type Entry<'a> = EffectiveVm<'a>;

    fn head(snapshot: &Snapshot) -> serde_json::Result<Vec<u8>> {
        let mut head = serde_json::to_vec(&snapshot.config.effective())?;
        // The object goes on.
        head.pop();
        head.extend_from_slice(format!(r#","{}":{{"#, Self::FIELD).as_bytes());
        Ok(head)
    }

    fn label(name: &VmName) -> serde_json::Result<Vec<u8>> {
        let mut label = serde_json::to_vec(name)?;
        label.push(b':');
        Ok(label)
    }

    fn after<'a>(
        snapshot: &'a Snapshot,
        name: Option<&VmName>,
    ) -> impl Iterator<Item = (VmName, EffectiveVm<'a>)> + use<'a> {
        let start = (name.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let vms = snapshot.config.vms.range::<VmName, _>(start);
        vms.map(|(name, vm)| (name.clone(), vm.effective()))
    }
}
