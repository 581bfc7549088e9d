//! The agent as a process of its own, beside ExaBGP and its relay.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::process::{Process, signal};

/// `roamd run`, which may be ended and started again.
pub(crate) struct Agent {
    config: PathBuf,
    log: PathBuf,
    /// What a service manager puts into its environment.
    environment: Vec<(&'static str, OsString)>,
    process: Option<Process>,
}

impl Agent {
    pub(crate) fn start(config: &Path, log: &Path) -> Self {
        let (config, log) = (config.to_path_buf(), log.to_path_buf());
        let mut agent = Self { config, log, environment: Vec::new(), process: None };
        agent.restart();
        agent
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").pid()
    }

    /// From its next start on it has this in its environment.
    pub(crate) fn set_environment(&mut self, environment: Vec<(&'static str, OsString)>) {
        self.environment = environment;
    }

    /// Starts it after it was ended.
    pub(crate) fn restart(&mut self) {
        assert!(self.process.is_none(), "the agent runs");
        let program = Path::new(env!("CARGO_BIN_EXE_roamd"));
        self.process = Some(Process::start("roamd", program, &self.log, |command| {
            command.arg("run").arg("--config").arg(&self.config).envs(self.environment.clone());
        }));
    }

    /// `kill -9`
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the agent runs").kill();
    }

    /// Its exit status, when it ends by itself.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        self.process.take().expect("the agent runs").exit()
    }

    /// SIGTERM; it must end in order.
    pub(crate) fn terminate(&mut self) {
        let status = self.process.take().expect("the agent runs").terminate();
        assert!(status.success(), "{status}");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }
}
