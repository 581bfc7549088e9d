use super::*;

#[test]
fn a_name_in_a_log_forges_no_field_and_moves_no_terminal() {
    for plain in ["web-1", "db_1.example.net", "büro+2", "a:b@c"] {
        assert_eq!(VmName::new(plain).in_a_log(), plain);
    }
    for (name, shown) in [
        ("", "\"\""),
        ("web vm=db", "\"web vm=db\""),
        ("a=\"b", "\"a=\\\"b\""),
        ("web\u{1b}[2J", "\"web\\u{1b}[2J\""),
        ("web\r2026 INFO", "\"web\\r2026 INFO\""),
        ("\u{9b}2J", "\"\\u{9b}2J\""),
        ("gnp.\u{202e}1-bew", "\"gnp.\\u{202e}1-bew\""),
        ("web\u{200b}-1", "\"web\\u{200b}-1\""),
    ] {
        assert_eq!(VmName::new(name).in_a_log(), shown);
    }
}
