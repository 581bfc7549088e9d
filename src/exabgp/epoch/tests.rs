use super::*;

#[test]
fn the_start_time_is_found_behind_any_command_name() {
    let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
    for name in ["exabgp", "a b", "a) S 1 (b"] {
        assert_eq!(start_time(&format!("42 ({name}) {rest}")), Some(4711), "{name}");
    }
    assert_eq!(start_time("42 (exabgp) S 1 2"), None);
    assert_eq!(start_time(""), None);
}

#[test]
fn one_life_of_a_process_has_one_epoch() {
    let own = epoch(std::process::id()).unwrap();
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert!(own.starts_with(&format!("{}-", std::process::id())), "{own}");
    assert!(own.ends_with(boot_id.trim()), "{own}");
    assert_eq!(epoch(std::process::id()).unwrap(), own);
    assert_ne!(epoch(1).unwrap(), own);
}
