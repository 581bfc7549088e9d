//! A knock has its answer at once, whatever the other side does.

use std::fs;
use std::os::unix::net::UnixListener;

use super::*;

#[test]
fn a_socket_is_listened_to_as_long_as_somebody_is_there_even_when_he_takes_nobody() {
    let path = std::env::temp_dir().join(format!("roamd-knock-{}.sock", std::process::id()));
    assert!(is_listened_to(&path).is_err(), "there is no file");
    let listener = UnixListener::bind(&path).unwrap();
    assert!(is_listened_to(&path).unwrap());
    // Nobody is accepted, until the kernel keeps no more of them (listen(2)): the first that it turns away tells.
    rustix::net::listen(&listener, 0).unwrap();
    let mut waiting = Vec::new();
    let is_full = (0..10_000).any(|_| {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        let connected = connect(&socket, &SocketAddrUnix::new(&path).unwrap());
        waiting.push(socket);
        connected == Err(Errno::AGAIN)
    });
    assert!(is_full);
    assert!(is_listened_to(&path).unwrap());
    drop(listener);
    assert!(!is_listened_to(&path).unwrap());
    fs::remove_file(&path).unwrap();
}
