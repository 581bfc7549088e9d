//! Carrying out operations: what is done to VMs, and to the parts of hosts.

use roamd::agent::{Command, Input};
use roamd::vm::{PausedReason, ShutoffReason, VmState};

use std::sync::atomic::Ordering;

use crate::breaks::{self, Break, Moment};
use crate::clock::{MS, SECOND, Time};
use crate::event::Event;
use crate::fleet::Fleet;
use crate::guests::{self, Stage};
use crate::host::{Host, Part};
use crate::operations::{Operation, Verb};
use crate::session::AGAIN;

/// How long a keep-alive of libvirt's goes without an answer before its connection is given up.
const KEEP_ALIVE: Time = 20 * SECOND;

/// A relay that hangs for longer is ended by its watchdog (`src/relay/watchdog.rs`).
pub(crate) const RELAY_HANGS: Time = 10 * SECOND;

impl Fleet {
    pub(crate) fn operate(&mut self, number: usize) {
        let operation = self.case.operations[number];
        let length = operation.ms * MS;
        let host = operation.who.min(self.hosts.len() - 1);
        let Host { down_until, frozen_until, .. } = self.hosts[host];
        if operation.verb >= Verb::KillAgent && down_until.max(frozen_until) > self.clock.now() {
            return;
        }
        match operation.verb {
            Verb::KillAgent => self.kill_agent(host, length),
            Verb::StopAgent => {
                self.feed(host, Input::Command(Command::Stop));
                self.kill_agent(host, length);
            }
            Verb::HangAgent => self.hang(host, Part::Agent, length),
            Verb::Reload => self.reload(host, operation.to, length),
            Verb::KillRelay => self.kill_relay(host),
            Verb::HangRelay => self.hang(host, Part::Relay, length),
            Verb::KillExabgp => self.kill_exabgp(host, length.max(200 * MS)),
            Verb::HangExabgp => {
                self.hang(host, Part::Exabgp, length);
                self.out_of_reach(host, self.clock.now() + length);
            }
            Verb::KillLibvirtd => self.kill_libvirtd(host, length.max(100 * MS)),
            Verb::HangLibvirtd => {
                self.hang(host, Part::Libvirtd, length);
                self.give_up_libvirtd_if_it_hangs(host);
            }
            Verb::CrashHost => self.crash_host(host, length.max(5 * SECOND)),
            Verb::FreezeHost => self.freeze_host(host, length),
            Verb::Partition => self.partition(host, length),
            Verb::ResetSession => {
                if self.hosts[host].session_up {
                    // Until the speaker has tried again.
                    let end = self.clock.now() + AGAIN;
                    self.hosts[host].is_ill_until(end, false);
                    // A connection that breaks is a graceful restart. A switch that is told to begin anew keeps nothing.
                    let keep = self.setting().graceful && !operation.to.is_multiple_of(2);
                    self.session_ends(host, keep);
                }
            }
            Verb::StepClock => {
                let micros =
                    i64::try_from(length).unwrap() * if operation.to.is_multiple_of(2) { 60 } else { -60 };
                self.hosts[host].wall.fetch_add(micros, Ordering::Relaxed);
            }
            Verb::MoveOffline => self.move_offline(&operation),
            Verb::Rescue => self.rescue(&operation),
            _ => self.operate_vm(&operation),
        }
        self.note(format_args!("did {operation}"));
    }

    fn operate_vm(&mut self, operation: &Operation) {
        let vm = operation.who;
        let Some(guest) = self.guests.get(vm) else { return };
        let stage = guest.stage;
        let target = operation.to;
        if operation.verb != Verb::KillQemu && (!self.is_usable(target) || self.clashes(vm, target)) {
            return;
        }
        let state = match stage {
            // A QEMU can die without libvirtd, which finds out later.
            Stage::Here(host)
                if self.is_usable(host)
                    || (operation.verb == Verb::KillQemu
                        && self.hosts[host].frozen_until <= self.clock.now()) =>
            {
                self.hosts[host].domains.get(&vm).map(|domain| domain.state)
            }
            Stage::Copy { from, to, .. } if self.is_usable(from) && self.is_usable(to) => None,
            Stage::Off => None,
            _ => return,
        };
        // Its QEMU has just died, and libvirt has not read that yet: whatever it is told, it finds that out.
        if matches!(state, Some(VmState::Running(_))) && self.guests[vm].runs.is_none() {
            return;
        }
        // A script that is not over goes on: QEMU has one monitor, and libvirt one job a domain.
        let script = guests::script(operation, stage, state, self.guests[vm].persistent, &mut self.random);
        if !script.is_empty() {
            self.follow(vm, script);
        }
    }

    /// Whether libvirtd there takes orders.
    fn is_usable(&self, host: usize) -> bool {
        let (one, now) = (&self.hosts[host], self.clock.now());
        one.libvirtd_up && one.hangs_until[Part::Libvirtd as usize] <= now && one.cut_until <= now
    }

    /// libvirt has one domain of a name.
    fn clashes(&self, vm: usize, host: usize) -> bool {
        let name = self.name(vm);
        let other = |other: &usize| *other != vm && self.name(*other) == name;
        self.hosts[host].domains.keys().any(other)
            || (0..self.guests.len()).filter(other).any(|other| self.guests[other].stage.involves(host))
    }

    fn move_offline(&mut self, operation: &Operation) {
        let (vm, to) = (operation.who, operation.to);
        let from = self.hosts.iter().position(|host| host.domains.contains_key(&vm));
        let Some(from) = from.filter(|from| *from != to && self.guests[vm].stage == Stage::Off) else {
            return;
        };
        if self.is_usable(from) && self.is_usable(to) && !self.clashes(vm, to) {
            self.follow(vm, guests::move_offline(from, to));
        }
    }

    /// A VM whose host stands still is started elsewhere; its old incarnation ends when the host goes on.
    fn rescue(&mut self, operation: &Operation) {
        let (vm, to) = (operation.who, operation.to);
        let Stage::Here(host) = self.guests[vm].stage else { return self.operate_vm(operation) };
        let frozen = self.hosts[host].frozen_until > self.clock.now();
        if !frozen || host == to || !self.is_usable(to) || self.clashes(vm, to) {
            return;
        }
        self.guests[vm].fenced.push(host);
        self.guests[vm].runs = None;
        let script =
            guests::script(operation, Stage::Off, None, self.guests[vm].persistent, &mut self.random);
        self.follow(vm, script);
        self.watch.vm(vm);
    }

    pub(crate) fn thaws(&mut self, host: usize) {
        for vm in 0..self.guests.len() {
            let fenced = self.guests[vm].fenced.iter().position(|other| *other == host);
            let Some(index) = fenced else { continue };
            self.guests[vm].fenced.remove(index);
            if self.hosts[host].domains.contains_key(&vm) {
                let kind = roamd::vm::LifecycleKind::Stopped(roamd::vm::StoppedDetail::Failed);
                self.becomes(vm, host, None, Some(kind));
                self.watch.vm(vm);
            }
        }
    }

    fn hang(&mut self, host: usize, part: Part, length: Time) {
        let now = self.clock.now();
        let end = now + length;
        if part == Part::Relay && self.hosts[host].hangs_until[part as usize] <= now {
            self.hosts[host].relay_hangs_since = now;
            let relay = self.hosts[host].life(part);
            self.clock.after(RELAY_HANGS, Event::RelayHasHung { host, relay, since: now });
        }
        let until = &mut self.hosts[host].hangs_until[part as usize];
        *until = end.max(*until);
        let end = *until;
        self.hosts[host].hung_until[part as usize] = end;
        self.hosts[host].is_ill_until(end, part == Part::Agent);
        self.watch.everything();
    }

    fn give_up_libvirtd_if_it_hangs(&mut self, host: usize) {
        let one = &self.hosts[host];
        if one.hangs_until[Part::Libvirtd as usize] > self.clock.now() + KEEP_ALIVE {
            let agent = one.life(Part::Agent);
            let Some(run) = one.agent.as_ref().filter(|run| run.shell.connected) else { return };
            let connection = run.shell.connection;
            self.clock.after(KEEP_ALIVE, Event::Disconnects { host, agent, connection });
        }
    }

    fn kill_agent(&mut self, host: usize, length: Time) {
        self.agent_dies(host);
        let end = self.clock.now() + length;
        self.hosts[host].is_ill_until(end, false);
        self.clock.at(end, Event::Starts { host, part: Part::Agent });
    }

    pub(crate) fn agent_dies(&mut self, host: usize) {
        let one = &mut self.hosts[host];
        if one.agent.take().is_some() {
            one.lives[Part::Agent as usize] += 1;
            // It can't stand still any more; the next one does not.
            one.hangs_until[Part::Agent as usize] = 0;
            if let Some(link) = one.relay.as_ref().and_then(|run| run.link) {
                self.clock.after(200, Event::RelaySeesEnd { host, link });
            }
            self.note(format_args!("{host} has no agent any more"));
        }
        self.watch.everything();
    }

    fn kill_relay(&mut self, host: usize) {
        self.relay_dies(host);
        if self.hosts[host].exabgp.is_some() {
            let after = self.hosts[host].random.between(22 * MS, 60 * MS);
            self.clock.after(after, Event::Starts { host, part: Part::Relay });
            let end = self.clock.now() + after;
            self.hosts[host].is_ill_until(end, false);
        }
        self.watch.everything();
    }

    /// Its watchdog ends a relay that hangs since then, and did not go on in between.
    pub(crate) fn relay_has_hung(&mut self, host: usize, relay: u64, since: Time) {
        let one = &self.hosts[host];
        let hangs = one.hangs_until[Part::Relay as usize] > self.clock.now();
        if hangs && one.relay.is_some() && one.life(Part::Relay) == relay && one.relay_hangs_since == since {
            self.kill_relay(host);
            self.note(format_args!("{host} has its relay ended, which hung"));
        }
    }

    fn relay_dies(&mut self, host: usize) {
        let one = &mut self.hosts[host];
        let Some(run) = one.relay.take() else { return };
        one.lives[Part::Relay as usize] += 1;
        one.hangs_until[Part::Relay as usize] = 0;
        if let Some(link) = run.link {
            self.clock.after(200, Event::AgentSeesEnd { host, link });
        }
    }

    fn kill_exabgp(&mut self, host: usize, length: Time) {
        self.exabgp_dies(host);
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        if std::mem::take(&mut one.session_up) {
            let session = one.session;
            if one.cut_until <= now {
                // The kernel closes its connection.
                let keep = self.setting().graceful;
                self.session_ends(host, keep);
            } else {
                self.clock.after(crate::fleet::HOLD, Event::HoldEnds { host, session, since: now });
            }
        }
        let end = self.clock.now() + length;
        self.hosts[host].is_ill_until(end + AGAIN, false);
        self.clock.at(end, Event::Starts { host, part: Part::Exabgp });
    }

    fn exabgp_dies(&mut self, host: usize) {
        self.relay_dies(host);
        let one = &mut self.hosts[host];
        one.exabgp = None;
        one.lives[Part::Exabgp as usize] += 1;
        one.hangs_until[Part::Exabgp as usize] = 0;
        self.watch.everything();
    }

    fn kill_libvirtd(&mut self, host: usize, length: Time) {
        self.libvirtd_dies(host);
        let end = self.clock.now() + length;
        self.hosts[host].is_ill_until(end, false);
        self.clock.at(end, Event::Starts { host, part: Part::Libvirtd });
        for vm in 0..self.guests.len() {
            self.breaks(vm, host, Break::Libvirtd(host));
        }
    }

    fn libvirtd_dies(&mut self, host: usize) {
        self.loses_libvirt(host);
        let one = &mut self.hosts[host];
        one.libvirtd_up = false;
        one.lives[Part::Libvirtd as usize] += 1;
        one.hangs_until[Part::Libvirtd as usize] = 0;
        self.watch.everything();
    }

    fn breaks(&mut self, vm: usize, host: usize, what: Break) {
        let stage = self.guests[vm].stage;
        if !stage.involves(host) {
            return;
        }
        // A VM that a user had paused is not resumed by a migration that fails, and one whose QEMU has died not at all.
        let runs = match stage {
            Stage::Fetch { .. } => self.guests[vm].runs.is_some(),
            Stage::Frozen { from, .. } => self.hosts[from]
                .domains
                .get(&vm)
                .is_none_or(|domain| domain.state != VmState::Paused(PausedReason::User)),
            _ => true,
        };
        let source_hangs = matches!(stage, Stage::Frozen { from, .. } if self.stands_still(from));
        let moment = Moment { stage, runs, source_hangs };
        let script = breaks::broken(moment, what, self.guests[vm].persistent, &mut self.random);
        if !script.is_empty() {
            self.follow(vm, script);
        }
    }

    fn crash_host(&mut self, host: usize, length: Time) {
        let now = self.clock.now();
        let end = now + length;
        for vm in 0..self.guests.len() {
            self.breaks(vm, host, Break::Host(host));
        }
        self.libvirtd_dies(host);
        self.agent_dies(host);
        self.exabgp_dies(host);
        let one = &mut self.hosts[host];
        one.journal.clear();
        let off = VmState::Shutoff(ShutoffReason::Unknown);
        let guests = &self.guests;
        one.domains.retain(|vm, domain| {
            domain.state = off;
            domain.side = None;
            guests[*vm].persistent
        });
        // The switch does not know yet.
        one.session_up = false;
        one.cut_until = one.cut_until.max(end);
        one.down_until = end;
        one.is_ill_until(end + AGAIN, true);
        for vm in &mut self.guests {
            vm.fenced.retain(|other| *other != host);
        }
        let session = self.hosts[host].session;
        self.clock.after(crate::fleet::HOLD, Event::HoldEnds { host, session, since: now });
        for part in [Part::Libvirtd, Part::Exabgp, Part::Agent] {
            let after = self.random.between(0, 2 * SECOND);
            self.clock.at(end + after, Event::Starts { host, part });
        }
    }

    fn freeze_host(&mut self, host: usize, length: Time) {
        for part in [Part::Agent, Part::Relay, Part::Exabgp, Part::Libvirtd] {
            self.hang(host, part, length);
        }
        let end = self.clock.now() + length;
        self.hosts[host].frozen_until = end;
        self.clock.at(end, Event::Thaws { host });
        self.cut(host, end);
    }

    fn partition(&mut self, host: usize, length: Time) {
        for vm in 0..self.guests.len() {
            self.breaks(vm, host, Break::Link);
        }
        self.cut(host, self.clock.now() + length);
    }

    fn cut(&mut self, host: usize, end: Time) {
        let one = &mut self.hosts[host];
        one.cut_until = one.cut_until.max(end);
        let end = one.cut_until;
        one.is_ill_until(end + AGAIN, true);
        self.out_of_reach(host, end);
        self.watch.everything();
    }
}
