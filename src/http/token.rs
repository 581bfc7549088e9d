//! The bearer token (RFC 6750), and the file that it is read from again while it is in force.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tracing::warn;

use super::BindError;

/// `http.token_file` and the token in force, which the server asks for with each request.
#[derive(Default)]
pub struct TokenFile {
    path: OnceLock<PathBuf>,
    token: watch::Sender<Option<Token>>,
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl TokenFile {
    /// From now on the token is needed that `path` holds.
    pub(super) fn open(&self, path: &Path) -> Result<(), BindError> {
        self.token.send_replace(Some(Token::read(path)?));
        if is_open_to_all(path) {
            warn!(path = %path.display(), "everybody on this host may read the HTTP token: chmod o-r");
        }
        // A second try to bind has the same path.
        self.path.get_or_init(|| path.into());
        Ok(())
    }

    /// Where the token comes from; `None` where none is needed, or the server is not bound yet.
    pub fn path(&self) -> Option<&Path> {
        self.path.get().map(PathBuf::as_path)
    }

    /// Reads the file again, which may block; where there is no token in it, the old one stays in force.
    pub fn read_again(&self) -> Result<(), BindError> {
        self.path().map_or(Ok(()), |path| self.open(path))
    }

    /// Whether the request brings the token, where one is needed.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        self.token.borrow().as_ref().is_none_or(|token| token.is_in(headers))
    }

    #[cfg(test)]
    pub(super) fn for_tests(token: &str) -> Self {
        let file = Self::default();
        file.token.send_replace(Some(Token(token.as_bytes().into())));
        file
    }
}

/// Whether everybody on this host may read the file, as far as its own mode goes.
fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

/// The secret that a request must bring. Deliberately without `Debug`.
struct Token(Box<[u8]>);

impl Token {
    /// Reads a token; white space around it is not part of it.
    fn read(path: &Path) -> Result<Self, BindError> {
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

    /// Whether the request brings this token, once. The time that it takes tells nothing but the token's length.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return false };
        let Some((scheme, credentials)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return false;
        };
        let token = credentials.trim_ascii();
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(token.ct_eq(&self.0))
    }
}
