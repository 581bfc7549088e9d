//! Settings and routes for the tests of this side.

use std::sync::Arc;
use std::time::Duration;

use super::{ServiceIps, Settings};
use crate::config::Transport;
use crate::route::{Asn, Attributes, Mark, NextHop, Prefix, Route, Rung};
use crate::vm::VmName;

/// AS 65001, speaking to every neighbor, with IPv4 next hop `self`.
pub(super) fn settings(transport: Transport, ack_timeout: Duration) -> Settings {
    let local_as = Asn::new(65_001).unwrap();
    Settings {
        transport,
        local_as,
        mark: Mark { local_as, mark: 82 },
        neighbors: [].into(),
        service_ips: ServiceIps::default(),
        own_next_hop_v4: true,
        own_next_hop_v6: false,
        next_hop_v4: None,
        next_hop_v6: None,
        ack_timeout,
        epoch: None,
        socket: "/run/roamd/exabgp.sock".into(),
        socket_group: None,
        lease: Duration::from_secs(60),
        libvirt_lease: Duration::from_secs(60),
    }
}

/// A route on the rung `active` with next hop `self`.
pub(super) fn route(prefix: Prefix, attributes: Attributes) -> Route {
    Route {
        prefix,
        vm: VmName::new("web-1"),
        rung: Rung::Active,
        next_hop: NextHop::Own,
        attributes: Arc::new(attributes),
        unsure: None,
        settled: None,
    }
}
