"""What every test with a lab does: name the hosts, record, wait for the end, and let the judge see the recording."""

from contextlib import contextmanager

import pytest

from roamlab.judge import judge
from roamlab.ladder import ABOVE_STANDBY
from roamlab.namespaces import wait_until
from roamlab.recording import Recording
from roamlab.topology import THREE_RACKS

VM = "svc"
# The VMs beside it where there are three hosts, each with the host on which it stays.
PEERS = THREE_RACKS.peers()
# A copy at this pace takes half a minute, so that there is time to interfere; `hurry` ends it.
SLOWLY = ("--bandwidth", "4")
# One of some seconds.
STEADILY = ("--bandwidth", "24")
# What the judge says of a VM that can't be reached; what is false, or stays so to the end, it says in other words.
OUT_OF_REACH = ("has no route at all", "which has no route", "has no route above standby from", "unreachable", "no probe of")


# For a test that is tried with FRR as the switches too.
WITH_FRR = pytest.mark.parametrize("lab", ["racks", "reflector", "frr"], indirect=True)


def hosts(lab, vm=VM):
    """The host on which a VM is, and the other one."""
    source = lab.where(vm)
    return source, next(host.name for host in lab.topology.hosts if host.name != source)


def hurry(lab, source, vm=VM):
    """Lets a slow copy go on at full speed; one that has ended meanwhile needs no speed."""
    lab.virsh(source, "migrate-setspeed", vm, "10000", check=False)


def everywhere(lab, vm, what, holds, seconds=30):
    """Waits until something holds for a VM's routes, `holds({host: rung}, best)`, at every router and for all its prefixes."""
    for router in lab.topology.routers:
        for prefix in lab.topology.vm(vm).addresses:
            wait_until(f"{router.name}: {prefix}: {what}", lambda router=router, prefix=prefix: holds(
                *lab.announcers(router.name, prefix)), seconds)


def preferred(lab, host, vm=VM):
    """Waits until every router prefers a host."""
    everywhere(lab, vm, f"{host} is preferred", lambda rungs, best: best == host)


def converged(lab, host, vm=VM, seconds=30):
    """Waits until every router has a VM's route from this host alone, above standby, and the clients reach the VM."""
    everywhere(lab, vm, f"the route is that of {host} alone",
               lambda rungs, best: set(rungs) == {host} and rungs[host] in ABOVE_STANDBY and best == host, seconds)
    # It may have only been started.
    lab.await_answer(vm)


def on_rung(lab, host, rung, vm=VM, seconds=30):
    """Waits until the switches above a host have its route on a rung; None: no route of its."""
    for switch in lab.topology.switches(host):
        for prefix in lab.topology.vm(vm).addresses:
            wait_until(f"{switch} has {prefix} of {host} on {rung}", lambda switch=switch, prefix=prefix: lab.announcers(
                switch, prefix)[0].get(host) == rung, seconds)


def standing_still(lab, recording, source, target, *options):
    """Begins a migration and halts it where the VM stands still: what is left of its memory goes over a slow link."""
    migration = lab.migration(VM, source, target, *options, *SLOWLY)
    recording.wait(source, "ITERATION")
    lab.throttle(source, target, "20mbit")
    lab.virsh(source, "migrate-setmaxdowntime", VM, "60000")
    recording.wait(source, "SUSPENDED", "MIGRATED")
    preferred(lab, target)
    return migration


def conflicts(lab, host):
    """The prefixes for which roamd on a host tells of somebody else's routes."""
    return {conflict["prefix"] for conflict in lab.rest(host, "/api/v1/status")[1]["host_routes"]["conflicts"]}


def found_in(recording, but=(), **tolerance):
    """What the judge found in all timelines, leaving out what has one of some words in it; `tolerance` is the judge's."""
    return [f"{timeline.vm} {timeline.prefix}: {text}" for timeline in recording.timelines for text in judge(timeline, **tolerance)
            if not any(word in text for word in but)]


@contextmanager
def recorded(lab, ends_on, **options):
    """Records what is done inside, waits until the VM is settled on the host `ends_on`, and judges it all."""
    with recorded_all(lab, {VM: ends_on}, **options) as recording:
        yield recording


@contextmanager
def recorded_all(lab, ends_on, **options):
    """The same for several VMs, each with the host on which it ends."""
    # 500 probes a second in all, as many as an emulated guest answers without falling behind.
    options = {"interval": 4 * len(ends_on) * len(lab.topology.clients)} | options
    with Recording(lab, *ends_on, **options) as recording:
        yield recording
        for vm, host in ends_on.items():
            converged(lab, host, vm)
    found = found_in(recording)
    assert not found, "\n".join([*found, "", recording.timeline.text("INFO", "WARN", "ERROR")])
    for timeline in recording.timelines:
        assert timeline.executions()[-1][1] == {ends_on[timeline.vm]}
