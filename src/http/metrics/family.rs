//! Every metric that there is: name, kind, and what it means.

use prometheus::proto::MetricType;

/// A metric, with all its series.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// What a metric does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Grows, and begins anew at 0 with each start of the agent.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts how often something took how long.
    Histogram,
}

impl From<Kind> for MetricType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::COUNTER,
            Kind::Gauge => Self::GAUGE,
            Kind::Histogram => Self::HISTOGRAM,
        }
    }
}

/// A constant for each metric, and [`ALL`] of them.
macro_rules! families {
    ($($id:ident: $kind:ident $name:literal $help:literal;)*) => {
        $(pub(super) const $id: Family = Family { name: $name, kind: Kind::$kind, help: $help };)*

        /// All of them, in the order in which they are shown.
        #[cfg(test)]
        pub(super) const ALL: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO: Gauge "roamd_build_info"
        "Always 1; the label version is roamd's.";
    START_TIME: Gauge "roamd_start_time_seconds"
        "When this agent started, in seconds since 1970.";
    GENERATION: Gauge "roamd_generation"
        "Changes of the published state since the agent started.";
    READY: Gauge "roamd_ready"
        "Whether the host is ready, as /readyz says: libvirt listed, ExaBGP connected, a neighbor up, all desired routes acknowledged.";
    NOT_READY: Gauge "roamd_not_ready"
        "Whether this part keeps the host from being ready; /readyz says why.";
    CONFIG_INFO: Gauge "roamd_config_info"
        "Always 1; the labels are the SHA-256 of the configuration file and of the VM map alone, which is to be equal on all hosts.";
    CONFIG_LOADED: Gauge "roamd_config_loaded_timestamp_seconds"
        "When the configuration in force was loaded, in seconds since 1970.";
    CONFIG_ERRORS: Gauge "roamd_config_errors"
        "Faults of the configuration that was read last and refused; 0: the last one that was read is valid.";
    CONFIG_RELOADS: Counter "roamd_config_reloads_total"
        "Configurations that were read again, by whether they were accepted or refused.";
    VMS: Gauge "roamd_vms"
        "VMs by their presence on this host; absent are all other VMs of the configuration.";
    PRESENCE_CHANGES: Counter "roamd_presence_changes_total"
        "How often a VM came to have this presence on this host.";
    ROUTES: Gauge "roamd_routes"
        "Routes by how far ExaBGP is with them and by their rung on the ladder of preferences.";
    ROUTE_FAILED: Gauge "roamd_route_failed"
        "Always 1, for a route that ExaBGP refused, at most 100 of them; /api/v1/routes says why.";
    LIBVIRT_CONNECTED: Gauge "roamd_libvirt_connected"
        "Whether a connection to libvirt is open and subscribed.";
    LIBVIRT_CONNECTIONS: Counter "roamd_libvirt_connections_total"
        "Connections to libvirt that were opened; all but the first are reconnects.";
    LIBVIRT_EVENTS: Counter "roamd_libvirt_events_total"
        "Life-cycle events of libvirt, by libvirt's name of the event.";
    LIBVIRT_LISTS: Counter "roamd_libvirt_lists_total"
        "Resyncs: complete lists of libvirt's domains.";
    LIBVIRT_LOOKS: Counter "roamd_libvirt_looks_total"
        "Looks at one domain, by whether libvirt answered or failed to.";
    LIBVIRT_OVERFLOWS: Counter "roamd_libvirt_overflows_total"
        "How often events of libvirt were dropped because they came faster than they were taken; a list made up for each.";
    EXABGP_CONNECTED: Gauge "roamd_exabgp_connected"
        "Whether ExaBGP answers.";
    EXABGP_INFO: Gauge "roamd_exabgp_info"
        "Always 1; how roamd reaches ExaBGP, and ExaBGP's version where it is known.";
    EXABGP_CONNECTIONS: Counter "roamd_exabgp_connections_total"
        "How often ExaBGP was reached after it was not; all but the first are reconnects.";
    EXABGP_EPOCHS: Counter "roamd_exabgp_epochs_total"
        "Lives of ExaBGP that were met; all but the first are restarts, which lose its routes.";
    EXABGP_IN_DOUBT: Counter "roamd_exabgp_in_doubt_total"
        "How often it was unknown what ExaBGP did, and its table was read again.";
    CONTRADICTIONS: Counter "roamd_exabgp_contradictions_total"
        "How often a neighbor was seen to be told something else than was acknowledged; each is repaired.";
    ANNOUNCEMENTS: Counter "roamd_announcements_total"
        "Commands to announce a route that were sent to ExaBGP, by the rung of the route.";
    WITHDRAWALS: Counter "roamd_withdrawals_total"
        "Commands to withdraw a route that were sent to ExaBGP; each is repeated once where the wire echo has not shown it.";
    REFUSED: Counter "roamd_refused_commands_total"
        "Commands that ExaBGP refused; each is tried again.";
    ACKNOWLEDGEMENT: Histogram "roamd_acknowledgement_seconds"
        "From a command written to ExaBGP to its acknowledgement.";
    EVENT_TO_COMMAND: Histogram "roamd_event_to_command_seconds"
        "From libvirt's event to the command written to ExaBGP, by whether the event itself decided or libvirt had to be asked.";
    NEIGHBOR_STATE: Gauge "roamd_neighbor_state"
        "1 for the state in which the session with the neighbor is, 0 for the others.";
    NEIGHBOR_SESSIONS: Counter "roamd_neighbor_sessions_total"
        "How often the session with the neighbor came up.";
    CONFLICTS_OPEN: Gauge "roamd_conflicts_open"
        "Paths of other hosts to VMs that execute here: split brains.";
    CONFLICTS: Counter "roamd_conflicts_total"
        "Conflicts that there were.";
    CONFLICT: Gauge "roamd_conflict"
        "Always 1, for a conflict that lasts, at most 100 of them; /api/v1/status has more of each.";
    MIGRATIONS_RUNNING: Gauge "roamd_migrations_running"
        "Migrations that go on, by their direction.";
    MIGRATIONS: Counter "roamd_migrations_total"
        "Migrations that have ended, by their direction and by how.";
    MIGRATION_PHASE: Histogram "roamd_migration_phase_seconds"
        "When a phase of a migration came: after libvirt's resumed for what is announced of a VM that came, after stopped for withdrawn, else after the migration was first seen.";
    HOST_ROUTES: Gauge "roamd_host_routes"
        "Addresses of VMs by how far they are in the kernel; not there where host_routes is not enabled.";
    HOST_ROUTES_OK: Gauge "roamd_host_routes_kept"
        "Whether the kernel's routes can be kept at all; not there where host_routes is not enabled.";
    HOST_ROUTE_FAILED: Gauge "roamd_host_route_failed"
        "Always 1, for a route whose address can't be set in the kernel, at most 100 of them; /api/v1/routes says why.";
    HOST_ROUTE_CONFLICTS: Gauge "roamd_host_route_conflicts"
        "Kernel routes of others for the addresses of VMs that are here.";
    HOST_ROUTE_WARNINGS: Gauge "roamd_host_route_warnings"
        "Settings of this host that make migrations stall; /api/v1/status says which, with the remedy.";
    HOST_ROUTE_REPAIRS: Counter "roamd_host_route_repairs_total"
        "How often an address was put back that somebody had taken from the kernel.";
    CPU: Counter "process_cpu_seconds_total"
        "Processor time that roamd has used, in user mode and in the kernel.";
    RESIDENT: Gauge "process_resident_memory_bytes"
        "Resident memory of roamd.";
    VIRTUAL: Gauge "process_virtual_memory_bytes"
        "Virtual memory of roamd.";
    THREADS: Gauge "process_threads"
        "Threads of roamd.";
    OPEN_FDS: Gauge "process_open_fds"
        "File descriptors that roamd has open.";
    MAX_FDS: Gauge "process_max_fds"
        "File descriptors that roamd may have open.";
}
