//! What the agent makes of the kernel's reports, and of libvirt's about NICs; nothing where host routes are not roamd's.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Agent;
use crate::config::OnStop;
use crate::host_routes::Report;
use crate::libvirt::{NicsAnswer, Request};
use crate::route::Prefix;
use crate::vm::{Uuid, VmName};

impl Agent {
    /// The kernel's routes stand otherwise than before.
    pub(super) fn kernel(&mut self, report: Report) {
        let Some(host_routes) = &mut self.host_routes else { return };
        let prefixes = host_routes.report(report);
        let status = host_routes.status(&self.mobility);
        if *self.host_routes_status != status {
            self.host_routes_status = status.into();
        }
        self.changed();
        for prefix in prefixes {
            if let Some(host_routes) = &self.host_routes {
                self.plan.hold(prefix, host_routes.hold(prefix));
            }
            self.publisher.stale_prefix(prefix);
        }
        self.send();
        self.note_settled(self.clock.now());
    }

    /// Has the kernel's routes follow a VM.
    pub(super) fn place(&mut self, vm: &VmName) {
        let (Some(host_routes), Some(vm)) = (&mut self.host_routes, self.config.vms.get(vm)) else { return };
        host_routes.refresh(vm, &self.config, &self.mobility, self.clock.now());
    }

    /// Has the kernel's routes go of addresses that are nobody's any more.
    pub(super) fn let_go(&mut self, domains: &BTreeSet<Uuid>, gone: &[Prefix], now: Instant) {
        let Some(host_routes) = &mut self.host_routes else { return };
        for uuid in domains {
            if self.mobility.known_domain(*uuid).is_none_or(|known| known.vm.is_none()) {
                host_routes.forget(*uuid);
            }
        }
        host_routes.release(gone, now);
        for prefix in gone {
            self.plan.hold(*prefix, host_routes.hold(*prefix));
        }
    }

    /// Holds back what this host could not forward yet.
    pub(super) fn hold_back(&mut self, vm: &VmName) {
        let (Some(host_routes), Some(vm)) = (&self.host_routes, self.config.vms.get(vm)) else { return };
        for prefix in &vm.service_ips {
            self.plan.hold(*prefix, host_routes.hold(*prefix));
            self.publisher.stale_prefix(*prefix);
        }
    }

    /// libvirt told of a VM's NICs.
    pub(super) fn nics_answered(&mut self, uuid: Uuid, asked_at: Instant, answer: NicsAnswer) {
        let Some(host_routes) = &mut self.host_routes else { return };
        if !host_routes.nics(uuid, asked_at, answer) {
            return;
        }
        let vm = self.mobility.known_domain(uuid).and_then(|known| known.vm.map(|vm| vm.name.clone()));
        if let Some(vm) = vm {
            self.place(&vm);
            self.hold_back(&vm);
            self.send();
        }
        self.conclude_host_routes();
    }

    /// A device was plugged into a VM or out of it.
    pub(super) fn devices_changed(&mut self, uuid: Uuid) {
        if let Some(host_routes) = &mut self.host_routes {
            host_routes.doubt_one(uuid);
        }
    }

    /// Changes of NICs may have been missed.
    pub(super) fn doubt_nics(&mut self) {
        if let Some(host_routes) = &mut self.host_routes {
            host_routes.doubt();
        }
    }

    /// libvirt was listed.
    pub(super) fn listed_host_routes(&mut self) {
        if let Some(host_routes) = &mut self.host_routes {
            host_routes.listed(&self.config, &self.mobility);
        }
        self.conclude_host_routes();
    }

    /// What can wait until the steps are written.
    pub(super) fn follow_up_host_routes(&mut self) {
        let Some(host_routes) = &mut self.host_routes else { return };
        host_routes.lower(&self.plan, self.clock.now());
        host_routes.flush();
        for uuid in host_routes.take_asks() {
            (self.outputs.ask)(Request::Nics(uuid));
        }
    }

    /// Whether a stop has nothing left to do: what is withdrawn is told, and then the kernel's routes are gone.
    pub(super) fn is_cleared(&mut self) -> bool {
        let withdraws = self.config.exabgp.on_stop == OnStop::Withdraw;
        let told = self.plan.is_settled();
        match &mut self.host_routes {
            Some(host_routes) if withdraws && told => host_routes.clear(),
            Some(_) | None => told,
        }
    }

    fn conclude_host_routes(&mut self) {
        if let Some(host_routes) = &mut self.host_routes {
            host_routes.conclude(&self.mobility);
        }
    }
}
