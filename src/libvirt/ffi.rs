//! The C boundary: what the virt crate lacks or gets wrong. All `unsafe` of roamd stands here.
//!
//! Callers are `connection.rs` and nobody else. Domains never leave this file: what is asked about them comes
//! back as plain values, because a kept `virDomainPtr` keeps a dead connection open.
//!
//! Callbacks run on the event thread. They copy what libvirt hands them, call a sink that must not block, and
//! never call back into libvirt beyond the reading of a domain's own fields, which is local. They are
//! `extern "C"` functions, out of which Rust never unwinds: a panic in one would end the process, so a sink
//! must not panic either.
//!
//! virt's own versions are not used where they are defective in 0.5.0: `Domain::state` drops the error,
//! `Connect::all_domain_stats` never frees its records, `Domain::job_stats` makes a `Vec` of a pointer that may
//! be null.

#![allow(unsafe_code, reason = "the one file that calls C; each block says why it is sound")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt_sys as sys;

use crate::vm::Uuid;

#[cfg(test)]
mod tests;

/// A life-cycle event, still in libvirt's numbers.
#[derive(Debug)]
pub(super) struct RawEvent {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) event: i32,
    pub(super) detail: i32,
    /// When the callback was entered.
    pub(super) at: Instant,
}

/// A domain and its state, still in libvirt's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawDomain {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    pub(super) state: i32,
    pub(super) reason: i32,
}

/// A job of a domain, still in libvirt's numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawJob {
    /// `virDomainJobType`
    pub(super) kind: i32,
    /// `virDomainJobOperation`, where libvirt tells it.
    pub(super) operation: Option<i32>,
}

/// What happened to a device of a domain.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeviceChange {
    /// It was plugged in (`VIR_DOMAIN_EVENT_ID_DEVICE_ADDED`).
    Added,
    /// The guest let go of it, and it is gone (`VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED`).
    Removed,
}

/// A registration for events of all domains; dropping it deregisters.
///
/// It holds a reference of its own on the connection.
pub(super) struct Subscription {
    connect: Connect,
    id: c_int,
}

/// What libvirt registers callbacks of all kinds as.
type Generic = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);

/// Registers `sink` for the life-cycle events of all domains on this connection.
///
/// The event loop must have been registered before the connection was opened. `sink` is called on the event
/// thread; it must not block, call libvirt, or panic. libvirt drops it when the registration ends.
pub(super) fn subscribe<F>(connect: &Connect, sink: F) -> Result<Subscription, Error>
where
    F: Fn(RawEvent) + Send + Sync + 'static,
{
    type Lifecycle =
        unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, c_int, c_int, *mut c_void) -> c_int;
    // SAFETY: libvirt casts the callback back to the type that belongs to the event id
    // (VIR_DOMAIN_EVENT_CALLBACK in libvirt-domain.h), and for the life-cycle id that is `Lifecycle`.
    let callback = unsafe { std::mem::transmute::<Lifecycle, Generic>(on_lifecycle::<F>) };
    // SAFETY: it takes the opaque pointer for an `F`.
    unsafe { register(connect, sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE, callback, sink) }
}

/// Registers `sink` for the domains in which a device was plugged in or out; the same holds for it as in [`subscribe`].
pub(super) fn subscribe_devices<F>(
    connect: &Connect,
    change: DeviceChange,
    sink: F,
) -> Result<Subscription, Error>
where
    F: Fn(Uuid) + Send + Sync + 'static,
{
    type Device = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *const c_char, *mut c_void);

    let event = match change {
        DeviceChange::Added => sys::VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
        DeviceChange::Removed => sys::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    };
    // SAFETY: as above; both ids have callbacks of this type (virConnectDomainEventDeviceAddedCallback and
    // virConnectDomainEventDeviceRemovedCallback).
    let callback = unsafe { std::mem::transmute::<Device, Generic>(on_device::<F>) };
    // SAFETY: it takes the opaque pointer for an `F`.
    unsafe { register(connect, event, callback, sink) }
}

/// # Safety
/// `callback` must be of the type that belongs to `event`, and take its opaque pointer for an `F`.
unsafe fn register<F: Send + Sync + 'static>(
    connect: &Connect,
    event: sys::virDomainEventID,
    callback: Generic,
    sink: F,
) -> Result<Subscription, Error> {
    let opaque = Box::into_raw(Box::new(sink)).cast::<c_void>();
    // SAFETY: the connection is open as long as `connect` lives; a null domain means all; `opaque` is a boxed
    // `F`, which is what both callbacks take it for, and it stays valid until `free::<F>` is called on it.
    let id = unsafe {
        sys::virConnectDomainEventRegisterAny(
            connect.as_ptr(),
            ptr::null_mut(),
            event.cast_signed(),
            Some(callback),
            opaque,
            Some(free::<F>),
        )
    };
    if id < 0 {
        let error = Error::last_error();
        // SAFETY: libvirt takes the box over only when registering succeeds, so it is still ours, once.
        unsafe { free::<F>(opaque) };
        return Err(error);
    }
    Ok(Subscription { connect: connect.clone(), id })
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // SAFETY: the connection is open and the id is of its own registration, given back once. Failure means
        // that the server could not be told, on a dead connection; the callback is removed locally in any case.
        unsafe { sys::virConnectDomainEventDeregisterAny(self.connect.as_ptr(), self.id) };
    }
}

unsafe extern "C" fn on_lifecycle<F: Fn(RawEvent)>(
    _connection: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    event: c_int,
    detail: c_int,
    opaque: *mut c_void,
) -> c_int {
    let at = Instant::now();
    // SAFETY: `opaque` is the boxed `F` of `subscribe`, which libvirt frees only after its last callback;
    // `F` is Sync, so it does not matter which thread this is.
    let sink = unsafe { &*opaque.cast::<F>() };
    // SAFETY: libvirt owns `domain` and keeps it valid for the length of this call.
    let (uuid, name) = unsafe { identity(domain) };
    sink(RawEvent { uuid, name, event, detail, at });
    0 // libvirt ignores it
}

unsafe extern "C" fn on_device<F: Fn(Uuid)>(
    _connection: sys::virConnectPtr,
    domain: sys::virDomainPtr,
    _alias: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: as in `on_lifecycle`.
    let sink = unsafe { &*opaque.cast::<F>() };
    // SAFETY: as there.
    let (uuid, _name) = unsafe { identity(domain) };
    sink(uuid);
}

unsafe extern "C" fn free<F>(opaque: *mut c_void) {
    // SAFETY: `opaque` came from `Box::into_raw` of a `Box<F>` in `register`, and libvirt (or `register`
    // itself when registering failed) calls this exactly once.
    drop(unsafe { Box::from_raw(opaque.cast::<F>()) });
}

type CloseSink = Arc<dyn Fn(i32) + Send + Sync>;

/// Who is told when a connection closes, by the key that libvirt carries as opaque pointer.
///
/// A number in place of a pointer, because drivers without close support (the in-process test driver of 9.0)
/// accept the registration and then call neither the callback nor a free callback: a box would leak with every
/// connection, and one freed on our side could be used after that by a driver that does support it.
static CLOSE_SINKS: Mutex<BTreeMap<usize, CloseSink>> = Mutex::new(BTreeMap::new());

fn close_sinks() -> MutexGuard<'static, BTreeMap<usize, CloseSink>> {
    CLOSE_SINKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registration for the end of a connection; dropping it deregisters.
///
/// It holds a reference of its own on the connection.
pub(super) struct CloseWatch {
    connect: Connect,
    key: usize,
}

/// Calls `sink` with a `virConnectCloseReason` when the connection is closed by anything but us.
///
/// `sink` is called on the event thread; it must not block, call libvirt, or panic. Drivers inside this process
/// never call it.
pub(super) fn watch_close<F>(connect: &Connect, sink: F) -> Result<CloseWatch, Error>
where
    F: Fn(i32) + Send + Sync + 'static,
{
    static NEXT_KEY: AtomicUsize = AtomicUsize::new(1);
    let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
    close_sinks().insert(key, Arc::new(sink));
    // SAFETY: the connection is open as long as `connect` lives; the opaque pointer is a number that nobody
    // dereferences, so there is nothing to free.
    let answer = unsafe {
        sys::virConnectRegisterCloseCallback(
            connect.as_ptr(),
            Some(on_close),
            ptr::without_provenance_mut(key),
            None,
        )
    };
    if answer < 0 {
        let error = Error::last_error();
        close_sinks().remove(&key);
        return Err(error);
    }
    Ok(CloseWatch { connect: connect.clone(), key })
}

impl Drop for CloseWatch {
    fn drop(&mut self) {
        close_sinks().remove(&self.key);
        // SAFETY: the connection is open, and libvirt finds the registration by the function. Failure means
        // that there is none any more, because the callback has already been called.
        unsafe { sys::virConnectUnregisterCloseCallback(self.connect.as_ptr(), Some(on_close)) };
    }
}

unsafe extern "C" fn on_close(_connection: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    // The lock is not held while the sink runs.
    let sink = close_sinks().get(&opaque.addr()).cloned();
    if let Some(sink) = sink {
        sink(reason);
    }
}

/// What `virConnectGetAllDomainStats` returned, freed with its domains when dropped.
struct Records {
    first: *mut sys::virDomainStatsRecordPtr,
    count: usize,
}

impl Drop for Records {
    fn drop(&mut self) {
        // SAFETY: `first` is the array that libvirt allocated for us, freed here once; null is allowed.
        unsafe { sys::virDomainStatsRecordListFree(self.first) };
    }
}

/// Every domain with its state, in one call.
///
/// Drivers without statistics answer `VIR_ERR_NO_SUPPORT`; ask [`list_singly`] then.
pub(super) fn list_by_stats(connect: &Connect) -> Result<Vec<RawDomain>, Error> {
    let mut first = ptr::null_mut();
    // SAFETY: the connection is open; `first` is written on success and stays null otherwise.
    let count = unsafe {
        sys::virConnectGetAllDomainStats(connect.as_ptr(), sys::VIR_DOMAIN_STATS_STATE, &raw mut first, 0)
    };
    let count = usize::try_from(count).map_err(|_| Error::last_error())?;
    let records = Records { first, count };
    let mut domains = Vec::with_capacity(records.count);
    for index in 0..records.count {
        // SAFETY: libvirt returned `count` valid record pointers, which live until `records` is dropped.
        let record = unsafe { &**records.first.add(index) };
        // SAFETY: the record owns a valid domain for as long.
        let (uuid, name) = unsafe { identity(record.dom) };
        // SAFETY: the record's parameters are valid for as long.
        let (state, reason) = unsafe {
            (
                int_param(record.params, record.nparams, sys::VIR_DOMAIN_STATS_STATE_STATE),
                int_param(record.params, record.nparams, sys::VIR_DOMAIN_STATS_STATE_REASON),
            )
        };
        // A record without a state tells nothing: that is what NOSTATE/UNKNOWN says.
        domains.push(RawDomain { uuid, name, state: state.unwrap_or(0), reason: reason.unwrap_or(0) });
    }
    Ok(domains)
}

/// Every domain with its state, one call a domain. Domains that vanish meanwhile are left out.
pub(super) fn list_singly(connect: &Connect) -> Result<Vec<RawDomain>, Error> {
    let mut found = Vec::new();
    for domain in connect.list_all_domains(0)? {
        match read(&domain) {
            Ok(domain) => found.push(domain),
            Err(error) if is(&error, sys::VIR_ERR_NO_DOMAIN) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// One domain with its state, and its job if `job_for` says so of the state and reason.
///
/// A domain that libvirt does not know is an error, `VIR_ERR_NO_DOMAIN`.
pub(super) fn look(
    connect: &Connect,
    uuid: Uuid,
    job_for: impl FnOnce(i32, i32) -> bool,
) -> Result<(RawDomain, Option<Result<RawJob, Error>>), Error> {
    let domain = connect.lookup_domain_by_uuid(uuid)?;
    let found = read(&domain)?;
    let job = job_for(found.state, found.reason).then(|| job(&domain));
    Ok((found, job))
}

/// Whether an error has this number; unlike virt's enum this needs no name for it.
pub(super) fn is(error: &Error, number: sys::virErrorNumber) -> bool {
    error.code().to_raw() == number
}

fn read(domain: &Domain) -> Result<RawDomain, Error> {
    let (mut state, mut reason) = (0, 0);
    // SAFETY: the domain is valid as long as `domain` lives; both integers are ours and written on success.
    let answer = unsafe { sys::virDomainGetState(domain.as_ptr(), &raw mut state, &raw mut reason, 0) };
    if answer < 0 {
        return Err(Error::last_error());
    }
    // SAFETY: as above.
    let (uuid, name) = unsafe { identity(domain.as_ptr()) };
    Ok(RawDomain { uuid, name, state, reason })
}

fn job(domain: &Domain) -> Result<RawJob, Error> {
    let (mut kind, mut params, mut count) = (0, ptr::null_mut(), 0);
    // SAFETY: the domain is valid as long as `domain` lives; the three places are ours and written on success.
    let answer = unsafe {
        sys::virDomainGetJobStats(domain.as_ptr(), &raw mut kind, &raw mut params, &raw mut count, 0)
    };
    if answer < 0 {
        return Err(Error::last_error());
    }
    // SAFETY: libvirt allocated `count` parameters at `params` (null when there are none), valid until freed.
    let operation = unsafe { int_param(params, count, sys::VIR_DOMAIN_JOB_OPERATION) };
    // SAFETY: they are ours to free, once, and not used after; null is allowed.
    unsafe { sys::virTypedParamsFree(params, count) };
    Ok(RawJob { kind, operation })
}

/// A domain's uuid and name; both are fields of the C object, so this asks no server.
///
/// Names may be any bytes; what is not UTF-8 is replaced.
///
/// # Safety
/// `domain` must be valid for the length of the call.
unsafe fn identity(domain: sys::virDomainPtr) -> (Uuid, String) {
    let mut uuid = [0; sys::VIR_UUID_BUFLEN as usize];
    // SAFETY: the buffer has the VIR_UUID_BUFLEN bytes that libvirt writes.
    unsafe { sys::virDomainGetUUID(domain, uuid.as_mut_ptr()) };
    // SAFETY: the caller vouches for the domain.
    let name = unsafe { sys::virDomainGetName(domain) };
    let name = if name.is_null() {
        String::new()
    } else {
        // SAFETY: libvirt returns a NUL-terminated string that belongs to the domain; it is copied at once.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    };
    (Uuid::from_bytes(uuid), name)
}

/// An integer among typed parameters; `None` where it is absent or of another type.
///
/// # Safety
/// `params` must point to `count` valid parameters, or be null with a count of 0.
unsafe fn int_param(params: sys::virTypedParameterPtr, count: c_int, name: &CStr) -> Option<i32> {
    let mut value = 0;
    // SAFETY: the caller vouches for the parameters; libvirt checks for null, and writes the value only if it
    // returns 1.
    let found = unsafe { sys::virTypedParamsGetInt(params, count, name.as_ptr(), &raw mut value) };
    (found == 1).then_some(value)
}
