//! A shorter list of operations that breaks the same invariant (delta debugging, Zeller's ddmin).

use std::time::{Duration, Instant};

use crate::case::Case;
use crate::fleet::Fleet;
use crate::invariants::Rule;

/// As short as it gets within `patience`.
pub(crate) fn shrink(case: &Case, rule: Rule, patience: Duration) -> Case {
    let until = Instant::now() + patience;
    let breaks =
        |case: &Case| Fleet::new(case.clone(), false).run().broken.is_some_and(|broken| broken.rule == rule);
    let mut best = case.clone();
    // What comes after the failure has no part in it.
    if let Some(broken) = Fleet::new(best.clone(), false).run().broken {
        best.operations.retain(|operation| operation.at <= broken.at);
    }
    let mut pieces = 2;
    while best.operations.len() > 1 && Instant::now() < until {
        let length = best.operations.len().div_ceil(pieces);
        let shorter = (0..best.operations.len().div_ceil(length)).find_map(|piece| {
            let mut left = best.clone();
            let end = (piece * length + length).min(left.operations.len());
            left.operations.drain(piece * length..end);
            (Instant::now() < until && breaks(&left)).then_some(left)
        });
        match shorter {
            Some(shorter) => {
                best = shorter;
                pieces = (pieces - 1).max(2);
            }
            None if length == 1 => break,
            None => pieces = (pieces * 2).min(best.operations.len()),
        }
    }
    best
}
