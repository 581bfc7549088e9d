//! What is answered: JSON, or a problem document (RFC 9457). Pure.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of every answer that is no problem; JSON has no `charset` (RFC 8259 section 11).
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static(PROBLEM);
/// The media type of a problem document.
pub(super) const PROBLEM: &str = "application/problem+json";

/// The longest `detail` in bytes.
const MAX_DETAIL: usize = 512;
/// The longest `instance` in bytes; what a longer path ends in is left out.
const MAX_INSTANCE: usize = 256;

/// Why a request was not answered as it was asked (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// `about:blank`: the status says it all.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What was wrong, and what to do.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
}

/// `value` as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize, uri: &Uri) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(text) => respond(status, JSON, text),
        Err(_) => unserializable(uri),
    }
}

/// The answer in place of a value that JSON can't express; none of ours is such a value.
pub(super) fn unserializable(uri: &Uri) -> Response<Body> {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "the state can't be expressed in JSON", uri)
}

/// The answer to a path that leads nowhere.
pub(super) fn not_found(detail: &'static str, uri: &Uri) -> Response<Body> {
    problem(StatusCode::NOT_FOUND, detail, uri)
}

/// A problem document; its title is the status code's own (type `about:blank`, RFC 9457 section 4.2.1).
///
/// `instance` is the request's path without the query. Text of the request is escaped as JSON escapes it.
pub(super) fn problem(status: StatusCode, detail: impl Into<Cow<'static, str>>, uri: &Uri) -> Response<Body> {
    let detail = detail.into();
    let document = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: cut(&detail, MAX_DETAIL),
        instance: instance(uri.path()),
    };
    // Text and numbers: there is nothing in it that JSON can't express.
    respond(status, PROBLEM_JSON, serde_json::to_vec(&document).unwrap_or_default())
}

fn respond(status: StatusCode, media_type: HeaderValue, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

/// The path, never ending in half an escape.
fn instance(path: &str) -> &str {
    let short = cut(path, MAX_INSTANCE);
    if short.len() == path.len() {
        return path;
    }
    match short.rfind('%') {
        Some(percent) if percent + 3 > short.len() => &short[..percent],
        Some(_) | None => short,
    }
}

fn cut(text: &str, most: usize) -> &str {
    let boundary = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..boundary.unwrap_or_default()]
}
