//! The `roamd` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    roamd::cli::main()
}
