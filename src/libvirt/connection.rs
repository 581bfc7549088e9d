//! One connection: opened, kept alive, subscribed; lists and looks on it.
//!
//! Made and dropped by the supervisor. Every method blocks in C until libvirt answers or the connection ends,
//! so none is called on the event thread or on the agent's task.
//!
//! To libvirt it is up to three connections, one for each thread that asks: where two threads share one, libvirt lets one
//! wait for the other's answer, and before 10.3 that one may read memory of the other's that is gone (CVE-2024-4418), which
//! ended this process when a libvirtd that hung went on. They stand and fall together.

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
    /// Events come and lists are asked for on this one.
    lists: Line,
    looks: Line,
    nics: Line,
    version: String,
    number: u64,
}

/// What one thread asks on.
struct Line {
    /// libvirt takes one for each connection.
    _close_watch: Option<CloseWatch>,
    connect: Connect,
}

impl Line {
    /// Takes a connection that has just been opened; its end is told to the mailbox.
    fn new(connect: Connect, number: u64, mailbox: &Arc<Mailbox>) -> Result<Self, Error> {
        let lost = Arc::clone(mailbox);
        let told = move |reason| lost.lose(number, numbers::close_reason(reason));
        Ok(Self { _close_watch: Some(ffi::watch_close(&connect, told)?), connect })
    }

    /// The same connection once more.
    fn share(&self) -> Self {
        Self { _close_watch: None, connect: self.connect.clone() }
    }
}

/// How a URI's driver runs.
enum Driver {
    /// In another process, with which the connection speaks.
    Remote,
    /// In this one: there is nothing to wait for, and a second connection may be to another host.
    Inside,
}

/// Opens a connection and lets libvirt notice when the other end hangs.
fn dial(settings: &Settings) -> Result<(Connect, Driver), Error> {
    let open = if settings.read_write { Connect::open } else { Connect::open_read_only };
    // virt panics at a NUL in the URI.
    let connect =
        CString::new(settings.uri.as_str()).map_err(Error::from).and_then(|_| open(Some(&settings.uri)))?;
    let driver = match connect.set_keep_alive(settings.keep_alive_seconds, settings.keep_alive_count) {
        Ok(()) => Driver::Remote,
        Err(error) if ffi::is(&error, sys::VIR_ERR_NO_SUPPORT) => Driver::Inside,
        Err(error) => {
            // Lists find the end.
            tracing::debug!(error = error.message(), "libvirt connection has no keep-alive");
            Driver::Remote
        }
    };
    Ok((connect, driver))
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
        let dial =
            || dial(settings).map_err(|error| ConnectError::Open { uri: uri(), source: Libvirt(error) });
        let (connect, driver) = dial()?;
        let version = connect
            .lib_version()
            .map_err(|error| ConnectError::Version { uri: uri(), source: Libvirt(error) })?;

        let line = |connect| {
            Line::new(connect, number, mailbox)
                .map_err(|error| ConnectError::WatchClose { uri: uri(), source: Libvirt(error) })
        };
        let lists = line(connect)?;
        let another = || match driver {
            Driver::Remote => dial().and_then(|(connect, _)| line(connect)),
            Driver::Inside => Ok(lists.share()),
        };
        let looks = another()?;
        let nics = if settings.nics { another()? } else { looks.share() };
        let connect = &lists.connect;

        let gate = Arc::new(AtomicBool::new(false));
        let sink = event_sink(number, Arc::clone(&gate), reports.clone(), Arc::clone(mailbox));
        let subscription = ffi::subscribe(connect, sink)
            .map_err(|error| ConnectError::Subscribe { uri: uri(), source: Libvirt(error) })?;

        let devices = if settings.nics {
            let sink = device_sink(number, Arc::clone(&gate), reports.clone(), Arc::clone(mailbox));
            device_subscriptions(connect, &sink)
        } else {
            Vec::new()
        };

        Ok(Self {
            gate: Gate(gate),
            _subscription: subscription,
            _devices: devices,
            lists,
            looks,
            nics,
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
        [&self.lists, &self.looks, &self.nics].iter().any(|line| matches!(line.connect.is_alive(), Ok(false)))
    }

    fn list(&self) -> Result<Vec<Sighting>, ListError> {
        let domains = match ffi::list_by_stats(&self.lists.connect) {
            Err(error) if ffi::is(&error, sys::VIR_ERR_NO_SUPPORT) => {
                ffi::list_singly(&self.lists.connect).map_err(|error| ListError::Singly(Libvirt(error)))?
            }
            listed => listed.map_err(|error| ListError::Stats(Libvirt(error)))?,
        };
        Ok(domains.into_iter().map(|domain| sighting(&domain, None)).collect())
    }

    fn look(&self, uuid: Uuid) -> Result<Sighting, LookError> {
        let ambiguous =
            |state, reason| numbers::state(state, reason) == VmState::Paused(PausedReason::Migration);
        let (domain, job) = ffi::look(&self.looks.connect, uuid, ambiguous)?;
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
        let xml = self.nics.connect.lookup_domain_by_uuid(uuid)?.xml_desc(0)?;
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
