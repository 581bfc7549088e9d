//! What stands percent-encoded in a path (RFC 3986 section 2.1). Pure, and strict where routers are lenient.

#[cfg(test)]
mod tests;

/// Why a part of a path can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    /// `%` without two hexadecimal digits behind it.
    #[error("a % in the path must be followed by two hexadecimal digits (RFC 3986 section 2.1)")]
    Percent,
    /// The bytes that the escapes stand for are no text.
    #[error("the path must be UTF-8 once its escapes are decoded")]
    Utf8,
}

/// The text that `raw` stands for, decoded once; `+` is a plus sign.
pub(super) fn decode(raw: &str) -> Result<String, PathError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or(PathError::Percent)?;
        let (high, low) = (hex(digits[0])?, hex(digits[1])?);
        decoded.push(high << 4 | low);
        rest = behind;
    }
    String::from_utf8(decoded).map_err(|_| PathError::Utf8)
}

fn hex(digit: u8) -> Result<u8, PathError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(PathError::Percent),
    }
}
