//! libvirtd, and the threads of the agent that keep a connection to it: events, lists and looks, with their delays.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use roamd::agent::Input;
use roamd::libvirt::{Answer, Report, Request, Schedule};
use roamd::vm::{Lifecycle, LifecycleKind, Uuid, VmName};

use crate::bounds::RESYNC;
use crate::case;
use crate::clock::{MS, Time};
use crate::event::Event;
use crate::fleet::Fleet;
use crate::guests::{Act, Stage};
use crate::host::{Domain, Part, Shell};
use crate::sabotage::Sabotage;

/// One life of an agent and one of its connections.
type Ends = (usize, u64, u64);

impl Fleet {
    /// The first act is due.
    pub(crate) fn act(&mut self, vm: usize, job: u64, mut acts: VecDeque<(Time, Act)>) {
        if self.guests[vm].job != job {
            return;
        }
        let Some((_, act)) = acts.front().copied() else { return };
        let waits_for = match act {
            Act::State(host, ..) => Some(host).filter(|host| self.stands_still(*host)),
            Act::Needs(host) => {
                Some(host).filter(|host| !self.hosts[*host].libvirtd_up || self.stands_still(*host))
            }
            Act::Runs(host) => host.filter(|host| self.stands_still(*host)),
            Act::Side(..) | Act::Stage(_) | Act::Transient => None,
        };
        if waits_for.is_some() {
            self.clock.after(100 * MS, Event::Acts { vm, job, acts });
            return;
        }
        acts.pop_front();
        let now = self.clock.now();
        match act {
            Act::State(host, state, kind) => self.becomes(vm, host, state, kind),
            Act::Side(host, side) => {
                if let Some(domain) = self.hosts[host].domains.get_mut(&vm) {
                    domain.side = side;
                }
            }
            Act::Runs(host) => {
                self.guests[vm].runs = host;
                self.guests[vm].since = now;
                self.note(format_args!("vm {vm} runs on {host:?}"));
            }
            Act::Stage(stage) => {
                self.guests[vm].stage = stage;
                self.guests[vm].since = now;
                if stage == Stage::Off {
                    self.guests[vm].runs = None;
                }
            }
            Act::Transient => self.guests[vm].persistent = false,
            Act::Needs(_) => {}
        }
        self.watch.vm(vm);
        if let Some((after, _)) = acts.front() {
            self.clock.after(*after, Event::Acts { vm, job, acts });
        }
    }

    /// Nothing that libvirtd does goes on there.
    pub(crate) fn stands_still(&self, host: usize) -> bool {
        self.hosts[host].hangs_until[Part::Libvirtd as usize] > self.clock.now()
    }

    /// A domain's state changes, and subscribers are told.
    pub(crate) fn becomes(
        &mut self,
        vm: usize,
        host: usize,
        state: Option<roamd::vm::VmState>,
        kind: Option<LifecycleKind>,
    ) {
        let name = VmName::new(&self.name(vm));
        let domains = &mut self.hosts[host].domains;
        match state {
            Some(state) => {
                let domain = Domain { uuid: case::uuid(vm), name, state, side: None };
                domains.entry(vm).or_insert(domain).state = state;
            }
            None => drop(domains.remove(&vm)),
        }
        if let Some(kind) = kind {
            self.note(format_args!("{host} tells of vm {vm} {kind}"));
            self.tell(host, vm, kind);
        }
    }

    fn tell(&mut self, host: usize, vm: usize, kind: LifecycleKind) {
        let (now, one) = (self.clock.now(), &mut self.hosts[host]);
        let agent = one.life(Part::Agent);
        let Some(run) = one.agent.as_ref().filter(|run| run.shell.connected) else { return };
        if !one.libvirtd_up || self.sabotage == Some(Sabotage::Deaf) {
            return;
        }
        let connection = run.shell.connection;
        let delay = one.random.delay(MS / 2, 40 * MS);
        let at = one.arrives(("libvirt", agent), now, delay);
        self.clock.at(at, Event::Told { host, agent, connection, vm, uuid: case::uuid(vm), kind });
    }

    /// What libvirt calls it.
    pub(crate) fn name(&self, vm: usize) -> String {
        case::name(if vm == self.setting().vms + 1 { 0 } else { vm })
    }

    pub(crate) fn told(
        &mut self,
        (host, agent, connection): Ends,
        vm: usize,
        uuid: Uuid,
        kind: LifecycleKind,
    ) {
        let name = VmName::new(&self.name(vm));
        let event = Lifecycle { uuid, name, kind, at: self.clock.instant() };
        let report = Box::new(Report::Event { connection, event });
        self.reports_soon(host, agent, report);
    }

    /// The report goes to the agent's own thread.
    fn reports_soon(&mut self, host: usize, agent: u64, report: Box<Report>) {
        let now = self.clock.now();
        let delay = self.hosts[host].random.between(20, 200);
        let at = self.hosts[host].arrives(("report", agent), now, delay);
        self.clock.at(at, Event::Libvirt { host, agent, report });
    }

    pub(crate) fn reports(&mut self, host: usize, agent: u64, report: Report) {
        if self.hosts[host].life(Part::Agent) == agent {
            self.feed(host, Input::Libvirt(report));
        }
    }

    /// Whether that connection still stands on both sides.
    fn stands(&self, (host, agent, connection): Ends) -> bool {
        let one = &self.hosts[host];
        let run = one.agent.as_ref().filter(|_| one.life(Part::Agent) == agent);
        one.libvirtd_up && run.is_some_and(|run| run.shell.connected && run.shell.connection == connection)
    }

    pub(crate) fn connects(&mut self, host: usize, agent: u64) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        if one.life(Part::Agent) != agent {
            return;
        }
        let up = one.libvirtd_up;
        let Some(run) = &mut one.agent else { return };
        if !up {
            let report = Report::Disconnected { error: "connection refused".to_owned(), at: now };
            let again = now + run.shell.backoff.after_failure();
            self.clock.at(self.clock.time_of(again), Event::Connects { host, agent });
            self.reports_soon(host, agent, Box::new(report));
            return;
        }
        run.shell.connected = true;
        run.shell.connection += 1;
        run.shell.listing = false;
        run.shell.looking = false;
        run.shell.schedule = Some(Schedule::new(now, Duration::from_micros(RESYNC), Schedule::SETTLE));
        let connection = run.shell.connection;
        let version = "9.0.0".to_owned();
        self.reports_soon(host, agent, Box::new(Report::Connected { connection, version, at: now }));
        self.await_list((host, agent, connection));
        self.ask_look((host, agent, connection));
    }

    /// The thread that lists waits for what is due next.
    fn await_list(&mut self, (host, agent, connection): Ends) {
        let schedule = self.hosts[host].agent.as_ref().and_then(|run| run.shell.schedule.as_ref());
        if let Some(due) = schedule.map(Schedule::due) {
            self.clock.at(self.clock.time_of(due), Event::ListIsDue { host, agent, connection });
        }
    }

    pub(crate) fn list_is_due(&mut self, ends: Ends) {
        let now = self.clock.instant();
        let is_due = |shell: &Shell| {
            !shell.listing && shell.schedule.as_ref().is_some_and(|schedule| schedule.due() <= now)
        };
        if self.stands(ends) && self.hosts[ends.0].agent.as_ref().is_some_and(|run| is_due(&run.shell)) {
            self.ask_list(ends);
        }
    }

    fn ask_list(&mut self, (host, agent, connection): Ends) {
        let asked_at = self.clock.instant();
        let one = &mut self.hosts[host];
        let Some(run) = &mut one.agent else { return };
        if std::mem::replace(&mut run.shell.listing, true) {
            run.shell.list_again = true;
            return;
        }
        let delay = one.random.delay(2 * MS, 1_600 * MS);
        self.clock.after(delay, Event::Lists { host, agent, connection, asked_at });
    }

    pub(crate) fn lists(&mut self, ends: Ends, asked_at: Instant) {
        if !self.stands(ends) || self.sabotage == Some(Sabotage::Deaf) {
            return;
        }
        let (host, agent, connection) = ends;
        let vms = self.hosts[host].sightings(false);
        let Some(run) = &mut self.hosts[host].agent else { return };
        run.shell.listing = false;
        run.shell.backoff.reset();
        if let Some(schedule) = &mut run.shell.schedule {
            schedule.listed(asked_at);
        }
        let again = std::mem::take(&mut run.shell.list_again);
        self.reports_soon(host, agent, Box::new(Report::Listed { connection, asked_at, vms }));
        if again {
            self.ask_list(ends);
        } else {
            self.await_list(ends);
        }
    }

    fn ask_look(&mut self, (host, agent, connection): Ends) {
        let asked_at = self.clock.instant();
        let one = &mut self.hosts[host];
        let Some(run) = &mut one.agent else { return };
        if run.shell.looking {
            return;
        }
        let Some(uuid) = run.shell.looks.front().copied() else { return };
        run.shell.looking = true;
        let delay = one.random.delay(MS / 2, 800 * MS);
        self.clock.after(delay, Event::Looks { host, agent, connection, asked_at, uuid });
    }

    pub(crate) fn looks(&mut self, ends: Ends, asked_at: Instant, uuid: Uuid) {
        if !self.stands(ends) {
            return;
        }
        let (host, agent, connection) = ends;
        let answer = self.hosts[host].look(uuid).map_or(Answer::Gone, Answer::Found);
        let Some(run) = &mut self.hosts[host].agent else { return };
        run.shell.looking = false;
        run.shell.looks.pop_front();
        self.reports_soon(host, agent, Box::new(Report::Looked { connection, uuid, asked_at, answer }));
        self.ask_look(ends);
    }

    /// What the agent asks of libvirt.
    pub(crate) fn asks(&mut self, host: usize) {
        let agent = self.hosts[host].life(Part::Agent);
        let Some(run) = &mut self.hosts[host].agent else { return };
        let requests: Vec<Request> = run.asked.try_iter().collect();
        for request in requests {
            let Some(run) = &mut self.hosts[host].agent else { return };
            let ends = (host, agent, run.shell.connection);
            match request {
                // Every connection begins with a list.
                Request::List if run.shell.connected => self.ask_list(ends),
                Request::List | Request::Nics(_) => {}
                Request::Look(uuid) => {
                    // One that is on its way was asked for before what makes it wanted again.
                    let waits =
                        run.shell.looks.iter().skip(usize::from(run.shell.looking)).any(|one| *one == uuid);
                    if !waits {
                        run.shell.looks.push_back(uuid);
                    }
                    if run.shell.connected {
                        self.ask_look(ends);
                    }
                }
            }
        }
    }

    /// libvirtd has died, or was given up: the connection ends.
    pub(crate) fn loses_libvirt(&mut self, host: usize) {
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        let Some(run) = one.agent.as_ref().filter(|run| run.shell.connected) else { return };
        let connection = run.shell.connection;
        let delay = one.random.delay(2 * MS, 20 * MS);
        let at = one.arrives(("libvirt", agent), now, delay);
        self.clock.at(at, Event::Disconnects { host, agent, connection });
    }

    pub(crate) fn disconnects(&mut self, (host, agent, connection): Ends) {
        let at = self.clock.instant();
        let one = &mut self.hosts[host];
        if one.life(Part::Agent) != agent {
            return;
        }
        let Some(run) = &mut one.agent else { return };
        if !run.shell.connected || run.shell.connection != connection {
            return;
        }
        run.shell.connected = false;
        let again = at + run.shell.backoff.after_failure();
        self.clock.at(self.clock.time_of(again), Event::Connects { host, agent });
        let report = Report::Disconnected { error: "end of file".to_owned(), at };
        self.reports_soon(host, agent, Box::new(report));
    }
}
