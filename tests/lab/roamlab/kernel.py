"""What a router's kernel forwards by: its table as it stands, and what it told of changes. The same for every daemon."""

import json
import re

from .clock import nanoseconds
from .namespaces import PROMPTLY
from .timeline import Forwards


def start(namespaces, lab, router):
    """Begins to write down every change of a router's kernel routes."""
    # The times are those at which it reads.
    namespaces.start(router, [*PROMPTLY, "ip", "-ts", "monitor", "route"], log(lab, router))


def log(lab, router):
    """The file of which `entries` reads the lines."""
    return lab.path / router / "kernel.log"


def forwards(lab, router, prefix):
    """The neighbors to which a router's kernel forwards what goes to a prefix."""
    found = lab.namespaces.run(router, "ip", family(prefix), "-j", "route", "show", "exact", prefix).stdout
    neighbors = lab.topology.neighbors(router)
    hops = [hop for route in json.loads(found or "[]") for hop in route.get("nexthops", [route])]
    return frozenset(hop["dev"] for hop in hops if hop.get("dev") in neighbors and ("gateway" in hop or "via" in hop))


def family(prefix):
    """What tells ip(8) of which family an address or a prefix is."""
    return "-6" if ":" in prefix else "-4"


LINE = re.compile(r"\[(\S+)\] (?:replaced? )?(Deleted )?(\S+) (.*)")
# By the interface, which has the neighbor's name: FRR forwards IPv6 to link-local addresses.
HOP = re.compile(r"via (?:inet6 )?\S+ dev (\S+)")


def entries(router, neighbors, lines):
    """What `ip -ts monitor route` told of routes to neighbors. A host route has no length there."""
    # A route over several next hops takes a line for each of them, after its own.
    whole = []
    for line in lines:
        if line.startswith("[") or not whole:
            whole.append(line)
        else:
            whole[-1] += f" {line.strip()}"
    for line in whole:
        match = LINE.match(line)
        hops = neighbors.intersection(HOP.findall(line))
        if match and hops:
            prefix = match[3] if "/" in match[3] else f"{match[3]}/{128 if ':' in match[3] else 32}"
            yield Forwards(nanoseconds(match[1]), router, prefix, frozenset() if match[2] else hops)
