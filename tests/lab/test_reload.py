"""The map of VMs changes while they run: only what changes is told to the switches, and a VM that migrates meanwhile keeps its
route."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from roamlab import agent, bird
from roamlab.namespaces import wait_until
from roamlab.recording import Recording
from roamlab.timeline import Deed, Log, Seen
from trial import SLOWLY, VM, converged, everywhere, found_in, hosts, hurry, on_rung, recorded

# The VMs whose entries change: one runs beside the VM that migrates, the other where that one comes to.
BESIDE, THERE = "web", "db"
COMMUNITY = (65101, 7)
# Seconds from one reload of a host to the next.
PACE = 0.2
# How often each map is read at least while the memory is copied.
ROUNDS = 2
# A map is followed in milliseconds, on a machine that stalls in some seconds. With the next list of libvirt's VMs, each 30 s,
# a VM would come in anyway.
AT_ONCE = 5_000_000_000


@pytest.fixture
def reload_lab(racks_lab):
    """Two racks; whatever map a test leaves in force, the next one finds the lab's own."""
    yield racks_lab
    give(racks_lab, agent.entries(racks_lab.topology))


def changed(lab, **others):
    """The lab's map of VMs with other entries for some; None: without it."""
    return {name: entry for name, entry in (agent.entries(lab.topology) | others).items() if entry is not None}


def marked(lab, vm):
    """A VM's entry with a community."""
    asn, value = COMMUNITY
    return f"{agent.entries(lab.topology)[vm].removesuffix('}')}, attributes: {{communities: ['{asn}:{value}']}}}}"


def give(lab, vms):
    """Gives every host a map that has no fault."""
    assert all([lab.reload(host.name, vms) for host in lab.topology.hosts])


@contextmanager
def storm(lab, maps):
    """Gives every host one map after the other, over and over, until the block ends: each is to be taken, or to be refused.

    Gives how many each host has read so far.
    """
    over, read = threading.Event(), {host.name: 0 for host in lab.topology.hosts}

    def rage(host):
        for vms, good in itertools.cycle(maps):
            if over.wait(PACE):
                return
            assert lab.reload(host, vms) == good, vms
            read[host] += 1
    with ThreadPoolExecutor() as pool:
        raging = [pool.submit(rage, host) for host in read]
        try:
            yield read
        finally:
            over.set()
    for each in raging:
        each.result()


def told(recording, timeline, host):
    """What a host's switch got from it of a VM's route while it was recorded: updates and withdraws."""
    switch = recording.lab.switch(host)
    return [seen for seen in timeline.of(Seen) if (seen.router, seen.neighbor, seen.prefix) == (switch, host, timeline.prefix)
            and seen.at > timeline.began]


def rungs(seen):
    """The rung of each update, None for a withdraw."""
    return [each.rung if each.present else None for each in seen]


def known(timeline, router, host):
    """Whether a router has a host's route, from whichever neighbor, as that changes."""
    states = (any(of == host for _, of in heard) for _, heard in timeline.heard(router))
    return [state for state, _ in itertools.groupby(states)]


def test_a_storm_of_reloads_moves_no_route_of_a_vm_that_migrates_meanwhile(reload_lab):
    lab = reload_lab
    source, target = hosts(lab)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lab.start, (BESIDE, THERE), (source, target)))
    on_rung(lab, source, "active", seconds=60)
    only_v4 = f"{{service_ips: [{lab.topology.vm(BESIDE).address}]}}"
    maps = [
        (changed(lab), True),
        (changed(lab, **{vm: marked(lab, vm) for vm in (BESIDE, THERE)}), True),
        # The same address as that of the VM that migrates.
        (changed(lab, **{BESIDE: f"{{service_ips: [{lab.topology.vm(VM).address}]}}"}), False),
        (changed(lab, **{BESIDE: None, THERE: None}), True),
        (changed(lab, **{BESIDE: only_v4, "new": "{service_ips: [198.51.100.99]}"}), True),
        (changed(lab, **{THERE: "{service_ips: ["}), False),
    ]
    withdrawn = {host: lab.metrics(host)["roamd_withdrawals_total"] for host in (source, target)}
    with recorded(lab, ends_on=target) as recording, storm(lab, maps) as read:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        enough = {host: number + (ROUNDS + 1) * len(maps) for host, number in read.items()}
        wait_until("each map was read often enough", lambda: all(read[host] >= enough[host] for host in read), 60)
        hurry(lab, source)
        migration.succeed()
        converged(lab, target)
    for host, before in withdrawn.items():
        # The VM beside lost its routes in each round, so it was a storm.
        assert lab.metrics(host)["roamd_withdrawals_total"] - before >= ROUNDS
    for timeline in recording.timelines:
        began, ended = (timeline.lifecycle(source, event)[0].at for event in ("ITERATION", "SUSPENDED"))
        for host in (source, target):
            loads = [log for log in timeline.of(Log) if log.host == host and began < log.at < ended
                     and log.message == "the configuration is in force"]
            assert len(loads) >= ROUNDS
        assert rungs(told(recording, timeline, source)) == ["leaving", None]
        assert rungs(told(recording, timeline, target)) == ["standby", "arrived"]
        for router in timeline.routers():
            assert known(timeline, router, source) == [True, False], router
            assert known(timeline, router, target) == [False, True], router


def test_a_vm_that_is_added_while_it_runs_is_announced_at_once_and_a_removed_one_withdrawn(reload_lab):
    lab = reload_lab
    host, _ = hosts(lab)
    give(lab, changed(lab, **{BESIDE: None}))
    lab.virsh(host, "create", lab.path / host / f"{BESIDE}.xml")

    def stranger():
        _, vm = lab.rest(host, f"/api/v1/vms/{BESIDE}")
        return vm.get("state") == "running" and not vm["managed"]
    wait_until(f"{BESIDE} runs and has no address", stranger)
    with Recording(lab, VM, BESIDE, interval=10) as recording:
        recording.did("added")
        give(lab, changed(lab))
        everywhere(lab, BESIDE, f"{host} is preferred", lambda rungs, best: best == host)
        lab.await_answer(BESIDE)
        recording.did("removed")
        give(lab, changed(lab, **{BESIDE: None}))
        everywhere(lab, BESIDE, "there is no route", lambda rungs, best: not rungs)
        # The VM is not touched by it.
        assert lab.where(BESIDE) == host
        converged(lab, host)
    added, removed = (deed.at for deed in recording.timeline.of(Deed))
    for timeline in recording.timelines:
        seen = told(recording, timeline, host)
        # Either settles sooner or later, the one that came with an earlier test perhaps just now.
        if timeline.vm == VM:
            assert rungs(seen) in ([], ["active"])
            continue
        assert rungs(seen) in (["arrived", None], ["arrived", "active", None])
        assert seen[0].at < added + AT_ONCE and removed < seen[-1].at < removed + AT_ONCE
    assert [found for found in found_in(recording) if found.startswith(f"{VM} ")] == []


def test_changed_attributes_are_one_update_of_each_route_and_no_withdraw(reload_lab):
    lab = reload_lab
    host, _ = hosts(lab)
    on_rung(lab, host, "active", seconds=60)

    def carries(prefix, router):
        asn, value = COMMUNITY
        return f"({asn},{value})" in bird.ask(lab, router, f"show route all where net = {prefix}")

    with recorded(lab, ends_on=host) as recording:
        for vms, there in ((changed(lab, **{VM: marked(lab, VM)}), True), (changed(lab), False)):
            give(lab, vms)
            for prefix, router in itertools.product(lab.topology.vm(VM).addresses, lab.topology.routers):
                wait_until(f"{router.name} has {prefix} with its community: {there}",
                           lambda prefix=prefix, router=router, there=there: carries(prefix, router.name) == there)
    for timeline in recording.timelines:
        assert rungs(told(recording, timeline, host)) == ["active", "active"]
        for router in timeline.routers():
            assert known(timeline, router, host) == [True], router
