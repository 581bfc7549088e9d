//! Arguments, logging, exit codes.
