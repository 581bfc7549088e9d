//! BGP attributes, wherever they may stand: for all routes, for a VM's, for a rung's.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use super::Judge;
use crate::config::path::At;
use crate::config::raw::{Leaf, Shaped};
use crate::config::scalar::{self, Judged, choice};
use crate::config::schema;
use crate::route::{AttributeOverrides, Ladder, LargeCommunity, Mark, Origin};

pub(in crate::config) const ORIGINS: [(&str, Origin); 3] =
    [("igp", Origin::Igp), ("egp", Origin::Egp), ("incomplete", Origin::Incomplete)];

impl Judge {
    /// Attributes at `at`; without a `mark` (its AS is missing or wrong) nobody can take it.
    pub(super) fn attributes(
        &mut self,
        at: &At<'_>,
        section: Option<Shaped<schema::Attributes>>,
        mark: Option<Mark>,
    ) -> AttributeOverrides {
        let Some(section) = section else { return AttributeOverrides::default() };
        let raw = self.section(at, Some(section));
        let number = |leaf: &Leaf| scalar::number(leaf, 0..=u32::MAX);
        let prepends = |leaf: &Leaf| scalar::small(leaf, 0..=Ladder::MAX_PREPEND);
        let origin = |leaf: &Leaf| choice(leaf, &ORIGINS);
        let large = |leaf: &Leaf| large_community(leaf, mark);
        AttributeOverrides {
            med: self.value(&at.key("med"), raw.med.as_ref(), number),
            local_preference: self.value(&at.key("local_preference"), raw.local_preference.as_ref(), number),
            as_path_prepend: self.value(&at.key("as_path_prepend"), raw.as_path_prepend.as_ref(), prepends),
            origin: self.value(&at.key("origin"), raw.origin.as_ref(), origin),
            communities: self.set(&at.key("communities"), raw.communities.as_ref(), community),
            large_communities: self.set(&at.key("large_communities"), raw.large_communities.as_ref(), large),
            extended_communities: self.set(
                &at.key("extended_communities"),
                raw.extended_communities.as_ref(),
                community,
            ),
        }
    }

    fn set<T: Ord>(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        parse: impl Fn(&Leaf) -> Judged<T>,
    ) -> BTreeSet<T> {
        self.list(at, leaf, parse).into_iter().map(|(_, item)| item).collect()
    }
}

pub(super) fn community<T: FromStr<Err: Display>>(leaf: &Leaf) -> Judged<T> {
    scalar::text(leaf)?.parse().map_err(|error: T::Err| error.to_string())
}

fn large_community(leaf: &Leaf, mark: Option<Mark>) -> Judged<LargeCommunity> {
    community(leaf).and_then(|large| not_our_own(large, mark))
}

/// A large community that is none of those by which roamd knows its own routes.
pub(super) fn not_our_own(large: LargeCommunity, mark: Option<Mark>) -> Judged<LargeCommunity> {
    match mark {
        Some(mark) if large.global == mark.local_as.get() && large.local_1 == mark.mark => Err(format!(
            "begins with {}:{} (local_as:mark), by which roamd knows its own routes; use another number",
            mark.local_as, mark.mark
        )),
        Some(_) | None => Ok(large),
    }
}
