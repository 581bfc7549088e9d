//! `/metrics` as a request: the rules are those of every path, the answer is no JSON.

use super::*;

#[tokio::test]
async fn the_metrics_are_text_of_the_version_that_prometheus_reads() {
    let answer = get(&serving(sample::host()), "/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; version=0.0.4");
    assert_eq!(answer.headers[CONTENT_LENGTH], answer.body.len().to_string());
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(answer.body.contains("\nroamd_ready 1\n"), "{}", answer.body);
}

#[tokio::test]
async fn the_metrics_are_read_only_and_need_the_token() {
    let token = Arc::new(TokenFile::for_tests("s3cret"));
    let router = router(Guard { names: None, token }, watch::channel(Arc::new(sample::host())).1);
    let with_token = |method: &str| {
        let request = Request::builder().method(method).uri("/metrics");
        request.header("authorization", "Bearer s3cret").body(Body::empty()).unwrap()
    };
    assert_problem(&get(&router, "/metrics").await, 401, "Unauthorized", "/metrics");
    assert_eq!(send(&router, with_token("GET")).await.status, 200);
    let head = send(&router, with_token("HEAD")).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let refused = send(&router, with_token(method)).await;
        assert_problem(&refused, 405, "Method Not Allowed", "/metrics");
        assert_eq!(refused.headers[ALLOW], "GET, HEAD");
    }
}
