"""roamd's ladder of preferences, and what its large communities say of a route."""

import re
from typing import NamedTuple

RUNGS = ("arrived", "active", "unsure", "standby", "leaving")
ABOVE_STANDBY = RUNGS[: RUNGS.index("standby")]

# The middle numbers of the two large communities of the lab's routes: roamd's own, `host's AS:82:rung`, and one that the
# lab has roamd add, `host's AS:90:number of the host`, by which every router's routes tell from which host they are.
MARK = 82
ORIGIN = 90


class Mark(NamedTuple):
    """What the large communities of a route say: its rung and its host's number, None where they don't."""

    rung: str | None
    host: int | None


def mark(large_communities):
    """Reads BIRD's text of large communities, as `(65101, 82, 1)`, or FRR's, as `65101:82:1`."""
    rung, host = None, None
    for middle, last in re.findall(r"\d+(?:, |:)(\d+)(?:, |:)(\d+)", large_communities):
        if int(middle) == MARK:
            rung = RUNGS[int(last)]
        elif int(middle) == ORIGIN:
            host = int(last)
    return Mark(rung, host)


class Route(NamedTuple):
    """A route as a router knows it: from which neighbor, from which host; rung None: it has no mark of roamd's."""

    neighbor: str
    rung: str | None
    best: bool
    host: str | None
