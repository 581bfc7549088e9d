//! An operator beside roamd: exabgpcli over ExaBGP's named pipes, and an API process of his own.

use std::fs;
use std::process::{Command, Stdio};

use crate::exabgp::Version;
use crate::lab::Lab;

/// exabgpcli with the pipes of one lab's ExaBGP.
pub(crate) struct Cli {
    version: Version,
    pipes: String,
}

impl Cli {
    /// Gives ExaBGP its named pipes, which it uses from its next start on.
    pub(crate) fn prepare(lab: &Lab, version: Version) -> Self {
        let pipes = lab.dir().join("cli");
        for end in ["in", "out"] {
            let made = Command::new("mkfifo").arg(pipes.with_extension(end)).status();
            assert!(made.is_ok_and(|status| status.success()), "mkfifo makes a pipe");
        }
        // ExaBGP looks for the name in /run and other directories that are the system's.
        let pipes = format!("..{}", pipes.display());
        let settings = format!("exabgp_api_cli=true\nexabgp_api_pipename={pipes}");
        lab.exabgp.edit_environment("exabgp_api_cli=false", &settings);
        Self { version, pipes }
    }

    /// Gives a command; what is answered.
    pub(crate) fn run(&self, command: &str) -> Result<String, String> {
        let output = Command::new("timeout")
            .arg("20")
            .arg(self.version.cli())
            .args(command.split(' '))
            .env("exabgp_api_pipename", &self.pipes)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("timeout does not start: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command}: {}: {said}{errors}", output.status))
        }
    }
}

/// Has ExaBGP run another API process from its next start on, which gives these commands and then only listens.
pub(crate) fn add_process(lab: &Lab, commands: &[&str]) {
    let script = lab.dir().join("operator.sh");
    let lines: String = commands.iter().flat_map(|command| ["echo '", *command, "'\n"]).collect();
    // With its standard output closed it would count as dead.
    fs::write(&script, format!("{lines}while read -r _; do :; done\n")).expect("it is written");
    let process =
        format!("process operator {{\n  run /bin/sh {};\n  encoder json;\n}}\n\n", script.display());
    let place = "process roamd {\n";
    lab.exabgp.edit(place, &format!("{process}{place}"));
    lab.exabgp.edit("processes [ roamd ];", "processes [ roamd, operator ];");
}
