//! What a session makes of UPDATEs: its own routes' echoes, and the paths that neighbors offer. Pure.

use std::net::IpAddr;
use std::time::Instant;

use super::Session;
use crate::exabgp::update::{Direction, Update};
use crate::exabgp::wire::{Contradiction, Word};
use crate::exabgp::{Outcome, Path, Report, WireReport};
use crate::route::{LargeCommunity, Prefix, Rung};

impl Session {
    /// Lines that report UPDATEs were not passed on.
    pub fn missed(&mut self) {
        self.wire.missed();
        self.effects.reports.push(Report::Wire(WireReport::Missed));
    }

    pub(super) fn update(&mut self, update: &Update, at: Instant) {
        if !self.neighborhood.is_ours(update.peer) {
            return;
        }
        match update.direction {
            Direction::Sent => self.echo(update, at),
            Direction::Received => self.offers(update, at),
        }
    }

    fn echo(&mut self, update: &Update, at: Instant) {
        let Update { peer, med, large_communities, announced, withdrawn, .. } = update;
        let word = Word::announced(self.settings.mark, large_communities, *med);
        let told = withdrawn.iter().map(|prefix| (*prefix, Word::Withdrawn));
        for (prefix, word) in told.chain(announced.iter().map(|(prefix, _)| (*prefix, word))) {
            self.wire.told(*peer, prefix, word, at);
            self.confirm(prefix, at);
        }
    }

    /// Reports what came of a step.
    pub(super) fn settle(&mut self, report: Report, at: Instant) {
        let outcome = if let Report::Settled { prefix, outcome, .. } = &report {
            Some((*prefix, *outcome == Outcome::Acknowledged))
        } else {
            None
        };
        self.effects.reports.push(report);
        match outcome {
            Some((prefix, true)) => {
                self.wire.acknowledged(prefix, at);
                self.confirm(prefix, at);
            }
            Some((prefix, false)) => self.wire.refused(prefix),
            None => {}
        }
    }

    /// Reports it when every neighbor that is up has now been told what was acknowledged.
    fn confirm(&mut self, prefix: Prefix, at: Instant) {
        let listeners: Vec<IpAddr> =
            self.neighborhood.listeners(prefix, self.wire.next_hop(prefix)).collect();
        if self.wire.confirms(prefix, &listeners) {
            self.effects.reports.push(Report::Wire(WireReport::Confirmed { prefix, at }));
        }
    }

    /// Reports what the wire has contradicted for long enough.
    pub(super) fn judge(&mut self, at: Instant) {
        for Contradiction { prefix, neighbor, told, again } in self.wire.judge(at) {
            let told = match told {
                Word::Withdrawn => None,
                Word::Announced { rung, med } => Some((rung, med)),
            };
            let report = WireReport::Contradicted { prefix, neighbor, told, again };
            self.effects.reports.push(Report::Wire(report));
        }
    }

    fn offers(&mut self, update: &Update, at: Instant) {
        let Update { peer, large_communities, announced, withdrawn, .. } = update;
        let (marked_by, rung) = self.marked(large_communities).unzip();
        let lost = withdrawn.iter().map(|prefix| (*prefix, None));
        let offered = announced.iter().map(|(prefix, next_hop)| {
            let path = Path { rung, marked_by, next_hop: *next_hop };
            (*prefix, (!self.is_own(update, *next_hop)).then_some(path))
        });
        let offers: Vec<_> =
            lost.chain(offered).filter(|(prefix, _)| self.settings.service_ips.contains(prefix)).collect();
        for (prefix, path) in offers {
            let report = WireReport::Offered { neighbor: *peer, prefix, path, at };
            self.effects.reports.push(Report::Wire(report));
        }
    }

    /// Whether it is this host's own path that comes back: from a switch that sends to everyone, through another switch,
    /// or from a route reflector. An eBGP path then has our AS in it, and an iBGP path our next hop. Where all hosts have
    /// the same AS, another host's path over eBGP can't be told from our own.
    fn is_own(&self, update: &Update, next_hop: Option<IpAddr>) -> bool {
        let own_as = self.neighborhood.own_as(update.peer);
        let ours = [update.local, self.settings.next_hop_v4, self.settings.next_hop_v6];
        update.as_path.contains(&own_as.get()) || (next_hop.is_some() && ours.contains(&next_hop))
    }

    /// The AS and the rung in the mark of some host.
    fn marked(&self, communities: &[LargeCommunity]) -> Option<(u32, Rung)> {
        communities
            .iter()
            .filter(|community| community.local_1 == self.settings.mark.mark)
            .find_map(|community| Some((community.global, Rung::from_number(community.local_2)?)))
    }
}
