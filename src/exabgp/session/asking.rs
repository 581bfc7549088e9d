//! What a session asks ExaBGP before it gives it steps: the fence, the neighbors, the table. Pure.

use std::collections::BTreeMap;
use std::time::Instant;

use super::version::{Support, support};
use super::{Notice, Phase, Session};
use crate::exabgp::reply::Reply;
use crate::exabgp::table::Table;
use crate::exabgp::{Report, Settings};

impl Session {
    /// Asks ExaBGP to show the summary, and drops everything before it.
    pub(super) fn fence(&mut self, at: Instant) {
        if self.version.is_none() {
            self.effects.write.push_str("version\n");
        }
        self.effects.write.push_str("show neighbor summary\n");
        self.fences = self.fences.saturating_add(1);
        self.phase = Phase::Fencing { heard: false, header: false };
        self.waiting_since = at;
    }

    /// The same where none of those before is waited for any more.
    pub(super) fn fence_anew(&mut self, at: Instant) {
        self.fences = 0;
        self.fence(at);
    }

    pub(super) fn at_fence(&mut self, reply: Reply, at: Instant) {
        let Phase::Fencing { heard, header } = &mut self.phase else { return };
        *heard = true;
        match reply {
            Reply::SummaryHeader => {
                *header = true;
                self.neighborhood.begin_summary();
            }
            Reply::SummaryRow(address, state) => {
                if *header {
                    self.neighborhood.summarise(address, state);
                }
            }
            Reply::Version(version) => {
                if self.version.is_none() && support(&version) == Support::Untested {
                    self.effects.notices.push(Notice::UntestedVersion(version.clone()));
                }
                self.version = Some(version);
            }
            Reply::Done if *header => {
                *header = false;
                self.fences = self.fences.saturating_sub(1);
                if self.fences == 0 {
                    self.silences = 0;
                    return self.fence_passed(at);
                }
            }
            // A predecessor's answers; events are taken before any phase is looked at.
            Reply::Done
            | Reply::Error
            | Reply::Configuration(_)
            | Reply::Row(_)
            | Reply::OtherRow
            | Reply::InProgress
            | Reply::State(_)
            | Reply::ShuttingDown
            | Reply::Event
            | Reply::Update(_)
            | Reply::JsonAnswer
            | Reply::Garbage => {}
        }
        self.waiting_since = at;
    }

    fn fence_passed(&mut self, at: Instant) {
        match self.version.as_deref().map(support) {
            None => self.doubt("ExaBGP did not tell its version".to_owned(), at),
            Some(Support::Refused(reason)) => self.give_up(reason),
            Some(Support::Untested | Support::Measured) => self.configure(at),
        }
    }

    pub(super) fn configure(&mut self, at: Instant) {
        self.effects.write.push_str("show neighbor configuration\n");
        self.neighborhood.begin_configuration();
        self.phase = Phase::Configuring;
        self.waiting_since = at;
    }

    pub(super) fn list(&mut self, at: Instant) {
        let ambiguous = self.neighborhood.is_ambiguous();
        if ambiguous && !self.ambiguous {
            self.effects.notices.push(Notice::AmbiguousNeighbors);
        }
        self.ambiguous = ambiguous;
        self.report_neighbors(at);
        self.effects.write.push_str("show adj-rib out extensive\n");
        let Settings { mark, own_next_hop_v4, own_next_hop_v6, .. } = self.settings;
        self.phase = Phase::Listing(Table::new(mark, own_next_hop_v4, own_next_hop_v6));
        self.waiting_since = at;
    }

    pub(super) fn ready(&mut self, at: Instant) {
        let Phase::Listing(table) = std::mem::replace(&mut self.phase, Phase::Running) else { return };
        if self.garbage > 0 {
            self.effects.notices.push(Notice::GarbageEnded(self.garbage));
            self.garbage = 0;
        }
        self.in_step = true;
        self.ready_at = Some(at);
        self.wire.ready(at);
        self.told = None;
        self.effects.reports.push(Report::Ready {
            version: self.version.clone(),
            epoch: self.settings.epoch.clone(),
            table: table.finish(&self.neighborhood),
            ledger: BTreeMap::new(),
            at,
        });
        self.proceed(at);
    }
}
