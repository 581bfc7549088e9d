"""What happened, from every part, on one clock: the entries of a recording, and the questions that are asked of it.

All times are nanoseconds of the machine's real-time clock, which everything in the lab shares. Where each comes from and
how exact it is: a libvirt event, when it reached the recorder (a few ms after the fact at most, unless the machine stalls);
a route at a router, when BIRD's loop woke up to handle the update (below 1 ms); a kernel route, when the kernel told of it;
a probe, when it was handed to and taken from the network; a log line, when it was written.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Lifecycle(NamedTuple):
    """A libvirt event of a VM on a host: ("SUSPENDED", "MIGRATED"); or ("ITERATION", n), ("JOB", {statistics})."""

    at: int
    host: str
    vm: str
    event: str
    detail: object


class Seen(NamedTuple):
    """A router's route from a neighbor began to stand on a rung (None without roamd's mark), or was withdrawn."""

    at: int
    router: str
    neighbor: str
    prefix: str
    present: bool
    rung: str | None


class Best(NamedTuple):
    """The neighbor that a router's best route leads to from now on; None: no route."""

    at: int
    router: str
    prefix: str
    neighbor: str | None


class Forwards(NamedTuple):
    """The neighbor that a router's kernel forwards to from now on; None: no route."""

    at: int
    router: str
    prefix: str
    neighbor: str | None


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
    """What a client saw: each probe's sending and arrival (None: lost), and each ICMP error as (at, sender, type, code)."""

    sent: tuple
    received: tuple
    unreachable: tuple

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
    """A recording. `entries` are in order, and begin with the state at `began`: who executes, who announces what."""

    vm: str
    prefix: str
    began: int
    ended: int
    executing: frozenset
    entries: list = field(repr=False)
    probes: Probes = field(repr=False)

    def of(self, *kinds):
        return [entry for entry in self.entries if isinstance(entry, kinds)]

    def lifecycle(self, host=None, event=None, detail=None):
        """The libvirt events of the VM that fit."""
        return [entry for entry in self.of(Lifecycle) if entry.vm == self.vm and host in (None, entry.host)
                and event in (None, entry.event) and detail in (None, entry.detail)]

    def executions(self):
        """The sets of hosts on which the VM executes, each with the time from which on."""
        now = set(self.executing)
        changes = [(self.began, frozenset(now))]
        for entry in self.of(Lifecycle):
            if entry.vm != self.vm:
                continue
            if entry.event == "RESUMED" or (entry.event, entry.detail) == ("STARTED", "WAKEUP"):
                now.add(entry.host)
            elif entry.event in ("SUSPENDED", "STOPPED", "SHUTDOWN", "CRASHED", "PMSUSPENDED"):
                now.discard(entry.host)
            changes.append((entry.at, frozenset(now)))
        return changes

    def rungs(self, router):
        """What each neighbor announces at a router, {neighbor: rung}, each with the time from which on."""
        now, changes = {}, []
        for entry in self.of(Seen):
            if (entry.router, entry.prefix) != (router, self.prefix):
                continue
            if entry.present:
                now[entry.neighbor] = entry.rung
            else:
                now.pop(entry.neighbor, None)
            changes.append((entry.at, dict(now)))
        return changes or [(self.began, {})]

    def best(self, router, kind=Best):
        """The neighbor that a router prefers, or with Forwards forwards to, each with the time from which on."""
        changes = [(entry.at, entry.neighbor) for entry in self.of(kind)
                   if (entry.router, entry.prefix) == (router, self.prefix)]
        return changes or [(self.began, None)]

    def routers(self):
        return sorted({entry.router for entry in self.of(Seen, Best)})

    def text(self, *levels):
        """The entries for a person to read, one a line, in ms since the beginning; of the logs only these levels."""
        lines = []
        for entry in self.entries:
            if not isinstance(entry, Log) or entry.level in levels:
                words = " ".join(str(value) for value in entry[1:])
                lines.append(f"{(entry.at - self.began) / 1e6:10.1f} ms  {type(entry).__name__:9} {words}")
        return "\n".join(lines)
