//! The paths that a marked pass looks for, and the places at which it comes by them.

use std::collections::HashMap;

use crate::config::fault::{Finding, Placed, Subject};
use crate::config::path::Step;

/// Line and column, both from 1.
pub(super) type Position = (usize, usize);

/// The paths of findings as a tree, filled with places as the pass comes by.
pub(super) struct Wanted(Vec<Node>);

#[derive(Default)]
struct Node {
    children: HashMap<Step, usize>,
    found: Option<Found>,
}

struct Found {
    key: Position,
    value: Position,
    spelling: String,
}

impl Wanted {
    pub(super) fn new(findings: &[Finding]) -> Self {
        let mut nodes = vec![Node::default()];
        for finding in findings {
            let mut here = 0;
            for step in &finding.path.0 {
                let fresh = nodes.len();
                here = *nodes[here].children.entry(step.clone()).or_insert(fresh);
                if here == fresh {
                    nodes.push(Node::default());
                }
            }
        }
        Self(nodes)
    }

    pub(super) fn child(&self, node: usize, step: &Step) -> Option<usize> {
        self.0[node].children.get(step).copied()
    }

    /// The first value with a path counts: the later ones are duplicates, which the first parser ignores.
    pub(super) fn found(&mut self, node: usize, key: Position, value: Position, spelling: &str) {
        self.0[node].found.get_or_insert_with(|| Found { key, value, spelling: spelling.to_owned() });
    }

    /// The place of a finding, or of the nearest thing around it that the pass has seen.
    pub(super) fn place(&self, mut finding: Finding) -> Placed {
        let mut node = 0;
        let mut nearest = (1, 1);
        let mut exact = true;
        for step in &finding.path.0 {
            let Some(child) = self.child(node, step).filter(|&child| self.0[child].found.is_some()) else {
                exact = false;
                break;
            };
            node = child;
            if let Some(found) = &self.0[node].found {
                nearest = found.key;
            }
        }
        if let (true, Some(found)) = (exact, &self.0[node].found) {
            match finding.subject {
                Subject::Value => {
                    nearest = found.value;
                    finding.value.clone_from(&found.spelling);
                }
                Subject::Key => finding.value.clone_from(&found.spelling),
                Subject::Name | Subject::Missing => {}
            }
        }
        Placed { line: nearest.0, column: nearest.1, finding }
    }
}
