//! The `Host` header: which names this server answers to.
//!
//! A web page can point its own name at 127.0.0.1 and so make a browser on this host read from us as if it were
//! the page's own server (DNS rebinding). The browser still sends the page's name, so only names that are ours
//! are answered. An IP address is always fine: no name was resolved. Pure.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, hosts: &[&str]) -> Result<(), HostError> {
        let names = Names::new("KVM1.example.net", &BTreeSet::from(["roamd.example.org".to_owned()]));
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        names.check(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn addresses_and_our_own_names_are_ours() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9179",
            "127.0.0.1.",
            "198.51.100.1:80",
            "[::1]",
            "[::1]:9179",
            "[2001:DB8::1]:",
            "localhost",
            "LOCALHOST:9179",
            "localhost.",
            "localhost.:80",
            "localhost:",
            "kvm1.example.net",
            "Kvm1.Example.Net.:9179",
            "kvm1",
            "KVM1:1",
            "roamd.example.org",
            "ROAMD.example.org.",
        ] {
            assert_eq!(check("/", &[host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "kvm1.evil.example",
            "kvm2",
            "example.net",
            "example.org",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "localhost..",
            "",
            ".",
            ":80",
        ] {
            assert_eq!(check("/", &[host]), Err(HostError::Foreign), "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_malformed() {
        for host in [
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[::1%25lo]",
            "[127.0.0.1]",
            "localhost:65536",
            "localhost:-1",
            "localhost:+1",
            "localhost:80:80",
            "user@localhost",
            "localhost/",
            "local host",
            "localhost,evil",
            "localhost%2e",
            "<script>",
        ] {
            assert_eq!(check("/", &[host]), Err(HostError::Malformed), "{host}");
        }
        assert_eq!(check("/", &["na\u{ef}ve"]), Err(HostError::Malformed));
    }

    #[test]
    fn there_is_exactly_one() {
        assert_eq!(check("/", &[]), Err(HostError::Missing));
        assert_eq!(check("/", &["localhost", "localhost"]), Err(HostError::Repeated));
    }

    #[test]
    fn the_authority_of_an_absolute_target_is_checked_too() {
        assert_eq!(check("http://localhost:9179/healthz", &["localhost"]), Ok(()));
        assert_eq!(check("http://evil.example/healthz", &["localhost"]), Err(HostError::Foreign));
        assert_eq!(check("http://localhost/healthz", &["evil.example"]), Err(HostError::Foreign));
        assert_eq!(check("http://user@localhost/", &["localhost"]), Err(HostError::Malformed));
        assert_eq!(check("http://localhost/", &[]), Err(HostError::Missing));
    }

    #[test]
    fn a_host_without_a_name_accepts_no_empty_one() {
        let names = Names::new("", &BTreeSet::new());
        assert_eq!(names.accept(""), Err(HostError::Foreign));
        assert_eq!(names.accept("localhost"), Ok(()));
    }
}
