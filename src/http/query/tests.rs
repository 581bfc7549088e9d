use super::*;

#[test]
fn numbers_are_found_by_their_names_and_all_else_is_ignored() {
    for (query, after, limit) in [
        (None, None, None),
        (Some(""), None, None),
        (Some("after=0"), Some(0), None),
        (Some("limit=12&after=34"), Some(34), Some(12)),
        (Some("x=%zz&&after=007&=&after2=x"), Some(7), None),
        (Some("after=18446744073709551615"), Some(u64::MAX), None),
    ] {
        assert_eq!(numbers(query, ["after", "limit"]), Ok([after, limit]), "{query:?}");
    }
}

#[test]
fn what_is_no_number_or_comes_twice_is_refused_by_name() {
    for query in
        ["after", "after=", "after=-1", "after=+1", "after=1.0", "after=%31", "after=18446744073709551616"]
    {
        assert_eq!(
            numbers(Some(query), ["after"]),
            Err("`after` must be a whole number".to_owned()),
            "{query}"
        );
    }
    let twice = numbers(Some("limit=1&limit=1"), ["after", "limit"]);
    assert_eq!(twice, Err("`limit` must be given once".to_owned()));
}
