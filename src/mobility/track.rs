//! What is known of one VM, and how a verdict changes it.

use std::fmt;
use std::time::{Duration, Instant};

use super::verdict::{Standing, Told, of_state};
use crate::route::Rung;
use crate::vm::{LifecycleKind, MigrationRole, Presence, Uuid, VmName, VmState};

/// What made a VM's presence change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A life-cycle event.
    Event(LifecycleKind),
    /// A list that showed this state.
    Listed(VmState),
    /// A look that showed this state.
    Looked(VmState),
    /// libvirt knows it no more.
    Vanished,
    /// It has executed here for as long as `mobility.settle`.
    Settled,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(kind) => write!(f, "event {kind}"),
            Self::Listed(state) => write!(f, "listed {state}"),
            Self::Looked(state) => write!(f, "state {state}"),
            Self::Vanished => f.write_str("unknown to libvirt"),
            Self::Settled => f.write_str("settled"),
        }
    }
}

/// The rung on which a VM's routes stood before this agent's first list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rung: Option<Rung>,
}

/// The time that a VM has been executing here, through pauses, since it was last absent or incoming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Execution {
    /// When it began; `None`: longer ago than `settle`, or than anybody knows.
    began: Option<Instant>,
}

/// What is known of one VM.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) uuid: Uuid,
    pub(super) name: VmName,
    /// `None` until libvirt has said anything that tells.
    pub(super) presence: Option<Presence>,
    /// When the presence became so.
    pub(super) since: Instant,
    /// What made the presence so.
    cause: Option<Cause>,
    /// What did before time alone passed: of a VM that has settled, why it executes here.
    told_by: Option<Cause>,
    pub(super) state: Option<VmState>,
    execution: Option<Execution>,
    /// When libvirt last said something that tells.
    pub(super) informed_at: Option<Instant>,
    /// An event could not be understood by itself, and the look that it asked for has not been answered.
    pub(super) in_doubt: bool,
    /// The presence is a guess about PAUSED/MIGRATION that the job information may correct.
    pub(super) guess: bool,
    /// All that is known comes from the agent's first list.
    pub(super) first_sight: bool,
}

impl Track {
    pub(super) fn new(uuid: Uuid, name: VmName, at: Instant) -> Self {
        Self {
            uuid,
            name,
            presence: None,
            since: at,
            cause: None,
            told_by: None,
            state: None,
            execution: None,
            informed_at: None,
            in_doubt: false,
            guess: false,
            first_sight: false,
        }
    }

    /// When the VM will have settled here.
    pub(super) fn settles_at(&self, settle: Duration) -> Option<Instant> {
        if self.presence != Some(Presence::Arrived) {
            return None;
        }
        self.execution.and_then(|execution| execution.began).map(|began| began + settle)
    }

    /// The VM has settled here.
    pub(super) fn settle(&mut self, now: Instant) {
        self.execution = Some(Execution { began: None });
        self.become_(Presence::Present, now);
    }

    /// Takes in what was told.
    pub(super) fn take(&mut self, told: Told, at: Instant, settle: Duration) {
        match told {
            Told::Keep => {}
            Told::Begins => self.begin(at),
            Told::Executes if self.presence.is_some_and(Presence::executes) => {}
            // A pause or a failed migration returns to what it was; what never executed here begins.
            Told::Executes => match self.execution {
                None => self.begin(at),
                Some(Execution { began: Some(began) }) if at < began + settle => {
                    self.become_(Presence::Arrived, at);
                }
                Some(_) => self.settle(at),
            },
            Told::Stands(presence) => {
                if matches!(presence, Presence::Absent | Presence::Incoming) {
                    self.execution = None;
                }
                self.become_(presence, at);
            }
        }
    }

    /// This has changed the presence.
    pub(super) fn changed_by(&mut self, cause: Cause) {
        self.cause = Some(cause);
        if cause != Cause::Settled {
            self.told_by = Some(cause);
        }
    }

    /// What made the presence so, and what did before time alone passed.
    pub(super) const fn causes(&self) -> (Option<Cause>, Option<Cause>) {
        (self.cause, self.told_by)
    }

    fn begin(&mut self, at: Instant) {
        self.execution = Some(Execution { began: Some(at) });
        self.become_(Presence::Arrived, at);
    }

    fn become_(&mut self, presence: Presence, at: Instant) {
        if self.presence != Some(presence) {
            self.presence = Some(presence);
            self.since = at;
        }
    }

    /// What a state says when the agent sees the VM for the first time in its life, and what stood before it is
    /// the only memory of what was.
    pub(super) fn first_judgement(
        &mut self,
        state: VmState,
        role: Option<MigrationRole>,
        found: Found,
    ) -> Told {
        self.execution = match found.rung {
            Some(Rung::Active) => Some(Execution { began: None }),
            Some(Rung::Arrived | Rung::Unsure | Rung::Standby | Rung::Leaving) | None => None,
        };
        self.guess = false;
        match (of_state(state), found.rung) {
            // Still shown as arrived: it goes on to be, and settles anew. Shown as standing still: it began to
            // execute while nobody looked, and a route left behind elsewhere must not beat it.
            (Standing::Sure(Told::Executes), Some(Rung::Arrived | Rung::Standby)) => Told::Begins,
            (Standing::Sure(Told::Executes), Some(Rung::Active | Rung::Unsure | Rung::Leaving) | None) => {
                self.execution = Some(Execution { began: None });
                Told::Executes
            }
            (Standing::Sure(told), _) => told,
            (Standing::Migrating, Some(Rung::Standby)) => Told::Stands(Presence::Incoming),
            (Standing::Migrating, Some(Rung::Leaving)) => Told::Stands(Presence::Departing),
            (Standing::Migrating, Some(Rung::Arrived | Rung::Active | Rung::Unsure)) => {
                // It executed here, so unless libvirt says otherwise it is on its way out.
                self.guess = role.is_none();
                side(role, Presence::Departing)
            }
            (Standing::Migrating, None) => {
                self.guess = role.is_none();
                side(role, Presence::Incoming)
            }
            (Standing::StartingUp | Standing::Silent, _) => Told::Stands(Presence::Absent),
        }
    }

    /// What a state says in the light of what is known.
    pub(super) fn judgement(&mut self, state: VmState, role: Option<MigrationRole>) -> Told {
        let guessed = std::mem::take(&mut self.guess);
        match (of_state(state), self.presence) {
            (Standing::Sure(told), _) => told,
            (Standing::Migrating, Some(Presence::Incoming | Presence::Departing)) if !guessed => Told::Keep,
            (Standing::Migrating, presence) => {
                self.guess = role.is_none();
                let executed =
                    presence.is_some_and(Presence::executes) || presence == Some(Presence::Departing);
                // It executed here, so unless libvirt says otherwise it is on its way out.
                side(role, if executed { Presence::Departing } else { Presence::Incoming })
            }
            (Standing::StartingUp, Some(Presence::Incoming)) => Told::Keep,
            (Standing::StartingUp, _) => Told::Stands(Presence::Absent),
            (Standing::Silent, Some(_)) => Told::Keep,
            (Standing::Silent, None) => Told::Stands(Presence::Absent),
        }
    }
}

/// The presence that belongs to a side of a migration; `unknown` where nobody can tell the side.
const fn side(role: Option<MigrationRole>, unknown: Presence) -> Told {
    match role {
        Some(MigrationRole::Source) => Told::Stands(Presence::Departing),
        Some(MigrationRole::Destination) => Told::Stands(Presence::Incoming),
        None => Told::Stands(unknown),
    }
}
