//! Virtual time, and what is to happen in it.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use roamd::agent::{ReadClocks, Reading};

/// Microseconds since the simulation began.
pub(crate) type Time = u64;

pub(crate) const MS: Time = 1_000;
pub(crate) const SECOND: Time = 1_000 * MS;

/// The wall clock when it begins; whatever it is, it is no part of any decision.
const WALL: i64 = 1_800_000_000_000_000;

/// What is due next, and the time. Two things that are due together happen in the order in which they were planned.
pub(crate) struct Clock<E> {
    base: Instant,
    now: Arc<AtomicU64>,
    planned: u64,
    queue: BinaryHeap<Due<E>>,
}

struct Due<E> {
    at: Time,
    number: u64,
    what: E,
}

impl<E> PartialEq for Due<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Due<E> {}

impl<E> PartialOrd for Due<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Due<E> {
    /// The earliest is the greatest, because the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> Clock<E> {
    pub(crate) fn new() -> Self {
        // Room for what is asked to lie before the beginning.
        let base = Instant::now() + Duration::from_secs(3_600);
        Self { base, now: Arc::default(), planned: 0, queue: BinaryHeap::new() }
    }

    pub(crate) fn now(&self) -> Time {
        self.now.load(Ordering::Relaxed)
    }

    /// The present time as the code under test has it.
    pub(crate) fn instant(&self) -> Instant {
        self.base + Duration::from_micros(self.now())
    }

    /// When an instant is; never before now.
    pub(crate) fn time_of(&self, at: Instant) -> Time {
        let micros = at.saturating_duration_since(self.base).as_nanos().div_ceil(1_000);
        u64::try_from(micros).unwrap().max(self.now())
    }

    /// Has it happen after `delay`.
    pub(crate) fn after(&mut self, delay: Time, what: E) {
        self.at(self.now() + delay, what);
    }

    /// Has it happen at `at`.
    pub(crate) fn at(&mut self, at: Time, what: E) {
        self.planned += 1;
        self.queue.push(Due { at: at.max(self.now()), number: self.planned, what });
    }

    /// When the next thing is due.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.queue.peek().map(|due| due.at)
    }

    /// The next thing; the time is then its own.
    pub(crate) fn next(&mut self) -> Option<E> {
        let Due { at, what, .. } = self.queue.pop()?;
        self.now.store(at, Ordering::Relaxed);
        Some(what)
    }

    /// The clocks of a host, whose wall clock is `stepped` microseconds off.
    pub(crate) fn reader(&self, stepped: Arc<AtomicI64>) -> ReadClocks {
        let (base, now) = (self.base, Arc::clone(&self.now));
        Box::new(move || {
            let micros = now.load(Ordering::Relaxed);
            let wall = WALL + i64::try_from(micros).unwrap() + stepped.load(Ordering::Relaxed);
            Reading {
                at: base + Duration::from_micros(micros),
                wall: jiff::Timestamp::from_microsecond(wall).unwrap(),
            }
        })
    }
}
