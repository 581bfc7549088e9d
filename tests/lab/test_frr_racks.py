"""What FRR as the switch of each rack does by itself; what it has in common with BIRD is tried with the others.

FRR gathers what neighbors send for 50 ms before it chooses a path, so a switch-over takes 50 ms at the source's switch and the
spines, and 50 ms more at the destination's, which until then sends back to the spines what they send it.
"""

from roamlab import kernel
from trial import SLOWLY, VM, hosts, hurry, on_rung, recorded


def test_a_slow_copy_leads_nobody_to_the_frozen_one(frr_lab):
    source, target = hosts(frr_lab)
    with recorded(frr_lab, ends_on=target) as recording:
        migration = frr_lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        on_rung(frr_lab, target, "standby")
        hurry(frr_lab, source)
        migration.succeed()
    assert any("standby" in rungs.values() for _, rungs in recording.timeline.rungs(frr_lab.switch(source)))
    for prefix in frr_lab.topology.vm(VM).addresses:
        assert kernel.forwards(frr_lab, frr_lab.switch(source), prefix) == {"s1", "s2"}


def test_an_exabgp_that_is_killed_and_comes_back_costs_no_packet(frr_lab):
    lab = frr_lab
    source, _ = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        recording.did(f"kill -9 of ExaBGP on {source}")
        lab.kill(f"exabgp {source}")
        lab.restart(f"exabgp {source}")
        lab.ready(source)
        lab.connected(lab.switch(source))
    assert all(probes.lost == 0 for timeline in recording.timelines for probes in timeline.probes.values())
