//! `roamd check --against`: what a configuration would change in the place of another one. Nothing is sent to anyone.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::view::{self, Agent, printable};
use super::super::{Exit, complain};
use super::in_words;
use crate::config::{Config, Faults};
use crate::mobility::{Action, AttributeChange, Change, Difference, Resident, Rule, Scope, Side, difference};
use crate::route::Rung;
use crate::snapshot::LibvirtTrust;
use crate::vm::{Presence, Uuid, VmName};

/// What a configuration would change.
#[derive(Debug, Serialize)]
pub(super) struct Outlook<'a> {
    /// In the place of what: a file or an agent, as it was named.
    what: &'a str,
    /// Whether it is of the host of a running agent; else of any host that has the VMs.
    here: bool,
    /// The keys that go on as they are until a restart; nothing of them is in the difference.
    wait_for_restart: Vec<&'static str>,
    #[serde(flatten)]
    difference: Difference,
}

/// Has `say` say what `next` would change in the place of `what`.
pub(super) fn look(
    next: &Config,
    what: &str,
    token_file: Option<PathBuf>,
    say: impl FnOnce(&Outlook<'_>) -> Exit,
) -> Exit {
    let outlook = |running: &Config, scope: Scope<'_>| {
        let (next, wait_for_restart) = next.clone().in_place_of(running);
        let here = matches!(scope, Scope::Here(_));
        say(&Outlook { what, here, wait_for_restart, difference: difference(running, &next, scope) })
    };
    let Some(agent) = Agent::at(what, token_file) else {
        return match Config::load(Path::new(what)) {
            Ok(running) => outlook(&running, Scope::Anywhere),
            Err(faults) => refuse(&faults),
        };
    };
    view::ask(&agent, ["/api/v1/status", "/api/v1/config", "/api/v1/vms"], |[status, config, vms]| {
        // An agent has no faults in what it runs; one of another version may have keys that this one doesn't know.
        let running = match Config::from_bytes(Path::new(what), config.into_bytes()) {
            Ok(running) => running,
            Err(faults) => return Ok(refuse(&faults)),
        };
        let Some(residents) = residents(&status, &vms)? else {
            complain("roamd: the agent has not listed libvirt's VMs yet and does not know what is here");
            return Ok(Exit::Failure);
        };
        Ok(outlook(&running, Scope::Here(&residents)))
    })
}

fn refuse(faults: &Faults) -> Exit {
    complain(&in_words(faults));
    Exit::Failure
}

#[derive(Deserialize)]
struct Status {
    libvirt: Libvirt,
}

#[derive(Deserialize)]
struct Libvirt {
    trust: LibvirtTrust,
}

#[derive(Deserialize)]
struct Vms {
    vms: Vec<Vm>,
}

/// A VM of the REST view, as far as it decides.
#[derive(Deserialize)]
struct Vm {
    uuid: Option<Uuid>,
    domain: Option<String>,
    presence: Presence,
    preference: Option<Rung>,
}

/// The domains that the agent knows; `None`: it does not know yet.
fn residents(status: &str, vms: &str) -> serde_json::Result<Option<Vec<Resident>>> {
    let Status { libvirt: Libvirt { trust } } = serde_json::from_str(status)?;
    let best = match trust {
        LibvirtTrust::Unlisted => return Ok(None),
        LibvirtTrust::Lapsed => Rung::Unsure,
        LibvirtTrust::Blind => Rung::Active,
        LibvirtTrust::Full => Rung::Arrived,
    };
    let Vms { vms } = serde_json::from_str(vms)?;
    let here = vms.into_iter().filter_map(|vm| {
        // What libvirt has told of a VM since it was lost is as good as ever: its own rung shows that.
        let best = vm.preference.map_or(best, |rung| rung.min(best));
        Some(Resident { uuid: vm.uuid?, name: VmName::new(&vm.domain?), presence: vm.presence, best })
    });
    Ok(Some(here.collect()))
}

impl Outlook<'_> {
    /// It in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let Difference { changes, rules, unmoved, elsewhere } = &self.difference;
        let mut lines: Vec<String> = changes.iter().map(|change| self.route(change)).collect();
        lines.extend(rules.iter().map(rule));
        if *unmoved > 0 {
            lines.push(format!("{unmoved} VMs are configured otherwise, and their routes stay as they are"));
        }
        if *elsewhere > 0 {
            let why = if self.here { "are not here or held" } else { "have no route before or after" };
            lines.push(format!("{elsewhere} VMs that it is about {why}: nothing of theirs changes"));
        }
        if !self.wait_for_restart.is_empty() {
            lines.push(format!("waits for a restart: {}", self.wait_for_restart.join(", ")));
        }
        let whose = if self.here { "on the host of" } else { "on a host that has the VMs, in place of" };
        let what = printable(self.what);
        lines.push(if changes.is_empty() {
            format!("no route changes {whose} {what}")
        } else {
            let count = |action| changes.iter().filter(|change| change.action == action).count();
            let [new, gone, moved, other] =
                [Action::Announce, Action::Withdraw, Action::Move, Action::Change].map(count);
            format!("{new} announced, {gone} withdrawn, {moved} moved, {other} changed {whose} {what}")
        });
        lines
    }

    fn route(&self, change: &Change) -> String {
        let Change { prefix, action, before, after, other, attributes } = change;
        let other = other.as_ref().map(|vm| printable(vm.as_str()));
        let not_here = if self.here { "has no route here" } else { "is held" };
        let (verb, mut text) = match (action, before, after) {
            (Action::Announce, _, Some(after)) => (
                "announce",
                side(after)
                    + &other.map_or(String::new(), |vm| format!(": it led to {vm}, which {not_here}")),
            ),
            (Action::Withdraw, Some(before), _) => (
                "withdraw",
                side(before)
                    + &other.map_or(String::new(), |vm| format!(": it leads to {vm}, which {not_here}")),
            ),
            (Action::Move, Some(before), Some(after)) => {
                ("move", format!("{} → {}", side(before), side(after)))
            }
            (_, Some(before), Some(after)) if before != after => {
                ("change", format!("{} → {}", side(before), side(after)))
            }
            (_, _, after) => ("change", after.as_ref().map(side).unwrap_or_default()),
        };
        for (index, attribute) in attributes.iter().enumerate() {
            text.push_str(if index == 0 { ": " } else { "; " });
            text.push_str(&attribute_change(attribute));
        }
        format!("{verb} {prefix} {text}")
    }
}

fn side(side: &Side) -> String {
    let vm = printable(side.vm.as_str());
    side.preference.map_or_else(|| format!("({vm})"), |rung| format!("({vm}, {rung})"))
}

fn attribute_change(change: &AttributeChange) -> String {
    let AttributeChange { preference, attribute, before, after } = change;
    let on = preference.map_or(String::new(), |rung| format!(" on {rung}"));
    match (plain(before), plain(after)) {
        (before, after) if before.is_empty() => format!("{attribute}{on} + {after}"),
        (before, after) if after.is_empty() => format!("{attribute}{on} − {before}"),
        (before, after) => format!("{attribute}{on} {before} → {after}"),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn rule(rule: &Rule) -> String {
    let on = |rung: Option<Rung>| rung.map_or("no route", Rung::name);
    format!("every VM that is {}: {} → {}", rule.presence, on(rule.before), on(rule.after))
}
