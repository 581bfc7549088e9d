//! What goes wrong with a connection, in words that say what to do.

use virt::error::Error;
use virt_sys as sys;

use super::{ffi, xml::XmlError};

#[cfg(test)]
mod tests;

/// Why there is no usable connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("could not connect to libvirt at {uri}")]
    Open { uri: String, source: Libvirt },
    #[error("could not ask libvirt at {uri} for its version")]
    Version { uri: String, source: Libvirt },
    #[error("could not watch for the end of the connection to libvirt at {uri}")]
    WatchClose { uri: String, source: Libvirt },
    #[error("could not subscribe to life-cycle events of libvirt at {uri}")]
    Subscribe { uri: String, source: Libvirt },
}

/// libvirt's own message and number, without virt's decoration.
#[derive(Debug, thiserror::Error)]
#[error("{} (libvirt error {})", .0.message(), .0.code().to_raw())]
pub(super) struct Libvirt(pub(super) Error);

impl ConnectError {
    /// The whole chain of causes, with advice where the cause is a common one.
    pub(super) fn in_words(&self) -> String {
        let (Self::Open { source, .. }
        | Self::Version { source, .. }
        | Self::WatchClose { source, .. }
        | Self::Subscribe { source, .. }) = self;
        let advice = advice(source.0.code().to_raw(), source.0.message());
        let separator = if advice.is_empty() { "" } else { "; " };
        format!("{self}: {source}{separator}{advice}")
    }
}

/// What an operator can do about an error, empty where nothing general can be said.
///
/// A socket's errno is only in libvirt's message; libvirt's messages are not translated in a process that, as
/// this one, never calls `setlocale`.
fn advice(number: sys::virErrorNumber, message: &str) -> &'static str {
    match number {
        sys::VIR_ERR_SYSTEM_ERROR if message.contains("No such file or directory") => {
            "is libvirtd (or virtqemud) running here, and does `libvirt.uri` name its socket? \
             Try `systemctl status libvirtd`"
        }
        sys::VIR_ERR_SYSTEM_ERROR if message.contains("Connection refused") => {
            "libvirtd's socket is there but nobody listens: try `systemctl status libvirtd`"
        }
        sys::VIR_ERR_SYSTEM_ERROR if message.contains("Permission denied") => {
            "this user may not open libvirtd's socket: add it to the group `libvirt`"
        }
        sys::VIR_ERR_AUTH_FAILED | sys::VIR_ERR_AUTH_CANCELLED | sys::VIR_ERR_AUTH_UNAVAILABLE => {
            "libvirt refused this user: add it to the group `libvirt`, or let polkit allow it \
             `org.libvirt.unix.monitor` (`org.libvirt.unix.manage` with `libvirt.read_write: true`)"
        }
        sys::VIR_ERR_NO_CONNECT
        | sys::VIR_ERR_INVALID_ARG
        | sys::VIR_ERR_CONFIG_UNSUPPORTED
        | sys::VIR_ERR_NO_SUPPORT => "check `libvirt.uri`: on a KVM host it is usually `qemu:///system`",
        _ => "",
    }
}

/// Why a list failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    /// The one call for all domains failed.
    #[error("could not list the domains' states")]
    Stats(#[source] Libvirt),
    /// The driver has no such call, and asking domain by domain failed.
    #[error("could not list the domains one by one")]
    Singly(#[source] Libvirt),
}

/// Why a look at one domain told nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// libvirt knows no such domain.
    #[error("libvirt knows no such domain")]
    Gone,
    /// Anything else.
    #[error("could not look at the domain")]
    Failed(#[source] Libvirt),
}

/// Why nothing is known of a domain's NICs.
#[derive(Debug, thiserror::Error)]
pub(super) enum NicsError {
    /// libvirt knows no such domain.
    #[error("libvirt knows no such domain")]
    Gone,
    /// libvirt did not give its definition.
    #[error("could not read the domain's live definition")]
    Failed(#[source] Libvirt),
    /// What libvirt gave is not understood.
    #[error("could not find the domain's network interfaces")]
    Xml(#[from] XmlError),
}

impl From<Error> for NicsError {
    fn from(error: Error) -> Self {
        if ffi::is(&error, sys::VIR_ERR_NO_DOMAIN) { Self::Gone } else { Self::Failed(Libvirt(error)) }
    }
}

impl From<Error> for LookError {
    fn from(error: Error) -> Self {
        if ffi::is(&error, sys::VIR_ERR_NO_DOMAIN) { Self::Gone } else { Self::Failed(Libvirt(error)) }
    }
}
