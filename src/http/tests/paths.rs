//! Names and prefixes in paths, however they are written.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_vm_of_any_name_is_found() {
    let names = [
        ("<script>alert(1)</script>", "%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        ("a/b", "a%2Fb"),
        ("a/b", "a%2fb"),
        ("..", ".."),
        ("..", "%2E%2e"),
        (".", "%2E"),
        ("naïve ☃", "na%C3%AFve%20%E2%98%83"),
        ("", ""),
        ("%2F", "%252F"),
        ("a+b", "a+b"),
        ("a?b#c", "a%3Fb%23c"),
        ("\0\n\"\\", "%00%0A%22%5C"),
        ("{name}", "%7Bname%7D"),
    ];
    let config = sample::config(names.map(|(name, _)| sample::configured(name, &["198.51.100.1"])));
    let router = serving(sample::snapshot(config, []));
    for (name, path) in names {
        let answer = get(&router, &format!("/api/v1/vms/{path}")).await;
        assert_eq!(answer.status, 200, "{name:?}: {}", answer.body);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
        assert_eq!(answer.json()["name"], name);
    }
}

#[tokio::test]
async fn a_vm_that_nobody_knows_is_not_found() {
    let router = serving(sample::host());
    for path in ["/api/v1/vms/", "/api/v1/vms/web-3", "/api/v1/vms/WEB-1", "/api/v1/vms/web-1%20"] {
        assert_problem(&get(&router, path).await, 404, "Not Found", path);
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_is_a_bad_request() {
    let router = serving(sample::host());
    for (path, part) in [
        ("/api/v1/vms/%", "hexadecimal"),
        ("/api/v1/vms/web-1%", "hexadecimal"),
        ("/api/v1/vms/%4", "hexadecimal"),
        ("/api/v1/vms/%zz", "hexadecimal"),
        ("/api/v1/vms/%FF", "UTF-8"),
        ("/api/v1/vms/%C3%28", "UTF-8"),
        ("/api/v1/routes/%2", "hexadecimal"),
        ("/api/v1/routes/%80", "UTF-8"),
    ] {
        let answer = get(&router, path).await;
        assert_problem(&answer, 400, "Bad Request", path);
        assert!(answer.json()["detail"].as_str().unwrap().contains(part), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_prefix_is_found_in_every_spelling() {
    let router = serving(sample::host());
    for (path, prefix) in [
        ("198.51.100.10", "198.51.100.10/32"),
        ("198.51.100.10/32", "198.51.100.10/32"),
        ("198.51.100.10%2F32", "198.51.100.10/32"),
        ("198.51.100.10%2f32", "198.51.100.10/32"),
        ("198%2E51.100.10", "198.51.100.10/32"),
        ("198.51.100.64/28", "198.51.100.64/28"),
        ("198.51.100.64%2F28", "198.51.100.64/28"),
        ("2001:db8:5::10", "2001:db8:5::10/128"),
        ("2001:db8:5::10/128", "2001:db8:5::10/128"),
        ("2001:DB8:0005:0:0:0:0:10", "2001:db8:5::10/128"),
        ("2001%3Adb8%3A5%3A%3A10%2F128", "2001:db8:5::10/128"),
        ("2001:db8:5::0.0.0.16", "2001:db8:5::10/128"),
    ] {
        let answer = get(&router, &format!("/api/v1/routes/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.json()["prefix"], prefix, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_prefix_is_refused_with_the_rule() {
    let router = serving(sample::host());
    for (path, part) in [
        ("", "must be an IPv4 or IPv6 address"),
        ("web-1", "must be an IPv4 or IPv6 address"),
        ("198.51.100.10/33", "must be an IPv4 or IPv6 address"),
        ("198.51.100.10/32/", "must be an IPv4 or IPv6 address"),
        (
            "198.51.100.10/24",
            "has host bits set; the prefix itself is 198.51.100.0/24, a single address has /32",
        ),
        (
            "2001:db8::1%2F64",
            "has host bits set; the prefix itself is 2001:db8::/64, a single address has /128",
        ),
        ("::ffff:198.51.100.10", "write 198.51.100.10"),
        ("127.0.0.1", "is loopback"),
        ("ff02::1", "is multicast"),
        ("0.0.0.0/0", "is a default route"),
    ] {
        let path = format!("/api/v1/routes/{path}");
        let answer = get(&router, &path).await;
        assert_problem(&answer, 400, "Bad Request", &path);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("the prefix ") && detail.contains(part), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_route_is_found_by_its_very_prefix_only() {
    let router = serving(sample::host());
    for prefix in ["198.51.100.65", "198.51.100.64/29", "198.51.100.0/24", "2001:db8:6::/64"] {
        let path = format!("/api/v1/routes/{prefix}");
        assert_problem(&get(&router, &path).await, 404, "Not Found", &path);
    }
}

#[tokio::test]
async fn a_long_path_is_reflected_in_part_only() {
    let router = serving(sample::host());
    for segment in ["a".repeat(5_000), "%22".repeat(2_000), "%".repeat(4_000)] {
        for parent in ["/api/v1/vms/", "/api/v1/routes/", "/"] {
            let answer = get(&router, &format!("{parent}{segment}")).await;
            assert!(answer.status.is_client_error());
            assert!(answer.body.len() < 1_024, "{}", answer.body);
            assert!(answer.json()["instance"].as_str().unwrap().starts_with(parent));
        }
    }
}

fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

proptest! {
    #[test]
    fn any_path_is_answered_in_json(
        parent in prop::sample::select(vec!["/x", "/api/v1/vms/", "/api/v1/routes/", "/api/v1/", "/healthz"]),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        encoded in any::<bool>(),
        head in any::<bool>(),
    ) {
        let mut path = parent.as_bytes().to_vec();
        if encoded { path.extend(percent_encoded(&bytes).bytes()) } else { path.extend(&bytes) }
        // What is no URI never leaves hyper.
        let uri = Uri::try_from(path);
        prop_assume!(uri.is_ok());
        let method = if head { Method::HEAD } else { Method::GET };
        let request = Request::builder().method(method).uri(uri.unwrap()).body(Body::empty()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(send(&serving(sample::host()), request));

        prop_assert!(!answer.status.is_server_error(), "{}", answer.body);
        let media_type = if answer.status.is_success() { "application/json" } else { "application/problem+json" };
        prop_assert_eq!(&answer.headers[CONTENT_TYPE], media_type);
        if head {
            prop_assert_eq!(answer.body, "");
        } else {
            prop_assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{}", answer.body);
        }
    }

    #[test]
    fn any_name_is_found_when_it_is_percent_encoded(name in any::<String>()) {
        let config = sample::config([sample::configured(&name, &["198.51.100.1"])]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let path = format!("/api/v1/vms/{}", percent_encoded(name.as_bytes()));
        let answer = runtime.block_on(get(&serving(sample::snapshot(config, [])), &path));
        prop_assert_eq!(answer.status, 200);
        prop_assert_eq!(name_of(&answer.json()), name);
    }
}
