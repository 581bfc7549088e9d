"""With FRR as the switch of each rack the route moves with the VM too, and the same restarts go by unnoticed.

FRR gathers what neighbors send for 50 ms before it chooses a path, so a switch-over takes 50 ms at the source's switch and the
spines, and 50 ms more at the destination's, which until then sends back to the spines what they send it.
"""

import pytest

from roamlab import kernel
from roamlab.recording import Recording
from trial import OUT_OF_REACH, SLOWLY, VM, converged, found_in, hosts, hurry, on_rung, recorded


def test_a_pre_copy_to_and_fro_moves_the_route_with_the_vm(frr_lab):
    for _ in range(2):
        source, target = hosts(frr_lab)
        with recorded(frr_lab, ends_on=target):
            frr_lab.migrate(VM, source, target)
        for prefix in frr_lab.topology.vm(VM).addresses:
            assert kernel.forwards(frr_lab, frr_lab.switch(source), prefix) == {"s1", "s2"}


def test_a_slow_copy_leads_nobody_to_the_frozen_one(frr_lab):
    source, target = hosts(frr_lab)
    with recorded(frr_lab, ends_on=target) as recording:
        migration = frr_lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        on_rung(frr_lab, target, "standby")
        hurry(frr_lab, source)
        migration.succeed()
    assert any("standby" in rungs.values() for _, rungs in recording.timeline.rungs(frr_lab.switch(source)))


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


@pytest.mark.parametrize("side", ["source", "destination"])
def test_an_exabgp_that_is_killed_in_the_copy_announces_again_what_is_so(frr_lab, side):
    lab = frr_lab
    source, target = hosts(lab)
    host = source if side == "source" else target
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of ExaBGP on {host}")
        lab.kill(f"exabgp {host}")
        lab.restart(f"exabgp {host}")
        lab.ready(host)
        hurry(lab, source)
        migration.succeed()


def test_after_the_restart_of_a_switch_everything_is_as_it_was(frr_lab):
    lab = frr_lab
    source, _ = hosts(lab)
    switch = lab.switch(source)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"kill -9 of bgpd on {switch}")
        lab.kill(f"router {switch}")
        lab.restart(f"router {switch}")
        lab.connected(switch)
        converged(lab, source)
    assert found_in(recording, but=OUT_OF_REACH) == []
