//! The socket that is listened on: TCP, or unix with a file that is removed again.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::BindError;
use crate::config::Listen;
use crate::unix_socket::{Obstacle, SocketFile};

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
                let (listener, file) = unix(path)?;
                let listener =
                    listener.into_std().map_err(|source| BindError::Unix { path: path.clone(), source })?;
                Ok(Self::Unix(listener, file))
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
        let Self::Unix(listener, file) = self else { return Ok(false) };
        if file.stands() {
            return Ok(false);
        }
        (*listener, *file) = unix(file.path())?;
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

fn unix(path: &Path) -> Result<(UnixListener, SocketFile), BindError> {
    SocketFile::listen(path, None, BACKLOG).map_err(|obstacle| match obstacle {
        Obstacle::Taken => BindError::Occupied { path: path.into() },
        Obstacle::NotASocket => BindError::NotASocket { path: path.into() },
        Obstacle::Stale(source) => BindError::Stale { path: path.into(), source },
        Obstacle::Failed(_, source) => BindError::Unix { path: path.into(), source },
    })
}
