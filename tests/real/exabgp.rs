//! ExaBGP as the host's BGP speaker, with the agent or the relay as its API process.

use std::env;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::lab::Network;
use crate::process::{self, Process};
use crate::{template, wait};

/// The generations of ExaBGP that are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Debian's 4.2.
    V4,
    /// 5.0, in a Python environment.
    V5,
}

impl Version {
    fn program(self) -> PathBuf {
        let program = match self {
            Self::V4 => PathBuf::from("/usr/sbin/exabgp"),
            Self::V5 => {
                let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/exabgp5");
                env::var_os("ROAMD_EXABGP5").map_or_else(default, PathBuf::from).join("bin/exabgp")
            }
        };
        assert!(program.exists(), "{} is missing: run deploy/prepare tests", program.display());
        program
    }

    /// Has it try a configuration, by the command that the configurations name: whether it takes it, and what it says.
    pub(crate) fn tries(self, configuration: &Path) -> (bool, String) {
        let option = match self {
            Self::V4 => "--test",
            Self::V5 => "validate",
        };
        let output = Command::new("timeout")
            .arg("20")
            .arg(self.program())
            .arg(option)
            .arg(configuration)
            .stdin(Stdio::null())
            .output()
            .expect("timeout starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The operator's command line, beside the program.
    pub(crate) fn cli(self) -> PathBuf {
        let name = match self {
            Self::V4 => "exabgpcli",
            Self::V5 => "exabgp-cli",
        };
        self.program().with_file_name(name)
    }

    /// What `status.exabgp.version` begins with.
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::V4 => "4.2.",
            Self::V5 => "5.0.",
        }
    }
}

/// What ExaBGP runs; the path is what tells its process from all others.
#[derive(Debug)]
pub(crate) enum Child {
    /// `roamd run --config …`
    Agent { config: PathBuf },
    /// `roamd-relay --socket … --ledger …`
    Relay { socket: PathBuf, ledger: PathBuf },
}

impl Child {
    /// Its `process` section.
    fn section(&self) -> String {
        let (name, paths) = match self {
            Self::Agent { config } => ("exabgp/child.conf.in", vec![("CONFIG", config)]),
            Self::Relay { socket, ledger } => {
                ("exabgp/relay.conf.in", vec![("SOCKET", socket), ("LEDGER", ledger)])
            }
        };
        let paths: Vec<(&str, String)> =
            paths.into_iter().map(|(key, path)| (key, path.display().to_string())).collect();
        let mut values = vec![("ROAMD", env!("CARGO_BIN_EXE_roamd"))];
        values.extend(paths.iter().map(|(key, path)| (*key, path.as_str())));
        template::filled(name, &values)
    }

    fn mark(&self) -> &Path {
        match self {
            Self::Agent { config } => config,
            Self::Relay { ledger, .. } => ledger,
        }
    }
}

/// What stands in each session when ExaBGP runs the relay.
pub(crate) const GRACEFUL_RESTART: &str = "capability { graceful-restart 30; } manual-eor true;";

/// A BGP session of ExaBGP's.
pub(crate) struct Session {
    pub(crate) tor: IpAddr,
    pub(crate) tor_as: u32,
    pub(crate) host: IpAddr,
    pub(crate) router_id: Ipv4Addr,
    /// In ExaBGP's words.
    pub(crate) families: &'static str,
    /// The operator's own route, a whole line, or nothing.
    pub(crate) route: String,
}

impl Session {
    /// With the network's switch, for both families and with the loopback's route.
    pub(crate) fn to(network: &Network) -> Self {
        Self {
            tor: network.tor.into(),
            tor_as: network.tor_as,
            host: network.host.into(),
            router_id: network.host,
            families: "ipv4 unicast; ipv6 unicast;",
            route: format!("route {} next-hop self;", Network::LOOPBACK),
        }
    }

    fn section(&self, graceful_restart: &str) -> String {
        let Self { tor, tor_as, host, router_id, families, route } = self;
        template::filled(
            "exabgp/neighbor.conf.in",
            &[
                ("TOR_ADDRESS", &tor.to_string()),
                ("TOR_AS", &tor_as.to_string()),
                ("HOST_ADDRESS", &host.to_string()),
                ("ROUTER_ID", &router_id.to_string()),
                ("HOST_AS", &Network::HOST_AS.to_string()),
                ("GRACEFUL_RESTART", graceful_restart),
                ("FAMILIES", families),
                ("STATIC", route),
            ],
        )
    }
}

/// The text of a whole configuration.
pub(crate) fn configuration(child: &Child, sessions: &[Session]) -> String {
    let graceful_restart = match child {
        Child::Agent { .. } => "",
        Child::Relay { .. } => GRACEFUL_RESTART,
    };
    let neighbors = sessions.iter().map(|session| session.section(graceful_restart));
    child.section() + &neighbors.collect::<String>()
}

/// An ExaBGP with its API process.
pub(crate) struct Exabgp {
    version: Version,
    dir: PathBuf,
    child: Child,
    process: Option<Process>,
}

impl Exabgp {
    /// Starts it with one session, and with it `child`.
    pub(crate) fn start(version: Version, dir: &Path, network: &Network, child: Child) -> Self {
        let dir = dir.join("exabgp");
        fs::create_dir(&dir).expect("the directory is new");
        let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
        let user = String::from_utf8(user).expect("the user's name is text");
        let port = network.tor_port.to_string();
        let environment =
            template::filled("exabgp/local.env.in", &[("TOR_PORT", &port), ("USER", user.trim())]);
        fs::write(dir.join("exabgp.env"), environment).expect("the environment is written");
        let mut exabgp = Self { version, dir, child, process: None };
        exabgp.configure(&[Session::to(network)]);
        exabgp.restart();
        exabgp
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("exabgp.log")
    }

    /// What the child writes to its standard error, which is ExaBGP's; 5.0 logs there too.
    pub(crate) fn agent_log(&self) -> PathBuf {
        self.dir.join("roamd.log")
    }

    /// Writes its configuration anew, with these sessions; it is not told.
    pub(crate) fn configure(&self, sessions: &[Session]) {
        let text = configuration(&self.child, sessions);
        fs::write(self.dir.join("exabgp.conf"), text).expect("the configuration is written");
    }

    /// Replaces part of its configuration; it is not told.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        template::edit(&self.dir.join("exabgp.conf"), from, to);
    }

    /// Replaces part of its environment; it takes a restart.
    pub(crate) fn edit_environment(&self, from: &str, to: &str) {
        template::edit(&self.dir.join("exabgp.env"), from, to);
    }

    /// `kill -9`; the agent is left to find out by itself.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("ExaBGP runs").kill();
        self.process = None;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        process::signal(name, self.pid());
    }

    /// Starts it again; its RIB is empty but for its own configuration.
    pub(crate) fn restart(&mut self) {
        let errors =
            File::options().create(true).append(true).open(self.agent_log()).expect("the log file opens");
        let environment = fs::read_to_string(self.dir.join("exabgp.env")).expect("it was written");
        let program = self.version.program();
        self.process = Some(Process::start("exabgp", &program, &self.log(), |command| {
            match self.version {
                Version::V4 => command.arg(self.dir.join("exabgp.conf")),
                Version::V5 => command.arg("server").arg(self.dir.join("exabgp.conf")),
            };
            let settings = environment.lines().filter(|line| !line.starts_with('#'));
            command.envs(settings.filter_map(|line| line.split_once('='))).stderr(Stdio::from(errors));
        }));
    }

    pub(crate) fn assert_alive(&mut self) {
        self.process.as_mut().expect("ExaBGP runs").assert_alive();
    }

    /// ExaBGP's own process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("ExaBGP runs").pid()
    }

    /// The child's process, agent or relay, as soon as there is exactly one.
    pub(crate) fn agent(&mut self) -> u32 {
        let exabgp = self.process.as_mut().expect("ExaBGP runs");
        wait::until("ExaBGP has one child", || {
            exabgp.assert_alive();
            match process::with_argument(self.child.mark())[..] {
                [pid] => Ok(pid),
                ref others => Err(format!("its processes are {others:?}")),
            }
        })
    }

    /// Waits until ExaBGP has replaced this child by another.
    pub(crate) fn agent_after(&mut self, old: u32) -> u32 {
        wait::until("ExaBGP starts another child", || {
            let new = self.agent();
            if new == old { Err(format!("it is still {old}")) } else { Ok(new) }
        })
    }
}

impl Drop for Exabgp {
    fn drop(&mut self) {
        // The agent has a process group of its own and leaves when ExaBGP is gone; here it is made sure of.
        drop(self.process.take());
        for pid in process::with_argument(self.child.mark()) {
            process::signal_if_there("KILL", pid);
        }
    }
}
