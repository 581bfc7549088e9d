//! A small configuration for tests of those that are handed one.

use super::*;
use crate::route::Mark;

/// A configured VM.
pub(crate) fn configured(name: &str, service_ips: &[&str]) -> (VmName, Arc<Vm>) {
    let name = VmName::new(name);
    let service_ips = service_ips.iter().map(|text| text.parse().unwrap()).collect();
    let vm = Vm {
        name: name.clone(),
        uuid: None,
        service_ips,
        nics: NicChoices::default(),
        attributes: AttributeOverrides::default(),
    };
    (name, Arc::new(vm))
}

/// A configuration with these VMs.
pub(crate) fn config(vms: impl IntoIterator<Item = (VmName, Arc<Vm>)>) -> Config {
    let minute = Duration::from_secs(60);
    Config {
        source: Source {
            path: "/etc/roamd/config.yaml".into(),
            sha256: "aa".repeat(32),
            vms_sha256: "bb".repeat(32),
        },
        libvirt: Libvirt {
            uri: "qemu:///system".to_owned(),
            read_write: false,
            resync: minute,
            lease: minute,
        },
        exabgp: Exabgp {
            transport: Transport::Relay,
            socket: PathBuf::from("/run/roamd/exabgp.sock"),
            socket_group: None,
            lease: minute,
            on_stop: OnStop::Keep,
        },
        bgp: Bgp {
            local_as: Asn::new(65_101).unwrap(),
            prepend_step: 3,
            next_hop: NextHop::Own,
            next_hop_v6: None,
            neighbors: BTreeSet::new(),
            allowed_prefixes: None,
            attributes: AttributeOverrides::default(),
            ladder: ladder(),
        },
        mobility: Mobility { standby: true, settle: 3 * minute, frozen: Frozen::Standby },
        hold: BTreeSet::new(),
        host_routes: None,
        http: Http {
            listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
            token_file: None,
            hosts: BTreeSet::new(),
        },
        log: Log { level: LogLevel::Info, format: LogFormat::Text },
        vms: vms.into_iter().collect(),
    }
}

/// The default ladder of AS 65101.
pub(crate) fn ladder() -> Ladder {
    let mark = Mark { local_as: Asn::new(65_101).unwrap(), mark: 82 };
    Ladder::new(mark, 3, &Default::default()).unwrap()
}
