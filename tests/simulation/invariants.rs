//! What must hold after every step, as bounds in virtual time (`bounds`):
//!
//! 1. A VM that executes on a host has its route announced by that host, at once, unless it is held.
//! 2. Where it does not execute it stands at most on `standby`, and a host that has no part in it announces nothing.
//! 3. While several hosts announce, every router prefers the host on which the VM executes, and no other one stands on the same
//!    rung. While it executes nowhere (it is frozen for a switch-over, or paused), there is none to be preferred.
//! 4. Nothing is announced that is not this host's to announce, and nothing that is not roamd's is touched.
//! 5. What events have led to is what a list of all domains, with the same table of ExaBGP's, would lead to.
//! 6. What stands as it is wanted is not said again.
//! 7. Whatever dies or hangs: a false route is `unsure` or gone within the lease, and no route of a VM that stays goes away.
//!
//! A condition that is broken must be mended before its bound ends; the time begins anew when the host that it is asked of
//! has only just become well. Checked exactly: before anything happens, every bound that ended earlier is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::bounds::Bounds;
use crate::case::Setting;
use crate::clock::Time;
use crate::command::Command;
use crate::event::Event;
use crate::fleet::{AUDIT, Fleet};
use crate::guests::Stage;
use crate::host::Part;
use crate::router::Path;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// 1. A VM that executes on a host is announced by it, on `arrived` or `active`.
    Announced,
    /// 2. A host on which it does not execute has it at most on `standby`.
    Above,
    /// 2. A host on which it is not at all announces nothing of it.
    Gone,
    /// 3. No other host stands on the rung of the host on which it executes.
    Tied,
    /// 3. Every router prefers the host on which it executes, and shares its traffic with no other one.
    Preferred,
    /// 4. Nothing is announced that is not this host's to announce, and nothing of others is touched.
    Forbidden,
    /// 5. An agent that has only just begun, and lists, wants what stands.
    Restart,
    /// 6. What stands as it is wanted is not said again.
    Repeated,
    /// 7. A false route is `unsure` or gone within the lease, whatever has died.
    False,
    /// 7. The route of a VM that stays does not go away.
    Flap,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// An invariant that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Rule,
    pub(crate) at: Time,
    pub(crate) words: String,
}

pub(crate) type Key = (Rule, usize, usize);

/// What is broken since when, and what is to be looked at again.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) bounds: Bounds,
    since: BTreeMap<Key, (Time, Time)>,
    ends: BTreeSet<(Time, Key)>,
    touched: BTreeSet<usize>,
    all: bool,
    found: Option<Broken>,
}

impl Watch {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            bounds: Bounds::new(setting),
            since: BTreeMap::new(),
            ends: BTreeSet::new(),
            touched: BTreeSet::new(),
            all: true,
            found: None,
        }
    }

    /// Something about a VM has changed.
    pub(crate) fn vm(&mut self, vm: usize) {
        self.touched.insert(vm);
    }

    /// Something about a prefix of a VM has changed.
    pub(crate) fn prefix(&mut self, vm: Option<usize>) {
        self.touched.extend(vm);
    }

    /// Something about a host has changed.
    pub(crate) const fn everything(&mut self) {
        self.all = true;
    }

    fn report(&mut self, rule: Rule, at: Time, words: String) {
        self.found.get_or_insert(Broken { rule, at, words });
    }

    fn set(&mut self, key: Key, bad: bool, end: Time, now: Time) {
        match (self.since.get(&key).copied(), bad) {
            (None, true) => {
                self.since.insert(key, (now, end));
                self.ends.insert((end, key));
            }
            (Some((_, end)), false) => {
                self.since.remove(&key);
                self.ends.remove(&(end, key));
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

impl Fleet {
    /// Looks at what the last step has changed.
    pub(crate) fn check(&mut self) -> Option<Broken> {
        let all = std::mem::take(&mut self.watch.all);
        let touched = std::mem::take(&mut self.watch.touched);
        if all {
            for vm in 0..self.guests.len() {
                self.check_vm(vm);
            }
        } else {
            for vm in touched {
                self.check_vm(vm);
            }
        }
        self.watch.found.take()
    }

    /// Whether a bound ends before something that is due at `at`.
    pub(crate) fn check_before(&mut self, at: Time) -> Option<Broken> {
        while let Some((end, key)) = self.watch.ends.first().copied().filter(|(end, _)| *end < at) {
            let (rule, vm, host) = key;
            self.watch.ends.remove(&(end, key));
            let since = self.watch.since.remove(&key).map_or(0, |(since, _)| since);
            if let Some(later) = self.excuse(key, since).filter(|later| *later > end) {
                self.watch.since.insert(key, (since, later));
                self.watch.ends.insert((later, key));
                continue;
            }
            let told = self.announced(vm);
            let words = format!(
                "vm {vm} on host {host} since {since}: it is {:?} and runs on {:?}; announced {told:?}",
                self.guests[vm].stage, self.guests[vm].runs
            );
            return Some(Broken { rule, at: end, words });
        }
        None
    }

    /// Who announces a VM, in words.
    fn announced(&self, vm: usize) -> Vec<String> {
        let mut told = Vec::new();
        for prefix in self.prefixes_of(vm) {
            for host in 0..self.hosts.len() {
                if let Some(path) = self.fabric.heard_of(host, prefix) {
                    told.push(format!("{host}: {} on {:?}", self.prefixes[prefix].0, path.rung));
                }
            }
        }
        told
    }

    pub(crate) fn prefixes_of(&self, vm: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.prefixes.len()).filter(move |prefix| self.prefixes[*prefix].1 == Some(vm))
    }

    fn check_vm(&mut self, vm: usize) {
        if vm >= self.setting().vms {
            return;
        }
        let now = self.clock.now();
        let Bounds { fast, spread, recover, lease, .. } = self.watch.bounds;
        let (stage, runs) = (self.guests[vm].stage, self.guests[vm].runs);
        let prefixes: Vec<usize> = self.prefixes_of(vm).collect();
        for host in 0..self.hosts.len() {
            let one = &self.hosts[host];
            let well = one.well_from <= now;
            // What has become well a moment ago is given its time.
            let (quick, again) = (now + fast, one.well_from.max(one.reloaded_at) + recover);
            let end = if again > quick && well && one.well_from.max(one.reloaded_at) + recover > now {
                again
            } else {
                quick
            };
            let managed = !one.held.contains(&vm) && !one.without.contains(&vm);
            let rungs: Vec<Option<u32>> = prefixes
                .iter()
                .map(|prefix| self.fabric.heard_of(host, *prefix).map(|path: Path| path.rung.unwrap_or(9)))
                .collect();
            let here = runs == Some(host);
            let none = rungs.iter().all(Option::is_none);
            let good = rungs.iter().any(|rung| rung.is_some_and(|rung| rung <= 1));
            let sure = rungs.iter().any(|rung| rung.is_some_and(|rung| rung <= 2));
            let announced = rungs.iter().all(|rung| rung.is_some_and(|rung| rung <= 1));
            let was_fenced = self.guests[vm].fenced.contains(&host);
            // Where it executes nowhere (frozen for a switch-over, or paused), nobody can be taken for the host it is on.
            let alike = |other: usize| self.stand_alike(&prefixes, host, other);
            let tied = here && (0..self.hosts.len()).any(|other| other != host && alike(other));
            let mut set = |rule, bad, end| self.watch.set((rule, vm, host), bad, end, now);
            set(Rule::Announced, well && managed && here && !announced, end);
            set(Rule::Above, well && !here && sure, end);
            let is_there = stage.involves(host) || was_fenced;
            set(Rule::Gone, well && !is_there && !none, end);
            set(Rule::False, !here && good, now + lease + fast);
            set(Rule::Tied, well && managed && tied, end);
            let preferred = prefixes.iter().all(|prefix| self.fabric.leads_to_none_but(host, *prefix));
            let quick = if end == now + fast { end + spread } else { end };
            self.watch.set((Rule::Preferred, vm, host), well && managed && here && !preferred, quick, now);
        }
    }

    /// A command that ExaBGP took.
    pub(crate) fn judge_command(&mut self, host: usize, command: &Command) {
        let now = self.clock.now();
        let one = &self.hosts[host];
        let (prefix, announced) = match command {
            Command::Announce(prefix, told) => (prefix, Some(told)),
            Command::Withdraw(prefix, _) => (prefix, None),
            Command::EndOfRib(_)
            | Command::Summary
            | Command::Configuration
            | Command::Table
            | Command::Nobody => return,
        };
        let owner = self.index.get(prefix).and_then(|index| self.prefixes[*index].1);
        let Some(vm) = owner else {
            let words = format!("host {host} is told about {prefix}, which is no VM's: {command:?}");
            return self.watch.report(Rule::Forbidden, now, words);
        };
        let Some(told) = announced else { return };
        // What the relay has left to do is of the time before.
        let agent_speaks = one.agent.is_some() && one.relay.as_ref().is_some_and(|run| run.link.is_some());
        let unwanted = one.held.contains(&vm) || one.without.contains(&vm);
        let settled = one.well_from.max(one.reloaded_at) + self.watch.bounds.recover < now;
        let same = one.exabgp.as_ref().is_some_and(|exabgp| exabgp.rib.get(prefix) == Some(told));
        if unwanted && agent_speaks && settled {
            self.watch.report(
                Rule::Forbidden,
                now,
                format!("host {host} announces the held vm {vm}: {command:?}"),
            );
        } else if told.rung("82").is_none() {
            self.watch.report(
                Rule::Forbidden,
                now,
                format!("host {host} announces without its mark: {command:?}"),
            );
        } else if same && settled {
            self.watch.report(
                Rule::Repeated,
                now,
                format!("host {host} says again what stands: {command:?}"),
            );
        }
    }

    /// A host's route is gone at its switch.
    pub(crate) fn watch_for_flaps(&mut self, host: usize, prefix: usize, gone: bool) {
        let now = self.clock.now();
        let Some(vm) = self.prefixes[prefix].1.filter(|_| gone) else { return };
        let (one, guest) = (&self.hosts[host], &self.guests[vm]);
        let managed = !one.held.contains(&vm) && !one.without.contains(&vm);
        let long = guest.since.max(one.reloaded_at) + self.watch.bounds.recover < now;
        if guest.runs == Some(host) && managed && long && self.fabric.heard_of(host, prefix).is_some() {
            let words = format!(
                "host {host} takes the route of vm {vm} away, which runs there since {}",
                guest.since
            );
            self.watch.report(Rule::Flap, now, words);
        }
    }

    /// Holds every host on which nothing goes on against a core that has only just begun.
    pub(crate) fn audit(&mut self) {
        let now = self.clock.now();
        self.clock.after(AUDIT, Event::Audit);
        // What has only just come back, or happened, has its time.
        let calm = self.watch.bounds.recover + self.watch.bounds.fast;
        for host in 0..self.hosts.len() {
            let one = &self.hosts[host];
            if one.well_from.max(one.reloaded_at) + calm > now || one.life(Part::Agent) == 0 {
                continue;
            }
            let quiet = |vm: usize| {
                let guest = &self.guests[vm];
                guest.since + calm < now && matches!(guest.stage, Stage::Off | Stage::Here(_))
            };
            if !(0..self.guests.len()).all(quiet) {
                continue;
            }
            if let Some(words) = self.restarted_differs(host) {
                self.watch.report(Rule::Restart, now, words);
            }
        }
    }

    /// What a fresh core would want otherwise than it stands in ExaBGP.
    fn restarted_differs(&self, host: usize) -> Option<String> {
        let one = &self.hosts[host];
        let now = self.clock.instant();
        let rib = &one.exabgp.as_ref()?.rib;
        let stands: BTreeMap<roamd::route::Prefix, roamd::route::Rung> = rib
            .iter()
            .filter_map(|(prefix, told)| {
                Some((prefix.parse().ok()?, roamd::route::Rung::from_number(told.rung("82")?)?))
            })
            .collect();
        let mut core = roamd::mobility::Mobility::new(std::sync::Arc::clone(&one.config), now);
        core.found(stands.clone(), now);
        core.listed(now, &one.sightings(true));
        let wanted: BTreeMap<_, _> = one
            .config
            .vms
            .keys()
            .flat_map(|vm| core.routes(vm))
            .map(|route| (route.prefix, route.rung))
            .collect();
        (wanted != stands)
            .then(|| format!("host {host} has {stands:?}, and after a restart would want {wanted:?}"))
    }
}
