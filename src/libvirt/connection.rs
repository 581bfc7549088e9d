//! One connection: opened, kept alive, subscribed; lists and looks on it.
//!
//! Made and dropped by the supervisor. Every method blocks in C until libvirt answers or the connection ends,
//! so none is called on the event thread or on the agent's task.

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::{self, error::TrySendError};
use virt::connect::Connect;
use virt::error::Error;
use virt_sys as sys;

use super::error::{ConnectError, Libvirt, ListError, LookError, NicsError};
use super::ffi::{self, CloseWatch, RawDomain, RawEvent, Subscription};
use super::mailbox::Mailbox;
use super::supervisor::Served;
use super::{Report, Settings, numbers, xml};
use crate::vm::nic::Nic;
use crate::vm::{Lifecycle, MigrationRole, PausedReason, Sighting, Uuid, VmName, VmState};

/// A connection with its registrations. Fields are dropped in this order: deregister, then close.
pub(super) struct Connection {
    gate: Gate,
    _subscription: Subscription,
    _devices: Vec<Subscription>,
    _close_watch: CloseWatch,
    connect: Connect,
    version: String,
    number: u64,
}

/// Lets events through between [`Served::open_gate`] and the connection's end.
///
/// Events that come before the agent knows of the connection are dropped: the list that follows shows what they
/// did. So no event comes before its connection's `Connected`.
struct Gate(Arc<AtomicBool>);

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Connection {
    /// Opens the connection and subscribes on it; events are held back until [`Served::open_gate`].
    ///
    /// Can block for as long as libvirtd hangs: before keep-alive runs, nothing limits it.
    pub(super) fn open(
        settings: &Settings,
        number: u64,
        reports: &mpsc::Sender<Report>,
        mailbox: &Arc<Mailbox>,
    ) -> Result<Self, ConnectError> {
        let uri = || settings.uri.clone();
        let open = if settings.read_write { Connect::open } else { Connect::open_read_only };
        // virt panics at a NUL in the URI.
        let connect = CString::new(settings.uri.as_str())
            .map_err(Error::from)
            .and_then(|_| open(Some(&settings.uri)))
            .map_err(|error| ConnectError::Open { uri: uri(), source: Libvirt(error) })?;
        if let Err(error) = connect.set_keep_alive(settings.keep_alive_seconds, settings.keep_alive_count) {
            // Drivers inside this process need none; where a remote one has none, lists find the end.
            tracing::debug!(error = error.message(), "libvirt connection has no keep-alive");
        }
        let version = connect
            .lib_version()
            .map_err(|error| ConnectError::Version { uri: uri(), source: Libvirt(error) })?;

        let lost = Arc::clone(mailbox);
        let close_watch =
            ffi::watch_close(&connect, move |reason| lost.lose(number, numbers::close_reason(reason)))
                .map_err(|error| ConnectError::WatchClose { uri: uri(), source: Libvirt(error) })?;

        let gate = Arc::new(AtomicBool::new(false));
        let sink = event_sink(number, Arc::clone(&gate), reports.clone(), Arc::clone(mailbox));
        let subscription = ffi::subscribe(&connect, sink)
            .map_err(|error| ConnectError::Subscribe { uri: uri(), source: Libvirt(error) })?;

        let devices = if settings.nics {
            let sink = device_sink(number, Arc::clone(&gate), reports.clone(), Arc::clone(mailbox));
            device_subscriptions(&connect, &sink)
        } else {
            Vec::new()
        };

        Ok(Self {
            gate: Gate(gate),
            _subscription: subscription,
            _devices: devices,
            _close_watch: close_watch,
            connect,
            version: numbers::version(version),
            number,
        })
    }
}

impl Served for Connection {
    fn number(&self) -> u64 {
        self.number
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn open_gate(&self) {
        self.gate.0.store(true, Ordering::Release);
    }

    fn is_dead(&self) -> bool {
        matches!(self.connect.is_alive(), Ok(false))
    }

    fn list(&self) -> Result<Vec<Sighting>, ListError> {
        let domains = match ffi::list_by_stats(&self.connect) {
            Err(error) if ffi::is(&error, sys::VIR_ERR_NO_SUPPORT) => {
                ffi::list_singly(&self.connect).map_err(|error| ListError::Singly(Libvirt(error)))?
            }
            listed => listed.map_err(|error| ListError::Stats(Libvirt(error)))?,
        };
        Ok(domains.into_iter().map(|domain| sighting(&domain, None)).collect())
    }

    fn look(&self, uuid: Uuid) -> Result<Sighting, LookError> {
        let ambiguous =
            |state, reason| numbers::state(state, reason) == VmState::Paused(PausedReason::Migration);
        let (domain, job) = ffi::look(&self.connect, uuid, ambiguous)?;
        let role = match job {
            Some(Ok(job)) => numbers::role_of_job(job.kind, job.operation),
            // "migration statistics are available only on the source host"
            Some(Err(error)) if ffi::is(&error, sys::VIR_ERR_OPERATION_UNSUPPORTED) => {
                Some(MigrationRole::Destination)
            }
            None | Some(Err(_)) => None,
        };
        Ok(sighting(&domain, role))
    }

    fn nics(&self, uuid: Uuid) -> Result<Vec<Nic>, NicsError> {
        // Without VIR_DOMAIN_XML_SECURE, which a read-only connection is refused.
        let xml = self.connect.lookup_domain_by_uuid(uuid)?.xml_desc(0)?;
        Ok(xml::nics(&xml)?)
    }
}

/// Registrations for devices plugged in and out. Without them NICs are read anew with a new connection only.
fn device_subscriptions<F>(connect: &Connect, sink: &F) -> Vec<Subscription>
where
    F: Fn(Uuid) + Clone + Send + Sync + 'static,
{
    let mut subscriptions = Vec::new();
    for change in [ffi::DeviceChange::Added, ffi::DeviceChange::Removed] {
        match ffi::subscribe_devices(connect, change, sink.clone()) {
            Ok(subscription) => subscriptions.push(subscription),
            Err(error) => {
                tracing::warn!(
                    error = error.message(),
                    ?change,
                    "libvirt does not report changes of devices"
                );
            }
        }
    }
    subscriptions
}

/// What is done with an event on the event thread: it is handed on if there is room, else the loss is noted.
fn event_sink(
    connection: u64,
    gate: Arc<AtomicBool>,
    reports: mpsc::Sender<Report>,
    mailbox: Arc<Mailbox>,
) -> impl Fn(RawEvent) + Send + Sync + 'static {
    move |raw| {
        if !gate.load(Ordering::Acquire) {
            return;
        }
        let event = Lifecycle {
            uuid: raw.uuid,
            name: VmName::new(&raw.name),
            kind: numbers::lifecycle(raw.event, raw.detail),
            at: raw.at,
        };
        match reports.try_send(Report::Event { connection, event }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => mailbox.overflow(connection),
            Err(TrySendError::Closed(_)) => mailbox.stop(),
        }
    }
}

/// The same for a device that was plugged in or out of this domain.
fn device_sink(
    connection: u64,
    gate: Arc<AtomicBool>,
    reports: mpsc::Sender<Report>,
    mailbox: Arc<Mailbox>,
) -> impl Fn(Uuid) + Clone + Send + Sync + 'static {
    move |uuid| {
        if !gate.load(Ordering::Acquire) {
            return;
        }
        match reports.try_send(Report::Devices { connection, uuid }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => mailbox.overflow(connection),
            Err(TrySendError::Closed(_)) => mailbox.stop(),
        }
    }
}

fn sighting(domain: &RawDomain, role: Option<MigrationRole>) -> Sighting {
    Sighting {
        uuid: domain.uuid,
        name: VmName::new(&domain.name),
        state: numbers::state(domain.state, domain.reason),
        role,
    }
}
