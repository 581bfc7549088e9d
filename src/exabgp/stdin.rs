//! Standard input where nobody waits for what ExaBGP says: it is read all the same, because ExaBGP stops all BGP
//! while the pipe to its API process is full.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;

/// Whether file descriptor `number` of this process is a pipe or a socket, as both are under ExaBGP.
pub(crate) fn is_pipe(number: u8) -> bool {
    let data = fs::metadata(format!("/proc/self/fd/{number}"));
    data.is_ok_and(|data| data.file_type().is_fifo() || data.file_type().is_socket())
}

/// Reads stdin to its end and throws it away.
pub(crate) fn drain() {
    let mut stdin = io::stdin().lock();
    let mut buffer = [0; 8_192];
    loop {
        match stdin.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
