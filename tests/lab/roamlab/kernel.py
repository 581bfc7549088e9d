"""What a router's kernel forwards by: its table as it stands, and what it told of changes. The same for every daemon. And the
routes to the VMs that roamd sets in a host's kernel.
"""

import json
import re

from .clock import nanoseconds
from .namespaces import PROMPTLY
from .timeline import MAIN, Forwards, HostRoute

# Removes every kind of entry that roamd sets, as somebody might, or a reboot.
FORGET = ("ip route flush proto 82; ip -6 route flush proto 82; ip route flush table 82; ip -6 route flush table 82; "
          "ip neigh flush dev br0 nud permanent; ip rule del priority 82; ip -6 rule del priority 82")


def start(namespaces, lab, node):
    """Begins to write down every change of the kernel routes of a router or a host."""
    # The times are those at which it reads.
    namespaces.start(node, [*PROMPTLY, "ip", "-ts", "monitor", "route"], log(lab, node))


def log(lab, node):
    """The file of which `entries` and `host_entries` read the lines."""
    return lab.path / node / "kernel.log"


def host_routes(lab, host, prefix):
    """The tables in which a host's kernel has a route of roamd's to a prefix."""
    found = lab.namespaces.run(
        host, "ip", family(prefix), "-j", "route", "show", "table", "all", "exact", prefix).stdout
    return [route.get("table", MAIN) for route in json.loads(found or "[]") if route.get("protocol") == OURS]


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
OURS = "82"
OF_A_HOST = re.compile(rf"\[(\S+)\] (Deleted )?(\S+) dev \S+ (?:table (\S+) )?proto {OURS} ")
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
            yield Forwards(nanoseconds(match[1]), router, whole_prefix(match[3]), frozenset() if match[2] else hops)


def host_entries(host, lines):
    """What `ip -ts monitor route` told of routes of roamd's on a host."""
    for match in filter(None, map(OF_A_HOST.match, lines)):
        at, deleted, destination, table = match.groups()
        yield HostRoute(nanoseconds(at), host, whole_prefix(destination), table or MAIN, not deleted)


def whole_prefix(destination):
    """A destination with its length."""
    return destination if "/" in destination else f"{destination}/{128 if ':' in destination else 32}"
