//! What may be due in a fleet, and whose process takes it in.

use std::collections::VecDeque;
use std::time::Instant;

use roamd::agent::Input;
use roamd::libvirt::Report;
use roamd::vm::{LifecycleKind, Uuid};

use crate::clock::Time;
use crate::fabric::Message;
use crate::guests::Act;
use crate::host::Part;

/// Something that is due.
#[derive(Debug)]
pub(crate) enum Event {
    Operate(usize),
    /// The first of these acts is due now.
    Acts {
        vm: usize,
        job: u64,
        acts: VecDeque<(Time, Act)>,
    },
    /// A life-cycle event reaches the agent's process.
    Told {
        host: usize,
        agent: u64,
        connection: u64,
        vm: usize,
        uuid: Uuid,
        kind: LifecycleKind,
    },
    /// The agent's threads try to connect to libvirt.
    Connects {
        host: usize,
        agent: u64,
    },
    /// libvirtd takes a list, or a look.
    Lists {
        host: usize,
        agent: u64,
        connection: u64,
        asked_at: Instant,
    },
    Looks {
        host: usize,
        agent: u64,
        connection: u64,
        asked_at: Instant,
        uuid: Uuid,
    },
    /// It is time to list without being asked.
    ListIsDue {
        host: usize,
        agent: u64,
        connection: u64,
    },
    /// A report of libvirt's reaches the agent.
    Libvirt {
        host: usize,
        agent: u64,
        report: Box<Report>,
    },
    /// The connection to libvirt has ended.
    Disconnects {
        host: usize,
        agent: u64,
        connection: u64,
    },
    AgentHears {
        host: usize,
        agent: u64,
        input: Box<Input>,
    },
    AgentWakes {
        host: usize,
        agent: u64,
    },
    RelayWakes {
        host: usize,
        relay: u64,
    },
    RelayConnects {
        host: usize,
        relay: u64,
    },
    /// The agent takes a relay's connection.
    AgentAccepts {
        host: usize,
        agent: u64,
        link: u64,
    },
    ToAgent {
        host: usize,
        link: u64,
        bytes: Vec<u8>,
    },
    ToRelay {
        host: usize,
        link: u64,
        bytes: Vec<u8>,
    },
    AgentSeesEnd {
        host: usize,
        link: u64,
    },
    RelaySeesEnd {
        host: usize,
        link: u64,
    },
    ToExabgp {
        host: usize,
        exabgp: u64,
        bytes: Vec<u8>,
    },
    FromExabgp {
        host: usize,
        relay: u64,
        exabgp: u64,
        bytes: Vec<u8>,
    },
    ExabgpTurns {
        host: usize,
        exabgp: u64,
    },
    /// A host's speaker tries to have a session with its switch.
    SessionTries {
        host: usize,
        exabgp: u64,
    },
    /// The switch has heard nothing of a host for the hold time, if it was cut off all the while.
    HoldEnds {
        host: usize,
        session: u64,
        since: Time,
    },
    /// The switch keeps a host's stale routes no longer.
    RestartTimeEnds {
        host: usize,
        session: u64,
    },
    /// BGP's words; a host's are of one session.
    Bgp {
        session: Option<(usize, u64)>,
        message: Message,
    },
    /// End-of-RIB of a family.
    EndOfRib {
        host: usize,
        session: u64,
        ipv6: bool,
    },
    /// A relay hangs since then, if it still does, for as long as it may.
    RelayHasHung {
        host: usize,
        relay: u64,
        since: Time,
    },
    /// A part begins to live again.
    Starts {
        host: usize,
        part: Part,
    },
    /// What stood still goes on: VMs that were started elsewhere meanwhile are ended.
    Thaws {
        host: usize,
    },
    Audit,
}

/// Whose process takes the event in.
pub(crate) const fn part_of(event: &Event) -> Option<(usize, Part)> {
    Some(match event {
        Event::Told { host, .. }
        | Event::Libvirt { host, .. }
        | Event::Disconnects { host, .. }
        | Event::AgentHears { host, .. }
        | Event::AgentWakes { host, .. }
        | Event::AgentAccepts { host, .. }
        | Event::ToAgent { host, .. }
        | Event::ListIsDue { host, .. }
        | Event::AgentSeesEnd { host, .. } => (*host, Part::Agent),
        Event::RelayWakes { host, .. }
        | Event::RelayConnects { host, .. }
        | Event::ToRelay { host, .. }
        | Event::FromExabgp { host, .. }
        | Event::RelaySeesEnd { host, .. } => (*host, Part::Relay),
        Event::ToExabgp { host, .. } | Event::ExabgpTurns { host, .. } => (*host, Part::Exabgp),
        Event::Lists { host, .. } | Event::Looks { host, .. } | Event::Connects { host, .. } => {
            (*host, Part::Libvirtd)
        }
        Event::Operate(_)
        | Event::Acts { .. }
        | Event::SessionTries { .. }
        | Event::HoldEnds { .. }
        | Event::RestartTimeEnds { .. }
        | Event::Bgp { .. }
        | Event::EndOfRib { .. }
        | Event::RelayHasHung { .. }
        | Event::Starts { .. }
        | Event::Thaws { .. }
        | Event::Audit => return None,
    })
}
