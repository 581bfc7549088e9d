//! Reads and writes that don't wait.

use std::io;

/// Whether a read or write has only nothing to do for now: it is tried again when the descriptor is ready again.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
