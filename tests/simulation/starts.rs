//! Parts of a host that begin to live, and configurations that are read anew.

use std::sync::Arc;

use roamd::agent::{Command, Input};

use crate::clock::{MS, SECOND, Time};
use crate::event::Event;
use crate::fleet::Fleet;
use crate::host::{Host, Part};

impl Fleet {
    /// Another VM is held or left out on this host, or all are as in the beginning.
    pub(crate) fn reload(&mut self, host: usize, which: usize, length: Time) {
        let setting = self.setting();
        let vm = which % setting.vms;
        let one = &mut self.hosts[host];
        let changed = match length / MS % 3 {
            0 => {
                one.held.clear();
                one.without.clear();
                true
            }
            1 => one.held.insert(vm),
            _ => one.without.insert(vm),
        };
        if !changed {
            return;
        }
        let held: Vec<usize> = one.held.difference(&one.without).copied().collect();
        let without: Vec<usize> = one.without.iter().copied().collect();
        one.config = setting.config(host, &held, &without);
        one.reloaded_at = self.clock.now();
        let config = Box::new((*one.config).clone());
        let agent = one.life(Part::Agent);
        let input = Box::new(Input::Command(Command::Reload(Ok(config))));
        self.clock.after(10, Event::AgentHears { host, agent, input });
        self.watch.everything();
    }

    /// A part begins to live again, if nothing else has started it.
    pub(crate) fn starts(&mut self, host: usize, part: Part) {
        let now = self.clock.instant();
        // A machine that is down starts everything when it comes up.
        let Host { down_until, frozen_until, .. } = self.hosts[host];
        if down_until > self.clock.now() {
            return;
        }
        // It is ExaBGP that starts its relay.
        let asleep = self.hosts[host].hangs_until[Part::Exabgp as usize];
        let until = if part == Part::Relay { frozen_until.max(asleep) } else { frozen_until };
        if until > self.clock.now() {
            self.clock.at(until, Event::Starts { host, part });
            return;
        }
        let setting = self.setting();
        let tor_as = self.tor_as(host);
        let one = &mut self.hosts[host];
        match part {
            Part::Agent if one.agent.is_none() => {
                let clocks = self.clock.reader(Arc::clone(&one.wall));
                one.start_agent(clocks);
                one.agent_since = self.clock.now();
                let agent = one.life(Part::Agent);
                let after = one.random.between(5 * MS, 50 * MS);
                self.clock.after(after, Event::Connects { host, agent });
                self.clock.after(0, Event::AgentHears { host, agent, input: Box::new(Input::Time) });
                self.sabotage_a_start(host);
            }
            Part::Relay if one.relay.is_none() && one.exabgp.is_some() => {
                let uptime = std::time::Duration::from_micros(self.clock.now());
                one.start_relay(now, uptime);
                let relay = one.life(Part::Relay);
                self.clock.after(MS, Event::RelayConnects { host, relay });
                self.relay_acts(host);
            }
            Part::Exabgp if one.exabgp.is_none() => {
                one.start_exabgp(&setting, tor_as);
                let exabgp = one.life(Part::Exabgp);
                let after = one.random.between(100 * MS, 2 * SECOND);
                self.clock.after(after, Event::SessionTries { host, exabgp });
                self.clock.after(170 * MS, Event::Starts { host, part: Part::Relay });
            }
            Part::Libvirtd => one.libvirtd_up = true,
            Part::Agent | Part::Relay | Part::Exabgp => {}
        }
        self.note(format_args!("{host} starts {part:?}"));
        self.watch.everything();
    }
}
