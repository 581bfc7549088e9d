//! The router without a socket: methods, headers, token, lists. `contract.rs` pins the JSON by hand, `paths.rs` has
//! names and prefixes, `metrics.rs` what is no JSON; `limits.rs` and `listening.rs` need a socket, on a server of `running.rs`.

mod contract;
mod history;
mod limits;
mod listening;
mod metrics;
mod paths;
mod running;
mod streams;

use std::collections::BTreeSet;

use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::route::Rung;
use crate::snapshot::{NotReady, RouteState, RouteView, VmView, sample};
use crate::vm::Presence;

const PATHS: [&str; 18] = [
    "/api/v1/status",
    "/api/v1/vms",
    "/api/v1/vms/",
    "/api/v1/vms/web-1",
    "/api/v1/routes",
    "/api/v1/routes/",
    "/api/v1/routes/198.51.100.10",
    "/api/v1/routes/198.51.100.64/28",
    "/api/v1/migrations",
    "/api/v1/events",
    "/healthz",
    "/readyz",
    "/api/v1/explain/web-1",
    "/api/v1/explain/198.51.100.70",
    "/api/v1/explain/nobody",
    "/api/v1/config",
    "/openapi.json",
    "/no/such/path",
];

/// The dashboard: its page, and what that loads.
const PAGE: [&str; 4] = ["/", "/dashboard/main.js", "/dashboard/style.css", "/dashboard/icon.svg"];

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A guard that lets everything pass but other methods, as on a unix socket without a token.
fn open() -> Guard {
    Guard { names: None, token: Arc::default() }
}

fn serving(snapshot: Snapshot) -> Router {
    router(open(), watch::channel(Arc::new(snapshot)).1)
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn ask(router: &Router, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    send(router, Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, "GET", path).await
}

/// A problem document of that status, with the headers that every answer has.
fn assert_problem(answer: &Answer, status: u16, title: &str, path: &str) {
    assert_eq!(answer.status, status, "{path}: {}", answer.body);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json", "{path}");
    assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    assert_eq!(answer.headers["content-security-policy"], "default-src 'none'", "{path}");
    let json = answer.json();
    let keys: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["detail", "instance", "status", "title", "type"]), "{path}");
    assert_eq!(json["type"], "about:blank", "{path}");
    assert_eq!(json["title"], title, "{path}");
    assert_eq!(json["status"], status, "{path}");
    assert!(!json["detail"].as_str().unwrap().is_empty(), "{path}");
    assert!(json["detail"].as_str().unwrap().len() <= 512, "{path}");
}

#[tokio::test]
async fn other_methods_than_get_and_head_are_refused_on_every_path() {
    let router = serving(sample::host());
    for path in PATHS.into_iter().chain(PAGE) {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"] {
            let answer = ask(&router, method, path).await;
            assert_problem(&answer, 405, "Method Not Allowed", path);
            assert_eq!(answer.headers[ALLOW], "GET, HEAD", "{method} {path}");
            assert_eq!(answer.json()["instance"], path, "{method} {path}");
        }
    }
    for (method, target) in [("OPTIONS", "*"), ("CONNECT", "evil.example:443")] {
        assert_problem(&ask(&router, method, target).await, 405, "Method Not Allowed", target);
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let router = serving(sample::host());
    for path in PATHS.into_iter().chain(PAGE) {
        let (head, get) = (ask(&router, "HEAD", path).await, get(&router, path).await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body, "", "{path}");
        assert!(!get.body.is_empty(), "{path}");
        assert_eq!(get.headers[CONTENT_LENGTH], get.body.len().to_string(), "{path}");
        assert_eq!(head.headers, get.headers, "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_its_media_type_and_forbids_caching_and_rendering() {
    let router = serving(sample::host());
    for (path, status) in PATHS
        .into_iter()
        .zip([200, 200, 404, 200, 200, 400, 200, 200, 200, 200, 200, 200, 200, 200, 404, 200, 200, 404])
    {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, status, "{path}");
        let media_type = if status == 200 { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.headers[CONTENT_TYPE], media_type, "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["content-security-policy"], "default-src 'none'", "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
        answer.json();
    }
}

#[tokio::test]
async fn the_page_may_run_and_load_nothing_but_what_this_server_has() {
    let router = serving(sample::host());
    for path in PAGE {
        let answer = get(&router, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin", "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        let rules: BTreeSet<&str> = policy.split("; ").collect();
        let expected = BTreeSet::from([
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]);
        assert_eq!(rules, expected, "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let router = serving(sample::host());
    for path in [
        "//",
        "/dashboard",
        "/dashboard/",
        "/dashboard/main.mjs",
        "/index.html",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v2/status",
        "/api/v1/status/",
        "/API/v1/status",
        "/healthz/",
        "/api/v1/vms/a/b",
        "/api/v1/vms//",
        "/api/v1/../v1/status",
        "/%",
        "/%ff",
        "/favicon.ico",
    ] {
        let answer = get(&router, path).await;
        assert_problem(&answer, 404, "Not Found", path);
        assert_eq!(answer.json()["instance"], path);
    }
}

#[tokio::test]
async fn the_query_is_ignored_and_not_reflected() {
    let router = serving(sample::host());
    assert_eq!(get(&router, "/api/v1/vms/web-1?x=%zz").await.status, 200);
    let answer = get(&router, "/nothing?token=secret").await;
    assert_eq!(answer.json()["instance"], "/nothing");
    assert!(!answer.body.contains("secret"));
}

#[tokio::test]
async fn only_health_and_the_page_are_open_without_the_token() {
    let guard = Guard { names: None, token: Arc::new(TokenFile::for_tests("s3cret")) };
    let router = router(guard, watch::channel(Arc::new(sample::host())).1);
    for path in PATHS.into_iter().chain(PAGE) {
        let open = path == "/healthz" || path == "/readyz" || PAGE.contains(&path);
        for authorization in [None, Some("Bearer wrong"), Some("Basic s3cret")] {
            let mut request = Request::builder().uri(path);
            if let Some(authorization) = authorization {
                request = request.header("authorization", authorization);
            }
            let answer = send(&router, request.body(Body::empty()).unwrap()).await;
            if open {
                assert_eq!(answer.status, 200, "{path}");
            } else {
                assert_problem(&answer, 401, "Unauthorized", path);
                assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer", "{path}");
            }
        }
        let request = Request::builder().uri(path).header("authorization", "bearer s3cret");
        let answer = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_ne!(answer.status, 401, "{path}");
        let answer = ask(&router, "POST", path).await;
        assert_eq!(answer.status, 405, "{path}");
    }
}

#[tokio::test]
async fn an_unready_host_says_why() {
    let not_ready = vec![
        NotReady { part: "libvirt", reason: "no connection".to_owned() },
        NotReady { part: "routes", reason: "2 routes are not acknowledged".to_owned() },
    ];
    let router = serving(Snapshot { not_ready, ..sample::host() });
    let answer = get(&router, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let reasons = json!([
        {"part": "libvirt", "reason": "no connection"},
        {"part": "routes", "reason": "2 routes are not acknowledged"},
    ]);
    assert_eq!(answer.json(), json!({"ready": false, "reasons": reasons}));
    assert_eq!(get(&router, "/healthz").await.status, 200);
    assert_eq!(get(&router, "/api/v1/status").await.json()["ready"], false);
}

#[tokio::test]
async fn a_long_list_comes_whole() {
    let (vm_count, route_count) = (3_000, 2_000);
    let fleet = (0..vm_count).map(|number| sample::configured(&format!("vm-{number:05}"), &["198.51.100.1"]));
    let mut snapshot = sample::snapshot(sample::config(fleet), []);
    for number in 0..route_count {
        let prefix = format!("10.0.{}.{}", number / 256, number % 256);
        let route = sample::route(&prefix, "vm", Rung::Active, RouteState::Announced);
        snapshot.routes.insert(route.prefix, route);
    }
    let expected: Vec<Value> =
        snapshot.routes.values().map(|route| serde_json::to_value(route).unwrap()).collect();
    let router = serving(snapshot);

    let answer = get(&router, "/api/v1/routes").await;
    assert!(answer.body.len() > 5 * 64 * 1024, "several pages");
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    assert_eq!(answer.json(), json!({"generation": 7, "routes": expected}));

    let answer = get(&router, "/api/v1/vms").await;
    let names: Vec<String> = (0..vm_count).map(|number| format!("vm-{number:05}")).collect();
    let shown: Vec<String> = answer.json()["vms"].as_array().unwrap().iter().map(name_of).collect();
    assert_eq!(shown, names);
}

fn name_of(vm: &Value) -> String {
    vm["name"].as_str().unwrap().to_owned()
}
