"""What happened, from every part, on one clock: the entries of a recording, and the questions that are asked of it.

All times are nanoseconds of the machine's real-time clock, which everything in the lab shares. Where each comes from and
how exact it is: a libvirt event, when it reached the recorder (a few ms after the fact at most, unless the machine stalls);
a route at a router, when BIRD's loop woke up to handle the update (below 1 ms); a kernel route, when the kernel told of it;
a probe, when it was handed to and taken from the network; a log line, when it was written.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from .topology import Topology


# The table of a host's kernel that is named by no number.
MAIN = "main"


class Lifecycle(NamedTuple):
    """A libvirt event of a VM on a host: ("SUSPENDED", "MIGRATED"); or ("ITERATION", n), ("JOB", {statistics})."""

    at: int
    host: str
    vm: str
    event: str
    detail: object


class Seen(NamedTuple):
    """A router's route from a neighbor began to stand on a rung (None without roamd's mark), or was withdrawn.

    `host` is the one that announces it, wherever in the network that is; a neighbor may pass on those of several hosts. With a
    withdraw None stands for whatever that neighbor had.
    """

    at: int
    router: str
    neighbor: str
    prefix: str
    present: bool
    rung: str | None
    host: str | None


class Best(NamedTuple):
    """A router's best route is from now on the one from this neighbor, which a host announces; None: no route."""

    at: int
    router: str
    prefix: str
    neighbor: str | None
    host: str | None


class Forwards(NamedTuple):
    """The neighbors that a router's kernel forwards to from now on; empty: no route."""

    at: int
    router: str
    prefix: str
    neighbors: frozenset


class HostRoute(NamedTuple):
    """A host's kernel has a route of roamd's to a VM in a table from now on, or has it no longer."""

    at: int
    host: str
    prefix: str
    table: str
    present: bool


class Session(NamedTuple):
    """What a router said about its session with a neighbor."""

    at: int
    router: str
    neighbor: str
    text: str


class Log(NamedTuple):
    """A line of roamd's log."""

    at: int
    host: str
    level: str
    message: str
    fields: dict


class Deed(NamedTuple):
    """Something that was done to the lab."""

    at: int
    text: str


@dataclass(frozen=True)
class Probes:
    """What a client saw: each probe's sending and arrival (None: lost), and ICMP errors, each as (at, sender, code).

    `unreachable`: a router had no route. `exceeded`: the time to live ended, as in a loop.
    """

    sent: tuple
    received: tuple
    unreachable: tuple
    exceeded: tuple = ()

    @property
    def lost(self):
        return sum(arrival is None for arrival in self.received)

    def longest_loss(self):
        """Nanoseconds from the first lost probe of the longest run of them to the next that was answered."""
        longest, since = 0, None
        for sent, received in zip(self.sent, self.received):
            if received is None:
                since = sent if since is None else since
                longest = max(longest, sent - since)
            elif since is not None:
                longest, since = max(longest, sent - since), None
        return longest

    def silence(self):
        """The longest time without the arrival of an answer, in nanoseconds, and when it began."""
        arrivals = sorted(arrival for arrival in self.received if arrival is not None)
        return max(((later - earlier, earlier) for earlier, later in zip(arrivals, arrivals[1:])), default=(0, 0))


@dataclass(frozen=True)
class Timeline:
    """A recording of one VM and one of its prefixes.

    `entries` are in order, and begin with the state at `began`: who announces what. `executing` are the hosts on which the VM
    executed then, `existing` those on which libvirt had it, executing or not. `probes` are those of each client.
    """

    vm: str
    prefix: str
    topology: Topology
    began: int
    ended: int
    executing: frozenset
    existing: frozenset
    entries: list = field(repr=False)
    probes: dict = field(repr=False)

    def of(self, *kinds):
        return [entry for entry in self.entries if isinstance(entry, kinds)]

    def lifecycle(self, host=None, event=None, detail=None):
        """The libvirt events of the VM that fit."""
        return [entry for entry in self.of(Lifecycle) if entry.vm == self.vm and host in (None, entry.host)
                and event in (None, entry.event) and detail in (None, entry.detail)]

    def executions(self):
        """The sets of hosts on which the VM executes, each with the time from which on."""
        return self.followed(self.executing, lambda entry: entry.event == "RESUMED" or (entry.event, entry.detail) == (
            "STARTED", "WAKEUP"), ("SUSPENDED", "STOPPED", "SHUTDOWN", "CRASHED", "PMSUSPENDED"))

    def existences(self):
        """The sets of hosts on which libvirt has the VM, executing or not, each with the time from which on."""
        return self.followed(self.existing, lambda entry: entry.event in ("RESUMED", "STARTED"), ("STOPPED", "SHUTDOWN", "CRASHED"))

    def followed(self, at_first, enters, leaves):
        """A set of hosts as libvirt's events change it."""
        now = set(at_first)
        changes = [(self.began, frozenset(now))]
        for entry in self.of(Lifecycle):
            if entry.vm != self.vm:
                continue
            if enters(entry):
                now.add(entry.host)
            elif entry.event in leaves:
                now.discard(entry.host)
            changes.append((entry.at, frozenset(now)))
        return changes

    def heard(self, router):
        """What a router has from its neighbors, {(neighbor, host): rung}, each with the time from which on."""
        now, changes = {}, []
        for entry in self.of(Seen):
            if (entry.router, entry.prefix) != (router, self.prefix):
                continue
            if entry.present:
                now[entry.neighbor, entry.host] = entry.rung
            else:
                for neighbor, host in list(now):
                    if neighbor == entry.neighbor and entry.host in (None, host):
                        del now[neighbor, host]
            changes.append((entry.at, dict(now)))
        return changes or [(self.began, {})]

    def rungs(self, router):
        """The rung of each host at a router, {host: rung}, each with the time from which on.

        For a router that a host has a session with; elsewhere two neighbors may tell of one host in different words.
        """
        return [(at, {host: rung for (_, host), rung in heard.items()}) for at, heard in self.heard(router)]

    def best(self, router):
        """The host that a router prefers, each with the time from which on."""
        return [(entry.at, entry.host) for entry in self.of(Best)
                if (entry.router, entry.prefix) == (router, self.prefix)] or [(self.began, None)]

    def forwards(self):
        """The neighbors to which each router's kernel forwards, {router: neighbors}, each with the time from which on."""
        now, changes = {router.name: frozenset() for router in self.topology.routers}, []
        for entry in self.of(Forwards):
            if entry.prefix == self.prefix:
                now[entry.router] = entry.neighbors
                changes.append((entry.at, dict(now)))
        return changes or [(self.began, now)]

    def routers(self):
        return [router.name for router in self.topology.routers]

    def text(self, *levels):
        """The entries for a person to read, one a line, in ms since the beginning; of the logs only these levels."""
        lines = []
        for entry in self.entries:
            if not isinstance(entry, Log) or entry.level in levels:
                words = " ".join(map(words_of, entry[1:]))
                lines.append(f"{(entry.at - self.began) / 1e6:10.1f} ms  {type(entry).__name__:9} {words}")
        return "\n".join(lines)


def words_of(value):
    return " and ".join(sorted(value)) or "none" if isinstance(value, frozenset) else str(value)
