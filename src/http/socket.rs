//! The socket that is listened on: TCP, or unix with a file that is removed again.

use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

use super::BindError;
use crate::config::Listen;
use crate::nonblocking::is_listened_to;

/// How many clients may wait to be accepted; the standard library's 128 turn some away that come in their hundreds.
const BACKLOG: u32 = 1024;

/// A socket that is bound and listens, belonging to no runtime yet.
pub(super) enum Bound {
    Tcp(StdTcpListener, SocketAddr),
    Unix(StdUnixListener, SocketFile),
}

/// The same socket on the runtime that accepts from it.
pub(super) enum Listener {
    Tcp(TcpListener),
    /// With its file, which goes when the listener goes.
    Unix(UnixListener, SocketFile),
}

/// A connection of either kind.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Connection for S {}

impl Bound {
    pub(super) fn new(listen: &Listen) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) => {
                tcp(*address).map_err(|source| BindError::Tcp { address: *address, source })
            }
            Listen::Unix(path) => {
                make_way(path)?;
                unix(path).map_err(|source| BindError::Unix { path: path.clone(), source })
            }
        }
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            Self::Unix(..) => None,
        }
    }

    pub(super) fn listen(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener, _) => Listener::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener, file) => Listener::Unix(UnixListener::from_std(listener)?, file),
        })
    }
}

impl Listener {
    /// Waits for a connection. Cancel-safe: nothing is lost when the wait is given up.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Connection>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are written whole; without it the last piece of one may wait for an acknowledgement.
                // A connection that is dead already says so when it is read.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }

    /// Listens on its path again where somebody has removed or replaced the file; whether that was so.
    pub(super) fn put_back(&mut self) -> Result<bool, BindError> {
        let Self::Unix(_, file) = self else { return Ok(false) };
        if file.stands() {
            return Ok(false);
        }
        let path = file.path.clone();
        make_way(&path)?;
        let unusable = |source| BindError::Unix { path: path.clone(), source };
        *self = unix(&path).and_then(Bound::listen).map_err(unusable)?;
        Ok(true)
    }
}

fn tcp(address: SocketAddr) -> io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a server before this one may linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?.into_std()?;
    let address = listener.local_addr()?;
    Ok(Bound::Tcp(listener, address))
}

fn unix(path: &Path) -> io::Result<Bound> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile::new(path)?;
    // The file has the umask's mode until here, but a socket that does not listen yet refuses everybody.
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(Bound::Unix(socket.listen(BACKLOG)?.into_std()?, file))
}

/// Removes a socket that a dead server has left; refuses where a server lives, or something else lies.
fn make_way(path: &Path) -> Result<(), BindError> {
    let unusable = |source| BindError::Unix { path: path.into(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(BindError::NotASocket { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error)),
    }
    if is_listened_to(path).map_err(unusable)? {
        return Err(BindError::Occupied { path: path.into() });
    }
    fs::remove_file(path).map_err(|source| BindError::Stale { path: path.into(), source })
}

/// The file of a unix socket, removed on drop unless another server has put its own in the place.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), identity: identity(path)? })
    }

    /// Whether its path still leads to it.
    fn stands(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.stands() {
            // A file that can't be removed is found stale by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}
