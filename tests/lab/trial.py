"""What every test with a lab does: name the hosts, record, wait for the end, and let the judge see the recording."""

from contextlib import contextmanager

from roamlab.bgp import RUNGS
from roamlab.judge import judge
from roamlab.namespaces import wait_until
from roamlab.recording import Recording

VM = "svc"
# A copy at this pace takes half a minute, so that there is time to interfere; `hurry` ends it.
SLOWLY = ("--bandwidth", "4")


def hosts(lab):
    """The host on which the VM is, and the other one."""
    source = lab.where(VM)
    return source, next(host.name for host in lab.topology.hosts if host.name != source)


def hurry(lab, source):
    """Lets a slow copy go on at full speed; one that has ended meanwhile needs no speed."""
    lab.virsh(source, "migrate-setspeed", VM, "10000", check=False)


def converged(lab, host):
    """Waits until every router has the VM's route from this host alone, above standby, and the client reaches the VM."""
    prefix = lab.topology.vm(VM).prefix
    for router in lab.topology.routers:
        def alone():
            rungs, best = lab.announcers(router.name, prefix)
            return set(rungs) == {host} and rungs[host] in RUNGS[: RUNGS.index("standby")] and best == host
        wait_until(f"{router.name} has the route from {host} alone", alone, 30)
    lab.await_answer(VM)


@contextmanager
def recorded(lab, ends_on, **options):
    """Records what is done inside, waits until the VM is settled on the host `ends_on`, and judges it all."""
    with Recording(lab, VM, **options) as recording:
        yield recording
        converged(lab, ends_on)
    timeline = recording.timeline
    found = judge(timeline)
    assert not found, "\n".join([*found, "", timeline.text("INFO", "WARN", "ERROR")])
    assert timeline.executions()[-1][1] == {ends_on}
