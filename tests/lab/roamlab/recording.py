"""Records a lab: libvirt's events as they come, the logs of the other parts from where they stood, the client's probes.

A recording is made by `with Recording(lab) as recording:` and is there as `recording.timeline` afterwards. While it runs, a
test can wait for libvirt's events. It changes nothing in the lab but for the client's probes.
"""

import json
import re
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import libvirt

from . import bgp, hypervisor
from .namespaces import wait_until
from .timeline import Best, Deed, Forwards, Lifecycle, Log, Probes, Seen, Session, Timeline
from .topology import LabError

EVENTS = {
    0: ("DEFINED", ("ADDED", "UPDATED", "RENAMED", "FROM_SNAPSHOT")),
    1: ("UNDEFINED", ("REMOVED", "RENAMED")),
    2: ("STARTED", ("BOOTED", "MIGRATED", "RESTORED", "FROM_SNAPSHOT", "WAKEUP")),
    3: ("SUSPENDED", ("PAUSED", "MIGRATED", "IOERROR", "WATCHDOG", "RESTORED", "FROM_SNAPSHOT", "API_ERROR", "POSTCOPY",
                      "POSTCOPY_FAILED")),
    4: ("RESUMED", ("UNPAUSED", "MIGRATED", "FROM_SNAPSHOT", "POSTCOPY", "POSTCOPY_FAILED")),
    5: ("STOPPED", ("SHUTDOWN", "DESTROYED", "CRASHED", "MIGRATED", "SAVED", "FAILED", "FROM_SNAPSHOT")),
    6: ("SHUTDOWN", ("FINISHED", "GUEST", "HOST")),
    7: ("PMSUSPENDED", ("MEMORY", "DISK")),
    8: ("CRASHED", ("PANICKED", "CRASHLOADED")),
}


def event_name(event, detail):
    """libvirt's numbers in words (virDomainEventType); what a newer libvirt adds stays a number."""
    name, details = EVENTS.get(event, (str(event), ()))
    return name, details[detail] if detail < len(details) else str(detail)


def nanoseconds(text):
    """An ISO time in UTC, with fractions of a second or without."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=timezone.utc)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1000


class Loop:
    """libvirt's event loop, one for this process, which never ends."""

    started = threading.Lock()

    @classmethod
    def ensure(cls):
        if cls.started.acquire(blocking=False):
            libvirt.registerErrorHandler(lambda *_: None, None)
            libvirt.virEventRegisterDefaultImpl()
            threading.Thread(target=cls.run, daemon=True).start()

    @staticmethod
    def run():
        while True:
            libvirt.virEventRunDefaultImpl()


class Watch:
    """Follows libvirt's events on all hosts."""

    def __init__(self, lab):
        Loop.ensure()
        self.came = threading.Condition()
        self.entries = []
        self.connections = []
        for host in lab.topology.hosts:
            connection = libvirt.open(f"qemu:///system?socket={hypervisor.socket(lab.path / host.name)}")
            self.connections.append((host.name, connection))
            for kind, callback in (
                (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self.lifecycle),
                (libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, self.iteration),
                (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self.job),
            ):
                connection.domainEventRegisterAny(None, kind, callback, host.name)

    def add(self, host, domain, event, detail):
        entry = Lifecycle(time.time_ns(), host, domain.name(), event, detail)
        with self.came:
            self.entries.append(entry)
            self.came.notify_all()

    def lifecycle(self, _, domain, event, detail, host):
        self.add(host, domain, *event_name(event, detail))

    def iteration(self, _, domain, iteration, host):
        self.add(host, domain, "ITERATION", iteration)

    def job(self, _, domain, statistics, host):
        self.add(host, domain, "JOB", statistics)

    def executing(self, vm):
        """The hosts on which a VM executes."""
        found = set()
        for host, connection in self.connections:
            try:
                if connection.lookupByName(vm).state()[0] in (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED):
                    found.add(host)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                    raise
        return frozenset(found)

    def close(self):
        for _, connection in self.connections:
            connection.close()


class Recording:
    """One recording of one VM, with probes by `protocol` every `interval` milliseconds."""

    def __init__(self, lab, vm="svc", protocol="icmp", interval=2):
        self.lab = lab
        self.vm = lab.topology.vm(vm)
        self.client = lab.topology.clients[0].name
        self.protocol, self.interval = protocol, interval
        self.deeds = []
        self.timeline = None

    def __enter__(self):
        self.watch = Watch(self.lab)
        self.marks = {path: path.stat().st_size if path.exists() else 0 for path in self.logs()}
        self.began = time.time_ns()
        self.state = list(self.present_state())
        self.executing = self.watch.executing(self.vm.name)
        self.found = self.lab.path / self.client / f"probe-{self.began}.json"
        program = ["/usr/bin/python3", Path(__file__).with_name("probe.py")]
        self.probe = self.lab.namespaces.start(
            self.client, [*program, self.protocol, self.vm.address, self.interval, self.found],
            self.lab.path / self.client / "probe.log")
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.timeline = self.finish()
        finally:
            self.watch.close()
            if self.lab.namespaces.alive(self.probe):
                self.lab.namespaces.signal(self.probe)

    def did(self, text):
        """Notes something that is done to the lab."""
        self.deeds.append(Deed(time.time_ns(), text))

    def wait(self, host, event, detail=None, seconds=60, count=1):
        """Waits until libvirt has told of an event for the count-th time; the entry."""
        def there():
            fitting = [entry for entry in self.watch.entries if entry.vm == self.vm.name and entry.host == host
                       and entry.event == event and detail in (None, entry.detail)]
            return fitting[count - 1] if len(fitting) >= count else None
        deadline = time.monotonic() + seconds
        with self.watch.came:
            while not (entry := there()):
                if not self.watch.came.wait(deadline - time.monotonic()):
                    raise LabError(f"no {event} {detail or ''} on {host} within {seconds} s; there came: "
                                   f"{[entry[1:] for entry in self.watch.entries]}")
            return entry

    def logs(self):
        """The logs that tell of routes and decisions."""
        for router in self.lab.topology.routers:
            yield self.lab.path / router.name / "bird.log"
            yield self.lab.path / router.name / "kernel.log"
        for host in self.lab.topology.hosts:
            yield self.lab.path / host.name / "roamd.log"

    def present_state(self):
        """The routers' routes as they stand, as entries."""
        for router in self.lab.topology.routers:
            routes = self.lab.routes(router.name, self.vm.prefix)
            for route in routes:
                yield Seen(self.began, router.name, route.neighbor, self.vm.prefix, True, route.rung)
            best = next((route.neighbor for route in routes if route.best), None)
            yield Best(self.began, router.name, self.vm.prefix, best)
            yield Forwards(self.began, router.name, self.vm.prefix, best)

    def finish(self):
        self.lab.namespaces.signal(self.probe, "TERM")
        ended = time.time_ns()
        wait_until("the probe ends", lambda: not self.lab.namespaces.alive(self.probe))
        probes = json.loads(self.found.read_text())
        entries = [*self.state, *self.deeds, *self.watch.entries]
        for router in self.lab.topology.routers:
            entries += bird_entries(router.name, self.since(self.lab.path / router.name / "bird.log"))
            neighbors = {end.peer_address: end.peer for end in self.lab.topology.ends(router.name)}
            entries += kernel_entries(router.name, neighbors, self.since(self.lab.path / router.name / "kernel.log"))
        for host in self.lab.topology.hosts:
            entries += agent_entries(host.name, self.since(self.lab.path / host.name / "roamd.log"))
        # The sort is stable: what one part wrote at the same instant stays in its order.
        entries.sort(key=lambda entry: entry.at)
        return Timeline(
            self.vm.name, self.vm.prefix, self.began, ended, self.executing, entries,
            Probes(tuple(probes["sent"]), tuple(probes["received"]), tuple(map(tuple, probes["unreachable"]))))

    def since(self, path):
        """What a log has got since the recording began, in whole lines."""
        with open(path, "rb") as file:
            file.seek(self.marks[path])
            return file.read().decode(errors="replace").splitlines()


BIRD_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) <(\w+)> (.*)")
SEEN = re.compile(r"SEEN (\S+) (\S+) .* mark (.*)")
BEST = re.compile(r"BEST (\S+) (\S+)")
REMOVED = re.compile(r"(\S+)\.ipv4 > removed (?:\[\S+\] )?(\S+/\d+) ")
UNFORWARDED = re.compile(r"forward\.ipv4 < removed (?:\[\S+\] )?(\S+/\d+) ")


def bird_entries(router, lines):
    """What BIRD's log tells; the lines come from bgp.FORWARDING and from `debug { routes }`."""
    for line in lines:
        match = BIRD_LINE.fullmatch(line)
        if not match:
            continue
        at, text = nanoseconds(match[1]), match[3]
        if found := SEEN.fullmatch(text):
            yield Seen(at, router, found[1], found[2], True, bgp.rung(found[3]))
        elif found := BEST.fullmatch(text):
            yield Best(at, router, found[2], found[1])
        elif found := UNFORWARDED.match(text):
            yield Best(at, router, found[1], None)
        elif found := REMOVED.match(text):
            yield Seen(at, router, found[1], found[2], False, None)
        elif match[2] != "TRACE" and ": " in text:
            neighbor, said = text.split(": ", 1)
            yield Session(at, router, neighbor, said)


KERNEL_LINE = re.compile(r"\[(\S+)\] (Deleted )?(\S+) via (\S+) ")


def kernel_entries(router, neighbors, lines):
    """What `ip -ts monitor route` told: a host route without its length."""
    for line in lines:
        match = KERNEL_LINE.match(line)
        if match and match[4] in neighbors:
            prefix = match[3] if "/" in match[3] else f"{match[3]}/32"
            yield Forwards(nanoseconds(match[1]), router, prefix, None if match[2] else neighbors[match[4]])


def agent_entries(host, lines):
    """roamd's log in JSON; what else is in the file is ExaBGP's or the relay's, and not for the timeline."""
    for line in lines:
        try:
            fields = json.loads(line)
            yield Log(nanoseconds(fields.pop("timestamp")), host, fields.pop("level"), fields.pop("message"), fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
