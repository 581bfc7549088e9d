//! ExaBGP's user is not the agent's: its relay is let in by `exabgp.socket_group`, and by nothing else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::agreement::{ACTIVE, ARRIVED, db, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};
use crate::process::{NOBODY, Process, is_root, signal};
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    a_relay_of_another_user_is_let_in_by_its_group_only,
    a_stranger_in_the_agents_place_commands_nothing,
}

fn a_relay_of_another_user_is_let_in_by_its_group_only(version: Version) {
    assert!(is_root(), "only root can run the relay as another user: run the tests as root");
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);

    // Where the repository stands nobody else may be let in; nor may anybody else write a ledger.
    let (relay, ledger) = (lab.dir().join("roamd-relay"), lab.dir().join("relay"));
    fs::copy(env!("CARGO_BIN_EXE_roamd-relay"), &relay).expect("there is room for a copy");
    fs::remove_dir_all(&ledger).expect("root may");
    fs::create_dir(&ledger).expect("the directory is new");
    chown(&ledger, Some(NOBODY), Some(NOBODY)).expect("root may give it away");
    lab.exabgp.kill();
    let run = |program: &str| format!("run {program} --socket ");
    let as_nobody =
        format!("/usr/bin/setpriv --clear-groups --reuid={NOBODY} --regid={NOBODY} {}", relay.display());
    lab.exabgp.edit(&run(env!("CARGO_BIN_EXE_roamd-relay")), &run(&as_nobody));
    lab.exabgp.restart();
    lab.agent().terminate();
    lab.agent().restart();

    // The socket's file is for its owner and group.
    let agent_says = |lab: &Lab, words: &str| {
        wait::until(&format!("the agent says {words:?}"), || {
            let error = lab.rest.json("/api/v1/status")?["exabgp"]["error"].to_string();
            if error.contains(words) { Ok(()) } else { Err(error) }
        });
    };
    agent_says(&lab, "no relay has connected");
    agent_says(&lab, "exabgp.socket_group");
    wait::until("the relay says why", || {
        let log = lab.agent_log();
        if log.contains("no agent answers") && log.contains("Permission denied") { Ok(()) } else { Err(log) }
    });
    // And who gets through all the same is turned away.
    fs::set_permissions(lab.socket(), Permissions::from_mode(0o666)).expect("root may");
    agent_says(&lab, &format!("uid {NOBODY} gid {NOBODY} may not: see exabgp.socket_group"));

    lab.agent().terminate();
    lab.edit_config("{transport: relay,", &format!("{{transport: relay, socket_group: '{NOBODY}',"));
    lab.agent().restart();
    lab.exabgp_is_connected(true);
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.libvirtd.virsh(&["start", "db"]);
    let relay = lab.exabgp.agent();
    let owner = fs::metadata(format!("/proc/{relay}")).expect("it runs").uid();
    assert_eq!(owner, NOBODY);
    // Its ledger is its own to keep.
    signal("KILL", relay);
    lab.exabgp.agent_after(relay);
    lab.exabgp_is_connected(true);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!(fs::metadata(ledger.join("ledger")).expect("it is kept").uid(), NOBODY);
    lab.another_reconcile_sends_nothing();
}

/// Says what an agent would, to whoever connects; then waits for the end.
const STRANGER: &str = r#"
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen()
while True:
    connection, _ = listener.accept()
    print("somebody came", flush=True)
    connection.sendall(b'{"welcome":{"protocol":1,"lease_ms":60000}}\n'
                       b'{"commands":"announce route 198.51.100.66/32 next-hop self\\n"}\n')
    try:
        while connection.recv(4096): pass
    except OSError:
        pass
"#;

/// Where anybody may put a socket, a user who is quicker than the agent could have ExaBGP announce anything.
fn a_stranger_in_the_agents_place_commands_nothing(version: Version) {
    assert!(is_root(), "only root can run a program as another user: run the tests as root");
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.agrees_on([&web(ACTIVE)[..]]);
    let mark = lab.bird.mark();
    lab.agent().terminate();
    fs::set_permissions(lab.dir(), Permissions::from_mode(0o1777)).expect("root may");
    let log = lab.dir().join("stranger.log");
    let socket = lab.socket();
    let python = Path::new("/usr/bin/python3");
    let mut stranger = Process::start_unprivileged("stranger", python, &log, |command| {
        command.arg("-c").arg(STRANGER).arg(&socket);
    });
    wait::until("the relay turns it away, again and again", || {
        let (came, said) = (fs::read_to_string(&log).unwrap_or_default(), lab.agent_log());
        let turned_away = said.contains("anybody may put a socket into") && came.lines().count() >= 3;
        if turned_away { Ok(()) } else { Err(format!("{came}{said}")) }
    });
    stranger.kill();
    fs::set_permissions(lab.dir(), Permissions::from_mode(0o711)).expect("root may");
    lab.agent().restart();
    lab.agrees_on([&web(ACTIVE)[..]]);
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
}
