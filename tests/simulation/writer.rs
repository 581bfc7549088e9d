//! A script of what happens to a VM, while it is written: the steps that many of them have in common.

use roamd::vm::{LifecycleKind, ShutdownDetail, ShutdownReason, ShutoffReason, StoppedDetail, VmState};

use crate::clock::{MS, Time};
use crate::guests::{Act, FAILED, Script, Stage};
use crate::random::Random;

/// How long a libvirtd that is new may take to find its VMs again: half of what roamd gives it to settle.
const FINDS: Time = 2_500 * MS;

/// A script that is being written.
pub(crate) struct Writer<'a> {
    pub(crate) acts: Script,
    /// What a domain is when it is off: unknown, where it is transient.
    pub(crate) persistent: bool,
    pub(crate) random: &'a mut Random,
}

impl Writer<'_> {
    pub(crate) fn act(&mut self, after: Time, act: Act) {
        self.acts.push((after, act));
    }

    pub(crate) fn wait(&mut self, low: Time, high: Time) -> Time {
        self.random.delay(low, high)
    }

    pub(crate) fn state(&mut self, after: Time, host: usize, state: VmState, kind: LifecycleKind) {
        self.act(after, Act::State(host, Some(state), Some(kind)));
    }

    /// Its vCPUs stop or go on, and QEMU says so at once.
    pub(crate) fn runs(&mut self, after: Time, host: Option<usize>) {
        self.act(after, Act::Runs(host));
    }

    pub(crate) fn off(
        &mut self,
        after: Time,
        host: usize,
        reason: ShutoffReason,
        kind: Option<LifecycleKind>,
    ) {
        let state = self.persistent.then_some(VmState::Shutoff(reason));
        self.act(after, Act::State(host, state, kind));
        self.act(0, Act::Side(host, None));
    }

    /// The libvirtd of a host is new, and finds the VM again some time after it has begun to answer. What it makes of it then is
    /// told by no event (`roamd::libvirt::Schedule`).
    pub(crate) fn found_again(&mut self, host: usize) {
        self.act(0, Act::Needs(host));
        let found = self.wait(MS, FINDS);
        self.act(found, Act::Needs(host));
    }

    /// The copy at the destination is given up.
    pub(crate) fn drop_copy(&mut self, after: Time, to: usize) {
        self.act(after, Act::State(to, None, Some(FAILED)));
        self.act(0, Act::Side(to, None));
    }

    /// The same by somebody who destroys it.
    pub(crate) fn destroy_copy(&mut self, after: Time, to: usize) {
        let kind = LifecycleKind::Shutdown(ShutdownDetail::Host);
        self.state(after, to, VmState::Shutdown(ShutdownReason::Unknown), kind);
        let kind = LifecycleKind::Stopped(StoppedDetail::Destroyed);
        self.act(20 * MS, Act::State(to, None, Some(kind)));
        self.act(0, Act::Side(to, None));
    }

    pub(crate) fn destroyed(&mut self, after: Time, host: usize) {
        self.state(
            after,
            host,
            VmState::Shutdown(ShutdownReason::Unknown),
            LifecycleKind::Shutdown(ShutdownDetail::Host),
        );
        let kind = LifecycleKind::Stopped(StoppedDetail::Destroyed);
        self.off(20 * MS, host, ShutoffReason::Destroyed, Some(kind));
    }

    pub(crate) fn stage(&mut self, stage: Stage) {
        self.act(0, Act::Stage(stage));
    }
}
