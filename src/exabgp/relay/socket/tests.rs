//! One agent a socket; a dead one's is taken over.

use super::*;

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("roamd-socket-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn a_dead_agents_socket_is_replaced_and_a_living_ones_is_not() {
    let folder = Folder::new("stale");
    let path = folder.0.join("made/exabgp.sock");
    let first = Socket::bind(&path, None).unwrap();
    assert!(matches!(Socket::bind(&path, None), Err(SocketError::Taken(_))));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    drop(first);

    // What kill -9 leaves: a file to which nobody listens.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let second = Socket::bind(&path, None).unwrap();
    let (client, accepted) = tokio::join!(UnixStream::connect(&path), second.accept());
    assert!(client.is_ok() && accepted.is_ok());
}

#[tokio::test]
async fn nobody_else_can_hold_the_lock() {
    let folder = Folder::new("lock");
    let path = folder.0.join("exabgp.sock");
    let lock = with_suffix(&path, ".lock");
    // What an older release left.
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    for _ in 0..2 {
        drop(Socket::bind(&path, None).unwrap());
        assert_eq!(fs::metadata(&lock).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&lock).unwrap();
    }
}

#[tokio::test]
async fn a_socket_that_was_removed_is_there_again_with_its_lock() {
    let folder = Folder::new("removed");
    let path = folder.0.join("made/exabgp.sock");
    let mut socket = Socket::bind(&path, None).unwrap();
    assert!(!socket.put_back().unwrap());
    let connected = UnixStream::connect(&path).await.unwrap();
    socket.accept().await.unwrap();
    for removed in [&path, &folder.0.join("made")] {
        let gone = if removed.is_dir() { fs::remove_dir_all(removed) } else { fs::remove_file(removed) };
        gone.unwrap();
        assert!(socket.put_back().unwrap());
        assert!(!socket.put_back().unwrap());
        let (client, accepted) = tokio::join!(UnixStream::connect(&path), socket.accept());
        assert!(client.is_ok() && accepted.is_ok());
        assert!(matches!(Socket::bind(&path, None), Err(SocketError::Taken(_))));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    }
    drop(connected);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn another_agent_that_came_where_the_files_were_removed_keeps_its_socket() {
    let folder = Folder::new("other");
    let path = folder.0.join("made/exabgp.sock");
    let mut first = Socket::bind(&path, None).unwrap();
    fs::remove_dir_all(folder.0.join("made")).unwrap();
    let _second = Socket::bind(&path, None).unwrap();
    assert!(matches!(first.put_back(), Err(SocketError::Taken(_))));
    drop(first);
    assert!(path.exists());
}

#[tokio::test]
async fn a_folder_that_is_made_can_be_passed_whatever_the_umask_is() {
    const NAME: &str =
        "exabgp::relay::socket::tests::a_folder_that_is_made_can_be_passed_whatever_the_umask_is";
    if std::env::var_os("ROAMD_TEST_UMASK").is_some() {
        let folder = Folder::new("umask");
        let _socket = Socket::bind(&folder.0.join("made/twice/exabgp.sock"), None).unwrap();
        for made in ["made", "made/twice"] {
            assert_eq!(fs::metadata(folder.0.join(made)).unwrap().permissions().mode() & 0o777, 0o755);
        }
        return;
    }
    // The same test in a process with that umask, which is the process's own.
    let mut again = std::process::Command::new("sh");
    again.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(std::env::current_exe().unwrap());
    let output = again.args([NAME, "--exact"]).env("ROAMD_TEST_UMASK", "1").output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
}

/// On the agent's only thread a connection that waits for somebody else's socket would hold up the heartbeat.
#[tokio::test]
async fn somebody_who_listens_and_takes_nobody_is_not_waited_for() {
    let folder = Folder::new("full");
    let path = folder.0.join("exabgp.sock");
    let mut socket = Socket::bind(&path, None).unwrap();
    fs::remove_file(&path).unwrap();
    let other = tokio::net::UnixSocket::new_stream().unwrap();
    other.bind(&path).unwrap();
    let _other = other.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = UnixStream::connect(&path).await {
        waiting.push(stream);
        assert!(waiting.len() < 1_000, "it keeps all of them");
    }
    let (ended, is_over) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _runtime = runtime.enter();
        ended.send(matches!(socket.put_back(), Err(SocketError::Taken(_))))
    });
    assert!(is_over.recv_timeout(Duration::from_secs(60)).unwrap());
}

#[tokio::test]
async fn somebody_elses_socket_or_file_is_left_alone() {
    let folder = Folder::new("else");
    let path = folder.0.join("taken.sock");
    let _living = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(Socket::bind(&path, None), Err(SocketError::Taken(_))));
    let path = folder.0.join("file");
    fs::write(&path, "kept").unwrap();
    assert!(matches!(Socket::bind(&path, None), Err(SocketError::NotASocket(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
}

const GROUPS: &str = "root:x:0:\n# a comment\nexabgp:x:110:roamd,www-data\nempty:x:111:\nbroken\n";
const USERS: &str =
    "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nroamd:x:998:998::/:/bin/false\n";

#[test]
fn a_group_is_found_by_name_or_number_with_all_its_members() {
    let group = Group { gid: 110, members: vec![33, 998] };
    assert_eq!(Group::parse("exabgp", GROUPS, USERS), Some(Group { gid: 110, members: vec![33, 998] }));
    assert_eq!(Group::parse("110", GROUPS, USERS), Some(Group { gid: 110, members: vec![33, 998] }));
    assert_eq!(Group::parse("empty", GROUPS, USERS), Some(Group { gid: 111, members: Vec::new() }));
    assert_eq!(Group::parse("nobody", GROUPS, USERS), None);
    assert!(group.has(5, 110) && group.has(33, 33) && !group.has(5, 5));
}

#[test]
fn a_group_that_is_not_there_is_named() {
    let folder = Folder::new("group");
    let error = Socket::bind(&folder.0.join("sock"), Some("no-such-group-anywhere")).unwrap_err();
    assert!(error.to_string().contains("no group `no-such-group-anywhere`"), "{error}");
}
