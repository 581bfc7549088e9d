//! `/` and `/dashboard/…`: the page for operators, embedded in the program as it stands in `dashboard/`.
//!
//! One page of plain HTML, CSS and JavaScript modules, with no build step and no request to anybody else. It holds nothing
//! of this host, so it is open without the token, which it asks for; all that it shows comes from the REST view. What
//! libvirt and the configuration say becomes text of the page and nothing else: the policy below forbids whatever a
//! mistake in that would need.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use axum::http::{HeaderValue, Response};
use axum::routing::get;

use super::Snapshots;

/// A file of the page.
struct File {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file below `/dashboard/`, by the name that it has in the folder.
macro_rules! file {
    ($media_type:expr, $name:literal) => {
        File {
            path: concat!("/dashboard/", $name),
            media_type: $media_type,
            content: include_str!(concat!("dashboard/", $name)),
        }
    };
}

const FILES: [File; 16] = [
    File { path: "/", media_type: HTML, content: include_str!("dashboard/index.html") },
    file!(CSS, "style.css"),
    file!(SVG, "icon.svg"),
    file!(JAVASCRIPT, "main.js"),
    file!(JAVASCRIPT, "address.js"),
    file!(JAVASCRIPT, "api.js"),
    file!(JAVASCRIPT, "attention.js"),
    file!(JAVASCRIPT, "dom.js"),
    file!(JAVASCRIPT, "health.js"),
    file!(JAVASCRIPT, "lists.js"),
    file!(JAVASCRIPT, "store.js"),
    file!(JAVASCRIPT, "stream.js"),
    file!(JAVASCRIPT, "table.js"),
    file!(JAVASCRIPT, "timeline.js"),
    file!(JAVASCRIPT, "vm.js"),
    file!(JAVASCRIPT, "words.js"),
];

/// What the page may do: run and show what this server sends, ask it, and nothing else. No text can become a script
/// (Trusted Types), no other page can frame it, read it or be told of it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Whether the path needs no token.
pub(super) fn is_open(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

pub(super) fn routes() -> Router<Snapshots> {
    FILES.iter().fold(Router::new(), |router, file| router.route(file.path, get(async || answer(file))))
}

fn answer(file: &File) -> Response<Body> {
    let mut response = Response::new(Body::from(file.content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    response.headers_mut().extend(HEADERS);
    response
}
