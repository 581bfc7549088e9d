//! A unix socket that is listened on, and its file: who may connect, and what a dead server or somebody else has left there.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::net::{UnixListener, UnixSocket};

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// A file's device and number, which no other file has while this one is open.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// The file of a socket that is listened on. It is removed on drop, unless somebody has put another in its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Why a path can't be listened on.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// A living server listens there.
    Taken,
    /// Something else is there, which is not ours to remove.
    NotASocket,
    /// The socket of a dead server can't be removed.
    Stale(io::Error),
    /// What could not be done, for a message that goes on with the path.
    Failed(&'static str, io::Error),
}

impl SocketFile {
    /// Listens on `path`, in a runtime. A socket that a dead server left there is replaced. `group`: the file's, else it is that
    /// of the process. `backlog`: how many clients may wait to be accepted.
    pub(crate) fn listen(
        path: &Path,
        group: Option<u32>,
        backlog: u32,
    ) -> Result<(UnixListener, Self), Obstacle> {
        let failed = |doing| move |error| Obstacle::Failed(doing, error);
        make_way(path)?;
        let socket = UnixSocket::new_stream().map_err(failed("making"))?;
        socket.bind(path).map_err(failed("binding"))?;
        let found = fs::symlink_metadata(path).map_err(failed("looking at"))?;
        let file = Self { path: path.to_path_buf(), identity: identity(&found) };
        // The file has the umask's mode until here, but a socket that does not listen yet refuses everybody.
        if group.is_some() {
            chown(path, None, group).map_err(failed("giving the group"))?;
        }
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed("setting the mode of"))?;
        Ok((socket.listen(backlog).map_err(failed("listening on"))?, file))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    pub(crate) fn stands(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.stands() {
            // One that can't be removed is found stale by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that a dead server has left; refuses where a server lives, or something else lies.
fn make_way(path: &Path) -> Result<(), Obstacle> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(Obstacle::NotASocket),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Obstacle::Failed("looking at", error)),
    }
    if is_listened_to(path).map_err(|error| Obstacle::Failed("knocking at", error))? {
        return Err(Obstacle::Taken);
    }
    fs::remove_file(path).map_err(Obstacle::Stale)
}

/// Whether anybody listens on the unix socket at this path. One that has more connections waiting than it takes does, and may
/// never take this one: a connection that waits would wait for ever, and its thread with it.
fn is_listened_to(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
