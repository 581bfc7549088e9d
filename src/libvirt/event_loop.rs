//! libvirt's event loop: one for the process, on one thread, for ever.
//!
//! Called by [`super::spawn`] before anything opens a connection: a connection that is opened earlier has no
//! keep-alive, and its events silently never come. All connections of the process share the loop.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use virt::{error, event};

/// Why libvirt's event loop does not run.
#[derive(Debug, thiserror::Error)]
pub enum EventLoopError {
    /// libvirt did not take its own default implementation.
    #[error("could not register libvirt's event loop")]
    Register(#[source] error::Error),
    /// The system gave no thread.
    #[error("could not start the thread of libvirt's event loop")]
    Thread(#[source] std::io::Error),
}

/// How long to wait after a failed turn of the loop, so that a lasting failure does not take a whole CPU.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Makes sure that the loop runs. Calling it again does nothing, after a failure it tries again.
///
/// It also switches off libvirt's own printing of every error to stderr: errors reach us as values.
pub(super) fn start() -> Result<(), EventLoopError> {
    static RUNS: Mutex<bool> = Mutex::new(false);
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    if !*runs {
        error::clear_error_callback();
        event::event_register_default_impl().map_err(EventLoopError::Register)?;
        thread::Builder::new()
            .name("libvirt-events".to_owned())
            .spawn(turn_for_ever)
            .map_err(EventLoopError::Thread)?;
        *runs = true;
    }
    Ok(())
}

fn turn_for_ever() {
    let mut failing = false;
    loop {
        match event::event_run_default_impl() {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("libvirt's event loop turns again");
            }
            Ok(()) => {}
            Err(error) => {
                if !failing {
                    failing = true;
                    tracing::error!(
                        error = error.message(),
                        "libvirt's event loop fails; events are late or lost"
                    );
                }
                thread::sleep(PAUSE_AFTER_FAILURE);
            }
        }
    }
}
