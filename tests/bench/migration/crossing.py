"""One live migration, from one settled state to the next, under probes from every client."""

import time
from typing import NamedTuple

from roamlab import guests, kernel
from roamlab.namespaces import wait_until
from roamlab.recording import Watch
from roamlab.timeline import Best, Forwards, Lifecycle, Seen, Timeline
from roamlab.topology import LabError

from . import figures, turning
from .ways import VM

# How long the client probes before the migration begins.
LEAD_SECONDS = 0.5
MIGRATION_SECONDS = 60
SETTLE_SECONDS = 30


class Sight(NamedTuple):
    """A migration as one client saw it."""

    place: str
    figures: figures.Figures
    pace: figures.Pace


class Crossing(NamedTuple):
    """What one migration gave."""

    source: str
    target: str
    # {client: Sight}
    clients: dict
    # None where nothing but withdraws and announcements tells the routers.
    turn: turning.Turn | None
    # (ms after the source's guest was stopped, what happened), in order: libvirt's events, the routers' routes, the clients.
    timeline: list


class Lane:
    """A lab whose VM is migrated to and fro."""

    def __init__(self, lab, prober):
        self.lab = lab
        self.prober = prober
        self.watch = Watch(lab)
        self.host, self.other, *_ = (host.name for host in lab.topology.hosts)
        # VMs that probe, each with its host.
        self.peers = lab.topology.peers()
        self.prefix = lab.topology.vm(VM).prefix
        for vm, host in {VM: self.host, **self.peers}.items():
            lab.start(vm, host)
        self.settle()

    def close(self):
        self.watch.close()

    def settle(self):
        """Waits until the VM is where it was migrated to, alone, reached by the clients, and nothing is on its way."""
        lab = self.lab
        wait_until(f"{VM} is gone from {self.other}", lambda: lab.virsh(
            self.other, "domstate", VM, check=False).returncode != 0, SETTLE_SECONDS)
        wait_until(f"the routes of {VM} settle", lambda: lab.settled(self.host), SETTLE_SECONDS)
        lab.await_answer(VM, SETTLE_SECONDS)

    def cross(self, rate):
        """Migrates the VM to the other host under so many probes a second from each client and each VM that probes."""
        lab, seen = self.lab, len(self.watch.entries)
        began, source, target = time.time_ns(), self.host, self.other
        state = [Forwards(began, router.name, self.prefix, kernel.forwards(lab, router.name, self.prefix))
                 for router in lab.topology.routers]
        marks = {router.name: kernel.log(lab, router.name).stat().st_size for router in lab.topology.routers}
        probers = {client.name: self.start_prober(client.name, rate) for client in lab.topology.clients}
        address = lab.topology.vm(VM).address
        for peer in self.peers:
            guests.begin(lab, peer, address, 1000 // rate)
        try:
            time.sleep(LEAD_SECONDS)
            begun = time.time_ns()
            status, said = lab.migration(VM, source, target).finish(MIGRATION_SECONDS)
            if status != 0:
                raise LabError(f"the migration failed: {said}")
            self.host, self.other = target, source
            self.settle()
        finally:
            for pid in probers.values():
                if lab.namespaces.alive(pid):
                    lab.namespaces.signal(pid, "TERM")
        wait_until("the probers end", lambda: not any(map(lab.namespaces.alive, probers.values())))
        probes = {client: figures.parse(self.found(client).read_text()) for client in probers}
        probes |= {peer: guests.end(lab, peer, address) for peer in self.peers}
        job = wait_until("libvirt's figures of the migration", lambda: self.event(seen, source, "JOB"))
        stopped = wait_until("libvirt's event of the switch-over", lambda: self.event(seen, source, "SUSPENDED"))
        entries = [*state, *self.watch.entries[seen:], *self.told(began, marks)]
        recorded = Timeline(
            VM, self.prefix, lab.topology, began, time.time_ns(), frozenset({source}), frozenset({source}),
            # The sort is stable: what one part wrote at the same instant stays in its order.
            sorted(entries, key=lambda entry: entry.at), probes)
        led = turning.led(recorded, target)
        moved = None if led is None else (led - stopped.at) / figures.NS_PER_MS
        clients = {
            client: Sight(self.place(client, source, target), figures.figures(found, job.detail["downtime"], moved),
                          figures.pace(found, rate, begun))
            for client, found in probes.items()}
        for peer in self.peers:
            clients[peer] = clients[peer]._replace(figures=clients[peer].figures._replace(unreachable=None, exceeded=None))
        return Crossing(source, target, clients, turning.turn(recorded, source, target, stopped.at),
                        timeline(recorded, stopped.at))

    def place(self, client, source, target):
        """Where a client, or a VM that probes, stands in a migration."""
        if client in self.peers:
            return turning.place_of_vm(self.peers[client], source, target)
        return turning.place(self.lab.topology, client, source, target)

    def found(self, client):
        """The file into which a client's prober writes."""
        return self.lab.path / client / "probes"

    def start_prober(self, client, rate):
        """Begins to probe from a client; the prober's process."""
        self.found(client).unlink(missing_ok=True)
        return self.lab.namespaces.start(
            client, [self.prober, self.lab.topology.vm(VM).address, 1_000_000 // rate, self.found(client)],
            self.lab.path / client / "probe.log")

    def told(self, began, marks):
        """What the routers told of the VM's route since then; of the kernels' logs what stands beyond these places."""
        lab = self.lab
        for router in (router.name for router in lab.topology.routers):
            speaker = lab.speaker(router)
            # From its beginning: the end of a log may be about what its beginning tells of.
            lines = speaker.log(lab, router).read_text(errors="replace").splitlines()
            told = speaker.entries(lab.topology, router, [line for line in lines if self.prefix in line])
            yield from (entry for entry in told if entry.at >= began)
            with open(kernel.log(lab, router), encoding="utf-8") as log:
                log.seek(marks[router])
                yield from (entry for entry in kernel.entries(router, lab.topology.neighbors(router), log.read().splitlines())
                            if entry.prefix == self.prefix)

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


def timeline(recorded, zero):
    """(ms after `zero`, what happened), in order."""
    moments = [(entry.at, words(entry)) for entry in recorded.of(Lifecycle, Seen, Best, Forwards)
               if entry.at > recorded.began and not (isinstance(entry, Lifecycle) and entry.event in ("JOB", "ITERATION"))]
    for client, probes in recorded.probes.items():
        length, began = probes.silence()
        moments += [(began, f"{client}'s silence begins"), (began + length, f"{client}'s silence ends")]
    return [(round((at - zero) / figures.NS_PER_MS, 1), text) for at, text in sorted(moments, key=lambda moment: moment[0])]


def words(entry):
    """An entry as a line of the timeline."""
    if isinstance(entry, Lifecycle):
        return f"{entry.host} {entry.event} {entry.detail}"
    if isinstance(entry, Seen):
        said = entry.rung or ("announces" if entry.present else "is gone")
        return f"{entry.router} hears from {entry.neighbor}: {entry.host} {said}"
    if isinstance(entry, Best):
        return f"{entry.router} prefers {entry.host or 'nobody'} by {entry.neighbor}"
    return f"{entry.router} forwards to {' and '.join(sorted(entry.neighbors)) or 'nobody'}"
