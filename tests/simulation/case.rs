//! A case: how large a fleet is and how it is set up, and what is done to it. As text it can be kept and run again.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use roamd::config::Config;

use crate::clock::{SECOND, Time};
use crate::operations::{self, Operation, Storm};
use crate::random::Random;

/// How a fleet is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four things that are so or not, each by itself")]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) hosts: usize,
    /// Managed VMs; beside them there is one that is not, and one with the name of the first but another uuid.
    pub(crate) vms: usize,
    /// Hosts to a rack.
    pub(crate) rack: usize,
    /// Graceful restart, with `manual-eor` in ExaBGP.
    pub(crate) graceful: bool,
    pub(crate) echo: bool,
    pub(crate) v5: bool,
    /// Routers hand on all paths (RFC 7911), as shipped; else the best alone.
    pub(crate) all_paths: bool,
    /// Seconds: both leases, and `settle`.
    pub(crate) lease: u64,
    pub(crate) settle: u64,
}

/// A setting and what is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) setting: Setting,
    pub(crate) operations: Vec<Operation>,
}

impl Case {
    /// The case of a seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let hosts = match random.between(0, 19) {
            0..=7 => random.index(3) + 2,
            8..=16 => random.index(8) + 3,
            17 | 18 => random.index(16) + 10,
            _ => random.index(26) + 25,
        };
        let vms = random.index(hosts.min(12)) + 1;
        let lease = random.between(8, 60);
        let setting = Setting {
            seed,
            hosts,
            vms,
            rack: random.index(3) + 1,
            graceful: random.percent(50),
            echo: random.percent(50),
            v5: random.percent(50),
            all_paths: Random::new(seed, 2).percent(50),
            lease,
            settle: lease * 3,
        };
        let storm = Storm([0, 10, 30, 50][random.index(4)]);
        let length: Time = random.between(60, 400) * SECOND;
        let operations = operations::generate(&mut random, (vms + 2, hosts), (length, lease * SECOND), storm);
        Self { setting, operations }
    }

    /// As a file keeps it.
    pub(crate) fn text(&self) -> String {
        let Setting { seed, hosts, vms, rack, graceful, echo, v5, all_paths, lease, settle } = self.setting;
        let mut text = format!(
            "fleet {seed} {hosts} {vms} {rack} {graceful} {echo} {v5} {all_paths} {lease} {settle}\n"
        );
        for operation in &self.operations {
            writeln!(text, "{operation}").unwrap();
        }
        text
    }

    /// Reads what [`Self::text`] wrote; lines that begin with `#` say why it is kept.
    pub(crate) fn read(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let words: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let number = |index: usize| words[index].parse::<u64>().unwrap();
        let size = |index: usize| words[index].parse::<usize>().unwrap();
        let flag = |index: usize| words[index].parse::<bool>().unwrap();
        let setting = Setting {
            seed: number(1),
            hosts: size(2),
            vms: size(3),
            rack: size(4),
            graceful: flag(5),
            echo: flag(6),
            v5: flag(7),
            all_paths: flag(8),
            lease: number(9),
            settle: number(10),
        };
        Self { setting, operations: lines.map(|line| line.parse().unwrap()).collect() }
    }
}

impl Setting {
    /// Everything that a managed VM is reached by.
    pub(crate) fn prefixes(vm: usize) -> Vec<String> {
        let mut prefixes = vec![format!("198.51.100.{}/32", vm + 1)];
        if vm.is_multiple_of(3) {
            prefixes.push(format!("2001:db8:5::{:x}/128", vm + 1));
        }
        prefixes
    }

    /// The configuration of a host, of which some VMs are held and some left out.
    pub(crate) fn config(&self, host: usize, held: &[usize], without: &[usize]) -> Arc<Config> {
        let Self { lease, settle, .. } = self;
        let mut text = format!(
            "libvirt: {{uri: 'test:///default', resync: 10s, lease: {lease}s}}\n\
             exabgp: {{transport: relay, lease: {lease}s}}\n\
             bgp:\n  local_as: {}\n  next_hop_v6: '2001:db8:1::{:x}'\n  \
             allowed_prefixes: [198.51.100.0/24, '2001:db8:5::/48']\n\
             mobility: {{settle: {settle}s}}\nhold: [{}]\nvms:\n",
            local_as(host),
            host + 1,
            held.iter().map(|vm| name(*vm)).collect::<Vec<_>>().join(", "),
        );
        for vm in (0..self.vms).filter(|vm| !without.contains(vm)) {
            let pin = if vm == 0 { format!("uuid: {}, ", uuid(vm)) } else { String::new() };
            let ips: Vec<String> = Self::prefixes(vm)
                .iter()
                .map(|prefix| format!("'{}'", prefix.split('/').next().unwrap()))
                .collect();
            writeln!(text, "  {}: {{{pin}service_ips: [{}]}}", name(vm), ips.join(", ")).unwrap();
        }
        if without.len() >= self.vms {
            text = text.replace("\nvms:\n", "\nvms: {}\n");
        }
        let config = Config::from_bytes(Path::new("/etc/roamd/config.yaml"), text.clone().into_bytes());
        Arc::new(config.unwrap_or_else(|faults| panic!("{faults}\n{text}")))
    }
}

pub(crate) fn local_as(host: usize) -> usize {
    65_101 + host
}

pub(crate) fn name(vm: usize) -> String {
    format!("vm-{vm:02}")
}

pub(crate) fn uuid(vm: usize) -> roamd::vm::Uuid {
    roamd::vm::Uuid::from_u128(0x1000 + vm as u128)
}
