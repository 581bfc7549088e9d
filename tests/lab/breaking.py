"""One cell of the fault matrix in a lab: bring the VM to the moment, break the part, mend it, and see what came of it."""

import re
import time
from typing import NamedTuple

from roamlab import faults
from roamlab.judge import STARVED, judge, lost_runs
from roamlab.namespaces import wait_until
from roamlab.recording import Recording
from trial import SLOWLY, STEADILY, VM, converged, hosts, hurry, on_rung, standing_still

NOWHERE, BOTH = "nowhere", "both"
# Milliseconds between two probes of a client's.
INTERVAL = 12
# Seconds in which everything must be as it should after a part is back; a hold time and a back-off may be among them.
BACK = 90
# Seconds more that a busy machine may take where something may be wrong at all: daemons start slowly there.
SLACK = 10
# What the judge's words say of a VM: that it is reached over a low route, out of reach, silent, or that somebody is led astray.
KINDS = (("low", "has no route above standby"), ("out", "no route"), ("silent", "no probe"), ("out", "unreachable"),
         ("end", "at the end"), ("astray", ""))


class Seen(NamedTuple):
    """What came of a cell: seconds of each kind, as `Bound` has them."""

    ended: str
    out: float
    astray: float
    low: float
    # Of the probes: how many got no answer, and the longest time without one.
    lost: int
    silent: float
    # From when the part was mended until all was as it should be.
    back: float
    # What is worse than the cell's bound.
    worse: tuple
    found: tuple
    timeline: object


def kind(text):
    return next(name for name, words in KINDS if words in text)


def lasted(text):
    """For how many seconds something that the judge found was so; a single event is counted as a moment."""
    found = re.search(r"for ([\d.]+) ms$", text)
    return float(found[1]) / 1000 if found else 0.001


def run(lab, cell):
    """Tries a cell; the VM is idle on one of the lab's hosts, and everything runs."""
    source, target = hosts(lab)
    on_rung(lab, source, "active", seconds=60)
    host = target if cell.side == "target" else source
    fault = faults.fault(cell.part, cell.fault)
    fault.prepare(lab, host)
    with Recording(lab, VM, interval=INTERVAL) as recording:
        migration = brought_to(lab, cell, recording, source, target)
        recording.did(f"{cell.part} on {host}: {cell.fault}")
        fault.begin(lab, host, recording)
        lasts(lab, cell, fault, migration, source)
        other = next(other.name for other in lab.topology.hosts if other.name != host)
        if (cell.part, cell.fault) == ("host", "killed") and on(lab) == NOWHERE:
            started(lab, recording, other)
        recording.did(f"{cell.part} on {host}: mended")
        fault.end(lab, host, recording)
        mended = time.monotonic()
        lab.unthrottle(source)
        if migration and cell.moment == "copy":
            hurry(lab, source)
        if migration:
            migration.finish(180)
        for each in lab.topology.hosts:
            lab.ready(each.name, BACK)
        now = wait_until(f"{VM} executes, or is gone", lambda: on(lab), BACK)
        if now == NOWHERE:
            now = started(lab, recording, other)
        elif now == BOTH:
            recording.did(f"libvirt lets {VM} run on both hosts: a person ends it on {source}")
            lab.virsh(source, "destroy", VM)
            now = target
        for other in left_behind(lab, now):
            recording.did(f"libvirt leaves {VM} paused on {other} for good, because it can't tell: a person ends it there")
            lab.virsh(other, "destroy", VM, check=False)
        converged(lab, now, seconds=BACK)
        back = time.monotonic() - mended
    return verdict(cell, recording, "there" if now == target else "here", back)


def brought_to(lab, cell, recording, source, target):
    """Waits for the cell's moment; the migration that is under way, if one is."""
    if cell.moment == "idle":
        return None
    if cell.moment == "frozen":
        migration = standing_still(lab, recording, source, target, "--p2p")
    elif cell.moment == "copy":
        # Where libvirtd is what suffers, nobody can hurry it.
        pace = STEADILY if cell.part in ("libvirtd", "host") else SLOWLY
        migration = lab.migration(VM, source, target, "--p2p", *pace)
        recording.wait(source, "ITERATION")
        on_rung(lab, target, "standby")
    else:
        migration = lab.migration(VM, source, target, "--p2p")
        recording.wait(target, "RESUMED", "MIGRATED")
    return migration


def lasts(lab, cell, fault, migration, source):
    """Lets a fault last, while the migration goes on as it can."""
    lab.unthrottle(source)
    if cell.moment == "copy" and cell.part not in ("libvirtd", "host"):
        hurry(lab, source)
    if fault.seconds is None and migration:
        migration.wait(180)
    elif fault.seconds != 0:
        time.sleep(fault.seconds or faults.LASTS)


def on(lab):
    """The host on which the VM executes, or that it is nowhere or on both; None while it only stands still."""
    states = {host.name: lab.state(VM, host.name) for host in lab.topology.hosts}
    running = [host for host, state in states.items() if state == "running"]
    if len(running) > 1:
        return BOTH
    return running[0] if running else None if any(states.values()) else NOWHERE


def left_behind(lab, runs_on):
    """The other hosts than the one on which the VM executes where libvirt still has it, now that no migration is under way."""
    return [host.name for host in lab.topology.hosts if host.name != runs_on and lab.state(VM, host.name)]


def started(lab, recording, host):
    """The VM is started on a host, as an operator would: until libvirt takes it, which refuses while it waits for a dead target."""
    wait_until(f"{VM} is started on {host}", lambda: lab.virsh(host, "create", lab.path / host / f"{VM}.xml"), BACK, every=0.5)
    recording.did(f"{VM} is started on {host}")
    return host


def judged(bound, timelines):
    """What the judge found in all timelines, the longest of each kind in seconds, and what of it is worse than a bound."""
    found = tuple(dict.fromkeys(text for timeline in timelines for text in judge(timeline)))
    longest = {name: max((lasted(text) for text in found if kind(text) == name), default=0) for name, _ in KINDS}
    allowed = {"out": bound.out, "astray": bound.astray, "low": bound.low, "end": 0}
    most = {name: seconds and seconds + SLACK for name, seconds in allowed.items()}
    # Whoever is out of reach is silent, and so may be who is not.
    most["silent"] = max(most["out"], STARVED / 1e9)
    worse = tuple(f"{name}: {longest[name]:.1f} s, and at most {seconds:g} s are expected" for name, seconds in most.items()
                  if longest[name] > seconds)
    return found, longest, worse


def told(worse, found, timeline):
    """All that a recording tells, for a person."""
    return "\n".join([*worse, "", *found, "", timeline.text("INFO", "WARN", "ERROR")])


def verdict(cell, recording, ended, back):
    """What came of it, beside what was expected."""
    bound = cell.bound
    found, longest, worse = judged(bound, recording.timelines)
    if bound.ends not in (ended, "either"):
        worse = *worse, f"the VM is {ended}, and is expected {bound.ends}"
    probes = [probes for timeline in recording.timelines for probes in timeline.probes.values()]
    silent = max(((span.end - span.begin) / 1e9 for each in probes for span in lost_runs(each)), default=0)
    return Seen(ended, longest["out"], longest["astray"], longest["low"], sum(each.lost for each in probes), silent, back,
                worse, found, recording.timeline)
