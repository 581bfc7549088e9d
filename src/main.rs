//! The `roamd` program: everything is in the library.

fn main() {}
