//! How many files and sockets the agent may have open.
//!
//! Services are given 1,024 of them unless they ask for more (setrlimit(2)), for the sake of programs that use select(2);
//! the agent is none of these, and serves more HTTP clients than that.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// 2,048 HTTP connections, and what else the agent has open.
const WANTED: u64 = 2_048 + 256;

/// Raises the limit as far as an ordinary process may; warns where that is not far enough.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is above any number.
    let reaches = |limit: Option<u64>| limit.is_none_or(|limit| limit >= WANTED);
    if reaches(current) {
        return;
    }
    let wanted = if reaches(maximum) { Some(WANTED) } else { maximum };
    match setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }) {
        Ok(()) if reaches(maximum) => debug!(?wanted, "the limit of open files is raised"),
        Ok(()) => warn!(
            limit = ?wanted,
            wanted = WANTED,
            "few files may be open, so fewer HTTP clients are served at once; raise LimitNOFILE in the unit"
        ),
        Err(error) => warn!(%error, ?wanted, "the limit of open files can't be raised"),
    }
}
