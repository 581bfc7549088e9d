//! roamd between a real libvirtd, a real ExaBGP and a real BIRD.
//!
//! Each test builds a [`lab::Lab`] of its own: a temporary directory, loopback addresses that no other test uses,
//! and processes that end with it, also when the test panics (the tails of their logs are printed then).
//! libvirtd runs its test driver, which has states and events but no guests; BIRD plays the top-of-rack switch;
//! ExaBGP runs the agent as its child, or the relay with the agent beside it. The set-up comes from the templates below `deploy/` that the demo uses.
//!
//! What a test expects comes from the documented contract (rungs, attributes, REST), never from roamd's code.
//! The parts needed are installed by `deploy/prepare tests`; where one is missing the tests fail.

mod against;
mod agent;
mod agreement;
mod bird;
mod commands;
mod configuration;
mod exabgp;
mod failures;
mod floods;
mod hostile;
mod kills;
mod lab;
mod libvirtd;
mod life_cycle;
mod many;
mod metrics;
mod neighbors;
mod openapi;
mod operator;
mod operators_routes;
mod pauses;
mod peer;
mod print;
mod process;
mod relay;
mod relay_lease;
mod relay_program;
mod reload;
mod requests;
mod rest;
mod service;
mod streams;
mod template;
mod users;
mod wait;
mod wire;

/// Makes a test of each named function for ExaBGP 4.2 and for ExaBGP 5.0.
macro_rules! on_each_exabgp {
    ($($scenario:ident,)*) => {
        $(mod $scenario {
            #[test]
            fn on_exabgp_4() {
                super::$scenario(crate::exabgp::Version::V4);
            }

            #[test]
            fn on_exabgp_5() {
                super::$scenario(crate::exabgp::Version::V5);
            }
        })*
    };
}

pub(crate) use on_each_exabgp;
