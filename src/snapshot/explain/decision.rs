//! From what libvirt told to presence, and from presence to the rung.

use serde_json::json;

use super::super::{CauseKind, CauseView, LibvirtTrust, VmView};
use super::words::{since, span};
use super::{Case, Link, Step, link};
use crate::mobility::rung_of;
use crate::route::Rung;
use crate::vm::Presence;

impl Case<'_> {
    pub(super) fn presence(&self) -> Option<Link> {
        let vm = self.vm.as_ref()?;
        let settle = span(self.snapshot.config.mobility.settle);
        let since = vm.since.map_or_else(String::new, |time| format!(" {}", since(time, self.at)));
        let presence = match vm.presence {
            Presence::Arrived => {
                format!("began to execute here less than `mobility.settle` ({settle}) ago: it is `arrived`")
            }
            Presence::Present => "executes here: it is `present`".to_owned(),
            Presence::Incoming => {
                "is being copied to this host, and does not execute here yet: it is `incoming`".to_owned()
            }
            Presence::Frozen => "stands still here and may go on: it is `frozen`".to_owned(),
            Presence::Departing => {
                "was stopped here for the switch-over of an outgoing migration: it is `departing`".to_owned()
            }
            Presence::Absent => "is not here: it is `absent`".to_owned(),
        };
        let cause = vm
            .cause
            .as_ref()
            .map_or_else(String::new, |cause| format!(", because {}", reason(cause, &settle)));
        let shown = match (vm.state, &vm.reason) {
            (Some(state), Some(reason)) => format!(" libvirt last showed it as {state}/{reason}."),
            (Some(state), None) => format!(" libvirt last showed it as {state}."),
            (None, _) => String::new(),
        };
        let text = format!("{} {presence}{since}{cause}.{shown}", vm.name);
        let fields = json!({
            "presence": vm.presence, "since": vm.since, "cause": vm.cause, "state": vm.state, "reason": vm.reason,
        });
        Some(link(Step::Presence, text, fields))
    }

    pub(super) fn preference(&self) -> Option<Link> {
        let vm = self.vm.as_ref()?;
        let mobility = &self.snapshot.config.mobility;
        let by_presence = rung_of(vm.presence, mobility);
        let text = if self.is_held() {
            "Whatever its presence, a VM on the `hold` list has no rung, and no route from this host."
                .to_owned()
        } else if !vm.managed {
            "A VM that is not managed has no rung, and no route.".to_owned()
        } else {
            match (vm.preference, by_presence) {
                (Some(rung), _) if vm.domain.is_none() => format!(
                    "Until libvirt tells of it, its routes keep the rung on which they were found in ExaBGP, but no better \
                     than `unsure` once libvirt's lease has run out: {}.",
                    self.rung(rung)
                ),
                (Some(rung), Some(better)) if rung > better => {
                    format!(
                        "That would be the rung `{better}`, but {}: {}.",
                        self.distrust(),
                        self.rung(rung)
                    )
                }
                (Some(rung), _) => format!("That is the rung {}{}.", self.rung(rung), self.rule(vm)),
                (None, _) => format!("That has no rung, and no route{}.", self.no_rung(vm)),
            }
        };
        let fields = json!({
            "preference": vm.preference,
            "by_presence": by_presence,
            "hold": self.is_held(),
            "libvirt_trust": self.snapshot.libvirt.trust,
        });
        Some(link(Step::Preference, text, fields))
    }

    /// The rung with its words in the ladder's table.
    fn rung(&self, rung: Rung) -> String {
        let settle = span(self.snapshot.config.mobility.settle);
        let place = rung.number() + 1;
        match rung {
            Rung::Arrived => format!(
                "`arrived` ({place} of 5, the best): the VM began to execute here less than `mobility.settle` ({settle}) ago"
            ),
            Rung::Active => format!("`active` ({place} of 5): the VM executes here"),
            Rung::Unsure => {
                format!("`unsure` ({place} of 5): nobody can tell any more whether the VM executes here")
            }
            Rung::Standby => format!("`standby` ({place} of 5): a frozen copy is here that may execute soon"),
            Rung::Leaving => format!("`leaving` ({place} of 5, the worst): the VM is leaving this host"),
        }
    }

    /// The setting that made the rung, where there is one.
    fn rule(&self, vm: &VmView) -> String {
        match vm.presence {
            Presence::Frozen => format!(" (`mobility.frozen: {}`)", self.snapshot.config.mobility.frozen),
            Presence::Incoming => " (`mobility.standby: true`)".to_owned(),
            Presence::Arrived | Presence::Present | Presence::Departing | Presence::Absent => String::new(),
        }
    }

    /// The setting that leaves it without a rung, where there is one.
    fn no_rung(&self, vm: &VmView) -> String {
        match vm.presence {
            Presence::Incoming => {
                " (`mobility.standby: false`: nothing is announced before the VM runs here)".to_owned()
            }
            Presence::Frozen => format!(" (`mobility.frozen: {}`)", self.snapshot.config.mobility.frozen),
            Presence::Arrived | Presence::Present | Presence::Departing | Presence::Absent => String::new(),
        }
    }

    /// Why libvirt's word does not count in full.
    fn distrust(&self) -> &'static str {
        match self.snapshot.libvirt.trust {
            LibvirtTrust::Lapsed => "libvirt's lease has run out",
            LibvirtTrust::Blind => "nobody watches the VM while libvirt is out of reach",
            LibvirtTrust::Unlisted => "libvirt has not been listed yet",
            LibvirtTrust::Full => "libvirt has only just been listed again",
        }
    }
}

/// What made the presence so.
fn reason(cause: &CauseView, settle: &str) -> String {
    let detail = cause.detail.as_deref().unwrap_or("something");
    match cause.kind {
        CauseKind::Event => format!("libvirt's event {detail} told so"),
        CauseKind::Listed => format!("a list of libvirt's showed it as {detail}"),
        CauseKind::Looked => format!("a look at it showed it as {detail}"),
        CauseKind::Vanished => "libvirt knows it no more".to_owned(),
        CauseKind::Settled => {
            format!("it had executed for `mobility.settle` ({settle}) by then, after: {detail}")
        }
    }
}
