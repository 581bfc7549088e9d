"""What a fabric's routers did, for the simulation to replay: what each was told by whom, what it chose, how it forwards.

A row is [time, router, kind, …], the time in microseconds since the recording began:

told       neighbor, prefix, host, rung, numbers in the AS path, MED (0: none)    it has this path from that neighbor now
again      neighbor, prefix                                                       it was told what it has
withdrawn  neighbor, prefix, host                                                 a neighbor's word, or its session's end
swept      the same, by the router itself: kept over a graceful restart, and not told again in time
session    neighbor, what BIRD says of it (SAID)
best       prefix, neighbor, host                                                 or null: no route
forwards   prefix, neighbors                                                      of its kernel
did        what was done to the lab; the router is null
"""

import json
import re

from . import bird, kernel
from .clock import nanoseconds
from .timeline import Best, Seen
from .topology import Host, Router

# What of a session BIRD tells at the debug level `events` and `packets`, and what it is here.
SAID = {
    "BGP session established": "begins",
    "BGP session closed": "ends",
    "Neighbor graceful restart detected": "is waited for",
    "Neighbor graceful restart timeout": "is waited for no longer",
    "Got END-OF-RIB": "has told all",
    "Got UPDATE": None,
}
EVENT = re.compile(rf"(\S+): ({'|'.join(SAID)})")
ATTRIBUTES = re.compile(r"SEEN \S+ \S+ path \(path ?(.*?)\) med (\S+) mark .*")
AGAIN = re.compile(r"(\S+)\.ipv[46] > ignored (?:\[\S+\] )?(\S+/\d+) ")


def listen(lab):
    """From now on routers tell of their sessions with hosts, too."""
    for router in lab.topology.routers:
        for end in lab.topology.ends(router.name):
            if isinstance(lab.topology.node(end.peer), Host):
                bird.ask(lab, router.name, f'debug "{end.peer}*" {{ routes, events, packets }}')


def rows(topology, router, lines, prefixes):
    """The rows of a router, from the lines of BIRD's log, with nanoseconds as they stand there."""
    line, event, found = None, {}, []

    def fed():
        nonlocal line
        for line in lines:
            match = bird.LINE.fullmatch(line)
            if match and (said := EVENT.fullmatch(match[3])):
                neighbor = bird.neighbor(said[1])
                event[neighbor] = said[2]
                if SAID[said[2]]:
                    found.append([nanoseconds(match[1]), router, "session", neighbor, SAID[said[2]]])
            elif match and (again := AGAIN.match(match[3])) and again[2] in prefixes:
                found.append([nanoseconds(match[1]), router, "again", bird.neighbor(again[1]), again[2]])
            yield line
    for entry in bird.entries(topology, router, fed()):
        if isinstance(entry, Best) and entry.prefix in prefixes:
            found.append([entry.at, router, "best", entry.prefix, entry.neighbor, entry.host])
        elif isinstance(entry, Seen) and entry.prefix in prefixes and entry.present:
            path, med = ATTRIBUTES.fullmatch(bird.LINE.fullmatch(line)[3]).groups()
            found.append([entry.at, router, "told", entry.neighbor, entry.prefix, entry.host, entry.rung, len(path.split()),
                          int(med) if med.isdigit() else 0])
        elif isinstance(entry, Seen) and entry.prefix in prefixes:
            # Without a word of a host's just before it, the router does it by itself. What other routers say is not listened to.
            kind = "withdrawn" if event.get(entry.neighbor, "Got UPDATE") == "Got UPDATE" else "swept"
            found.append([entry.at, router, kind, entry.neighbor, entry.prefix, entry.host])
    return found


def recorded(lab, recording, about):
    """A finished recording as the text of a file: what is where, and a row a line."""
    topology, prefixes = lab.topology, recording.addresses()
    found = [[deed.at, None, "did", deed.text] for deed in recording.deeds]
    for router in topology.routers:
        lines = bird.log(lab, router.name).read_text(errors="replace").splitlines()
        found += rows(topology, router.name, lines, prefixes)
        changes = kernel.entries(router.name, topology.neighbors(router.name), recording.since(kernel.log(lab, router.name)))
        found += [[change.at, router.name, "forwards", change.prefix, sorted(change.neighbors)] for change in changes
                  if change.prefix in prefixes]
    # The sort is stable: what a router wrote at the same instant stays in its order.
    found = sorted((row for row in found if row[0] >= recording.began), key=lambda row: row[0])
    head = {
        "about": about,
        "prefixes": list(prefixes),
        # The lower of two router ids stands first.
        "routers": [router.name for router in topology.routers],
        "links": [link for link in topology.links if all(isinstance(topology.node(end), Router) for end in link)],
        "hosts": {host.name: topology.switches(host.name)[0] for host in topology.hosts},
        "all_paths": lab.options.add_paths,
        "rungs_decide": lab.options.rungs_decide,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    told = [json.dumps([(row[0] - recording.began) // 1000, *row[1:]]) for row in found]
    return "\n".join(["{", *lines, ' "rows": [', ",\n".join(f"  {row}" for row in told), " ]", "}", ""])
