//! The bearer token (RFC 6750).

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use super::BindError;

/// The secret that a request must bring. Deliberately without `Debug`.
pub(super) struct Token(Box<[u8]>);

impl Token {
    /// Reads a token; white space around it is not part of it.
    pub(super) fn read(path: &Path) -> Result<Self, BindError> {
        let bytes =
            fs::read(path).map_err(|source| BindError::TokenUnreadable { path: path.into(), source })?;
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(BindError::TokenEmpty { path: path.into() });
        }
        if !token.iter().all(u8::is_ascii_graphic) {
            return Err(BindError::TokenMalformed { path: path.into() });
        }
        Ok(Self(token.into()))
    }

    #[cfg(test)]
    pub(super) fn for_tests(token: &str) -> Self {
        Self(token.as_bytes().into())
    }

    /// Whether the request brings this token, once. The time that it takes tells nothing but the token's length.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, credentials)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return false;
        };
        let token = credentials.trim_ascii();
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(token.ct_eq(&self.0))
    }
}
