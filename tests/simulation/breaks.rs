//! What becomes of VMs when a libvirtd, a host or the way between two hosts breaks in the middle of what they do.

use roamd::vm::{
    LifecycleKind, PausedReason, RunningReason, ShutoffReason, StoppedDetail, SuspendedDetail, VmState,
};

use crate::clock::{MS, SECOND};
use crate::guests::{Act, Script, Stage, resume_source, running};
use crate::operations::Mode;
use crate::random::Random;
use crate::writer::Writer;

/// What breaks a migration from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    Libvirtd(usize),
    Host(usize),
    Link,
}

/// How things stand when something breaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) stage: Stage,
    /// The VM is one that executes, or did until it was frozen.
    pub(crate) runs: bool,
    /// libvirtd of the host that it comes from hangs.
    pub(crate) source_hangs: bool,
}

/// What follows when a migration, or the host of a VM, breaks.
pub(crate) fn broken(moment: Moment, what: Break, persistent: bool, random: &mut Random) -> Script {
    let Moment { stage, runs, source_hangs } = moment;
    let mut writer = Writer { acts: Script::new(), persistent, random };
    let w = &mut writer;
    match (stage, what) {
        (Stage::Off, _) | (Stage::Here(_), Break::Libvirtd(_) | Break::Link) => {}
        // It is being cleared away already.
        (Stage::Fetch { .. }, Break::Libvirtd(_) | Break::Link) if !runs => {}
        (Stage::Here(_), Break::Host(_)) => {
            w.runs(0, None);
            w.stage(Stage::Off);
        }
        (Stage::Copy { from, to, .. } | Stage::Frozen { from, to }, Break::Host(host)) if host == from => {
            w.runs(0, None);
            w.drop_copy(1_100 * MS, to);
            w.stage(Stage::Off);
        }
        (Stage::Copy { from, mode, to }, Break::Libvirtd(host)) if host == from => {
            if mode == Mode::PeerToPeer {
                w.destroy_copy(1_600 * MS, to);
            } else {
                w.drop_copy(1_850 * MS, to);
            }
            w.act(0, Act::Side(from, None));
            w.stage(Stage::Here(from));
        }
        (Stage::Copy { from, to, .. }, Break::Libvirtd(_)) => {
            w.act(0, Act::Side(from, None));
            w.found_again(to);
            w.act(0, Act::State(to, None, None));
            w.stage(Stage::Here(from));
        }
        (Stage::Copy { from, to, .. }, Break::Link) => {
            w.act(0, Act::Side(from, None));
            w.drop_copy(1_100 * MS, to);
            w.stage(Stage::Here(from));
        }
        (Stage::Copy { from, .. }, Break::Host(_)) => {
            w.act(0, Act::Side(from, None));
            w.stage(Stage::Here(from));
        }
        (Stage::Frozen { from, to }, Break::Libvirtd(host)) if host == from => {
            w.found_again(from);
            if runs {
                w.runs(0, Some(from));
                w.act(0, Act::State(from, Some(running(RunningReason::MigrationCanceled)), None));
            }
            w.act(0, Act::Side(from, None));
            w.drop_copy(1_850 * MS, to);
            w.stage(Stage::Here(from));
        }
        (Stage::Frozen { from, to }, Break::Libvirtd(_) | Break::Host(_) | Break::Link) => {
            let resumes = |w: &mut Writer<'_>| {
                if runs {
                    resume_source(w, 25 * MS, from, false);
                }
            };
            let clears = |w: &mut Writer<'_>| match what {
                Break::Libvirtd(_) => {
                    w.found_again(to);
                    w.act(0, Act::State(to, None, None));
                }
                Break::Link => w.drop_copy(1_100 * MS, to),
                Break::Host(_) => {}
            };
            // Neither waits for the other; a script has them one after the other.
            if source_hangs {
                clears(w);
                resumes(w);
            } else {
                resumes(w);
                clears(w);
            }
            w.stage(Stage::Here(from));
        }
        (Stage::Fetch { from, to }, Break::Host(host)) => {
            w.runs(0, None);
            if host == from {
                w.drop_copy(SECOND, to);
            } else {
                let failed = LifecycleKind::Suspended(SuspendedDetail::PostcopyFailed);
                w.state(0, from, VmState::Paused(PausedReason::PostcopyFailed), failed);
                w.destroyed(5 * SECOND, from);
            }
            w.stage(Stage::Off);
        }
        (Stage::Confirm { from, to }, Break::Host(host)) if host == to => {
            w.runs(0, None);
            let kind = LifecycleKind::Stopped(StoppedDetail::Migrated);
            w.off(SECOND, from, ShutoffReason::Migrated, Some(kind));
            w.stage(Stage::Off);
        }
        (Stage::Confirm { to, .. }, Break::Host(_)) => w.stage(Stage::Here(to)),
        (Stage::Fetch { from, to } | Stage::Confirm { from, to }, Break::Libvirtd(_) | Break::Link) => {
            w.act(0, Act::Side(to, None));
            w.act(SECOND, Act::Needs(from));
            let kind = LifecycleKind::Stopped(StoppedDetail::Migrated);
            w.off(0, from, ShutoffReason::Migrated, Some(kind));
            w.stage(Stage::Here(to));
        }
    }
    writer.acts
}
