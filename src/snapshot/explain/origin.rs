//! What is known of the VM, and by whom.

use serde_json::{json, to_value};

use super::super::{LibvirtTrust, service_ip_text};
use super::words::{at, ended, list, since, span};
use super::{Case, Link, Step, link};

impl Case<'_> {
    pub(super) fn configuration(&self) -> Link {
        let status = &self.snapshot.config_status;
        let file = format!("{}, loaded {},", status.path, at(status.loaded_at, self.at));
        let called = &self.called;
        let mut text = match (self.configured, &self.vm) {
            (Some(vm), _) => {
                let addresses = list(vm.service_ips.iter().map(|prefix| service_ip_text(*prefix)));
                let plural = if vm.service_ips.len() == 1 { "address" } else { "addresses" };
                let pin = vm
                    .uuid
                    .map_or_else(String::new, |uuid| format!(", for the domain with the uuid {uuid} alone"));
                format!("{file} gives {} the service {plural} {addresses}{pin}.", vm.name)
            }
            (None, Some(_)) => {
                format!("{file} gives {called} no service address: nothing is announced for it.")
            }
            (None, None) => format!("{file} gives {called} to no VM: what is announced for it is withdrawn."),
        };
        if self.is_held() {
            text.push_str(
                " It is on this host's `hold` list: this host announces nothing for it until it is taken off the list and \
                 roamd is told so by SIGHUP.",
            );
        }
        if let Some(first) = status.errors.first() {
            let count = status.errors.len();
            let faults = if count == 1 { "a fault".to_owned() } else { format!("{count} faults") };
            text.push_str(" The file was read again since and has ");
            text.push_str(&faults);
            text.push_str(", so what was loaded stays in force: ");
            text.push_str(&ended(first));
        }
        let fields = json!({
            "path": status.path,
            "loaded_at": status.loaded_at,
            "service_ips": self.configured.map(|vm| &vm.service_ips),
            "uuid": self.configured.and_then(|vm| vm.uuid),
            "hold": self.is_held(),
            "errors": status.errors,
        });
        link(Step::Configuration, text, fields)
    }

    pub(super) fn identity(&self) -> Option<Link> {
        let vm = self.vm.as_ref()?;
        let pin = self.configured.and_then(|vm| vm.uuid);
        let uuid = vm.uuid.map_or_else(|| "unknown".to_owned(), |uuid| uuid.to_string());
        let text = match (&vm.domain, pin) {
            (Some(domain), Some(pin)) if self.is_mistaken() => format!(
                "libvirt's domain {domain} has the uuid {uuid}, and only {pin} may use these addresses: it is not managed, \
                 and nothing is announced for it."
            ),
            (Some(domain), Some(_)) => format!("libvirt's domain {domain} is this VM by its uuid {uuid}."),
            (Some(domain), None) if vm.managed => {
                format!("libvirt's domain {domain} is this VM by its name; its uuid is {uuid}.")
            }
            (Some(domain), None) => format!("libvirt knows it as the domain {domain} with the uuid {uuid}."),
            (None, _) if self.snapshot.libvirt.trust == LibvirtTrust::Unlisted => {
                "libvirt has not been listed in this agent's life: whether the VM is here nobody knows yet."
                    .to_owned()
            }
            (None, Some(pin)) => format!("libvirt shows no domain with the uuid {pin} on this host."),
            (None, None) => format!("libvirt shows no domain {} on this host.", vm.name),
        };
        let fields =
            json!({"domain": vm.domain, "uuid": vm.uuid, "configured_uuid": pin, "managed": vm.managed});
        Some(link(Step::Identity, text, fields))
    }

    pub(super) fn libvirt(&self) -> Link {
        let libvirt = &self.snapshot.libvirt;
        let since = libvirt.since.map_or_else(String::new, |time| format!(" {}", since(time, self.at)));
        let lease = span(self.snapshot.config.libvirt.lease);
        let mut text = match (libvirt.connected, &libvirt.error) {
            (true, _) => format!("libvirt ({}) is connected{since}", libvirt.uri),
            (false, Some(error)) => {
                format!("libvirt ({}) is out of reach{since}: {}", libvirt.uri, error.trim_end_matches('.'))
            }
            (false, None) => format!("libvirt ({}) has not answered yet", libvirt.uri),
        };
        let lapsed = |how| {
            format!(
                "{how} longer than `libvirt.lease` ({lease}): what it has not told of since stands no higher than `unsure`."
            )
        };
        let trust = match libvirt.trust {
            LibvirtTrust::Full => ".".to_owned(),
            LibvirtTrust::Unlisted => {
                ". Until it is listed for the first time routes stay as they were found in ExaBGP.".to_owned()
            }
            LibvirtTrust::Blind => {
                ". What it has not told of since stands no higher than `active`.".to_owned()
            }
            LibvirtTrust::Lapsed if libvirt.connected => lapsed(", but has given no list that counts for"),
            LibvirtTrust::Lapsed => lapsed(". That is"),
        };
        text.push_str(&trust);
        link(Step::Libvirt, text, to_value(libvirt).unwrap_or_default())
    }
}
