//! The BGP sessions between hosts and their switches: how they begin and end.

use crate::clock::{MS, SECOND, Time};
use crate::event::Event;
use crate::fleet::{Fleet, HOLD, RESTART};
use crate::host::Part;

/// Within so long a speaker that has no session tries again.
pub(crate) const AGAIN: Time = 4 * SECOND;

impl Fleet {
    /// A host's speaker tries to have a session.
    pub(crate) fn session_tries(&mut self, host: usize, exabgp: u64) {
        let now = self.clock.now();
        let one = &mut self.hosts[host];
        if one.life(Part::Exabgp) != exabgp || one.session_up || one.exabgp.is_none() {
            return;
        }
        let away = one.cut_until.max(one.hangs_until[Part::Exabgp as usize]);
        if away > now {
            let after = one.random.between(100 * MS, AGAIN - SECOND);
            // It fails, or hangs for as long as nothing comes back.
            let fails = one.random.percent(50);
            if let Some(exabgp) = one.exabgp.as_mut().filter(|_| fails) {
                exabgp.attempt_failed();
            }
            self.clock.at(away + after, Event::SessionTries { host, exabgp });
            return;
        }
        // The switch may still have the old one, which the new one replaces.
        let graceful = self.setting().graceful;
        let messages = self.fabric.session_ended(host, graceful);
        self.spread(messages);
        let one = &mut self.hosts[host];
        one.session += 1;
        one.session_up = true;
        let opening = u8::try_from(one.random.between(0, 3)).unwrap();
        if let Some(exabgp) = &mut one.exabgp {
            exabgp.session_up(opening);
        }
        // From now on a switch like BIRD 2.0 waits for the end of the RIB, however long that takes.
        self.note(format_args!("{host} has a session"));
        self.watch.everything();
        self.exabgp_says(host);
    }

    /// Both sides see the session end, the switch's now and ExaBGP's if it lives.
    pub(crate) fn session_ends(&mut self, host: usize, keep: bool) {
        let one = &mut self.hosts[host];
        one.session_up = false;
        one.session += 1;
        let (session, exabgp) = (one.session, one.life(Part::Exabgp));
        if let Some(exabgp) = &mut one.exabgp {
            exabgp.session_down();
        }
        self.note(format_args!("{host} has no session any more, its routes are kept: {keep}"));
        let messages = self.fabric.session_ended(host, keep);
        self.spread(messages);
        if keep {
            self.clock.after(RESTART, Event::RestartTimeEnds { host, session });
        }
        let after = self.hosts[host].random.between(200 * MS, AGAIN);
        self.clock.after(after, Event::SessionTries { host, exabgp });
        self.watch.everything();
        self.exabgp_says(host);
    }

    /// The host can't be reached, or its ExaBGP stands still, until `until`.
    pub(crate) fn out_of_reach(&mut self, host: usize, until: u64) {
        let one = &self.hosts[host];
        let (now, session) = (self.clock.now(), one.session);
        if until >= now + HOLD {
            self.clock.after(HOLD, Event::HoldEnds { host, session, since: now });
        }
    }

    pub(crate) fn hold_ends(&mut self, host: usize, session: u64, since: u64) {
        let one = &self.hosts[host];
        let away = one.cut_until.max(one.hangs_until[Part::Exabgp as usize]);
        let gone = one.exabgp.is_none();
        if one.session == session && (away >= since + HOLD || gone) {
            self.session_ends(host, false);
        }
    }
}
