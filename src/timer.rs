//! The one timer that a state machine with a deadline needs.

use std::time::Instant;

/// Sleeps until `deadline`, for ever without one. Cancel-safe: nothing is lost when it is dropped and made anew.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
