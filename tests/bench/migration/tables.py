"""All figures of a run in a table, and what is to be reached; pure."""

from statistics import median
from typing import NamedTuple

from .figures import Figures
from .turning import ONE_SWITCH, PLACES, SOURCE_HOST, TARGET_HOST, THIRD_HOST, Turn

TITLES = Figures("probes lost", "longest loss, ms", "silence, ms", "QEMU's downtime, ms", "silence less downtime, ms",
                 "ICMP unreachables", "ICMP time exceeded", "route moved after guest stopped, ms")
TURN_TITLES = Turn("routers", "BGP hops to the farthest", "guest stopped to first update, ms",
                   "first update to last router told, ms", "first update to last router turned, ms",
                   "routers ever without a route")
# The figures that each migration has once, whoever looks.
OF_MIGRATION = ("downtime", "moved")


def spread(values):
    """Smallest, median and largest."""
    return min(values), median(values), max(values)


def number(value):
    """A figure as it is printed: small ones with one digit after the point, where it tells something."""
    return f"{value:.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:.0f}"


def cell(values):
    """The spread of a row's values, or the one that they all have; a dash where there are none."""
    there = [value for value in values if value is not None]
    return "/".join(map(number, spread(there))) if there else "-"


def lines(rows):
    """The rows as text, the columns below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))]).rstrip()
            for row in rows]


def rows_of(titles, by_column, names, indent=""):
    """A row for each of these figures, a column for each list of them; smallest/median/largest."""
    return [[indent + getattr(titles, name), *(cell([getattr(each, name) for each in found]) for found in by_column)]
            for name in names]


def ways(by_way):
    """The lines of a table of one client in several ways, {way: [Figures]}."""
    return lines([["", *by_way], ["migrations", *(str(len(found)) for found in by_way.values())],
                  *rows_of(TITLES, by_way.values(), Figures._fields)])


def networks(by_network):
    """The lines of a table of roamd in several networks, {network: [Crossing]}: what a migration has once, then a block for
    each place of a client. The one client on one switch is in each of them, to compare with."""
    columns = by_network.values()
    turns = [[crossed.turn for crossed in found if crossed.turn] for found in columns]
    any_client = [[next(iter(crossed.clients.values())).figures for crossed in found] for found in columns]
    rows = [["", *by_network], ["migrations", *(str(len(found)) for found in columns)],
            *([title, *(str(of[0][place]) if of else "-" for of in turns)] for place, title in enumerate(TURN_TITLES[:2])),
            *rows_of(TURN_TITLES, turns, Turn._fields[2:]), *rows_of(TITLES, any_client, OF_MIGRATION)]
    at = {sight.place for found in columns for crossed in found for sight in crossed.clients.values()}
    for place in [place for place in PLACES if place in at and place != ONE_SWITCH] or [ONE_SWITCH]:
        rows.append([f"client {place}", *("" for _ in columns)])
        rows += rows_of(TITLES, [seen_from((place, ONE_SWITCH), found) for found in columns],
                        [name for name in Figures._fields if name not in OF_MIGRATION], "  ")
    return lines(rows)


def seen_from(places, crossings):
    """The Figures of the clients in some places."""
    return [sight.figures for crossed in crossings for sight in crossed.clients.values() if sight.place in places]


class Aim(NamedTuple):
    """What is aimed at, and whether it was met."""

    text: str
    met: bool


def aims(found):
    """What roamd is to reach on one switch at one probe every 2 ms, judged by a list of Figures."""
    lost = median(each.lost for each in found)
    beyond = median(each.beyond for each in found)
    errors = sum(each.unreachable + each.exceeded for each in found)
    return [
        Aim(f"median of the probes lost: {lost:g}, at most 3", lost <= 3),
        Aim(f"median of silence less downtime: {beyond:.0f} ms, at most 40", beyond <= 40),
        Aim(f"ICMP unreachables and time exceeded in all migrations: {errors}, none ever", errors == 0),
    ]


def network_aims(found):
    """What roamd is to reach in every network whose routers hand on all paths, judged by a list of Crossings."""
    without = sum(crossed.turn.without for crossed in found if crossed.turn)
    unreachable = sum(each.unreachable or 0 for each in seen_from(PLACES, found))
    return [
        Aim(f"routers without a route in all migrations: {without}, none ever", without == 0),
        Aim(f"ICMP unreachables in all migrations: {unreachable}, none ever", unreachable == 0),
    ]


def vm_aims(found):
    """What roamd is to reach for VMs on either host and on a third, judged by a list of Crossings."""
    for place in (SOURCE_HOST, TARGET_HOST, THIRD_HOST):
        lost = median(each.lost for each in seen_from([place], found))
        yield Aim(f"median of the probes lost by a client {place}: {lost:g}, at most 3", lost <= 3)


def differences(found, one_switch):
    """How much more a network costs than one switch in the same run, in words: differences of the medians of two lists of
    Crossings."""
    turns, base = ([crossed.turn for crossed in crossings if crossed.turn and crossed.turn.turned is not None]
                   for crossings in (found, one_switch))
    if turns and base:
        turned, told, hops = median(each.turned for each in turns), median(each.heard for each in turns), turns[0].hops
        more = turned - median(each.turned for each in base)
        yield (f"first update to last router turned {more:+.1f} ms; the farthest router is {hops} BGP hops away, which makes "
               f"{more / hops:.1f} ms a hop, and the last router was told after {told:.1f}")
    alone = seen_from([ONE_SWITCH], one_switch)
    for place in PLACES:
        there = seen_from([place], found)
        if there and alone:
            lost, beyond = (median(getattr(each, name) for each in there) - median(getattr(each, name) for each in alone)
                            for name in ("lost", "beyond"))
            yield f"client {place}: probes lost {lost:+g}, silence less downtime {beyond:+.0f} ms"
