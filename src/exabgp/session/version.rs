//! Which versions of ExaBGP are spoken to. Pure.

/// Whether a version can be spoken to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// All that this module rests on was measured on it.
    Measured,
    /// It has the same text API, if it is told to use it.
    Untested,
    /// It can't; why, in words.
    Refused(String),
}

/// Whether the commands of this module are right for `version`.
pub(super) fn support(version: &str) -> Support {
    let mut parts = version.split(|byte: char| !byte.is_ascii_digit()).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(4)), Some(Ok(2..))) | (Some(Ok(5)), _) => Support::Measured,
        (Some(Ok(6)), _) => Support::Untested,
        (Some(Ok(0..=4)), _) => {
            Support::Refused(format!("ExaBGP {version} is too old; 4.2 and 5.0 are supported"))
        }
        (Some(_) | None, _) => {
            Support::Refused(format!("ExaBGP {version} is unknown; 4.2 and 5.0 are supported"))
        }
    }
}
