"""From what a client saw of a migration to the figures; pure.

Times are nanoseconds, figures are milliseconds or numbers of probes.
"""

from typing import NamedTuple

from roamlab.timeline import Probes

NS_PER_MS = 1_000_000
# RFC 792.
ICMP_UNREACHABLE, ICMP_EXCEEDED = 3, 11


class Figures(NamedTuple):
    """What one migration cost one client."""

    lost: int  # probes without an answer
    longest_loss: float  # ms from the first lost probe of the longest run of them to the next that was answered
    silence: float  # ms, the longest time without the arrival of an answer
    downtime: float  # ms, QEMU's own figure
    beyond: float  # ms of silence more than QEMU's downtime
    unreachable: int | None  # ICMP errors: destination unreachable; None: a client that does not see them
    exceeded: int | None  # ICMP errors: time exceeded; likewise
    moved: float | None  # ms from the guest's stop until all routers led to the new host for good; None: no routes


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
    """The figures of one client, with QEMU's downtime and how long after the guest's stop the route moved, both in ms."""
    silence = probes.silence()[0] / NS_PER_MS
    return Figures(probes.lost, probes.longest_loss() / NS_PER_MS, silence, downtime, silence - downtime,
                   len(probes.unreachable), len(probes.exceeded), moved)


def pace(probes, rate, begun):
    """How prober and guest kept to `rate` a second; the migration began at `begun`."""
    sent = probes.sent
    before = [arrival is not None for at, arrival in zip(sent, probes.received) if at < begun]
    if len(before) < 2:
        return Pace(0.0, 0.0, 0.0)
    due = (sent[-1] - sent[0]) * rate / 1_000_000_000
    stall = max(later - earlier for earlier, later in zip(sent, sent[1:])) / NS_PER_MS
    return Pace(min((len(sent) - 1) / due, 1.0), stall, sum(before) / len(before))


def turns(ways, rates, number):
    """The order of (round, rate, way): all ways one after the other, so that a noisy minute meets each of them.

    The rates change places from round to round: with two of them each would else meet the migrations of one direction only.
    """
    for count in range(number):
        for rate in rates if count % 2 == 0 else rates[::-1]:
            for way in ways:
                yield count, rate, way
