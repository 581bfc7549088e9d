//! The module as a whole, on libvirt's own test driver: inside this process, and in a private libvirtd.
//!
//! `test:///FILE` is private to its connection. `test:///default` is shared by the whole process and so left
//! to the integration test, which has a process of its own; a private libvirtd shares its own among its clients.

pub(in crate::libvirt) mod daemon;
pub(in crate::libvirt) mod follower;
mod in_process;
pub(in crate::libvirt) mod place;
mod remote;
