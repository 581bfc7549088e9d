//! Changes that ExaBGP has taken and not sent yet: a batch of UPDATEs to come.
//!
//! They lie in buckets by their attributes, and are sent bucket by bucket, in the order in which the first of each came: the
//! last change of a prefix is not always the last that is sent. (`rib/outgoing.py` of 4.2.21 and 5.0.15.)

use std::collections::BTreeMap;

use crate::command::Told;
use crate::exabgp::Update;

/// Changes with the same attributes.
#[derive(Debug)]
struct Bucket {
    told: Option<Told>,
    /// Prefixes, and whether each is announced.
    changes: Vec<(String, bool)>,
}

#[derive(Debug, Default)]
pub(crate) struct Batch {
    buckets: Vec<Bucket>,
    /// In which bucket the last change of a prefix lies.
    latest: BTreeMap<String, usize>,
}

impl Batch {
    pub(crate) fn announce(&mut self, prefix: String, told: Told) {
        self.put(prefix, Some(told), true);
    }

    pub(crate) fn withdraw(&mut self, prefix: String, told: Option<Told>) {
        self.put(prefix, told, false);
    }

    /// Takes back the last change of a prefix.
    pub(crate) fn cancel(&mut self, prefix: &str) {
        if let Some(index) = self.latest.get(prefix) {
            self.buckets[*index].changes.retain(|(other, _)| other != prefix);
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(crate) fn updates(self) -> Vec<Update> {
        let mut updates = Vec::new();
        for Bucket { told, changes } in self.buckets {
            for (prefix, announced) in changes {
                updates.push(match &told {
                    Some(told) if announced => Update::Announce(prefix, told.clone()),
                    Some(_) | None => Update::Withdraw(prefix),
                });
            }
        }
        updates
    }

    fn put(&mut self, prefix: String, told: Option<Told>, announced: bool) {
        let index = self.buckets.iter().position(|bucket| bucket.told == told).unwrap_or_else(|| {
            self.buckets.push(Bucket { told, changes: Vec::new() });
            self.buckets.len() - 1
        });
        let changes = &mut self.buckets[index].changes;
        match changes.iter_mut().find(|(other, _)| *other == prefix) {
            Some(change) => change.1 = announced,
            None => changes.push((prefix.clone(), announced)),
        }
        self.latest.insert(prefix, index);
    }
}
