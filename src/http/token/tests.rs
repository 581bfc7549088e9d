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

#[test]
fn a_token_that_everybody_may_read_is_told_from_one_of_a_group() {
    let path = std::env::temp_dir().join(format!("roamd-token-{}", std::process::id()));
    fs::write(&path, "s3cret").unwrap();
    for (mode, expected) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_open_to_all(&path), expected, "{mode:o}");
    }
    fs::remove_file(&path).unwrap();
}
