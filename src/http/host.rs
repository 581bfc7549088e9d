//! The `Host` header: which names this server answers to.
//!
//! A web page can point its own name at 127.0.0.1 and so make a browser on this host read from us as if it were
//! the page's own server (DNS rebinding). The browser still sends the page's name, so only names that are ours
//! are answered. An IP address is always fine: no name was resolved. Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};

/// The names that are ours, lower case, without a trailing dot.
#[derive(Debug, Clone)]
pub(super) struct Names(BTreeSet<String>);

/// Why a request is not for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HostError {
    /// HTTP/1.1 requires one (RFC 9112 section 3.2).
    #[error("the request must have a Host header")]
    Missing,
    /// Two of them are how proxies are deceived.
    #[error("the request must have only one Host header")]
    Repeated,
    /// Not `name`, `address` or `[address]`, with or without a port.
    #[error("the Host must be a name or an address with an optional port, an IPv6 address in brackets")]
    Malformed,
    /// A name that is not ours.
    #[error("this server does not answer to that Host; use an IP address, or add the name to http.hosts")]
    Foreign,
}

impl Names {
    /// `localhost`, this host's own name, long and short, and the configured ones.
    pub(super) fn new(host: &str, configured: &BTreeSet<String>) -> Self {
        let short = host.split('.').next().unwrap_or(host);
        let configured = configured.iter().map(String::as_str);
        let all = ["localhost", host, short].into_iter().chain(configured);
        Self(all.map(canonical).filter(|name| !name.is_empty()).collect())
    }

    /// Checks the `Host` header, and the authority of a target in absolute form, which overrides it
    /// (RFC 9112 section 3.2.2).
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), HostError> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().ok_or(HostError::Missing)?;
        if hosts.next().is_some() {
            return Err(HostError::Repeated);
        }
        self.accept(host.to_str().map_err(|_| HostError::Malformed)?)?;
        uri.authority().map_or(Ok(()), |authority| self.accept(authority.as_str()))
    }

    fn accept(&self, host: &str) -> Result<(), HostError> {
        let name = if let Some(bracketed) = host.strip_prefix('[') {
            let (address, behind) = bracketed.split_once(']').ok_or(HostError::Malformed)?;
            address.parse::<Ipv6Addr>().map_err(|_| HostError::Malformed)?;
            return if is_port(behind) { Ok(()) } else { Err(HostError::Malformed) };
        } else {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            if !is_port(port) || name.contains(|letter: char| !is_name_letter(letter)) {
                return Err(HostError::Malformed);
            }
            canonical(name)
        };
        let ours = name.parse::<Ipv4Addr>().is_ok() || self.0.contains(&name);
        if ours { Ok(()) } else { Err(HostError::Foreign) }
    }
}

fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// `reg-name` of RFC 3986 without escapes and sub-delimiters, which no name of a host has.
fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_' | '~')
}

/// Nothing, or a colon and a port, which may be empty (RFC 3986 section 3.2.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(digits) => {
            digits.is_empty()
                || digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
    }
}
