//! One host with its switch: libvirtd, ExaBGP with the agent, BIRD.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::{env, process, thread};

use crate::agent::Agent;
use crate::bird::{Bird, BirdRoute, Table};
use crate::exabgp::{Child, Exabgp, Version};
use crate::libvirtd::Libvirtd;
use crate::process::{Process, tail};
use crate::rest::Rest;
use crate::template;

/// A temporary directory that goes when it is dropped.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("roamd-{}-{number}", process::id()));
        fs::create_dir(&path).expect("the temporary directory is new");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).expect("it is ours");
        // The longest socket path below it; the kernel takes 107 bytes (unix(7)).
        let longest = path.join("libvirt/life10/libvirt-sock");
        assert!(longest.as_os_str().len() <= 107, "{} is too long for a socket: set TMPDIR", path.display());
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

/// A TCP port that was free a moment ago; the address is this test's alone.
pub(crate) fn free_port(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("the kernel has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Addresses and numbers of the host and its switch.
pub(crate) struct Network {
    pub(crate) host: Ipv4Addr,
    pub(crate) tor: Ipv4Addr,
    pub(crate) tor_port: u16,
    pub(crate) tor_as: u32,
}

impl Network {
    pub(crate) const HOST_AS: u32 = 65_101;
    pub(crate) const TOR_AS: u32 = 65_000;
    pub(crate) const SERVICE_V4: &str = "198.51.100.0/24";
    pub(crate) const SERVICE_V6: &str = "2001:db8:5::/48";
    pub(crate) const LOOPBACKS: &str = "192.0.2.0/24";
    /// The operator's own route, in ExaBGP's configuration.
    pub(crate) const LOOPBACK: &str = "192.0.2.1/32";
    /// Where IPv6 routes of this host lead.
    pub(crate) const NEXT_HOP_V6: &str = "2001:db8:1::1";

    /// Loopback addresses that no other test of this or another run has.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let [.., high, low] = process::id().to_be_bytes();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = u8::try_from(number).expect("a run has at most 255 networks");
        let address = |side: u8| Ipv4Addr::new(127, 64 | (high & 0x3f) | (side << 7), low, number);
        let tor = address(1);
        Self { host: address(0), tor, tor_port: free_port(tor), tor_as: Self::TOR_AS }
    }

    /// The same host with another switch.
    pub(crate) fn with_another_tor(&self, tor_as: u32) -> Self {
        // ExaBGP connects to one port everywhere; on an address of its own it is free.
        Self { host: self.host, tor: Self::new().tor, tor_port: self.tor_port, tor_as }
    }
}

/// Everything. The fields are dropped in this order: ExaBGP first, so that the agent ends in order.
pub(crate) struct Lab {
    pub(crate) exabgp: Exabgp,
    /// Where ExaBGP runs the relay, the agent beside it.
    pub(crate) agent: Option<Agent>,
    pub(crate) bird: Bird,
    pub(crate) libvirtd: Libvirtd,
    pub(crate) rest: Rest,
    pub(crate) network: Network,
    /// What the operator announces beside roamd, as the switch must have it.
    pub(crate) operators: Table,
    config: PathBuf,
    dir: Dir,
}

/// What a test may choose before everything starts.
pub(crate) struct Plan<'a> {
    /// VMs that run from the start.
    pub(crate) running: &'a [&'a str],
    /// More YAML for the agent, after [`base`].
    pub(crate) config: &'a str,
}

/// What a test has in the agent's configuration beside its [`Plan`].
struct Keys<'a> {
    /// More of the section `libvirt`, after a comma.
    libvirt: &'a str,
    /// The section `exabgp`.
    exabgp: &'a str,
}

impl Lab {
    /// Starts everything, the agent as ExaBGP's child; it may not be ready yet.
    pub(crate) fn start(version: Version, plan: &Plan<'_>) -> Self {
        Self::start_over(version, plan, &Keys { libvirt: "", exabgp: "{transport: child}" }, false)
    }

    /// The same with a lease of libvirt's.
    pub(crate) fn start_with_lease(version: Version, plan: &Plan<'_>, lease: &str) -> Self {
        let libvirt = format!(", lease: {lease}");
        Self::start_over(version, plan, &Keys { libvirt: &libvirt, exabgp: "{transport: child}" }, false)
    }

    /// The same with the relay as ExaBGP's child and the agent beside it. `exabgp`: more keys of that section.
    pub(crate) fn start_with_relay(version: Version, plan: &Plan<'_>, exabgp: &str) -> Self {
        Self::start_over(version, plan, &Keys { libvirt: "", exabgp }, true)
    }

    fn start_over(version: Version, plan: &Plan<'_>, keys: &Keys<'_>, relay: bool) -> Self {
        let dir = Dir::new();
        let network = Network::new();
        let rest = Rest { address: SocketAddr::new(IpAddr::V4(network.host), free_port(network.host)) };
        let libvirtd = Libvirtd::start(dir.path(), plan.running);
        let config = dir.path().join("roamd.yaml");
        let socket = dir.path().join("agent.sock");
        let exabgp = keys.exabgp.replace("SOCKET", &socket.display().to_string());
        let keys = Keys { exabgp: &exabgp, ..*keys };
        fs::write(&config, base(&libvirtd.uri(), rest.address, &keys) + plan.config).expect("it is written");
        let bird = Bird::start(dir.path(), &network);
        let agent = relay.then(|| Agent::start(&config, &dir.path().join("agent.log")));
        let child = if relay {
            fs::create_dir(dir.path().join("relay")).expect("the directory is new");
            Child::Relay { socket, ledger: dir.path().join("relay/ledger") }
        } else {
            Child::Agent { config: config.clone() }
        };
        let exabgp = Exabgp::start(version, dir.path(), &network, child);
        let operators = Table::from([(Network::LOOPBACK.to_owned(), BirdRoute::plain(&network))]);
        Self { exabgp, agent, bird, libvirtd, rest, network, operators, config, dir }
    }

    /// Runs another agent with the same configuration but another HTTP address: its exit status and its log.
    pub(crate) fn second_agent(&self) -> (Option<i32>, String) {
        let text = fs::read_to_string(&self.config).expect("it was written");
        let IpAddr::V4(host) = self.rest.address.ip() else { panic!("the host has an IPv4 address") };
        let text = text.replace(&self.rest.address.to_string(), &format!("{host}:{}", free_port(host)));
        let path = self.config.with_extension("second.yaml");
        fs::write(&path, text).expect("it is written");
        let log = self.config.with_extension("second.log");
        let mut second = Process::start("roamd", Path::new(env!("CARGO_BIN_EXE_roamd")), &log, |command| {
            command.arg("run").arg("--config").arg(&path);
        });
        let status = second.exit();
        (status.code(), fs::read_to_string(&log).expect("it logs"))
    }

    /// Where this lab keeps its files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the relay connects.
    pub(crate) fn socket(&self) -> PathBuf {
        self.config.with_file_name("agent.sock")
    }

    /// The agent beside the relay.
    pub(crate) fn agent(&mut self) -> &mut Agent {
        self.agent.as_mut().expect("ExaBGP runs the relay")
    }

    /// Replaces part of the agent's configuration file; the agent is not told.
    pub(crate) fn edit_config(&self, from: &str, to: &str) {
        template::edit(&self.config, from, to);
    }

    /// What the agent has logged.
    pub(crate) fn agent_log(&self) -> String {
        let log = fs::read(self.exabgp.agent_log()).expect("the log is there");
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            for log in [self.libvirtd.log(), self.bird.log(), self.exabgp.log(), self.exabgp.agent_log()] {
                eprintln!("{}", tail(&log));
            }
            if let Some(agent) = &self.agent {
                eprintln!("{}", tail(agent.log()));
            }
        }
    }
}

/// The configuration of every test; `web` has an address of either family, the others one.
pub(crate) const VMS: &str = "
vms:
  web:
    service_ips: [198.51.100.10, '2001:db8:5::10']
    attributes: {communities: ['65101:10']}
  db:
    service_ips: [198.51.100.20]
  mail:
    service_ips: [198.51.100.30]
";

fn base(uri: &str, http: SocketAddr, keys: &Keys<'_>) -> String {
    let Keys { libvirt, exabgp } = keys;
    format!(
        "libvirt: {{uri: '{uri}', read_write: true{libvirt}}}
exabgp: {exabgp}
bgp:
  local_as: {}
  next_hop_v6: '{}'
  allowed_prefixes: ['{}', '{}']
http: {{listen: '{http}'}}
log: {{level: debug}}
",
        Network::HOST_AS,
        Network::NEXT_HOP_V6,
        Network::SERVICE_V4,
        Network::SERVICE_V6,
    )
}
