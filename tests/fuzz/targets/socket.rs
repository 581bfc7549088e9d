//! Reading and writing a socket with those of tokio's features that roamd has too.

use std::io;

use tokio::net::{TcpStream, UnixStream};

/// A connected socket of either kind.
pub trait Socket {
    async fn readable(&self) -> io::Result<()>;
    async fn writable(&self) -> io::Result<()>;
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

macro_rules! socket {
    ($kind:ident) => {
        impl Socket for $kind {
            async fn readable(&self) -> io::Result<()> {
                $kind::readable(self).await
            }
            async fn writable(&self) -> io::Result<()> {
                $kind::writable(self).await
            }
            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                $kind::try_read(self, buffer)
            }
            fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                $kind::try_write(self, bytes)
            }
        }
    };
}

socket!(TcpStream);
socket!(UnixStream);

/// What there is to read, once there is something; nothing at the end.
pub async fn read(socket: &impl Socket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        socket.readable().await?;
        match socket.try_read(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of it.
pub async fn write(socket: &impl Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
