use super::*;

#[test]
fn a_long_path_is_cut_between_escapes_and_characters() {
    let whole = "/".repeat(MAX_INSTANCE);
    assert_eq!(instance(&whole), whole);
    assert_eq!(instance(&(whole.clone() + "x")), whole);
    for kept in MAX_INSTANCE - 2..MAX_INSTANCE {
        let path = "x".repeat(kept) + "%41more";
        assert_eq!(instance(&path), "x".repeat(kept));
    }
    let path = "x".repeat(MAX_INSTANCE - 3) + "%41more";
    assert_eq!(instance(&path), &path[..MAX_INSTANCE]);
    let path = "x".repeat(MAX_INSTANCE - 1) + "☃";
    assert_eq!(instance(&path), "x".repeat(MAX_INSTANCE - 1));
    let half = "x".repeat(MAX_INSTANCE - 1) + "%";
    assert_eq!(instance(&half), half);
}
