//! What is made to go wrong, to see that the invariants notice: a simulation that can't fail proves nothing.

use crate::case::Case;
use crate::exabgp::Update;
use crate::fleet::Fleet;
use crate::invariants::Rule;
use crate::router::{Message, Speaker};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// No event of libvirt's ever reaches an agent, and no list.
    Deaf,
    /// What the relay would do of itself never reaches ExaBGP.
    NoWills,
    /// ExaBGP acknowledges withdraws, and carries none out.
    NoWithdraws,
    /// Nor does it tell that a route is worse than it was.
    Sticky,
    /// ExaBGP touches the operator's own route with every withdraw.
    Meddling,
    /// What switches tell the spines is lost.
    Lost,
    /// ExaBGP's table forgets what the neighbor was told.
    Forgets,
    /// Every now and then a host says again what it has said.
    Stutters,
    /// An agent that begins withdraws everything, and announces it again.
    Flaps,
}

impl Fleet {
    /// Whether the neighbor is never sent that.
    pub(crate) fn is_swallowed(&self, update: &Update) -> bool {
        match (self.sabotage, update) {
            (Some(Sabotage::NoWithdraws | Sabotage::Sticky), Update::Withdraw(_)) => true,
            (Some(Sabotage::Sticky), Update::Announce(_, told)) => {
                told.rung("82").is_some_and(|rung| rung > 1)
            }
            _ => false,
        }
    }

    /// Whether a router never hears that.
    pub(crate) fn is_lost(&self, message: &Message) -> bool {
        self.sabotage == Some(Sabotage::Lost) && matches!(message.to, Speaker::Spine(_))
    }

    /// What goes wrong every now and then.
    pub(crate) fn sabotage_at_times(&mut self) {
        for host in 0..self.hosts.len() {
            match self.sabotage {
                Some(Sabotage::Forgets) => {
                    if let Some(exabgp) = &mut self.hosts[host].exabgp {
                        exabgp.rib.clear();
                    }
                }
                Some(Sabotage::Stutters) => self.stutter(host),
                _ => {}
            }
        }
    }

    /// ExaBGP is told everything that it was told; nobody hears the answers.
    fn stutter(&mut self, host: usize) {
        let Some(exabgp) = self.hosts[host].exabgp.as_mut().filter(|exabgp| !exabgp.is_busy()) else {
            return;
        };
        let marked = exabgp.rib.iter().filter(|(_, told)| told.rung("82").is_some());
        let lines: Vec<String> = marked
            .map(|(prefix, told)| {
                format!("announce route {prefix} next-hop {} {}\n", told.next_hop, told.attributes)
            })
            .collect();
        let commands = exabgp.read(lines.concat().as_bytes());
        for command in commands {
            self.judge_command(host, &command);
        }
        let Some(exabgp) = &mut self.hosts[host].exabgp else { return };
        while exabgp.is_busy() {
            assert!(exabgp.turn().is_empty());
        }
        exabgp.replies.clear();
    }

    /// What goes wrong when an agent begins.
    pub(crate) fn sabotage_a_start(&mut self, host: usize) {
        if self.sabotage != Some(Sabotage::Flaps) {
            return;
        }
        let Some(exabgp) = &self.hosts[host].exabgp else { return };
        let routes: Vec<_> = exabgp.rib.clone().into_iter().collect();
        let session = self.hosts[host].session;
        for (prefix, told) in routes {
            self.send_update(host, session, &Update::Withdraw(prefix.clone()));
            self.send_update(host, session, &Update::Announce(prefix, told));
        }
    }
}

/// A VM migrates, and stays; the agent there begins anew. Nothing goes wrong.
const MOVED: &str = "fleet 5 2 1 1 false false false false 10 30
2000000 start 0 0 0 precopy done
60000000 migrate 0 1 500 precopy done
100000000 kill-agent 1 1 500 precopy done
";

/// The agent is away for long, and its VM leaves meanwhile.
const LEFT_ALONE: &str = "fleet 5 2 2 1 false false false false 10 30
2000000 start 0 0 0 precopy done
40000000 kill-agent 0 0 400000 precopy done
45000000 migrate 0 1 500 precopy done
";

/// The same of a VM that has come a short time ago, in one rack. The switch prefers the host to which it goes, by luck.
const LEFT_AT_ONCE: &str = "fleet 5 2 1 2 false false false false 10 30
2000000 start 0 1 0 precopy done
25000000 kill-agent 1 0 400000 precopy done
28000000 migrate 0 0 500 precopy done
";

fn broken_by(case: &str, sabotage: Option<Sabotage>) -> Option<Rule> {
    let mut fleet = Fleet::new(Case::read(case), false);
    fleet.sabotage = sabotage;
    fleet.run().broken.map(|broken| broken.rule)
}

#[test]
fn each_rule_notices_what_it_is_for() {
    for case in [MOVED, LEFT_ALONE, LEFT_AT_ONCE] {
        assert_eq!(broken_by(case, None), None, "{case}");
    }
    for (case, sabotage, rule) in [
        (MOVED, Sabotage::Deaf, Rule::Announced),
        (MOVED, Sabotage::Sticky, Rule::Above),
        (MOVED, Sabotage::NoWithdraws, Rule::Gone),
        (LEFT_AT_ONCE, Sabotage::NoWills, Rule::Tied),
        (MOVED, Sabotage::Lost, Rule::Preferred),
        (MOVED, Sabotage::Meddling, Rule::Forbidden),
        (MOVED, Sabotage::Forgets, Rule::Restart),
        (MOVED, Sabotage::Stutters, Rule::Repeated),
        (LEFT_ALONE, Sabotage::NoWills, Rule::False),
        (MOVED, Sabotage::Flaps, Rule::Flap),
    ] {
        assert_eq!(broken_by(case, Some(sabotage)), Some(rule), "{sabotage:?}");
    }
}
