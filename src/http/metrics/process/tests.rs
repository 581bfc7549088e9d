use super::*;

/// The beginning of what proc(5) shows, with a name that looks like fields.
const STAT: &str = "4711 (a) S 1 2) S 1 4711 4711 0 -1 4194560 2107 0 0 0 150 25 7 8 20 0 5 0 1234 ";
const STATUS: &str = "Name:\ta) S\nVmSize:\t  204800 kB\nVmRSS:\t   16384 kB\nThreads:\t5\n";
const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63000                63000                processes \n\
                      Max open files            1024                 524288               files     \n";

#[test]
fn what_proc_shows_comes_in_seconds_and_bytes() {
    let expected = Process {
        cpu_seconds: Some(1.75),
        resident_bytes: Some(16_384 * 1_024),
        virtual_bytes: Some(204_800 * 1_024),
        threads: Some(5),
        open_fds: None,
        max_fds: Some(1_024),
    };
    assert_eq!(Process::parse(STAT, STATUS, LIMITS), expected);
}

#[test]
fn what_can_not_be_read_is_left_out() {
    let unlimited = "Max open files            unlimited            unlimited            files";
    assert_eq!(Process::parse("", "VmRSS: much", unlimited), Process::default());
    assert_eq!(Process::parse("1 (roamd) S 1 2", "", ""), Process::default());
}

#[test]
fn this_process_is_read_as_the_kernel_shows_it() {
    let Process { cpu_seconds, resident_bytes, virtual_bytes, threads, open_fds, max_fds } = Process::read();
    assert!(cpu_seconds.is_some_and(|seconds| seconds >= 0.0));
    assert!(resident_bytes.unwrap() > 1 << 20 && virtual_bytes.unwrap() >= resident_bytes.unwrap());
    assert!(threads.unwrap() >= 1);
    assert!(
        open_fds.unwrap() >= 3 && u64::try_from(open_fds.unwrap()).unwrap() <= max_fds.unwrap_or(u64::MAX)
    );
}
