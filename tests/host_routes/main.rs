//! Host routes in a real kernel.
//!
//! Each test runs in a network namespace of its own: the test program starts itself again through `unshare --net` for the
//! one test, and what that makes (bridges, taps, routes) goes with it. It needs root, as `ip` in a namespace does.
//! What a test expects is asked of `ip`, never of roamd's own reading of the kernel.

mod agent;
mod kernel;
mod namespace;
mod routes;
mod thousand;

// What the tests between real parts have as well.
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/libvirtd.rs"]
mod libvirtd;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/rest.rs"]
mod rest;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/template.rs"]
mod template;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/wait.rs"]
mod wait;

/// Makes a test of each function that runs in a network namespace of its own.
macro_rules! in_a_namespace_of_its_own {
    ($($(#[doc = $doc:expr])* fn $name:ident() $body:block)*) => {
        $($(#[doc = $doc])* #[test]
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            let (_, test) = path.split_once("::").expect("a test stands in a module");
            if crate::namespace::is_inside() $body else { crate::namespace::run(test) }
        })*
    };
}

pub(crate) use in_a_namespace_of_its_own;
