use super::*;

#[test]
fn escapes_are_decoded_once_and_strictly() {
    for (raw, expected) in [
        ("", Ok("")),
        ("web-1", Ok("web-1")),
        ("a%2Fb", Ok("a/b")),
        ("a%2fb", Ok("a/b")),
        ("%252F", Ok("%2F")),
        ("a+b", Ok("a+b")),
        ("a%20b", Ok("a b")),
        ("na%C3%AFve%20%e2%98%83", Ok("naïve ☃")),
        ("naïve", Ok("naïve")),
        ("%00", Ok("\0")),
        ("%", Err(PathError::Percent)),
        ("%2", Err(PathError::Percent)),
        ("%2G", Err(PathError::Percent)),
        ("%+1", Err(PathError::Percent)),
        ("%%41", Err(PathError::Percent)),
        ("%é", Err(PathError::Percent)),
        ("%FF", Err(PathError::Utf8)),
        ("%C3", Err(PathError::Utf8)),
        ("%ED%A0%80", Err(PathError::Utf8)),
    ] {
        assert_eq!(decode(raw), expected.map(str::to_owned), "{raw:?}");
    }
}
