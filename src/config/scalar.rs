//! Leaves to values of one kind each: booleans, numbers, durations, texts, addresses.
//!
//! Each function gives the value, or the rule that the leaf breaks, worded to follow the value that was found.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::raw::Leaf;

/// The rule that a leaf breaks.
pub(super) type Judged<T> = Result<T, String>;

/// Longest path of a unix socket in bytes: `sun_path` of unix(7) has 108, with the NUL.
const MAX_SOCKET: usize = 107;

const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const SHORTEST: Duration = Duration::from_millis(1);

pub(super) fn boolean(leaf: &Leaf) -> Judged<bool> {
    match leaf {
        Leaf::Bool(value) => Ok(*value),
        Leaf::Null | Leaf::Integer(_) | Leaf::Float(_) | Leaf::Text(_) | Leaf::List(_) | Leaf::Map => {
            Err("must be true or false, in these words and without quotes".to_owned())
        }
    }
}

pub(super) fn number(leaf: &Leaf, range: RangeInclusive<u32>) -> Judged<u32> {
    let due = format!("must be a whole number from {} to {}", range.start(), range.end());
    match leaf {
        Leaf::Integer(value) => match u32::try_from(*value) {
            Ok(value) if range.contains(&value) => Ok(value),
            Ok(_) | Err(_) => Err(due),
        },
        Leaf::Text(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("{due}, without quotes and leading zeros"))
        }
        Leaf::Text(_) | Leaf::Float(_) => Err(format!("{due}, in decimal digits alone")),
        Leaf::Null | Leaf::Bool(_) | Leaf::List(_) | Leaf::Map => Err(due),
    }
}

/// A number of at most 8 bits.
pub(super) fn small(leaf: &Leaf, range: RangeInclusive<u8>) -> Judged<u8> {
    let wide = number(leaf, (*range.start()).into()..=(*range.end()).into())?;
    Ok(u8::try_from(wide).unwrap_or(*range.end()))
}

pub(super) fn duration(leaf: &Leaf) -> Judged<Duration> {
    let text = match leaf {
        Leaf::Text(text) => text,
        Leaf::Integer(_) | Leaf::Float(_) => {
            return Err("has no unit; write a duration such as 500ms, 10s or 2m".to_owned());
        }
        Leaf::Null | Leaf::Bool(_) | Leaf::List(_) | Leaf::Map => {
            return Err("must be a duration with its unit, such as 500ms, 10s or 2m".to_owned());
        }
    };
    let duration = humantime::parse_duration(text)
        .map_err(|_| "must be a duration with its unit, such as 500ms, 10s or 2m".to_owned())?;
    if duration < SHORTEST {
        return Err("must be at least 1ms".to_owned());
    }
    if duration > LONGEST {
        return Err("must be at most 24h (m is minutes, M months)".to_owned());
    }
    Ok(duration)
}

/// Text that is neither empty nor has characters that end or bend a line.
pub(super) fn text(leaf: &Leaf) -> Judged<&str> {
    match leaf {
        Leaf::Text(text) if text.trim().is_empty() => Err("must not be empty".to_owned()),
        Leaf::Text(text) if text.chars().any(char::is_control) => {
            Err("must be one line without control characters".to_owned())
        }
        Leaf::Text(text) => Ok(text),
        Leaf::Integer(_) | Leaf::Float(_) => {
            Err("must be text, and YAML reads this as a number; put it in quotes".to_owned())
        }
        Leaf::Bool(_) => Err("must be text, and YAML reads this as a boolean; put it in quotes".to_owned()),
        Leaf::Null => Err("must be text, and YAML reads this as nothing; put it in quotes".to_owned()),
        Leaf::List(_) => Err("must be text, not a list".to_owned()),
        Leaf::Map => {
            Err("must be text, not a map; put text that ends in `:` or holds `: ` in quotes".to_owned())
        }
    }
}

/// Text without blanks, as in URIs and names of groups.
pub(super) fn word(leaf: &Leaf) -> Judged<&str> {
    let text = text(leaf)?;
    if text.chars().any(char::is_whitespace) { Err("must have no blanks".to_owned()) } else { Ok(text) }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(leaf: &Leaf, choices: &[(&str, T)]) -> Judged<T> {
    if let Leaf::Text(text) = leaf
        && let Some((_, value)) = choices.iter().find(|(name, _)| name == text)
    {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(format!("must be {}", any_of(&names)))
}

/// `a, b or c`
pub(super) fn any_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The absolute path of a unix socket.
pub(super) fn socket(text: &str) -> Judged<&str> {
    if !text.starts_with('/') {
        return Err("must be an absolute path".to_owned());
    }
    if text.len() > MAX_SOCKET {
        return Err(format!(
            "must be at most {MAX_SOCKET} bytes long, the most that a unix socket's path can have"
        ));
    }
    Ok(text)
}

/// An address that a peer or a router can have.
pub(super) fn address(leaf: &Leaf) -> Judged<IpAddr> {
    let address: IpAddr = text(leaf)?.parse().map_err(|_| "must be an IPv4 or IPv6 address".to_owned())?;
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(format!("is an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2); write {v4}"));
    }
    let reserved = matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0 || v4.octets()[0] >= 240);
    if address.is_unspecified() || address.is_multicast() || reserved {
        return Err("must be a unicast address".to_owned());
    }
    Ok(address)
}

/// A prefix that bounds others; an address stands for its host route.
pub(super) fn network(leaf: &Leaf) -> Judged<IpNet> {
    let text = text(leaf)?;
    let network = text
        .parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "must be an IPv4 or IPv6 prefix, such as 198.51.100.0/24".to_owned())?;
    if let IpAddr::V6(v6) = network.addr()
        && v6.to_ipv4_mapped().is_some()
    {
        return Err(
            "is made of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2); write it as IPv4".to_owned()
        );
    }
    if network.trunc() != network {
        return Err(format!("has host bits set; the prefix itself is {}", network.trunc()));
    }
    Ok(network)
}

/// The name of a network interface (`dev_valid_name` of Linux), of at most 15 bytes (`IFNAMSIZ`).
pub(super) fn interface(leaf: &Leaf) -> Judged<&str> {
    let name = word(leaf)?;
    if name.len() > 15 || name.contains(['/', ':']) || name == "." || name == ".." {
        return Err("must be the name of an interface: 1 to 15 bytes without blanks, `/` and `:`".to_owned());
    }
    Ok(name)
}
