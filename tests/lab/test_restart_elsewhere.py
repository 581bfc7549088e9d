"""A VM dies on a host that can't say so and is started on another: the new host wins at once, at every router."""

import pytest

from roamlab.judge import REACTION
from roamlab.recording import Recording
from roamlab.timeline import Log
from trial import VM, converged, found_in, hosts, on_rung, preferred, recorded


def end_of_qemu(lab, recording, host):
    """The VM's QEMU on a host is killed, and whoever is there to tell is told."""
    recording.did(f"kill -9 of QEMU on {host}")
    lab.namespaces.signal(lab.qemu(VM, host))
    recording.saw(host, "STOPPED", "FAILED")


def started_elsewhere(lab, recording, source, target):
    """The VM's end, and its start on the other host, which every router follows."""
    end_of_qemu(lab, recording, source)
    lab.virsh(target, "create", lab.path / target / f"{VM}.xml")
    recording.wait(target, "RESUMED")
    preferred(lab, target)


@pytest.mark.parametrize("part", ["roamd", "exabgp", "libvirtd"])
@pytest.mark.parametrize("how", ["dead", "hung"])
def test_a_vm_that_is_started_elsewhere_wins_although_its_first_host_cannot_say_that_it_ended(guarded_lab, part, how):
    lab = guarded_lab
    on_rung(lab, hosts(lab)[0], "active")
    started_elsewhere_while(lab, part, how)


@pytest.mark.parametrize("part, how", [("roamd", "dead"), ("roamd", "hung"), ("libvirtd", "dead")])
def test_a_vm_that_had_only_just_come_is_lowered_when_nobody_watches_it_any_more_and_wins_elsewhere(twin_lab, part, how):
    """Else its route would stand on `arrived` beside that of the next host."""
    lab = twin_lab
    lab.migrate(VM, *hosts(lab))
    on_rung(lab, hosts(lab)[0], "arrived")
    started_elsewhere_while(lab, part, how)


def started_elsewhere_while(lab, part, how):
    """Breaks a part of the VM's host, waits until the route there is no better than `active`, and goes on with the rest."""
    source, target = hosts(lab)
    service = f"{part} {source}"
    with recorded(lab, ends_on=target) as recording:
        recording.did(f"{service} is {how}")
        broken(lab, service, how)
        on_rung(lab, source, "active", seconds=20)
        started_elsewhere(lab, recording, source, target)
        mended(lab, service, how)
        recording.did(f"{service} is back")
        lab.ready(source)


def broken(lab, service, how):
    if how == "dead":
        lab.kill(service)
    else:
        lab.pause(service)


def mended(lab, service, how):
    if how == "hung":
        lab.resume(service)
    # libvirtd 9.0 may end when it goes on after its clients have left.
    if not lab.namespaces.alive(lab.services[service]):
        lab.restart(service)


def test_a_host_that_freezes_with_its_link_up_loses_its_routes_by_bfd_and_its_vm_runs_elsewhere(guarded_lab):
    lab = guarded_lab
    source, target = hosts(lab)
    on_rung(lab, source, "active")
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"{source} freezes")
        lab.freeze(source)
        # Long before the hold time of 30 s is over.
        on_rung(lab, source, None, seconds=15)
        started_elsewhere(lab, recording, source, target)
        # As long as it can beat by being new alone, and longer than the frozen host's leases.
        on_rung(lab, target, "active")
        recording.did(f"{source} goes on")
        lab.thaw(source)
        # Until its agent has noticed it answers as before, and as long as there is no session the route is the other's alone.
        for switch in lab.topology.switches(source):
            lab.connected(switch)
        lab.ready(source)
        converged(lab, target)
    # ExaBGP, which goes on too, begins its new session with what it last knew; its relay says otherwise as soon as it runs.
    assert found_in(recording, but=["time exceeded"], moment=REACTION) == []
    timeline = recording.timeline
    assert any(entry.host == source and "stood still" in entry.message for entry in timeline.of(Log))
    for each in recording.timelines:
        rungs = [rungs.get(source) for _, rungs in each.rungs(lab.switch(source))]
        # What the relay has lowered the agent does not raise by what it knew before.
        assert "unsure" not in rungs or not {"arrived", "active"} & set(rungs[rungs.index("unsure"):])


def test_a_frozen_host_that_goes_on_after_its_vm_was_started_elsewhere_draws_nothing_back(twin_lab):
    lab = twin_lab
    source, target = hosts(lab)
    on_rung(lab, source, "active", seconds=60)
    with recorded(lab, ends_on=target) as recording:
        recording.did(f"{source} freezes")
        lab.freeze(source)
        started_elsewhere(lab, recording, source, target)
        recording.did(f"{source} goes on")
        lab.thaw(source)
        converged(lab, target)
