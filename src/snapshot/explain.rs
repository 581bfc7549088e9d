//! Why a VM or a prefix is announced as it is: the chain of facts and rules behind the present decision. Pure.
//!
//! Everything comes from one snapshot, and the time of the question is an argument. Each link of the chain is a sentence
//! and the fields that it is made of; read one after the other the sentences are a paragraph. Names are as libvirt and the
//! configuration have them: what shows them on a terminal must escape them.
//!
//! - `subject.rs`: what a name, a prefix or an address stands for.
//! - `origin.rs`: what is known of the VM: configuration, identity, libvirt.
//! - `decision.rs`: presence and preference.
//! - `announcement.rs`: routes, the kernel, ExaBGP and its neighbors, conflicts; `migration.rs`: the last one.
//! - `summary.rs`: all of it in one sentence; `words.rs`: how times and lists are said.

mod announcement;
mod decision;
mod migration;
mod origin;
mod subject;
mod summary;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{RouteView, Snapshot, Timestamp, VmView};
use crate::config::Vm;
use crate::route::Prefix;
use crate::vm::VmName;

/// The answer to `/api/v1/explain/{subject}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// The state that is explained.
    pub generation: u64,
    /// When it was asked: what times are reckoned from.
    pub at: Timestamp,
    /// What is explained.
    pub subject: Subject,
    /// The VM that it is, or to which it belongs.
    pub vm: Option<VmName>,
    /// The chain in one sentence.
    pub summary: String,
    /// What follows from what, in order.
    pub chain: Vec<Link>,
}

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// A VM.
    Vm {
        /// The name under which `vms` shows it.
        name: VmName,
    },
    /// A prefix.
    Prefix {
        /// The longest one that holds what was asked for.
        prefix: Prefix,
    },
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// What it is about.
    pub step: Step,
    /// One or more sentences.
    pub text: String,
    /// What they are made of.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
}

/// What a link of the chain is about, in the order of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What the configuration says of it.
    Configuration,
    /// Which of libvirt's domains it is.
    Identity,
    /// How far libvirt's word can be relied on.
    Libvirt,
    /// How far the VM is on this host.
    Presence,
    /// The rung that follows from it.
    Preference,
    /// A route, and how far ExaBGP is with it.
    Route,
    /// The kernel's route to an address.
    HostRoute,
    /// Whether ExaBGP answers.
    Exabgp,
    /// Who hears of it.
    Neighbors,
    /// Who else announces it.
    Conflict,
    /// The last migration.
    Migration,
}

/// Of how many addresses of a VM each has links of its own.
const SHOWN: usize = 16;

/// What the links are made of.
struct Case<'a> {
    snapshot: &'a Snapshot,
    at: Timestamp,
    /// What it is called.
    called: String,
    vm: Option<Arc<VmView>>,
    configured: Option<&'a Vm>,
    /// The prefixes that it is about.
    prefixes: Vec<Prefix>,
}

impl Snapshot {
    /// Explains what `asked` names: a VM, or else a prefix or address. `None`: nothing here is known by it.
    ///
    /// To find the owner of an address in a routed prefix all VMs of the configuration are gone through.
    pub fn explain(&self, asked: &str, at: Timestamp) -> Option<Explanation> {
        let (subject, name) = subject::find(self, asked)?;
        let configured = name.as_ref().and_then(|name| self.config.vms.get(name)).map(Arc::as_ref);
        let (called, prefixes) = match &subject {
            Subject::Vm { name } => {
                (name.to_string(), configured.map(|vm| vm.service_ips.clone()).unwrap_or_default())
            }
            Subject::Prefix { prefix } => (prefix.to_string(), vec![*prefix]),
        };
        let vm = name.as_ref().and_then(|name| self.vm(name));
        let case = Case { snapshot: self, at, called, vm, configured, prefixes };
        let mut chain = vec![case.configuration()];
        chain.extend(case.identity());
        chain.push(case.libvirt());
        chain.extend(case.presence());
        chain.extend(case.preference());
        chain.extend(case.routes());
        chain.extend(case.host_routes());
        chain.push(case.exabgp());
        chain.extend(case.neighbors());
        chain.extend(case.conflicts());
        chain.extend(case.migration());
        let summary = case.summary(asked);
        Some(Explanation { generation: self.generation, at, subject, vm: name, summary, chain })
    }
}

impl Case<'_> {
    /// What is said of the VM, in the middle of a sentence.
    fn name(&self) -> String {
        self.vm.as_ref().map_or_else(|| "no VM".to_owned(), |vm| vm.name.to_string())
    }

    fn is_held(&self) -> bool {
        self.vm.as_ref().is_some_and(|vm| self.snapshot.config.hold.contains(&vm.name))
    }

    /// Whether a domain has the name, and not the uuid, of a configured VM.
    fn is_mistaken(&self) -> bool {
        self.configured.is_some() && self.vm.as_ref().is_some_and(|vm| !vm.managed)
    }

    /// The routes of what it is about.
    fn views(&self) -> impl Iterator<Item = &Arc<RouteView>> {
        self.prefixes.iter().filter_map(|prefix| self.snapshot.routes.get(prefix))
    }
}

/// A link whose fields are the keys of `fields`, which is a JSON object.
fn link(step: Step, text: String, fields: Value) -> Link {
    let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
    Link { step, text, fields }
}
