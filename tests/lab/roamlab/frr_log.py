"""Reads FRR 8.4's log into the entries of a recording. Pure; called by frr.py.

FRR logs each route that a neighbor sends or takes back. Of a session's end, and of the end of a graceful restart, it logs only
that it happened. So the reader knows what each neighbor has announced, which it can only from the log's first line on.
"""

import re
from typing import NamedTuple

from .clock import nanoseconds
from .ladder import mark
from .timeline import Best, Seen, Session

# The lab's own line, which goes before those of a bgpd that starts.
STARTS = "bgpd starts"
LINE = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\S+) (?:BGP|LAB): (?:\[\w{5}-\w{5}\] )?(.*)")
# A neighbor's address; the name that it gave itself follows.
PEER = r"(\S+?)\([^)]*\) "
# A route, with the number of the path where the neighbor sends several for a prefix (RFC 7911).
ROUTE = r"(\S+/\d+)(?: with addpath ID (\d+))? IPv[46] unicast"
LARGE_COMMUNITIES = re.compile(r"large-community ([\d: ]+)")


class Path(NamedTuple):
    """A route of a neighbor's."""

    peer: str
    prefix: str
    number: str | None


class Reader:
    """Follows one router's log."""

    def __init__(self, topology, router):
        self.topology, self.router, self.behind = topology, router, topology.behind(router)
        # What a neighbor's latest UPDATE says of the routes in it.
        self.marks = {}
        # The host of each route; and which of them are only kept until their neighbor is back.
        self.hosts, self.stale = {}, set()
        # When a neighbor's session went down. What becomes of its routes is said a few lines later.
        self.down = {}
        # The neighbors that want their routes kept, as they say when a session begins.
        self.graceful = set()
        # The neighbor and the host of the route that each prefix has.
        self.best = {}

    def entries(self, lines):
        for line in lines:
            match = LINE.match(line)
            if not match:
                continue
            at = nanoseconds("{}-{}-{} {}".format(*match.groups()))
            for pattern, read in self.LINES:
                if found := pattern.match(match[5]):
                    yield from read(self, at, *found.groups())
                    break

    def attributes(self, _, peer, text):
        said = LARGE_COMMUNITIES.search(text)
        self.marks[peer] = mark(said[1] if said else "")
        return ()

    def came(self, at, peer, prefix, number, remark):
        path = Path(peer, prefix, number)
        self.stale.discard(path)
        said, neighbor = self.marks[peer], self.behind[peer]
        host = self.topology.origin(said.host, neighbor)
        # One that comes by the same path takes its place (RFC 4271, 3.1).
        if self.hosts.get(path, host) != host:
            yield from self.gone(at, [path])
        self.hosts[path] = host
        if "duplicate ignored" not in remark:
            yield Seen(at, self.router, neighbor, prefix, True, said.rung, host)

    def went(self, at, peer, prefix, number):
        return self.gone(at, [path for path in [Path(peer, prefix, number)] if path in self.hosts])

    def gone(self, at, paths):
        for path in paths:
            self.stale.discard(path)
            host = self.hosts.pop(path)
            # A neighbor may have had it on two ways.
            if not any(other[:2] == path[:2] and self.hosts[other] == host for other in self.hosts):
                yield Seen(at, self.router, self.behind[path.peer], path.prefix, False, None, host)

    def of(self, peer):
        return [path for path in self.hosts if path.peer == peer]

    def went_down(self, at, peer, reason):
        self.down[peer] = at
        yield Session(at, self.router, self.behind[peer], f"down: {reason}")

    def kept(self, _, peer):
        """The neighbor asked for it when the session began (RFC 4724)."""
        self.down.pop(peer, None)
        self.stale.update(self.of(peer))
        return ()

    def closed(self, _, peer):
        if peer in self.down:
            yield from self.gone(self.down.pop(peer), self.of(peer))

    def asked(self, _, peer):
        self.graceful.add(peer)
        return ()

    def came_up(self, at, peer):
        """A neighbor that no longer wants its routes kept has none but those that it sends now."""
        if peer not in self.graceful:
            yield from self.gone(at, self.of(peer))
        self.graceful.discard(peer)

    def complete(self, at, version, peer):
        """End-of-RIB: what the neighbor has not sent again is gone."""
        return self.gone(at, [path for path in self.of(peer) if path in self.stale and (":" in path.prefix) == (version == "6")])

    def expired(self, at, peer):
        return self.gone(at, [path for path in self.of(peer) if path in self.stale])

    def chosen(self, at, prefix, peer, number):
        neighbor = self.behind.get(peer)
        best = neighbor, self.hosts.get(Path(peer, prefix, number))
        if self.best.get(prefix, (None, None)) != best:
            self.best[prefix] = best
            yield Best(at, self.router, prefix, *best)

    def starts(self, at):
        """bgpd begins anew and knows nothing of what was before."""
        yield from self.gone(at, list(self.hosts))
        for prefix, (neighbor, _) in self.best.items():
            if neighbor is not None:
                yield Best(at, self.router, prefix, None, None)
        self.__init__(self.topology, self.router)

    LINES = (
        (re.compile(PEER + r"rcvd UPDATE w/ attr: (.*)"), attributes),
        (re.compile(PEER + r"rcvd " + ROUTE + "(.*)"), came),
        (re.compile(PEER + r"rcvd UPDATE about " + ROUTE + r" -- (?:withdrawn|DENIED)"), went),
        (re.compile(r"%ADJCHANGE: neighbor " + PEER + r"in vrf \S+ Down (.*)"), went_down),
        (re.compile(PEER + r"graceful restart timer started "), kept),
        (re.compile(r"(\S+) went from Established to "), closed),
        (re.compile(r"(\S+) OPEN has Graceful Restart capability "), asked),
        (re.compile(r"%ADJCHANGE: neighbor " + PEER + r"in vrf \S+ Up"), came_up),
        (re.compile(r"bgp_update_receive: rcvd End-of-RIB for IPv([46]) Unicast from (\S+) "), complete),
        (re.compile(PEER + r"graceful restart (?:stalepath )?timer expired"), expired),
        (re.compile(r"(\S+/\d+)\(VRF default\): After path selection, newbest is (?:path )?(\S+)"
                    r"(?: \(addpath rxid (\d+)\))? oldbest "), chosen),
        (re.compile(STARTS), starts),
    )
