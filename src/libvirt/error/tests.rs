use super::*;
use crate::chain::Chain;

#[test]
fn common_causes_come_with_what_to_do() {
    let socket = "Failed to connect socket to '/var/run/libvirt/libvirt-sock'";
    let table = [
        (
            sys::VIR_ERR_SYSTEM_ERROR,
            format!("{socket}: No such file or directory"),
            "systemctl status libvirtd",
        ),
        (sys::VIR_ERR_SYSTEM_ERROR, format!("{socket}: Connection refused"), "systemctl status libvirtd"),
        (sys::VIR_ERR_SYSTEM_ERROR, format!("{socket}: Permission denied"), "group `libvirt`"),
        (sys::VIR_ERR_AUTH_FAILED, "authentication failed".to_owned(), "polkit"),
        (sys::VIR_ERR_AUTH_UNAVAILABLE, "authentication unavailable".to_owned(), "polkit"),
        (sys::VIR_ERR_AUTH_CANCELLED, "authentication cancelled".to_owned(), "polkit"),
        (sys::VIR_ERR_NO_CONNECT, "no connection driver available".to_owned(), "qemu:///system"),
        (sys::VIR_ERR_INVALID_ARG, "invalid argument".to_owned(), "qemu:///system"),
    ];
    for (number, message, expected) in table {
        assert!(advice(number, &message).contains(expected), "{number} {message}");
    }
}

#[test]
fn an_error_that_is_not_a_common_one_gets_no_advice() {
    assert_eq!(advice(sys::VIR_ERR_INTERNAL_ERROR, "internal error"), "");
    assert_eq!(advice(sys::VIR_ERR_SYSTEM_ERROR, "Too many open files"), "");
}

#[test]
fn a_chain_names_each_cause_once_from_the_outside_in() {
    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;
    #[derive(Debug, thiserror::Error)]
    #[error("middle")]
    struct Middle(#[source] Inner);
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Middle);
    assert_eq!(Chain(&Outer(Middle(Inner))).to_string(), "outer: middle: inner");
    assert_eq!(Chain(&Inner).to_string(), "inner");
}
