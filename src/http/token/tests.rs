use super::*;

fn admitted(values: &[&'static str]) -> bool {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, value.parse().unwrap());
    }
    TokenFile::for_tests("s3cret").admits(&headers)
}

#[test]
fn the_scheme_is_case_insensitive_and_the_token_is_not() {
    for value in ["Bearer s3cret", "bearer s3cret", "BEARER   s3cret"] {
        assert!(admitted(&[value]), "{value}");
    }
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "s3cret",
        "Bearers3cret",
        "Basic s3cret",
        "Bearer S3CRET",
        "Bearer s3cre",
        "Bearer s3cret2",
        "Bearer s3cret s3cret",
        "Bearer, s3cret",
    ] {
        assert!(!admitted(&[value]), "{value}");
    }
}

#[test]
fn there_is_exactly_one_authorization() {
    assert!(!admitted(&[]));
    assert!(!admitted(&["Bearer s3cret", "Bearer s3cret"]));
    assert!(!admitted(&["Bearer wrong", "Bearer s3cret"]));
}
