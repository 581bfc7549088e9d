//! A knock has its answer at once, whatever the other side does, and nobody comes in too early.

use std::collections::BTreeSet;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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

#[tokio::test]
async fn nobody_connects_before_the_socket_has_its_mode() {
    let folder = std::env::temp_dir().join(format!("roamd-early-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let (round, rounds) = (AtomicUsize::new(0), 300);
    // Each round has a path of its own: what is seen after connecting is of the socket that was connected to.
    let path = |round: usize| folder.join(round.to_string());
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let (mut modes, began) = (BTreeSet::new(), Instant::now());
            loop {
                let round = round.load(Ordering::SeqCst);
                if round == rounds || began.elapsed() > Duration::from_secs(60) {
                    return modes;
                }
                if UnixStream::connect(path(round)).is_ok() {
                    modes.extend(fs::metadata(path(round)).map(|file| file.permissions().mode() & 0o777));
                }
            }
        });
        for now in 0..rounds {
            round.store(now, Ordering::SeqCst);
            drop(SocketFile::listen(&path(now), None, 1).unwrap());
        }
        round.store(rounds, Ordering::SeqCst);
        assert!(client.join().unwrap().is_subset(&BTreeSet::from([0o660])));
    });
    fs::remove_dir_all(&folder).unwrap();
}
