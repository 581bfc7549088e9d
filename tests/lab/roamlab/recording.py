"""Records a lab: libvirt's events as they come, the logs of the other parts from where they stood, the clients' probes.

A recording is made by `with Recording(lab) as recording:`. Afterwards `recording.timelines` has one for each VM and each of
its prefixes, and `recording.timeline` is the first of them. While it runs, a test can wait for libvirt's events. It changes
nothing in the lab but for the probes, which come from the clients and, where it is asked for, from hosts and other VMs.
"""

import json
import threading
import time
from pathlib import Path

import libvirt

from . import guests, hypervisor, kernel
from .clock import nanoseconds
from .namespaces import wait_until
from .timeline import Best, Deed, Forwards, HostRoute, Lifecycle, Log, Probes, Seen, Timeline
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

# libvirt's states of a VM that executes, and of one that is not there (None: not known).
EXECUTES = (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED)
ABSENT = (None, libvirt.VIR_DOMAIN_SHUTOFF)
# What is noted of a VM that was otherwise before, by whether it executes and whether it is absent.
UNTOLD = {(True, False): ("RESUMED", "UNPAUSED"), (False, False): ("SUSPENDED", "PAUSED"), (False, True): ("STOPPED", "FAILED")}
# For how many seconds a new libvirtd is looked at, and how often.
SETTLES, LOOKS = 10, 0.02


def event_name(event, detail):
    """libvirt's numbers in words (virDomainEventType); what a newer libvirt adds stays a number."""
    name, details = EVENTS.get(event, (str(event), ()))
    return name, details[detail] if detail < len(details) else str(detail)


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
        self.lab = lab
        self.came = threading.Condition()
        self.entries = []
        self.connections = {}
        for host in lab.topology.hosts:
            self.connect(host.name)

    def connect(self, host):
        """Begins to follow a host, or goes on after its libvirtd was away."""
        connection = libvirt.open(f"qemu:///system?socket={hypervisor.socket(self.lab.path / host)}")
        for kind, callback in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self.lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, self.iteration),
            (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self.job),
        ):
            connection.domainEventRegisterAny(None, kind, callback, host)
        self.connections[host] = connection

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

    def state(self, vm, host):
        """libvirt's state of a VM on a host; None where it is not known."""
        try:
            return self.connections[host].lookupByName(vm).state()[0]
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            return None

    def executing(self, vm):
        """The hosts on which a VM executes."""
        return frozenset(host for host in self.connections if self.state(vm, host) in EXECUTES)

    def existing(self, vm):
        """The hosts on which a VM is, executing or not."""
        return frozenset(host for host in self.connections if self.state(vm, host) not in ABSENT)

    def close(self):
        for connection in self.connections.values():
            connection.close()


class Recording:
    """One recording of some VMs, with probes to every address each `interval` milliseconds.

    They come from every client, from the nodes `beside` them, and from inside of other VMs, the `peers`.
    """

    def __init__(self, lab, *vms, protocol="icmp", interval=2, beside=(), peers=()):
        self.lab = lab
        self.nodes = [*(client.name for client in lab.topology.clients), *beside]
        self.peers = peers
        self.vms = [lab.topology.vm(vm) for vm in vms or ("svc",)]
        self.protocol, self.interval = protocol, interval
        self.deeds = []
        # Those who look at hosts whose libvirtd is new, until the recording is over.
        self.followers, self.over = [], threading.Event()
        self.probers = {}
        self.timelines = []

    @property
    def timeline(self):
        return self.timelines[0]

    def __enter__(self):
        self.watch = Watch(self.lab)
        self.marks = {path: path.stat().st_size if path.exists() else 0 for path in self.logs()}
        self.began = time.time_ns()
        self.state = list(self.present_state())
        self.executing = {vm.name: self.watch.executing(vm.name) for vm in self.vms}
        self.existing = {vm.name: self.watch.existing(vm.name) for vm in self.vms}
        program = ["/usr/bin/python3", Path(__file__).with_name("probe.py")]
        for prefix, address in self.addresses().items():
            for node in self.nodes:
                directory = self.lab.path / node
                found = directory / f"probe-{self.began}-{address}.json"
                self.probers[node, prefix] = found, self.lab.namespaces.start(
                    node, [*program, self.protocol, address, self.interval, found], directory / "probe.log")
            for peer in self.peers:
                guests.begin(self.lab, peer, address, self.interval)
        return self

    def addresses(self):
        """Each prefix of the VMs with its address."""
        return {prefix: address for vm in self.vms for prefix, address in vm.addresses.items()}

    def __exit__(self, kind, *_):
        self.over.set()
        for follower in self.followers:
            follower.join()
        try:
            if kind is None:
                self.timelines = self.finish()
        finally:
            self.watch.close()
            for _, pid in self.probers.values():
                if self.lab.namespaces.alive(pid):
                    self.lab.namespaces.signal(pid)

    def did(self, text):
        """Notes something that is done to the lab."""
        self.deeds.append(Deed(time.time_ns(), text))

    def saw(self, host, event, detail, vm=None):
        """Notes what libvirt can't tell, because its daemon is away."""
        with self.watch.came:
            self.watch.entries.append(Lifecycle(time.time_ns(), host, vm or self.vms[0].name, event, detail))
            self.watch.came.notify_all()

    def follow(self, host):
        """Follows a host anew after its libvirtd was away, and notes what that could not tell of meanwhile, and of what it tells
        nobody: for some time a new libvirtd finds out what became of its VMs, and not all of that is an event."""
        try:
            self.watch.connect(host)
            self.agree(host)
        except libvirt.libvirtError as error:
            raise LabError(f"libvirtd on {host}: {error}") from error
        thread = threading.Thread(target=self.settle, args=(host, self.watch.connections[host]), daemon=True)
        self.followers.append(thread)
        thread.start()

    def settle(self, host, connection):
        """Notes what becomes of a host's VMs until its libvirtd has settled, or has gone again."""
        deadline = time.monotonic() + SETTLES
        while not self.over.wait(LOOKS) and time.monotonic() < deadline and self.watch.connections[host] is connection:
            try:
                self.agree(host)
            except libvirt.libvirtError:
                return

    def agree(self, host):
        """Notes how a host's VMs do now, where no event has told so."""
        for vm in self.vms:
            with self.watch.came:
                told = len(self.watch.entries)
            state = self.watch.state(vm.name, host)
            with self.watch.came:
                # What has come since may be newer than the state: then the next look tells.
                if len(self.watch.entries) == told and (state in EXECUTES) != (host in self.executions_so_far(vm.name)):
                    self.saw(host, *UNTOLD[state in EXECUTES, state in ABSENT], vm.name)

    def wait(self, host, event, detail=None, seconds=60, count=1, vm=None):
        """Waits until libvirt has told of an event of a VM's (the first one's) for the count-th time; the entry."""
        vm = vm or self.vms[0].name

        def there():
            fitting = [entry for entry in self.watch.entries if entry.vm == vm and entry.host == host
                       and entry.event == event and detail in (None, entry.detail)]
            return fitting[count - 1] if len(fitting) >= count else None
        deadline = time.monotonic() + seconds
        with self.watch.came:
            while not (entry := there()):
                if not self.watch.came.wait(deadline - time.monotonic()):
                    raise LabError(f"no {event} {detail or ''} of {vm} on {host} within {seconds} s; there came: "
                                   f"{[entry[1:] for entry in self.watch.entries]}")
            return entry

    def logs(self):
        """The logs of which only what comes from now on matters."""
        for router in self.lab.topology.routers:
            yield kernel.log(self.lab, router.name)
        for host in self.lab.topology.hosts:
            yield kernel.log(self.lab, host.name)
            yield self.lab.path / host.name / "roamd.log"

    def present_state(self):
        """The routes of routers and hosts as they stand, as entries."""
        for host in self.lab.topology.hosts:
            for prefix in self.addresses():
                for table in kernel.host_routes(self.lab, host.name, prefix):
                    yield HostRoute(self.began, host.name, prefix, table, True)
        for router in self.lab.topology.routers:
            for prefix in self.addresses():
                routes = self.lab.routes(router.name, prefix)
                for route in routes:
                    yield Seen(self.began, router.name, route.neighbor, prefix, True, route.rung, route.host)
                best = next(((route.neighbor, route.host) for route in routes if route.best), (None, None))
                yield Best(self.began, router.name, prefix, *best)
                yield Forwards(self.began, router.name, prefix, kernel.forwards(self.lab, router.name, prefix))

    def finish(self):
        """Ends the probes and puts everything together."""
        for _, pid in self.probers.values():
            self.lab.namespaces.signal(pid, "TERM")
        ended = time.time_ns()
        for _, pid in self.probers.values():
            wait_until("the probes end", lambda pid=pid: not self.lab.namespaces.alive(pid))
        probes = {key: read_probes(found) for key, (found, _) in self.probers.items()}
        for prefix, address in self.addresses().items():
            probes |= {(peer, prefix): guests.end(self.lab, peer, address) for peer in self.peers}
        topology = self.lab.topology
        entries = [*self.state, *self.deeds, *self.watch.entries]
        for router in topology.routers:
            speaker = self.lab.speaker(router.name)
            # From its beginning: the end of a log may be about what its beginning tells of.
            told = speaker.entries(topology, router.name, self.about(speaker.log(self.lab, router.name)))
            entries += [entry for entry in told if entry.at >= self.began]
            entries += kernel.entries(router.name, topology.neighbors(router.name), self.since(kernel.log(self.lab, router.name)))
        for host in topology.hosts:
            entries += kernel.host_entries(host.name, self.since(kernel.log(self.lab, host.name)))
            entries += agent_entries(host.name, self.since(self.lab.path / host.name / "roamd.log"))
        # The sort is stable: what one part wrote at the same instant stays in its order.
        entries.sort(key=lambda entry: entry.at)
        return [
            Timeline(vm.name, prefix, topology, self.began, ended, self.executing[vm.name], self.existing[vm.name], entries,
                     {prober: probes[prober, prefix] for prober in (*self.nodes, *self.peers)})
            for vm in self.vms for prefix in vm.addresses]

    def executions_so_far(self, vm):
        """The hosts on which a VM executes, by what libvirt has told."""
        told = sorted(self.watch.entries, key=lambda entry: entry.at)
        return Timeline(vm, None, self.lab.topology, self.began, time.time_ns(), self.executing[vm], self.existing[vm], told,
                        {}).executions()[-1][1]

    def about(self, path):
        """The whole lines of a router's log that are about these VMs, or about its sessions."""
        prefixes = self.addresses()
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line for line in file.read().splitlines() if any(prefix in line for prefix in prefixes) or "TRACE" not in line]

    def since(self, path):
        """What a log has got since the recording began, in whole lines."""
        with open(path, "rb") as file:
            file.seek(self.marks[path])
            return file.read().decode(errors="replace").splitlines()


def read_probes(path):
    """What probe.py wrote."""
    found = json.loads(path.read_text())
    return Probes(*(tuple(found[key]) for key in ("sent", "received")),
                  *(tuple(map(tuple, found[key])) for key in ("unreachable", "exceeded")))


def agent_entries(host, lines):
    """roamd's log in JSON; what else is in the file is ExaBGP's or the relay's, and not for the timeline."""
    for line in lines:
        try:
            fields = json.loads(line)
            yield Log(nanoseconds(fields.pop("timestamp")), host, fields.pop("level"), fields.pop("message"), fields)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
