//! From the raw file to a configuration: every rule is checked, and every breach is noted.
//!
//! A value that breaks a rule is replaced by its default, so that judging goes on and finds the rest; the
//! configuration that comes of it is only given out when nothing was noted.

mod attributes;
mod bgp;
mod host_routes;
mod nics;
mod vms;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::fault::{Finding, Findings, Subject};
use super::nearest::nearest;
use super::path::{At, KeyPath, Step};
use super::raw::{Leaf, Section, Shaped};
use super::scalar::{self, Judged, boolean, choice, duration};
use super::{
    Bgp, Exabgp, Frozen, HostRoutes, Http, Libvirt, Listen, Log, LogFormat, LogLevel, Mobility, OnStop,
    Transport, Vm, schema,
};
use crate::vm::VmName;

pub(super) use attributes::ORIGINS;
pub(super) use vms::Fleet;

/// Everything of a configuration but its source.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) libvirt: Libvirt,
    pub(super) exabgp: Exabgp,
    pub(super) bgp: Bgp,
    pub(super) mobility: Mobility,
    pub(super) hold: BTreeSet<VmName>,
    pub(super) host_routes: Option<HostRoutes>,
    pub(super) http: Http,
    pub(super) log: Log,
    pub(super) vms: BTreeMap<VmName, Arc<Vm>>,
}

/// What reading the files has found.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    pub(super) findings: Findings,
    /// Keys that are not known where they stand, each with the number of its file.
    pub(super) unknown: Vec<(usize, KeyPath)>,
    /// No VM is missing because its file could not be read.
    pub(super) every_vm: bool,
}

/// Judges what the files hold: the main one, and the VMs of all of them with the findings so far.
pub(super) fn judge(file: schema::File, mut fleet: Fleet, so_far: SoFar) -> Result<Parts, Findings> {
    let mut judge = Judge { findings: so_far.findings };
    for (document, path) in so_far.unknown {
        judge.unknown_key(document, path);
    }
    let root = At::Root(0);
    let libvirt = judge.libvirt(&root.key("libvirt"), file.libvirt);
    let exabgp = judge.exabgp(&root.key("exabgp"), file.exabgp);
    let bgp_at = root.key("bgp");
    let bgp = judge.section(&bgp_at, file.bgp);
    let mark = judge.mark(&bgp_at, &bgp);
    judge.findings.append(fleet.findings(mark));
    let bgp = judge.bgp(&bgp_at, bgp, mark, &fleet);
    let longest = if exabgp.lease > libvirt.lease {
        ("exabgp.lease", exabgp.lease)
    } else {
        ("libvirt.lease", libvirt.lease)
    };
    let mobility = judge.mobility(&root.key("mobility"), file.mobility, longest);
    let known = so_far.every_vm.then_some(&fleet);
    let hold = judge.hold(&root.key("hold"), file.hold.as_ref(), known);
    let host_routes = judge.host_routes(&root.key("host_routes"), file.host_routes);
    let http = judge.http(&root.key("http"), file.http);
    let log = judge.log(&root.key("log"), file.log);
    match bgp {
        Some(bgp) if judge.findings.is_empty() => {
            Ok(Parts { libvirt, exabgp, bgp, mobility, hold, host_routes, http, log, vms: fleet.map })
        }
        Some(_) | None => Err(judge.findings),
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Judge {
    findings: Findings,
}

impl Judge {
    fn unknown_key(&mut self, document: usize, path: KeyPath) {
        let Some((Step::Key(key), around)) = path.0.split_last() else { return };
        let known = if document == 0 {
            schema::keys_at(around)
        } else {
            schema::keys_at(&[&[Step::Key("vms".to_owned())], around].concat())
        };
        let rule = match nearest(key, known.iter().copied()) {
            Some(near) => format!("unknown key; did you mean {near}?"),
            None => format!("unknown key; the keys here are {}", known.join(", ")),
        };
        let finding = Finding::at(document, path, "a value".to_owned(), rule);
        self.findings.push(Finding { subject: Subject::Key, ..finding });
    }

    /// The keys of a section; none where it is absent or empty.
    fn section<T: Section>(&mut self, at: &At<'_>, shaped: Option<Shaped<T>>) -> T {
        match shaped {
            Some(Shaped::Map(section)) => section,
            None | Some(Shaped::Other(Leaf::Null)) => T::default(),
            Some(Shaped::Other(leaf)) => {
                let rule = format!("must be a map with some of the keys {}", T::KEYS.join(", "));
                self.findings.push(Finding::value(at, leaf.shown(), rule));
                T::default()
            }
        }
    }

    /// A value of its kind; `None` where it is absent or breaks a rule.
    fn value<T>(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        parse: impl FnOnce(&Leaf) -> Judged<T>,
    ) -> Option<T> {
        let leaf = leaf?;
        let judged = match leaf {
            Leaf::Null => {
                Err("must have a value; write one, or leave the key out for its default".to_owned())
            }
            Leaf::Bool(_) | Leaf::Integer(_) | Leaf::Float(_) | Leaf::Text(_) | Leaf::List(_) | Leaf::Map => {
                parse(leaf)
            }
        };
        judged.map_err(|rule| self.findings.push(Finding::value(at, leaf.shown(), rule))).ok()
    }

    /// As `value`, for a key whose default is null.
    fn optional<T>(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        parse: impl FnOnce(&Leaf) -> Judged<T>,
    ) -> Option<T> {
        self.value(at, leaf.filter(|leaf| **leaf != Leaf::Null), parse)
    }

    /// The good items of a list with their indices; nothing where it is absent or null.
    fn list<T>(
        &mut self,
        at: &At<'_>,
        leaf: Option<&Leaf>,
        parse: impl Fn(&Leaf) -> Judged<T>,
    ) -> Vec<(usize, T)> {
        let items = match leaf {
            None | Some(Leaf::Null) => return Vec::new(),
            Some(Leaf::List(items)) => items,
            Some(leaf) => {
                let rule = "must be a list: [first, second], or a line `- item` for each";
                self.findings.push(Finding::value(at, leaf.shown(), rule));
                return Vec::new();
            }
        };
        let mut good = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match parse(item) {
                Ok(value) => good.push((index, value)),
                Err(rule) => self.findings.push(Finding::value(&at.item(index), item.shown(), rule)),
            }
        }
        good
    }

    fn libvirt(&mut self, at: &At<'_>, section: Option<Shaped<schema::Libvirt>>) -> Libvirt {
        let raw = self.section(at, section);
        let uri = |leaf: &Leaf| scalar::word(leaf).map(str::to_owned);
        Libvirt {
            uri: self
                .value(&at.key("uri"), raw.uri.as_ref(), uri)
                .unwrap_or_else(|| "qemu:///system".to_owned()),
            read_write: self.value(&at.key("read_write"), raw.read_write.as_ref(), boolean).unwrap_or(false),
            resync: self.duration(&at.key("resync"), raw.resync.as_ref(), 30),
            lease: self.duration(&at.key("lease"), raw.lease.as_ref(), 60),
        }
    }

    fn duration(&mut self, at: &At<'_>, leaf: Option<&Leaf>, default_seconds: u64) -> Duration {
        self.value(at, leaf, duration).unwrap_or(Duration::from_secs(default_seconds))
    }

    fn exabgp(&mut self, at: &At<'_>, section: Option<Shaped<schema::Exabgp>>) -> Exabgp {
        let raw = self.section(at, section);
        let socket = |leaf: &Leaf| scalar::text(leaf).and_then(scalar::socket).map(PathBuf::from);
        let transport = |leaf: &Leaf| choice(leaf, Transport::ALL);
        let on_stop = |leaf: &Leaf| choice(leaf, OnStop::ALL);
        let group = |leaf: &Leaf| scalar::word(leaf).map(str::to_owned);
        Exabgp {
            transport: self
                .value(&at.key("transport"), raw.transport.as_ref(), transport)
                .unwrap_or(Transport::Relay),
            socket: self
                .value(&at.key("socket"), raw.socket.as_ref(), socket)
                .unwrap_or_else(|| PathBuf::from("/run/roamd/exabgp.sock")),
            socket_group: self.optional(&at.key("socket_group"), raw.socket_group.as_ref(), group),
            lease: self.duration(&at.key("lease"), raw.lease.as_ref(), 60),
            on_stop: self.value(&at.key("on_stop"), raw.on_stop.as_ref(), on_stop).unwrap_or(OnStop::Keep),
        }
    }

    fn mobility(
        &mut self,
        at: &At<'_>,
        section: Option<Shaped<schema::Mobility>>,
        (lease_key, lease): (&str, Duration),
    ) -> Mobility {
        let raw = self.section(at, section);
        let settle_at = at.key("settle");
        let settle = self.duration(&settle_at, raw.settle.as_ref(), 180);
        if settle <= lease {
            let rule = format!(
                "must be longer than {lease_key} ({}), so that a VM that just began to run here beats any route \
                 left behind elsewhere",
                humantime::format_duration(lease)
            );
            let value = humantime::format_duration(settle).to_string();
            self.findings.push(match raw.settle {
                Some(_) => Finding::value(&settle_at, value, rule),
                None => {
                    Finding { value: format!("{value} (the default)"), ..Finding::missing(&settle_at, rule) }
                }
            });
        }
        let frozen = |leaf: &Leaf| choice(leaf, Frozen::ALL);
        Mobility {
            standby: self.value(&at.key("standby"), raw.standby.as_ref(), boolean).unwrap_or(true),
            settle,
            frozen: self.value(&at.key("frozen"), raw.frozen.as_ref(), frozen).unwrap_or(Frozen::Standby),
        }
    }

    fn http(&mut self, at: &At<'_>, section: Option<Shaped<schema::Http>>) -> Http {
        let raw = self.section(at, section);
        let listen = self
            .value(&at.key("listen"), raw.listen.as_ref(), listen)
            .unwrap_or_else(|| Listen::Tcp(([127, 0, 0, 1], 9179).into()));
        let path = |leaf: &Leaf| scalar::text(leaf).map(PathBuf::from);
        let token_file = self.optional(&at.key("token_file"), raw.token_file.as_ref(), path);
        let token_given = !matches!(raw.token_file, None | Some(Leaf::Null));
        if let Listen::Tcp(address) = &listen
            && !address.ip().is_loopback()
            && !token_given
        {
            let rule = format!(
                "is required because http.listen ({address}) reaches beyond loopback; name a file that holds the \
                 bearer token"
            );
            self.findings.push(Finding::missing(&at.key("token_file"), rule));
        }
        let hosts = self.list(&at.key("hosts"), raw.hosts.as_ref(), host);
        Http { listen, token_file, hosts: hosts.into_iter().map(|(_, host)| host).collect() }
    }

    fn log(&mut self, at: &At<'_>, section: Option<Shaped<schema::Log>>) -> Log {
        let raw = self.section(at, section);
        let level = |leaf: &Leaf| choice(leaf, LogLevel::ALL);
        let format = |leaf: &Leaf| choice(leaf, LogFormat::ALL);
        Log {
            level: self.value(&at.key("level"), raw.level.as_ref(), level).unwrap_or(LogLevel::Info),
            format: self.value(&at.key("format"), raw.format.as_ref(), format).unwrap_or(LogFormat::Text),
        }
    }
}

fn listen(leaf: &Leaf) -> Judged<Listen> {
    let due = "must be ADDRESS:PORT, such as 127.0.0.1:9179 or [::1]:9179, or unix:/absolute/path";
    let Leaf::Text(text) = leaf else { return Err(due.to_owned()) };
    if let Some(path) = text.strip_prefix("unix:") {
        if path.chars().any(char::is_control) {
            return Err(due.to_owned());
        }
        return scalar::socket(path).map(|path| Listen::Unix(PathBuf::from(path)));
    }
    let address: std::net::SocketAddr = text.parse().map_err(|_| due.to_owned())?;
    if let std::net::IpAddr::V6(v6) = address.ip()
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(format!(
            "is an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2); write {v4}:{}",
            address.port()
        ));
    }
    Ok(Listen::Tcp(address))
}

/// A host name (RFC 1123 section 2.1) in lower case.
fn host(leaf: &Leaf) -> Judged<String> {
    let name = scalar::word(leaf)?.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(name)
    } else {
        Err("must be a host name without port and `*`; IP addresses are always accepted".to_owned())
    }
}
