use super::*;

fn check(uri: &str, hosts: &[&str]) -> Result<(), HostError> {
    let names = Names::new("KVM1.example.net", &BTreeSet::from(["roamd.example.org".to_owned()]));
    let mut headers = HeaderMap::new();
    for host in hosts {
        headers.append(HOST, host.parse().unwrap());
    }
    names.check(&uri.parse().unwrap(), &headers)
}

#[test]
fn addresses_and_our_own_names_are_ours() {
    for host in [
        "127.0.0.1",
        "127.0.0.1:9179",
        "127.0.0.1.",
        "198.51.100.1:80",
        "[::1]",
        "[::1]:9179",
        "[2001:DB8::1]:",
        "localhost",
        "LOCALHOST:9179",
        "localhost.",
        "localhost.:80",
        "localhost:",
        "kvm1.example.net",
        "Kvm1.Example.Net.:9179",
        "kvm1",
        "KVM1:1",
        "roamd.example.org",
        "ROAMD.example.org.",
    ] {
        assert_eq!(check("/", &[host]), Ok(()), "{host}");
    }
}

#[test]
fn other_names_are_not() {
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "kvm1.evil.example",
        "kvm2",
        "example.net",
        "example.org",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "localhost..",
        "",
        ".",
        ":80",
    ] {
        assert_eq!(check("/", &[host]), Err(HostError::Foreign), "{host}");
    }
}

#[test]
fn what_is_no_host_is_malformed() {
    for host in [
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[::1%25lo]",
        "[127.0.0.1]",
        "localhost:65536",
        "localhost:-1",
        "localhost:+1",
        "localhost:80:80",
        "user@localhost",
        "localhost/",
        "local host",
        "localhost,evil",
        "localhost%2e",
        "<script>",
    ] {
        assert_eq!(check("/", &[host]), Err(HostError::Malformed), "{host}");
    }
    assert_eq!(check("/", &["na\u{ef}ve"]), Err(HostError::Malformed));
}

#[test]
fn there_is_exactly_one() {
    assert_eq!(check("/", &[]), Err(HostError::Missing));
    assert_eq!(check("/", &["localhost", "localhost"]), Err(HostError::Repeated));
}

#[test]
fn the_authority_of_an_absolute_target_is_checked_too() {
    assert_eq!(check("http://localhost:9179/healthz", &["localhost"]), Ok(()));
    assert_eq!(check("http://evil.example/healthz", &["localhost"]), Err(HostError::Foreign));
    assert_eq!(check("http://localhost/healthz", &["evil.example"]), Err(HostError::Foreign));
    assert_eq!(check("http://user@localhost/", &["localhost"]), Err(HostError::Malformed));
    assert_eq!(check("http://localhost/", &[]), Err(HostError::Missing));
}

#[test]
fn a_host_without_a_name_accepts_no_empty_one() {
    let names = Names::new("", &BTreeSet::new());
    assert_eq!(names.accept(""), Err(HostError::Foreign));
    assert_eq!(names.accept("localhost"), Ok(()));
}
