//! A host: libvirtd with its test driver, and an agent that prints its commands.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::{env, fs, process};

use crate::libvirtd::Libvirtd;
use crate::process::{Process, signal};

/// A temporary directory that goes when it is dropped.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("roamd-page-{}-{number}", process::id()));
        fs::create_dir(&path).expect("the temporary directory is new");
        // libvirtd runs as somebody else below it.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        fs::set_permissions(&path, open).expect("it is ours");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// An agent on its own. The fields end in this order.
pub(crate) struct Agent {
    process: Option<Process>,
    port: u16,
    config: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts one that watches the libvirt at `uri`. `http`: more of that section; `config`: more YAML.
    pub(crate) fn start(dir: &Path, uri: &str, http: &str, config: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the kernel has a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let text = format!(
            "libvirt: {{uri: '{uri}'}}\nexabgp: {{transport: print}}\nbgp: {{local_as: 65101, next_hop_v6: '2001:db8:1::1'}}\n\
             http: {{listen: '127.0.0.1:{port}'{http}}}\n{config}"
        );
        let path = dir.join("roamd.yaml");
        fs::write(&path, text).expect("it is written");
        let mut agent = Self { process: None, port, config: path, log: dir.join("roamd.log") };
        agent.restart();
        agent
    }

    /// Starts it after it was ended.
    pub(crate) fn restart(&mut self) {
        assert!(self.process.is_none(), "the agent runs");
        let program = Path::new(env!("CARGO_BIN_EXE_roamd"));
        self.process = Some(Process::start("roamd", program, &self.log, |command| {
            command.arg("run").arg("--config").arg(&self.config);
        }));
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(&mut self) {
        assert!(self.process.take().expect("it runs").terminate().success());
    }

    /// Has it read its configuration again.
    pub(crate) fn reload(&self) {
        signal("HUP", self.process.as_ref().expect("it runs").pid());
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }
}

/// The whole host. The fields end in this order.
pub(crate) struct Host {
    pub(crate) agent: Agent,
    pub(crate) libvirtd: Libvirtd,
    dir: Dir,
}

/// Three VMs, one of them with a routed prefix.
pub(crate) const VMS: &str = "
vms:
  web-1: {service_ips: [198.51.100.10, '2001:db8:5::10']}
  db-1: {service_ips: [198.51.100.20]}
  router-1: {service_ips: [198.51.100.64/28]}
";

impl Host {
    /// Starts it with these VMs running.
    pub(crate) fn start(running: &[&str], config: &str) -> Self {
        Self::start_with(running, "", config)
    }

    /// The same with more in the section `http`, after a comma.
    pub(crate) fn start_with(running: &[&str], http: &str, config: &str) -> Self {
        let dir = Dir::new();
        let libvirtd = Libvirtd::start(dir.path(), running);
        let agent = Agent::start(dir.path(), &libvirtd.uri(), http, config);
        Self { agent, libvirtd, dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Defines a VM under any name that libvirt takes.
    pub(crate) fn define(&self, name: &str, number: u8) {
        let escaped =
            name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let uuid = format!("00000000-0000-4000-9000-{number:012}");
        let text = crate::template::filled("libvirt/vm.xml.in", &[("NAME", &escaped), ("UUID", &uuid)]);
        let path = self.dir().join(format!("nasty-{number}.xml"));
        fs::write(&path, text).expect("it is written");
        self.libvirtd.virsh(&["define", path.to_str().expect("a path of ours is text")]);
    }
}
