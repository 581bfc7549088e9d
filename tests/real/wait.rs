//! Waiting for something to become true, within a bounded time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; a test that passes never waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// The same for what takes a machine of its own many seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a predicate is asked.
const INTERVAL: Duration = Duration::from_millis(25);

/// Asks `predicate` until it gives a value; panics with `what` and its last objection at the deadline.
pub(crate) fn until<T>(what: &str, predicate: impl FnMut() -> Result<T, String>) -> T {
    within(DEADLINE, what, predicate)
}

/// The same with more patience, for thousands of routes.
pub(crate) fn patiently<T>(what: &str, predicate: impl FnMut() -> Result<T, String>) -> T {
    within(PATIENCE, what, predicate)
}

fn within<T>(deadline: Duration, what: &str, mut predicate: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match predicate() {
            Ok(value) => return value,
            Err(objection) if started.elapsed() > deadline => {
                panic!("not within {} s: {what}\n{objection}", deadline.as_secs())
            }
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}

/// Tells a thread beside the test to end, also when the test panics: whoever waits for that thread would wait for ever.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
