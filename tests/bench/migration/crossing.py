"""One live migration, from one settled state to the next, under probes."""

import time
from typing import NamedTuple

from roamlab import kernel
from roamlab.namespaces import wait_until
from roamlab.recording import Watch
from roamlab.topology import LabError

from . import figures
from .ways import VM

# How long the client probes before the migration begins.
LEAD_SECONDS = 0.5
MIGRATION_SECONDS = 60
SETTLE_SECONDS = 30


class Crossing(NamedTuple):
    """What one migration gave."""

    source: str
    target: str
    figures: figures.Figures
    pace: figures.Pace
    # (ms after the source's guest was stopped, what happened), in order: libvirt's events and the switch's kernel routes.
    timeline: list


class Lane:
    """A lab whose VM is migrated to and fro."""

    def __init__(self, lab, prober):
        self.lab = lab
        self.prober = prober
        self.watch = Watch(lab)
        self.host, self.other = (host.name for host in lab.topology.hosts)
        [self.client], [self.tor] = lab.topology.clients, lab.topology.routers
        lab.start(VM, self.host)
        self.settle()

    def close(self):
        self.watch.close()

    def settle(self):
        """Waits until the VM is where it was migrated to, alone, reached by the client, and nothing is on its way."""
        lab = self.lab
        wait_until(f"{VM} is gone from {self.other}", lambda: lab.virsh(
            self.other, "domstate", VM, check=False).returncode != 0, SETTLE_SECONDS)
        wait_until(f"the routes of {VM} settle", lambda: lab.settled(self.host), SETTLE_SECONDS)
        lab.await_answer(VM, SETTLE_SECONDS)

    def cross(self, rate):
        """Migrates the VM to the other host under so many probes a second."""
        lab, seen = self.lab, len(self.watch.entries)
        routes_log = kernel.log(lab, self.tor.name)
        mark = routes_log.stat().st_size
        found = lab.path / self.client.name / "probes"
        found.unlink(missing_ok=True)
        prober = lab.namespaces.start(
            self.client.name, [self.prober, lab.topology.vm(VM).address, 1_000_000 // rate, found],
            lab.path / self.client.name / "probe.log")
        try:
            time.sleep(LEAD_SECONDS)
            begun = time.time_ns()
            status, said = lab.migration(VM, self.host, self.other).finish(MIGRATION_SECONDS)
            if status != 0:
                raise LabError(f"the migration failed: {said}")
            self.host, self.other = self.other, self.host
            self.settle()
        finally:
            if lab.namespaces.alive(prober):
                lab.namespaces.signal(prober, "TERM")
        wait_until("the prober ends", lambda: not lab.namespaces.alive(prober))
        probes = figures.parse(found.read_text())
        job = wait_until("libvirt's figures of the migration", lambda: self.event(seen, self.other, "JOB"))
        stopped = wait_until("libvirt's event of the switch-over", lambda: self.event(seen, self.other, "SUSPENDED"))
        with open(routes_log, encoding="utf-8") as log:
            log.seek(mark)
            routes = [entry for entry in kernel.entries(self.tor.name, lab.topology.behind(self.tor.name), log.read().splitlines())
                      if entry.prefix == lab.topology.vm(VM).prefix]
        moved = figures.moved(stopped.at, routes, self.host)
        return Crossing(
            self.other, self.host, figures.figures(probes, job.detail["downtime"], moved), figures.pace(probes, rate, begun),
            timeline(stopped.at, self.watch.entries[seen:], routes, probes))

    def event(self, seen, host, name):
        """The first event of this name on a host after so many others."""
        return next((entry for entry in self.watch.entries[seen:] if (entry.host, entry.event) == (host, name)), None)

    def recover(self):
        """Finds the VM again after a failed migration."""
        host = self.lab.where(VM)
        if host is None:
            raise LabError(f"{VM} runs nowhere after a failed migration")
        if host != self.host:
            self.host, self.other = host, self.host
        self.settle()


def timeline(zero, events, routes, probes):
    """(ms after `zero`, what happened), in order."""
    moments = [(event.at, f"{event.host} {event.event} {event.detail}") for event in events
               if event.event not in ("JOB", "ITERATION")]
    moments += [(route.at, f"{route.router} forwards {route.prefix} to {' and '.join(route.neighbors) or 'nobody'}") for route in routes]
    length, began = probes.silence()
    moments += [(began, "silence begins"), (began + length, "silence ends")]
    return [(round((at - zero) / figures.NS_PER_MS, 1), text) for at, text in sorted(moments)]
