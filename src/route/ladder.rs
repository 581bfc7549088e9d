//! The ladder of preferences: which attributes make every router prefer a better rung.

use super::{AttributeOverrides, Attributes, Mark, Rung};

/// The attributes of each rung, strictly ordered: `Ladder::new` is the only way to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    mark: Mark,
    rungs: [AttributeOverrides; 5],
}

/// Two neighbouring rungs between which some router could choose wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// Inside an AS local preference decides first.
    #[error(
        "{better} must have a higher local_preference than {worse} ({better_value} is not above {worse_value})"
    )]
    LocalPreference {
        /// The rung that should win.
        better: Rung,
        /// The rung below it.
        worse: Rung,
        /// Its local preference.
        better_value: u32,
        /// And that of the rung below.
        worse_value: u32,
    },
    /// Origin decides before MED (RFC 4271 section 9.1.2.2), so it must not differ where MED is to decide.
    #[error("{better} and {worse} have as many as_path_prepend, so both must have the same origin or none")]
    Origin {
        /// The rung that should win.
        better: Rung,
        /// The rung below it.
        worse: Rung,
    },
    /// Between ASes the path's length decides first, MED only when it is equal.
    #[error(
        "{better} must have fewer as_path_prepend than {worse}, or as many and a lower med \
         ({better_prepend} with med {better_med} does not beat {worse_prepend} with med {worse_med})"
    )]
    PathLength {
        /// The rung that should win.
        better: Rung,
        /// The rung below it.
        worse: Rung,
        /// How often it is prepended.
        better_prepend: u8,
        /// Its MED.
        better_med: u32,
        /// How often the rung below is prepended.
        worse_prepend: u8,
        /// And its MED.
        worse_med: u32,
    },
}

impl Ladder {
    /// The most prepends that a rung may have: longer paths are cut off by common ToR policies.
    pub const MAX_PREPEND: u8 = 64;

    /// The largest `prepend_step`: the last rung is four steps down.
    pub const MAX_PREPEND_STEP: u8 = Self::MAX_PREPEND / 4;

    /// The default ladder with the configured `overrides` laid over it, rung by rung and key by key.
    ///
    /// `prepend_step` is the number of prepends of one step, at most [`Self::MAX_PREPEND_STEP`].
    pub fn new(
        mark: Mark,
        prepend_step: u8,
        overrides: &[AttributeOverrides; 5],
    ) -> Result<Self, Vec<LadderError>> {
        let rungs = Rung::ALL.map(|rung| {
            let over = &overrides[index(rung)];
            let (steps, med, local_preference) = defaults(rung);
            AttributeOverrides {
                med: over.med.or(Some(med)),
                local_preference: over.local_preference.or(Some(local_preference)),
                as_path_prepend: over.as_path_prepend.or(Some(steps.saturating_mul(prepend_step))),
                ..over.clone()
            }
        });
        let ladder = Self { mark, rungs };
        let errors = ladder.disorder();
        if errors.is_empty() { Ok(ladder) } else { Err(errors) }
    }

    /// The mark that every route carries.
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// The rung's own attributes, defaults filled in, without the mark.
    pub const fn rung(&self, rung: Rung) -> &AttributeOverrides {
        &self.rungs[index(rung)]
    }

    /// The attributes of a route on `rung`: the rung's over the VM's over the general ones, with our mark.
    pub fn attributes(
        &self,
        rung: Rung,
        vm: &AttributeOverrides,
        general: &AttributeOverrides,
    ) -> Attributes {
        let mut attributes = self.rungs[index(rung)].over(vm.over(general.over(Attributes::default())));
        attributes.large_communities.insert(self.mark.of(rung));
        attributes
    }

    fn disorder(&self) -> Vec<LadderError> {
        let bare =
            |rung| self.attributes(rung, &AttributeOverrides::default(), &AttributeOverrides::default());
        let mut errors = Vec::new();
        for pair in Rung::ALL.windows(2) {
            let [better, worse] = *pair else { continue };
            let (above, below) = (bare(better), bare(worse));
            if above.local_preference <= below.local_preference {
                errors.push(LadderError::LocalPreference {
                    better,
                    worse,
                    better_value: above.local_preference,
                    worse_value: below.local_preference,
                });
            }
            let origins = (self.rungs[index(better)].origin, self.rungs[index(worse)].origin);
            if above.as_path_prepend == below.as_path_prepend && origins.0 != origins.1 {
                errors.push(LadderError::Origin { better, worse });
            }
            if (above.as_path_prepend, above.med) >= (below.as_path_prepend, below.med) {
                errors.push(LadderError::PathLength {
                    better,
                    worse,
                    better_prepend: above.as_path_prepend,
                    better_med: above.med,
                    worse_prepend: below.as_path_prepend,
                    worse_med: below.med,
                });
            }
        }
        errors
    }
}

const fn index(rung: Rung) -> usize {
    rung.number() as usize
}

/// Steps, MED and local preference of a rung.
const fn defaults(rung: Rung) -> (u8, u32, u32) {
    match rung {
        Rung::Arrived => (0, 50, 140),
        Rung::Active => (1, 100, 130),
        Rung::Unsure => (2, 200, 120),
        Rung::Standby => (3, 250, 110),
        Rung::Leaving => (4, 300, 105),
    }
}
