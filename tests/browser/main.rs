//! The dashboard in a real browser: headless Chromium, driven over WebDriver.
//!
//! Each test has a libvirtd with its test driver, an agent and a browser of its own; in [`migration`] the hosts are those of
//! `tests/lab`, on which QEMU migrates a VM. What is asked of the page is what a person sees of it: texts, roles, the focus.
//! After each test the browser's log must be free of what the page's policy forbids, and of errors of its scripts.

mod dark;
mod host;
mod keyboard;
mod live;
mod many;
mod migration;
mod names;
mod page;
mod token;
mod webdriver;

// What the tests between real parts have as well.
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/libvirtd.rs"]
mod libvirtd;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/template.rs"]
mod template;
#[allow(dead_code, reason = "shared with tests/real, which uses all of it")]
#[path = "../real/wait.rs"]
mod wait;
