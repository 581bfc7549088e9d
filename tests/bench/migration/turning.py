"""How the routers of a network turned to a VM's new host: from their entries to figures; pure.

Times are nanoseconds, figures are milliseconds or numbers of routers.
"""

from typing import NamedTuple

from roamlab.judge import end_of
from roamlab.timeline import Best, Forwards, Seen

from .figures import NS_PER_MS

ONE_SWITCH = "on the one switch"
BEHIND_SPINES = "behind the spines"
SOURCE_SWITCH = "under the source's switch"
TARGET_SWITCH = "under the destination's switch"
# Of VMs that probe.
SOURCE_HOST = "in a VM on the source"
TARGET_HOST = "in a VM on the destination"
THIRD_HOST = "in a VM on a third host"
# In the order in which they are printed.
PLACES = (ONE_SWITCH, BEHIND_SPINES, SOURCE_SWITCH, TARGET_SWITCH, SOURCE_HOST, TARGET_HOST, THIRD_HOST)


class Turn(NamedTuple):
    """What a switch-over took of a network's routers.

    The first update is the source's route on `leaving`, when the switch above the source took it; the rest is counted from
    there.
    """

    routers: int
    hops: int  # BGP sessions from the source's switch to the router that is farthest from it
    begun: float  # ms from the guest's stop to the first update; less than nothing where the recorder heard of the stop late
    heard: float  # ms until the last router that heard of it did
    turned: float | None  # ms until what comes to any router ends at the new host, for good; None: never
    without: int  # routers that had no route at any moment of the migration


def place(topology, client, source, target):
    """Where a client stands in a migration."""
    above = set(topology.switches(client))
    under_source, under_target = above & set(topology.switches(source)), above & set(topology.switches(target))
    if under_source and under_target:
        return ONE_SWITCH
    return SOURCE_SWITCH if under_source else TARGET_SWITCH if under_target else BEHIND_SPINES


def place_of_vm(host, source, target):
    """Where a VM that probes from this host stands in a migration."""
    return {source: SOURCE_HOST, target: TARGET_HOST}.get(host, THIRD_HOST)


def led(timeline, target):
    """When everything that comes to any router ends at the target, for good; None: never."""
    since = None
    for at, forwards in timeline.forwards():
        if any(end_of(router, forwards) != {target} for router in forwards):
            since = None
        elif since is None:
            since = at
    return since


def turn(timeline, source, target, stopped):
    """The Turn of a migration whose guest stopped at that time; None where no router took a lowered route of the source's."""
    told = {}
    for entry in timeline.of(Seen):
        if (entry.prefix, entry.host, entry.rung) == (timeline.prefix, source, "leaving"):
            told.setdefault(entry.router, entry.at)
    switches = timeline.topology.switches(source)
    begun = min((told[switch] for switch in switches if switch in told), default=None)
    if begun is None:
        return None
    done = led(timeline, target)
    return Turn(
        routers=len(timeline.routers()), hops=farthest(timeline.topology, switches), begun=(begun - stopped) / NS_PER_MS,
        heard=(max(told.values()) - begun) / NS_PER_MS, turned=None if done is None else (done - begun) / NS_PER_MS,
        without=len(without_route(timeline)))


def without_route(timeline):
    """The routers whose BGP or whose kernel lost the last route, were it for a moment."""
    return ({entry.router for entry in timeline.of(Best) if entry.prefix == timeline.prefix and entry.host is None}
            | {entry.router for entry in timeline.of(Forwards) if entry.prefix == timeline.prefix and not entry.neighbors})


def farthest(topology, switches):
    """The number of links from some routers to the router that is farthest from them."""
    reached, edge, hops = set(switches), set(switches), 0
    while edge := {router for near in edge for router in topology.switches(near)} - reached:
        reached |= edge
        hops += 1
    return hops
