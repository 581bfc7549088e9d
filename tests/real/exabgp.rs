//! ExaBGP as the host's BGP speaker, with the agent as its API process.

use std::env;
use std::fs::{self, File};
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

    /// What `status.exabgp.version` begins with.
    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::V4 => "4.2.",
            Self::V5 => "5.0.",
        }
    }
}

/// An ExaBGP that runs `roamd run --config …`.
pub(crate) struct Exabgp {
    version: Version,
    dir: PathBuf,
    /// The agent's configuration: what tells its process from all others.
    config: PathBuf,
    process: Option<Process>,
}

impl Exabgp {
    /// Starts it, and with it the agent that reads `config`.
    pub(crate) fn start(version: Version, dir: &Path, network: &Network, config: &Path) -> Self {
        let dir = dir.join("exabgp");
        fs::create_dir(&dir).expect("the directory is new");
        let (tor, port) = (network.tor.to_string(), network.tor_port.to_string());
        let conf = template::filled(
            "exabgp/child.conf.in",
            &[
                ("ROAMD", env!("CARGO_BIN_EXE_roamd")),
                ("CONFIG", &config.display().to_string()),
                ("HOST_ADDRESS", &network.host.to_string()),
                ("HOST_AS", &Network::HOST_AS.to_string()),
                ("TOR_ADDRESS", &tor),
                ("TOR_AS", &Network::TOR_AS.to_string()),
                ("LOOPBACK", Network::LOOPBACK),
            ],
        );
        fs::write(dir.join("exabgp.conf"), conf).expect("the configuration is written");
        let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
        let user = String::from_utf8(user).expect("the user's name is text");
        let environment =
            template::filled("exabgp/local.env.in", &[("TOR_PORT", &port), ("USER", user.trim())]);
        fs::write(dir.join("exabgp.env"), environment).expect("the environment is written");
        let mut exabgp = Self { version, dir, config: config.to_path_buf(), process: None };
        exabgp.restart();
        exabgp
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("exabgp.log")
    }

    /// What the agent writes to its standard error, which is ExaBGP's.
    pub(crate) fn agent_log(&self) -> PathBuf {
        self.dir.join("roamd.log")
    }

    /// `kill -9`; the agent is left to find out by itself.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("ExaBGP runs").kill();
        self.process = None;
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

    /// The agent's process, as soon as there is exactly one.
    pub(crate) fn agent(&mut self) -> u32 {
        let exabgp = self.process.as_mut().expect("ExaBGP runs");
        wait::until("ExaBGP has one child, the agent", || {
            exabgp.assert_alive();
            match process::with_argument(&self.config)[..] {
                [pid] => Ok(pid),
                ref others => Err(format!("the agent's processes are {others:?}")),
            }
        })
    }

    /// Waits until ExaBGP has replaced this agent by another.
    pub(crate) fn agent_after(&mut self, old: u32) -> u32 {
        wait::until("ExaBGP starts another agent", || {
            let new = self.agent();
            if new == old { Err(format!("it is still {old}")) } else { Ok(new) }
        })
    }
}

impl Drop for Exabgp {
    fn drop(&mut self) {
        // The agent has a process group of its own and leaves when ExaBGP is gone; here it is made sure of.
        drop(self.process.take());
        for pid in process::with_argument(&self.config) {
            process::signal_if_there("KILL", pid);
        }
    }
}
