//! Waiting for something to become true, within a bounded time.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a test that passes never waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often a predicate is asked.
const INTERVAL: Duration = Duration::from_millis(25);

/// Asks `predicate` until it gives a value; panics with `what` and its last objection at the deadline.
pub(crate) fn until<T>(what: &str, mut predicate: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match predicate() {
            Ok(value) => return value,
            Err(objection) if started.elapsed() > DEADLINE => {
                panic!("not within {} s: {what}\n{objection}", DEADLINE.as_secs())
            }
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}
