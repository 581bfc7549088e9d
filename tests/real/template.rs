//! The templates below `deploy/`, shared with the demo.

use std::fs;
use std::path::Path;

/// The text of `deploy/NAME` with each `@KEY@` replaced; every key must occur, and none may be left.
pub(crate) fn filled(name: &str, values: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    let mut text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (key, value) in values {
        let key = format!("@{key}@");
        assert!(text.contains(&key), "{name} has no {key}");
        text = text.replace(&key, value);
    }
    let left = text.split('@').skip(1).step_by(2).next();
    assert_eq!(left, None, "{name} has a key without a value");
    text
}

/// Replaces part of a file that a test has written.
pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("it was written");
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in\n{text}");
    fs::write(path, text.replace(from, to)).expect("it is written");
}
