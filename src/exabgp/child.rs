//! Transport `child`: ExaBGP runs this process as its API process, and the standard streams are the way to it.
//!
//! Measured on 4.2.21 and 5.0.15: when this process dies while ExaBGP has more than its buffer of 8 KiB to write
//! to it (a table of some 25 routes is as long), ExaBGP logs "lost the helper process for this peer" and stops
//! every neighbor until it is restarted. Commands are refused from then on.

use std::io;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::{Order, Report, Settings, drive, epoch};

/// Starts the exchange over stdin and stdout. SIGPIPE is ignored by Rust's runtime, so that a closed
/// stdout shows as an error of a write.
pub(super) fn spawn(
    mut settings: Settings,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    if settings.epoch.is_none() {
        // Only shown: the agent dies with its ExaBGP, so that it never meets another life of it.
        settings.epoch = epoch::of_parent().ok();
    }
    drive::spawn(settings, io::stdin(), io::stdout(), orders, reports)
}
