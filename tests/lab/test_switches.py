"""Switches that restart, that are two a rack, or that go by other rules."""

import pytest

from roamlab import kernel
from roamlab.recording import Recording
from trial import OUT_OF_REACH, SLOWLY, STEADILY, VM, converged, found_in, hosts, hurry, on_rung, recorded


def test_a_switch_that_restarts_gracefully_is_not_noticed(guarded_lab):
    lab = guarded_lab
    source, _ = hosts(lab)
    switch = lab.switch(source)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"kill -9 of BIRD on {switch}")
        lab.kill(f"router {switch}")
        lab.start_router(switch, recovers=True)
        lab.connected(switch)
        recording.did(f"BIRD on {switch} is back")
        converged(lab, source)
    # But for the daemon that restarts: it must be told again.
    assert found_in(recording, but=[f"{switch} has no route above standby from"]) == []
    assert all(probes.lost == 0 for timeline in recording.timelines for probes in timeline.probes.values())


@pytest.mark.parametrize("lab", ["racks", "frr"], indirect=True)
def test_after_the_restart_of_a_switch_without_graceful_restart_everything_is_as_it_was(lab):
    source, _ = hosts(lab)
    switch = lab.switch(source)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"kill -9 of the BGP daemon on {switch}")
        lab.kill(f"router {switch}")
        lab.restart(f"router {switch}")
        lab.connected(switch)
        converged(lab, source)
    assert found_in(recording, but=OUT_OF_REACH) == []


def test_over_two_switches_a_rack_the_route_moves_with_the_vm_and_all_paths_are_used(two_lab):
    lab = two_lab
    prefixes = lab.topology.vm(VM).addresses
    for _ in range(2):
        source, target = hosts(lab)
        with recorded(lab, ends_on=target):
            lab.migrate(VM, source, target)
        for prefix in prefixes:
            assert kernel.forwards(lab, "spine", prefix) == set(lab.topology.switches(target))


@pytest.mark.parametrize("side", ["source", "destination"])
def test_one_of_two_switches_that_is_cut_off_in_the_copy_takes_nothing_along(two_lab, side):
    lab = two_lab
    source, target = hosts(lab)
    # The other one leads to the address by which the hosts know each other.
    _, cut = lab.topology.switches(source if side == "source" else target)
    with Recording(lab, VM, interval=4) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"{cut} is cut off")
        lab.cut_off(cut)
        hurry(lab, source)
        migration.succeed()
        lab.await_answer(VM)
        lab.restart(f"router {cut}")
        lab.mend(cut)
        lab.connected(cut)
        converged(lab, target)
    # While the spine has not heard of it yet, a part of the packets goes to the dead switch. Of that switch nothing is asked.
    own = (f": {cut} ", f"what comes to {cut} ")
    assert found_in(recording, but=own, moment=1_000_000_000) == []


def in_a_long_copy(lab):
    """What the judge finds in a migration with a copy of some seconds."""
    source, target = hosts(lab)
    with Recording(lab, VM, interval=10) as recording:
        migration = lab.migration(VM, source, target, *STEADILY)
        on_rung(lab, target, "standby")
        recording.wait(source, "ITERATION")
        migration.succeed()
        converged(lab, target)
    return target, recording


def test_without_prepends_a_frozen_copy_draws_its_own_rack(other_rules):
    """What bgp.prepend_step is for, and that the judge sees where it is too small."""
    other_rules.reconfigure(prepend_step=0)
    target, recording = in_a_long_copy(other_rules)
    found, switch = found_in(recording), other_rules.switch(target)
    assert any(f"{switch} prefers {target}, and the VM executes on" in text for text in found)


def test_where_all_routers_go_by_the_rungs_no_prepends_are_needed(other_rules):
    other_rules.reconfigure(prepend_step=0, rungs_decide=True)
    _, recording = in_a_long_copy(other_rules)
    assert found_in(recording) == []


def test_a_fabric_that_hands_on_best_paths_only_is_led_right_and_may_be_without_a_route_for_moments(other_rules):
    other_rules.reconfigure(add_paths=False)
    _, recording = in_a_long_copy(other_rules)
    # Milliseconds, on a busy machine some more; a probe may meet them.
    assert found_in(recording, but=["unreachable"], moment=200_000_000) == []
