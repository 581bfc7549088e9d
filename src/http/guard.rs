//! What every request must pass before it reaches a path, and the headers that every answer gets.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use axum::middleware::Next;

use super::answer::problem;
use super::dashboard;
use super::health;
use super::host::{HostError, Names};
use super::token::TokenFile;

/// The rules of one server.
pub(super) struct Guard {
    /// The names that the `Host` header may have; `None` on a unix socket, which no browser can reach.
    pub(super) names: Option<Names>,
    /// The token that may be needed.
    pub(super) token: Arc<TokenFile>,
}

/// On every answer that says nothing else: nothing is kept, and nothing is ever run or rendered by a browser.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
];

/// The middleware around everything.
pub(super) async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response<Body> {
    let mut response = match guard.refuse(request.method(), request.uri(), request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

impl Guard {
    /// The answer to a request that goes no further. A request that is not for us is told nothing else; the
    /// method comes before the token, because no token makes another one work.
    fn refuse(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response<Body>> {
        if let Some(names) = &self.names
            && let Err(error) = names.check(uri, headers)
        {
            let status = match error {
                HostError::Missing | HostError::Repeated | HostError::Malformed => StatusCode::BAD_REQUEST,
                HostError::Foreign => StatusCode::MISDIRECTED_REQUEST,
            };
            return Some(problem(status, error.to_string(), uri));
        }
        if method != Method::GET && method != Method::HEAD {
            let detail = "this view is read-only: GET and HEAD are all there is";
            let mut refusal = problem(StatusCode::METHOD_NOT_ALLOWED, detail, uri);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(refusal);
        }
        let is_open = health::is_open(uri.path()) || dashboard::is_open(uri.path());
        if !is_open && !self.token.admits(headers) {
            let detail = "the token of http.token_file is needed, as `Authorization: Bearer TOKEN`";
            let mut refusal = problem(StatusCode::UNAUTHORIZED, detail, uri);
            refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Some(refusal);
        }
        None
    }
}
