//! `/api/v1/events`

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{json, problem};
use super::query::numbers;
use super::{Snapshots, latest};
use crate::snapshot::{Event, Snapshot};

/// How many events are answered where nothing is asked for, and at most.
const LIMIT: (u64, u64) = (100, 1_000);

#[derive(Serialize, ToSchema)]
struct EventList<'a> {
    /// Grows by one with each change.
    generation: u64,
    /// The number of the oldest event that is kept.
    first_seq: u64,
    /// The number of the newest event; 0 where there was none.
    last_seq: u64,
    /// Oldest first.
    events: Vec<&'a Event>,
}

pub(super) fn routes() -> OpenApiRouter<Snapshots> {
    OpenApiRouter::new().routes(routes!(events))
}

/// What happened
///
/// The last 10,000 events are kept. Numbers count from 1 in each life of the agent.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "history",
    params(
        (
            "after" = Option<u64>, Query,
            description = "Only events behind this number, the oldest of them; without it the newest events.",
        ),
        (
            "limit" = Option<u64>, Query, minimum = 1, maximum = 1_000,
            description = "At most so many, 100 where it is not given.",
        ),
    ),
    responses(
        (status = 200, description = "Some of them, oldest first.", body = EventList),
        (status = 400, description = "A parameter is no number, or out of range."),
    ),
)]
async fn events(State(snapshots): State<Snapshots>, uri: Uri) -> Response<Body> {
    let asked = numbers(uri.query(), ["after", "limit"]).and_then(|[after, limit]| {
        let limit = limit.unwrap_or(LIMIT.0);
        if (1..=LIMIT.1).contains(&limit) {
            Ok((after, limit))
        } else {
            Err(format!("`limit` must be between 1 and {}", LIMIT.1))
        }
    });
    match asked {
        Ok((after, limit)) => json(StatusCode::OK, &EventList::of(&latest(&snapshots), after, limit), &uri),
        Err(rule) => problem(StatusCode::BAD_REQUEST, rule, &uri),
    }
}

impl<'a> EventList<'a> {
    fn of(snapshot: &'a Snapshot, after: Option<u64>, limit: u64) -> Self {
        let history = &snapshot.events;
        let after = after.unwrap_or_else(|| history.last_seq().saturating_sub(limit));
        let events = history.after(after).take(usize::try_from(limit).unwrap_or(usize::MAX));
        Self {
            generation: snapshot.generation,
            first_seq: history.first_seq(),
            last_seq: history.last_seq(),
            events: events.map(AsRef::as_ref).collect(),
        }
    }
}
