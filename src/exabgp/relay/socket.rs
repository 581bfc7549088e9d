//! The agent's socket: where it stands, who may connect, and that no two agents share it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

use crate::unix_socket::{Obstacle, SocketFile, identity};

/// Who may open the lock's file may hold the lock (flock(2)), and no agent would start.
const LOCK_MODE: u32 = 0o600;

/// Everybody may pass the socket's folder: who may connect is the socket's affair.
const FOLDER_MODE: u32 = 0o755;

/// How many relays may wait to be accepted: there is one, and those that come after it.
const BACKLOG: u32 = 16;

/// How long after a failure the next connection is accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket; its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    file: SocketFile,
    own_uid: u32,
    group: Option<Group>,
    /// Locked while this agent lives, whatever becomes of the socket's file.
    lock: File,
}

/// Why the socket can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    #[error("exabgp.socket_group: there is no group `{0}` in /etc/group")]
    NoGroup(String),
    #[error("exabgp.socket: another roamd listens on {0}; stop it first, or give this one another socket")]
    Taken(PathBuf),
    #[error("exabgp.socket: {0} is there and is no socket")]
    NotASocket(PathBuf),
    #[error("exabgp.socket: {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

impl Socket {
    /// Listens on `path`. A socket that a dead agent left there is replaced.
    pub(super) fn bind(path: &Path, group: Option<&str>) -> Result<Self, SocketError> {
        let group = group.map(Group::find).transpose()?;
        make_folder(path)?;
        let lock = lock(path)?;
        let (listener, file) = listen(path, group.as_ref())?;
        let own_uid = fs::metadata("/proc/self").map_err(failed("reading", Path::new("/proc/self")))?.uid();
        Ok(Self { listener, file, own_uid, group, lock })
    }

    /// Listens on the path again where somebody has removed or replaced the socket, else a relay that ExaBGP starts anew
    /// would find nobody; whether that was so. Who is connected stays so.
    pub(super) fn put_back(&mut self) -> Result<bool, SocketError> {
        if self.file.stands() {
            return Ok(false);
        }
        let path = self.file.path().to_path_buf();
        make_folder(&path)?;
        // The lock's file may have gone with the socket's, and another agent may have come.
        let held = self.lock.metadata().map(|found| identity(&found));
        let there = fs::symlink_metadata(with_suffix(&path, ".lock")).map(|found| identity(&found));
        if held.ok() != there.ok() {
            self.lock = lock(&path)?;
        }
        (self.listener, self.file) = listen(&path, self.group.as_ref())?;
        Ok(true)
    }

    /// The next connection of somebody who may; `Err` says in words who was turned away. Cancel-safe.
    pub(super) async fn accept(&self) -> Result<UnixStream, String> {
        let stream = match self.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, say: asked again at once it would fail again at once.
                tokio::time::sleep(PAUSE).await;
                return Err(format!("accepting failed: {error}"));
            }
        };
        let peer = stream.peer_cred().map_err(|error| format!("its credentials can't be read: {error}"))?;
        let in_group = self.group.as_ref().is_some_and(|group| group.has(peer.uid(), peer.gid()));
        if peer.uid() == 0 || peer.uid() == self.own_uid || in_group {
            Ok(stream)
        } else {
            Err(format!("uid {} gid {} may not: see exabgp.socket_group", peer.uid(), peer.gid()))
        }
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SocketError {
    let path = path.to_path_buf();
    move |source| SocketError::File { doing, path, source }
}

/// Makes the folder of a socket where there is none, so that whoever may connect can pass it, whatever the umask is.
fn make_folder(path: &Path) -> Result<(), SocketError> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let folders: Vec<&Path> = path.ancestors().skip(1).take_while(missing).collect();
    for folder in folders.into_iter().rev() {
        let made = fs::create_dir(folder)
            .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)));
        made.map_err(failed("making the directory", folder))?;
    }
    Ok(())
}

/// Takes the lock beside a socket, which one agent has.
fn lock(path: &Path) -> Result<File, SocketError> {
    let lock_path = with_suffix(path, ".lock");
    let lock = File::options().create(true).truncate(false).write(true).mode(LOCK_MODE).open(&lock_path);
    let lock = lock.map_err(failed("opening", &lock_path))?;
    // Of an older release, it is anybody's to read.
    lock.set_permissions(Permissions::from_mode(LOCK_MODE))
        .map_err(failed("setting the mode of", &lock_path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(SocketError::Taken(path.to_path_buf())),
        Err(fs::TryLockError::Error(error)) => Err(failed("locking", &lock_path)(error)),
    }
}

/// Listens on a path whose lock is held: whoever answers there is no agent of this release.
fn listen(path: &Path, group: Option<&Group>) -> Result<(UnixListener, SocketFile), SocketError> {
    SocketFile::listen(path, group.map(|group| group.gid), BACKLOG).map_err(|obstacle| match obstacle {
        Obstacle::Taken => SocketError::Taken(path.to_path_buf()),
        Obstacle::NotASocket => SocketError::NotASocket(path.to_path_buf()),
        Obstacle::Stale(error) => failed("removing the stale", path)(error),
        Obstacle::Failed(doing, error) => failed(doing, path)(error),
    })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A group of `/etc/group` and its members.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    gid: u32,
    /// Users who have it as a supplementary group, which a socket's credentials don't show.
    members: Vec<u32>,
}

impl Group {
    fn find(wanted: &str) -> Result<Self, SocketError> {
        let read = |path: &str| {
            let failed =
                |source| SocketError::File { doing: "reading", path: Path::new(path).to_path_buf(), source };
            fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(failed)
        };
        Self::parse(wanted, &read("/etc/group")?, &read("/etc/passwd")?)
            .ok_or_else(|| SocketError::NoGroup(wanted.to_owned()))
    }

    /// Reads group(5) and passwd(5).
    fn parse(wanted: &str, groups: &str, users: &str) -> Option<Self> {
        let (gid, names) = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, _password, gid, members) =
                (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
            let gid: u32 = gid.parse().ok()?;
            let found = name == wanted || wanted.parse() == Ok(gid);
            found.then(|| (gid, members.split(',').collect::<Vec<_>>()))
        })?;
        let members = users.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let (name, _password, uid) = (fields.next()?, fields.next()?, fields.next()?);
            if names.contains(&name) { uid.parse().ok() } else { None }
        });
        Some(Self { gid, members: members.collect() })
    }

    fn has(&self, uid: u32, gid: u32) -> bool {
        gid == self.gid || self.members.contains(&uid)
    }
}

#[cfg(test)]
mod tests;
