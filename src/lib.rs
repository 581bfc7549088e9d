//! roamd: the VM roams, its address stays.
//!
//! On each KVM host `roamd run` follows libvirt's life-cycle events, maps each VM to its service addresses,
//! and makes the local ExaBGP announce them while the VM executes here.
//!
//! ```text
//!            events, states                               commands, replies
//!  libvirtd ───────────────▶ libvirt ─▶ agent ─▶ exabgp ◀──────────────────▶ ExaBGP ──▶ ToR
//!                                       │   ▲
//!                     mobility (decides)◀   ▶ plan (compares)
//!                                       │
//!                                   snapshot ─▶ http
//! ```
//!
//! Modules in reading order:
//!
//! - [`vm`], [`route`]: the vocabulary, plain values.
//! - [`config`]: YAML to a typed configuration that can't be wrong, or a list of faults.
//! - [`mobility`]: pure; facts about VMs to presence, preference and desired routes.
//! - [`plan`]: pure; desired routes against acknowledged ones, as steps in order of urgency.
//! - [`agent`]: the one task that owns the state and ties the parts together.
//! - [`libvirt`], [`exabgp`]: the shell on either side. They never import one another; channels are the seams.
//! - [`host_routes`]: the shell on the kernel's side: routes and neighbours of the VMs, where they are roamd's.
//! - [`link`]: what the agent and `roamd-relay` say to each other; [`relay`]: that other process, which ExaBGP runs.
//! - [`snapshot`]: what is published of the state; [`http`] serves it and knows nothing else.
//! - [`service`]: what the service manager (systemd) is told of it.
//!
//! Invariants: a libvirt event is a hint and a list is the truth; whatever is lost, the next reconcile ends in
//! the same routes. The core (`mobility`, `plan`, the ExaBGP session) has no runtime, clock or log: time is an
//! argument. One task owns all state; the HTTP server reads published snapshots and can't slow it down.

pub mod agent;
mod chain;
pub mod cli;
pub mod config;
pub mod exabgp;
pub mod host_routes;
pub mod http;
pub mod libvirt;
pub mod link;
pub mod mobility;
mod nonblocking;
pub mod plan;
pub mod relay;
pub mod route;
pub mod service;
pub mod snapshot;
mod timer;
mod unix_socket;
pub mod vm;
