//! What becomes of a route on `arrived` when its agent leaves.

use super::*;
use crate::relay::vigil::RESTART;

const ALMOST_A_RESTART: Duration = RESTART.saturating_sub(Duration::from_millis(1));

/// ExaBGP answers the fence and one line.
pub(super) fn exabgp_answers(bench: &mut Bench, line: &str) {
    assert_eq!(bench.at_exabgp(), ["show neighbor summary"]);
    bench.says(&format!("{SUMMARY}done\n"));
    assert_eq!(bench.at_exabgp(), [line]);
    bench.says("done\n");
}

#[test]
fn an_agent_that_stays_away_has_its_arrivals_lowered_and_then_its_wills_told() {
    let mut bench = Bench::linked();
    bench.arrived(1);
    bench.keep(2, &[]);
    bench.pass(LEASE / 4);
    bench.beat();
    bench.dies();
    bench.pass(ALMOST_A_RESTART);
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.notices.last(), Some(&Notice::AgentStaysAway(1)));
    exabgp_answers(&mut bench, &demotion(1));
    bench.pass(LEASE.saturating_sub(RESTART));
    exabgp_answers(&mut bench, &will(1));
    assert_eq!(bench.notices.last(), Some(&Notice::WillsTold(1, 0)));
    assert_eq!(bench.relay.deadline(), None);
}

#[test]
fn an_agent_that_is_only_restarted_finds_everything_as_it_was() {
    let mut bench = Bench::linked();
    bench.arrived(1);
    bench.dies();
    bench.pass(ALMOST_A_RESTART);
    bench.greet();
    bench.pass(LEASE / 2);
    assert_eq!(bench.at_exabgp(), [""; 0]);
}

#[test]
fn a_respawned_relay_waits_for_the_agent_and_does_not_lower_twice() {
    let mut bench = Bench::linked();
    bench.arrived(1);
    let respawn = |bench: &mut Bench| {
        let text = [Ledger::default().text("41-1000-boot"), bench.journal.clone()].concat();
        bench.relay = Relay::new(identity(), Ledger::read(&text, "41-1000-boot"), bench.now);
        assert_eq!(bench.at_exabgp(), ["# roamd relay"]);
    };
    respawn(&mut bench);
    bench.pass(ALMOST_A_RESTART);
    assert_eq!(bench.at_exabgp(), [""; 0]);
    bench.pass(Duration::from_millis(1));
    exabgp_answers(&mut bench, &demotion(1));
    respawn(&mut bench);
    bench.pass(LEASE / 2);
    assert_eq!(bench.at_exabgp(), [""; 0]);
}
