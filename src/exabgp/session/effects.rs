//! What a session asks its shell to do.

use crate::exabgp::Report;
use crate::link::Keep;

/// What the shell is to do, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What the relay's ledger is to hold before anything is written; empty with other transports.
    pub keeps: Vec<Keep>,
    /// Whole lines with their ends, to be written at once; empty: nothing.
    pub write: String,
    /// With `write`: what to hand to [`Session::written`](super::Session::written) once it is written.
    pub through: u64,
    /// What the agent is to hear.
    pub reports: Vec<Report>,
    /// What is worth a line in the log.
    pub notices: Vec<Notice>,
}

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Garbage came for the first time since all was well; it is dropped.
    GarbageBegan,
    /// All is well again, after so many lines of garbage.
    GarbageEnded(u64),
    /// ExaBGP says that it ends.
    ShuttingDown,
    /// Some neighbors belong to other API processes, and ExaBGP doesn't tell which process this is.
    AmbiguousNeighbors,
    /// A version of which the text protocol was not measured.
    UntestedVersion(String),
}
