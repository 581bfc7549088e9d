//! The `roamd-relay` program: `roamd relay` without libvirt, which nothing here refers to.

use std::process::ExitCode;

fn main() -> ExitCode {
    roamd::cli::relay_main()
}
