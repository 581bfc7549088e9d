//! A configuration that was read while another one runs: what of it takes that one's place, and what waits for a restart.

use std::sync::Arc;

use super::Config;

/// Keeps what runs of each key that can't change while roamd runs, and names those that differ.
macro_rules! keep {
    ($new:expr, $running:expr, $waiting:expr, $($key:literal: $($field:ident).+;)*) => {
        $(
            if $new.$($field).+ != $running.$($field).+ {
                $new.$($field).+.clone_from(&$running.$($field).+);
                $waiting.push($key);
            }
        )*
    };
}

impl Config {
    /// This configuration as far as it can take the place of `running`, and the keys that wait for a restart: of these
    /// goes on what runs. VMs that are the same are those of `running`.
    pub fn in_place_of(mut self, running: &Self) -> (Self, Vec<&'static str>) {
        let mut waiting = Vec::new();
        keep! {
            self, running, waiting,
            "libvirt.uri": libvirt.uri;
            "libvirt.read_write": libvirt.read_write;
            "libvirt.resync": libvirt.resync;
            "libvirt.lease": libvirt.lease;
            "exabgp.transport": exabgp.transport;
            "exabgp.socket": exabgp.socket;
            "exabgp.socket_group": exabgp.socket_group;
            "exabgp.lease": exabgp.lease;
            "bgp.local_as": bgp.local_as;
            "bgp.next_hop": bgp.next_hop;
            "bgp.next_hop_v6": bgp.next_hop_v6;
            "bgp.neighbors": bgp.neighbors;
            "host_routes": host_routes;
            "http.listen": http.listen;
            "http.token_file": http.token_file;
            "http.hosts": http.hosts;
            "log.level": log.level;
            "log.format": log.format;
        }
        // Every rung has the mark and the AS in it, and every community was judged beside them: one that is of the old mark
        // would speak of a rung.
        if self.bgp.ladder.mark() != running.bgp.ladder.mark() {
            if self.bgp.ladder.mark().mark != running.bgp.ladder.mark().mark {
                waiting.push("bgp.mark");
            }
            keep! {
                self, running, waiting,
                "all else of bgp": bgp;
                "vms": vms;
                "hold": hold;
            }
            self.source.vms_sha256.clone_from(&running.source.vms_sha256);
        }
        // It was judged beside leases that wait.
        if self.mobility.settle <= self.libvirt.lease.max(self.exabgp.lease) {
            keep! { self, running, waiting, "mobility.settle": mobility.settle; }
        }
        // The blackholes of the transit table were made of it.
        if self.host_routes.is_some() {
            keep! { self, running, waiting, "bgp.allowed_prefixes": bgp.allowed_prefixes; }
        }
        for (name, vm) in &mut self.vms {
            if let Some(same) = running.vms.get(name).filter(|same| *same == vm) {
                *vm = Arc::clone(same);
            }
        }
        (self, waiting)
    }
}
