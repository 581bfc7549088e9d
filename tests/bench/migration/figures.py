"""From what the client saw of a migration to the figures and the table; pure.

Times are nanoseconds, figures are milliseconds or numbers of probes.
"""

from statistics import median
from typing import NamedTuple

from roamlab.timeline import Probes

NS_PER_MS = 1_000_000
# RFC 792.
ICMP_UNREACHABLE, ICMP_EXCEEDED = 3, 11


class Figures(NamedTuple):
    """What one migration cost."""

    lost: int  # probes without an answer
    longest_loss: float  # ms from the first lost probe of the longest run of them to the next that was answered
    silence: float  # ms, the longest time without the arrival of an answer
    downtime: float  # ms, QEMU's own figure
    beyond: float  # ms of silence more than QEMU's downtime
    unreachable: int  # ICMP errors: destination unreachable, time exceeded
    moved: float | None  # ms from the guest's stop to the switch's last route to the new host; None: no routes


TITLES = Figures("probes lost", "longest loss, ms", "silence, ms", "QEMU's downtime, ms", "silence less downtime, ms",
                 "ICMP unreachables", "route moved after guest stopped, ms")


class Pace(NamedTuple):
    """How well prober and guest held the pace: what they could not do is no cost of the migration."""

    held: float  # the part of the turns that the prober kept, 0 to 1
    stall: float  # ms, the longest time between two probes
    answered: float  # the part of the probes before the migration that were answered, 0 to 1


def parse(text):
    """What probe.c wrote."""
    sent, received, errors = [], [], {ICMP_UNREACHABLE: [], ICMP_EXCEEDED: []}
    for line in text.splitlines():
        kind, *fields = line.split()
        if kind == "probe":
            sent.append(int(fields[0]))
            received.append(int(fields[1]) or None)
        else:
            at, sender, number, code = fields
            errors[int(number)].append((int(at), sender, int(code)))
    return Probes(tuple(sent), tuple(received), tuple(errors[ICMP_UNREACHABLE]), tuple(errors[ICMP_EXCEEDED]))


def figures(probes, downtime, moved):
    """The figures of one migration, with QEMU's downtime in ms and what `moved` gave."""
    silence = probes.silence()[0] / NS_PER_MS
    return Figures(probes.lost, probes.longest_loss() / NS_PER_MS, silence, downtime, silence - downtime,
                   len(probes.unreachable) + len(probes.exceeded), moved)


def moved(stopped, forwards, target):
    """When the switch began to forward to `target` for good, in ms after `stopped`; None if no entry says so."""
    since = None
    for entry in forwards:
        if entry.neighbors != {target}:
            since = None
        elif since is None:
            since = entry.at
    return None if since is None else (since - stopped) / NS_PER_MS


def pace(probes, rate, begun):
    """How prober and guest kept to `rate` a second; the migration began at `begun`."""
    sent = probes.sent
    before = [arrival is not None for at, arrival in zip(sent, probes.received) if at < begun]
    if len(before) < 2:
        return Pace(0.0, 0.0, 0.0)
    due = (sent[-1] - sent[0]) * rate / 1_000_000_000
    stall = max(later - earlier for earlier, later in zip(sent, sent[1:])) / NS_PER_MS
    return Pace(min((len(sent) - 1) / due, 1.0), stall, sum(before) / len(before))


def spread(values):
    """Smallest, median and largest."""
    return min(values), median(values), max(values)


def turns(ways, rates, number):
    """The order of (round, rate, way): all ways one after the other, so that a noisy minute meets each of them.

    The rates change places from round to round: with two of them each would else meet the migrations of one direction only.
    """
    for count in range(number):
        for rate in rates if count % 2 == 0 else rates[::-1]:
            for way in ways:
                yield count, rate, way


def number(value):
    """A figure as it is printed: small ones with one digit after the point, where it tells something."""
    return f"{value:.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:.0f}"


def cell(values):
    """The spread of a row's values; a dash where there are none."""
    there = [value for value in values if value is not None]
    return "/".join(map(number, spread(there))) if there else "-"


def table(by_way):
    """The lines of a table, smallest/median/largest: a row for each figure, a column for each way's list of Figures."""
    rows = [["", *by_way], ["migrations", *(str(len(found)) for found in by_way.values())]]
    for place, title in enumerate(TITLES):
        rows.append([title, *(cell([each[place] for each in found]) for found in by_way.values())])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))])
            for row in rows]


class Aim(NamedTuple):
    """What is aimed at, and whether it was met."""

    text: str
    met: bool


def aims(found):
    """What roamd is to reach at one probe every 2 ms, judged by a list of Figures."""
    lost = median(each.lost for each in found)
    beyond = median(each.beyond for each in found)
    unreachable = sum(each.unreachable for each in found)
    return [
        Aim(f"median of the probes lost: {lost:g}, at most 3", lost <= 3),
        Aim(f"median of silence less downtime: {beyond:.0f} ms, at most 40", beyond <= 40),
        Aim(f"ICMP unreachables in all migrations: {unreachable}, none ever", unreachable == 0),
    ]
