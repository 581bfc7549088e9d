//! Durations by how long they were.

use std::time::Duration;

/// How long something took, each time: how often it was at most each of some durations, and all of it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds, inclusive and growing.
    bounds: &'static [Duration],
    /// How many were within each bound and above the one before; the last are above all bounds.
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    /// Empty, with these growing bounds.
    pub fn new(bounds: &'static [Duration]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: Duration::ZERO }
    }

    /// It took so long once more.
    pub fn observe(&mut self, took: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }

    /// How often it was at most each bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((*bound, *below))
        })
    }

    /// How often it was at all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of it together.
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}
