//! What happened, as `/api/v1/events` and the stream tell it.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::{HostRouteState, NotReady, RouteState, Timestamp};
use crate::exabgp::NeighborState;
use crate::route::{Prefix, Rung};
use crate::vm::{MigrationDirection, MigrationOutcome, Presence, Uuid, VmName};

/// Something that happened on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Its number in this agent's life, from 1 on, without gaps.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The VM that it is about, by the name under which `vms` shows it.
    pub vm: Option<VmName>,
    /// The prefix that it is about.
    pub prefix: Option<Prefix>,
    /// A sentence for people, made of the other fields.
    pub text: String,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// What happened; in JSON the variant is the field `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A VM's presence changed.
    Presence {
        /// libvirt's identity of the VM.
        uuid: Uuid,
        /// Whether the configuration gives it service addresses.
        managed: bool,
        /// What it was; `null` where nothing was known.
        from: Option<Presence>,
        /// What it is.
        to: Presence,
        /// What told so.
        cause: String,
    },
    /// A route's state or rung changed.
    Route {
        /// What its state was; `null`: there was no route.
        from: Option<RouteState>,
        /// What its state is; `null`: there is none any more.
        to: Option<RouteState>,
        /// The rung that it was on; `null`: there was no route.
        preference_before: Option<Rung>,
        /// The rung that it is on, or was last.
        preference: Rung,
        /// Why it failed, or is held back.
        error: Option<String>,
    },
    /// A migration began or ended.
    Migration {
        /// Its number in `migrations`.
        id: u64,
        /// To this host, or away from it.
        direction: MigrationDirection,
        /// How it went; `running`: it has begun.
        outcome: MigrationOutcome,
        /// When it was first seen.
        started_at: Timestamp,
    },
    /// The connection to libvirt came or went.
    Libvirt {
        /// Whether there is one.
        connected: bool,
        /// Why there is none.
        error: Option<String>,
    },
    /// ExaBGP answers, or no longer does.
    Exabgp {
        /// Whether it does.
        connected: bool,
        /// Its version.
        version: Option<String>,
        /// Identity of this life of ExaBGP.
        epoch: Option<String>,
        /// Why it does not.
        error: Option<String>,
    },
    /// A BGP session's state changed.
    Neighbor {
        /// The neighbor's address.
        #[schema(value_type = String)]
        address: IpAddr,
        /// The neighbor's AS.
        asn: u32,
        /// `down`, `connected` or `up`.
        state: NeighborState,
    },
    /// Another host announces a VM that executes here, or no longer does.
    Conflict {
        /// Who offers the other path.
        #[schema(value_type = String)]
        neighbor: IpAddr,
        /// Whether it does.
        open: bool,
    },
    /// The kernel's route to an address of a VM changed.
    HostRoute {
        /// What its state was; `null`: nothing was wanted there.
        from: Option<HostRouteState>,
        /// What its state is; `null`: nothing is wanted there any more.
        to: Option<HostRouteState>,
        /// What is wrong.
        error: Option<String>,
    },
    /// The configuration was read again.
    Config {
        /// Its faults; none: it is valid.
        errors: Vec<String>,
    },
    /// The agent became ready, or no longer is.
    Ready {
        /// Whether it is.
        ready: bool,
        /// Why not.
        reasons: Vec<NotReady>,
    },
    /// The agent itself.
    Agent {
        /// What became of it.
        what: Life,
    },
    /// So much of the same at once that it is told in one sum: the lists have changed in many places.
    Bulk {
        /// Of what.
        of: Mass,
        /// How many changed.
        count: usize,
        /// What they were; `null`: nothing.
        from: Option<&'static str>,
        /// What they are; `null`: nothing any more.
        to: Option<&'static str>,
    },
}

/// What became of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// It has started.
    Started,
    /// It was asked to stop.
    Stopping,
}

/// What may change in masses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mass {
    /// VMs that a list of libvirt's showed for the first time.
    Presence,
    /// Routes.
    Route,
    /// Host routes.
    HostRoute,
    /// Conflicts.
    Conflict,
}

impl What {
    /// The value of the JSON field `kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Presence { .. } => "presence",
            Self::Route { .. } => "route",
            Self::Migration { .. } => "migration",
            Self::Libvirt { .. } => "libvirt",
            Self::Exabgp { .. } => "exabgp",
            Self::Neighbor { .. } => "neighbor",
            Self::Conflict { .. } => "conflict",
            Self::HostRoute { .. } => "host_route",
            Self::Config { .. } => "config",
            Self::Ready { .. } => "ready",
            Self::Agent { .. } => "agent",
            Self::Bulk { .. } => "bulk",
        }
    }
}

impl Event {
    /// An event with its sentence.
    pub(super) fn new(
        seq: u64,
        at: Timestamp,
        vm: Option<VmName>,
        prefix: Option<Prefix>,
        what: What,
    ) -> Self {
        let text = sentence(vm.as_ref(), prefix, &what);
        Self { seq, at, vm, prefix, text, what }
    }
}

/// The sentence: static words and the values, as in the log.
fn sentence(vm: Option<&VmName>, prefix: Option<Prefix>, what: &What) -> String {
    let vm = || vm.map_or_else(|| "no VM".to_owned(), ToString::to_string);
    let prefix = || prefix.map_or_else(|| "no prefix".to_owned(), |prefix| prefix.to_string());
    match what {
        What::Presence { from, to, cause, .. } => {
            format!("{}: {} → {to}: {cause}", vm(), from.map_or("unknown", Presence::name))
        }
        What::Route { from, to, preference_before, preference, error } => {
            let change = change(from.map(RouteState::name), to.map(RouteState::name));
            let rung = match preference_before {
                Some(before) if before != preference => format!("from {before} to {preference}"),
                Some(_) | None => format!("on {preference}"),
            };
            format!("{}: {change}, {rung}{}", prefix(), because(error.as_deref()))
        }
        What::Migration { direction, outcome, .. } => {
            let direction = match direction {
                MigrationDirection::In => "to this host",
                MigrationDirection::Out => "away from this host",
            };
            let outcome = match outcome {
                MigrationOutcome::Running => "began",
                MigrationOutcome::Completed => "completed",
                MigrationOutcome::Failed => "failed",
            };
            format!("{}: migration {direction} {outcome}", vm())
        }
        What::Libvirt { connected: true, .. } => "libvirt connected".to_owned(),
        What::Libvirt { connected: false, error } => {
            format!("libvirt is not reachable{}", because(error.as_deref()))
        }
        What::Exabgp { connected: true, version, .. } => {
            format!("ExaBGP answers: version {}", version.as_deref().unwrap_or("none"))
        }
        What::Exabgp { connected: false, error, .. } => {
            format!("ExaBGP does not answer{}", because(error.as_deref()))
        }
        What::Neighbor { address, asn, state } => format!("BGP session with {address} (AS {asn}): {state}"),
        What::Conflict { neighbor, open: true } => {
            format!("{}: another host announces {} to {neighbor} as well", vm(), prefix())
        }
        What::Conflict { neighbor, open: false } => {
            format!("{}: no other host announces {} to {neighbor} any more", vm(), prefix())
        }
        What::HostRoute { from, to, error } => {
            let change = change(from.map(HostRouteState::name), to.map(HostRouteState::name));
            format!("host route {}: {change}{}", prefix(), because(error.as_deref()))
        }
        What::Config { errors } if errors.is_empty() => {
            "the configuration was loaded and is in force".to_owned()
        }
        What::Config { errors } => {
            format!("the configuration has faults; the running one is kept: {}", errors.join("; "))
        }
        What::Ready { ready: true, .. } => "ready".to_owned(),
        What::Ready { ready: false, reasons } => {
            let reasons: Vec<String> =
                reasons.iter().map(|reason| format!("{}: {}", reason.part, reason.reason)).collect();
            format!("not ready: {}", reasons.join("; "))
        }
        What::Agent { what: Life::Started } => "roamd starts".to_owned(),
        What::Agent { what: Life::Stopping } => "roamd is stopping".to_owned(),
        What::Bulk { of, count, from, to } => {
            let of = match of {
                Mass::Presence => "VMs",
                Mass::Route => "routes",
                Mass::HostRoute => "host routes",
                Mass::Conflict => "conflicts",
            };
            format!("{count} more {of}: {}", change(*from, *to))
        }
    }
}

fn change(from: Option<&str>, to: Option<&str>) -> impl fmt::Display {
    format!("{} → {}", from.unwrap_or("none"), to.unwrap_or("none"))
}

fn because(error: Option<&str>) -> String {
    error.map_or_else(String::new, |error| format!(": {error}"))
}
