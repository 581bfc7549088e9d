//! What goes between agent, relay, ExaBGP and the switch: bytes and words, with their delays.

use roamd::agent::{Ended, Input};
use roamd::exabgp::{Conversation, Order, Report, welcome};
use roamd::link::{self, ToAgent};

use crate::clock::MS;
use crate::event::Event;
use crate::exabgp::Update;
use crate::fleet::Fleet;
use crate::host::{Part, loopback};
use crate::router::{Message, Speaker};
use crate::sabotage::Sabotage;

impl Fleet {
    /// The agent takes one message, and what it leads to goes on its way.
    pub(crate) fn feed(&mut self, host: usize, input: Input) {
        let Some(run) = &mut self.hosts[host].agent else { return };
        run.agent.take(input);
        self.orders(host);
        let Some(run) = &mut self.hosts[host].agent else { return };
        let ended = run.agent.rest();
        self.asks(host);
        self.orders(host);
        self.wake_agent(host);
        match ended {
            None => {}
            Some(Ended::Stopped) => self.agent_dies(host),
            Some(ended) => panic!("the agent of host {host} ended: {ended:?}"),
        }
    }

    fn orders(&mut self, host: usize) {
        let now = self.clock.instant();
        let Some(run) = &mut self.hosts[host].agent else { return };
        let orders: Vec<Order> = std::iter::from_fn(|| run.orders.try_recv().ok()).collect();
        let Some((_, talk)) = &mut run.talk else { return };
        for order in orders {
            talk.order(order, now);
        }
        self.talk(host);
    }

    /// What the agent's end of the link has to say, either way.
    fn talk(&mut self, host: usize) {
        let (now, time) = (self.clock.instant(), self.clock.now());
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        let Some((link, talk)) = one.agent.as_mut().and_then(|run| run.talk.as_mut()) else { return };
        let link = *link;
        let (reports, _) = talk.effects();
        let bytes = talk.to_relay().to_vec();
        talk.wrote_to_relay(bytes.len(), now);
        if !bytes.is_empty() {
            let delay = one.random.delay(50, 5 * MS);
            let at = one.arrives(("to relay", link), time, delay);
            self.clock.at(at, Event::ToRelay { host, link, bytes });
        }
        for report in reports {
            self.exabgp_reports(host, agent, report);
        }
        self.wake_agent(host);
    }

    fn exabgp_reports(&mut self, host: usize, agent: u64, report: Report) {
        let now = self.clock.now();
        let at = self.hosts[host].arrives(("exabgp report", agent), now, 20);
        self.clock.at(at, Event::AgentHears { host, agent, input: Box::new(Input::Exabgp(report)) });
    }

    fn wake_agent(&mut self, host: usize) {
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        let Some(run) = &mut one.agent else { return };
        let talks = run.talk.as_ref().and_then(|(_, talk)| talk.deadline());
        let Some(deadline) = [run.agent.deadline(), talks].into_iter().flatten().min() else { return };
        let at = self.clock.time_of(deadline);
        if run.wakes_at.is_none_or(|planned| at < planned) {
            run.wakes_at = Some(at);
            self.clock.at(at, Event::AgentWakes { host, agent });
        }
    }

    pub(crate) fn agent_wakes(&mut self, host: usize, agent: u64) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        if one.life(Part::Agent) != agent {
            return;
        }
        let time = self.clock.now();
        // One that was planned before a sooner one was.
        let Some(run) = one.agent.as_mut().filter(|run| run.wakes_at.is_some_and(|at| at <= time)) else {
            return;
        };
        run.wakes_at = None;
        if let Some((_, talk)) = &mut run.talk
            && talk.deadline().is_some_and(|at| at <= now)
        {
            talk.tick(now);
            self.talk(host);
        }
        let Some(run) = &self.hosts[host].agent else { return };
        if run.agent.deadline().is_some_and(|at| at <= now) {
            self.feed(host, Input::Time);
        }
        self.wake_agent(host);
    }

    /// A relay tries the agent's socket.
    pub(crate) fn relay_connects(&mut self, host: usize, relay: u64) {
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        if one.life(Part::Relay) != relay {
            return;
        }
        let Some(run) = one.relay.as_mut().filter(|run| run.link.is_none()) else { return };
        if one.agent.is_none() {
            self.clock.after(100 * MS, Event::RelayConnects { host, relay });
            return;
        }
        self.links += 1;
        let link = self.links;
        run.link = Some(link);
        run.relay.linked();
        self.clock.after(200, Event::AgentAccepts { host, agent, link });
        self.relay_acts(host);
    }

    pub(crate) fn agent_accepts(&mut self, host: usize, agent: u64, link: u64) {
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        if one.life(Part::Agent) != agent {
            return;
        }
        let bytes = welcome(one.config.exabgp.lease);
        let at = one.arrives(("to relay", link), now, 100);
        let Some(run) = &mut one.agent else { return };
        run.greeting.insert(link, Vec::new());
        self.clock.at(at, Event::ToRelay { host, link, bytes });
    }

    /// Bytes of a relay's reach the agent's end.
    pub(crate) fn agent_reads(&mut self, host: usize, link: u64, bytes: &[u8]) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        let Some(run) = &mut one.agent else { return };
        if let Some((present, talk)) = &mut run.talk
            && *present == link
        {
            talk.take(bytes, now).unwrap_or_else(|error| panic!("host {host}: {error}"));
            return self.talk(host);
        }
        let Some(read) = run.greeting.get_mut(&link) else { return };
        read.extend_from_slice(bytes);
        let Some(end) = read.iter().position(|&byte| byte == b'\n') else { return };
        let Some(mut read) = run.greeting.remove(&link) else { return };
        let rest = read.split_off(end + 1);
        let Ok(ToAgent::Hello(hello)) = link::first(&read) else { panic!("host {host}: no greeting") };
        let replaced = run.talk.take();
        let mut talk = Conversation::new(hello, &one.settings(), now);
        talk.take(&rest, now).unwrap_or_else(|error| panic!("host {host}: {error}"));
        if let Some(run) = &mut one.agent {
            run.talk = Some((link, talk));
        }
        if let Some((old, _)) = replaced {
            self.clock.after(100, Event::RelaySeesEnd { host, link: old });
            let reason = "another relay has taken its place".to_owned();
            self.exabgp_reports(host, agent, Report::Lost { reason, at: now });
        }
        self.talk(host);
    }

    /// The relay has closed a link.
    pub(crate) fn agent_sees_end(&mut self, host: usize, link: u64) {
        let at = self.clock.instant();
        let one = &mut self.hosts[host];
        let agent = one.life(Part::Agent);
        let Some(run) = &mut one.agent else { return };
        run.greeting.remove(&link);
        if run.talk.as_ref().is_some_and(|(present, _)| *present == link) {
            run.talk = None;
            let reason = "the relay has ended, or ExaBGP with it".to_owned();
            self.exabgp_reports(host, agent, Report::Lost { reason, at });
        }
    }

    /// The agent has closed a link.
    pub(crate) fn relay_sees_end(&mut self, host: usize, link: u64) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        let relay = one.life(Part::Relay);
        let Some(run) = one.relay.as_mut().filter(|run| run.link == Some(link)) else { return };
        run.link = None;
        run.relay.unlinked("it closed its socket", now);
        self.clock.after(100 * MS, Event::RelayConnects { host, relay });
        self.relay_acts(host);
    }

    /// Bytes of the agent's reach the relay.
    pub(crate) fn relay_reads(&mut self, host: usize, link: u64, bytes: &[u8]) {
        let now = self.clock.instant();
        let Some(run) = self.hosts[host].relay.as_mut().filter(|run| run.link == Some(link)) else { return };
        run.relay.received(bytes, now);
        self.relay_acts(host);
    }

    pub(crate) fn relay_wakes(&mut self, host: usize, relay: u64) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        if one.life(Part::Relay) != relay {
            return;
        }
        let time = self.clock.now();
        let Some(run) = one.relay.as_mut().filter(|run| run.wakes_at.is_some_and(|at| at <= time)) else {
            return;
        };
        run.wakes_at = None;
        run.relay.tick(now);
        self.relay_acts(host);
    }

    /// Does what the relay asks for.
    pub(crate) fn relay_acts(&mut self, host: usize) {
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        let (relay, exabgp) = (one.life(Part::Relay), one.life(Part::Exabgp));
        let Some(run) = &mut one.relay else { return };
        let effects = run.relay.effects();
        one.journal.extend_from_slice(&effects.journal);
        let mut to_exabgp = run.relay.to_exabgp().to_vec();
        run.relay.wrote_to_exabgp(to_exabgp.len());
        if self.sabotage == Some(Sabotage::NoWills) && one.agent.is_none() {
            to_exabgp.clear();
        }
        let to_agent = run.relay.to_agent().to_vec();
        run.relay.wrote_to_agent(to_agent.len());
        let ended = if effects.unlink { run.link.take() } else { None };
        let link = run.link;
        let deadline = run.relay.deadline().map(|at| self.clock.time_of(at));
        if let Some(at) = deadline
            && run.wakes_at.is_none_or(|planned| at < planned)
        {
            run.wakes_at = Some(at);
            self.clock.at(at, Event::RelayWakes { host, relay });
        }
        if !to_exabgp.is_empty() {
            let delay = one.random.delay(50, 5 * MS);
            let at = one.arrives(("to exabgp", exabgp), now, delay);
            self.clock.at(at, Event::ToExabgp { host, exabgp, bytes: to_exabgp });
        }
        if let Some(link) = link.filter(|_| !to_agent.is_empty()) {
            let delay = one.random.delay(50, 5 * MS);
            let at = one.arrives(("to agent", link), now, delay);
            self.clock.at(at, Event::ToAgent { host, link, bytes: to_agent });
        }
        for notice in effects.notices {
            self.note(format_args!("{host} relay: {notice:?}"));
        }
        if let Some(link) = ended {
            self.clock.after(200, Event::AgentSeesEnd { host, link });
            self.clock.after(100 * MS, Event::RelayConnects { host, relay });
        }
    }

    /// ExaBGP reads what its API process wrote.
    pub(crate) fn exabgp_reads(&mut self, host: usize, exabgp: u64, bytes: &[u8]) {
        if self.hosts[host].life(Part::Exabgp) != exabgp {
            return;
        }
        let Some(one) = &mut self.hosts[host].exabgp else { return };
        let commands = one.read(bytes);
        for command in commands {
            let meddles = self.sabotage == Some(Sabotage::Meddling);
            let command = if meddles { command.about(&loopback(host)) } else { command };
            self.judge_command(host, &command);
        }
        self.exabgp_says(host);
    }

    pub(crate) fn exabgp_turns(&mut self, host: usize, exabgp: u64) {
        let one = &mut self.hosts[host];
        if one.life(Part::Exabgp) != exabgp {
            return;
        }
        one.turning = false;
        let Some(exabgp) = &mut one.exabgp else { return };
        let (updates, session) = (exabgp.turn(), one.session);
        for update in updates {
            self.send_update(host, session, &update);
        }
        self.exabgp_says(host);
    }

    pub(crate) fn send_update(&mut self, host: usize, session: u64, update: &Update) {
        if self.is_swallowed(update) {
            return;
        }
        let now = self.clock.now();
        let tor = Speaker::Tor(self.fabric.tor_of(host));
        let one = &mut self.hosts[host];
        let delay = one.random.delay(MS / 2, 20 * MS);
        let at = one.arrives(("bgp", session), now, delay);
        let (prefix, path) = match update {
            Update::EndOfRib(ipv6) => {
                self.clock.at(at, Event::EndOfRib { host, session, ipv6: *ipv6 });
                return;
            }
            Update::Announce(prefix, told) => (prefix, Self::path(host, Some(told))),
            Update::Withdraw(prefix) => (prefix, None),
        };
        let Some(prefix) = self.index.get(prefix).copied() else { return };
        let message = Message { from: Speaker::Host(host), to: tor, prefix, origin: host, path };
        self.clock.at(at, Event::Bgp { session: Some((host, session)), message });
    }

    /// What ExaBGP has to say goes to its API process, and its next turn is planned.
    pub(crate) fn exabgp_says(&mut self, host: usize) {
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        let (life, relay) = (one.life(Part::Exabgp), one.life(Part::Relay));
        let Some(exabgp) = &mut one.exabgp else { return };
        let replies = std::mem::take(&mut exabgp.replies);
        let busy = exabgp.is_busy() && !std::mem::replace(&mut one.turning, true);
        if !replies.is_empty() {
            let delay = one.random.delay(50, 5 * MS);
            let at = one.arrives(("from exabgp", life), now, delay);
            // Whoever reads the pipe then reads it, also what a predecessor had asked.
            let bytes = replies.into_bytes();
            self.clock.at(at, Event::FromExabgp { host, relay, exabgp: life, bytes });
        }
        if busy {
            let (mostly, most) = self.turn;
            let delay = self.hosts[host].random.delay(mostly, most);
            self.clock.after(delay, Event::ExabgpTurns { host, exabgp: life });
        }
    }

    pub(crate) fn relay_hears(&mut self, host: usize, (relay, exabgp): (u64, u64), bytes: &[u8]) {
        let now = self.clock.instant();
        let one = &mut self.hosts[host];
        if one.life(Part::Exabgp) != exabgp {
            return;
        }
        let Some(run) = &mut one.relay else {
            // Between two relays the pipe keeps it.
            let bytes = bytes.to_vec();
            self.clock.after(MS, Event::FromExabgp { host, relay, exabgp, bytes });
            return;
        };
        run.relay.heard(bytes, now);
        self.relay_acts(host);
    }
}
