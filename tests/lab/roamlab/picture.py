"""Draws a recording of a migration: one clock, a lane for each of source, switch, destination and client. Pure.

Called by deploy/demo --migrate. `rows` says what happened where, `draw` puts it on lines of a width, `table` sums up.
Nothing is judged here; what a reader must not miss (losses, warnings, lost sessions) has a tone of its own.
"""

import textwrap
from typing import NamedTuple

from .account import milliseconds, silences, told, waiting
from .timeline import MAIN, Best, Deed, Forwards, HostRoute, Lifecycle, Log, Seen, Session

# Probes lost closer together than this, in ns, are shown as one loss.
ONE_LOSS = 50_000_000
# Other silences than that of the switch-over are shown from this length on, in ns.
LONG_SILENCE = 50_000_000
# A decision and the change of presence behind it are logged within this time of each other, in ns.
ONE_DECISION = 50_000_000
# Below the first width lanes are too narrow to read, and the picture becomes a list; wider than the second it never is.
LANES_NEED, WIDEST = 100, 120
MARGIN = 9
SEPARATOR = " │ "
HEAD = "1"
TONES = {"deed": "2", "event": "", "decision": "36", "update": "33", "turn": "1;32", "answer": "32", "loss": "1;31", "fault": "1;31"}
PLAIN = str.maketrans("│─┼▶◀→⇒✗✓", "|-+><>>x*")


class Style(NamedTuple):
    """How lines may look: at most so wide, in colour or not, beyond ASCII or not."""

    width: int = 120
    colour: bool = False
    unicode: bool = True

    def paint(self, text, codes):
        return f"\033[{codes}m{text}\033[0m" if self.colour and codes and text.strip() else text

    def write(self, text):
        return text if self.unicode else text.translate(PLAIN)


class Row(NamedTuple):
    """Something that happened in a lane at a time (ns; None: it was so before), how it is to be taken, and on which side."""

    at: int | None
    lane: str
    text: str
    tone: str
    right: bool = False


class Lane(NamedTuple):
    """A column: its head, and its share of the width."""

    head: str
    share: int


def lanes(found, interval_ms=2):
    """The columns in the order in which packets travel between the two hosts, with the client at the end."""
    return {
        found.source: Lane(f"{found.source}, source", 27),
        found.router: Lane(f"{found.router}, switch", 20),
        found.target: Lane(f"{found.target}, destination", 27),
        found.client: Lane(f"{found.client}: 1 probe in {interval_ms} ms", 25),
    }


def rows(timeline, found):
    """Everything that a reader should see of a migration, in order of time."""
    made = [*before(timeline, found), *deeds(timeline, found), *events(timeline), *decisions(timeline), *routes(timeline, found),
            *host_routes(timeline), *probes(timeline, found), *faults(timeline, found.client)]
    return sorted(made, key=lambda row: -1 if row.at is None else row.at)


def before(timeline, found):
    """How things stood when the recording began."""
    for host in sorted(timeline.executing):
        yield Row(None, host, f"{timeline.vm} runs", "event")
    best = timeline.best(found.router)[0][1]
    for entry in timeline.of(Seen):
        if entry.at <= timeline.began and (entry.router, entry.prefix) == (found.router, timeline.prefix):
            yield Row(None, found.router, f"{entry.host}: {entry.rung}{', best' if entry.host == best else ''}", "update")


def events(timeline):
    for entry in told(timeline):
        yield Row(entry.at, entry.host, event_text(entry), "event")


def event_text(entry):
    if entry.event == "ITERATION":
        return f"copy: round {entry.detail}"
    if entry.event == "JOB":
        return f"QEMU: downtime {entry.detail.get('downtime', '?')} ms"
    return f"{entry.event}/{entry.detail}"


def decisions(timeline):
    """What roamd told ExaBGP, with the presence that it follows from, which is logged just after. What waits for the kernel's
    route is told some time after it.
    """
    logs = [entry for entry in timeline.of(Log) if entry.message in ("announce", "withdraw", "presence changed")
            and (entry.fields.get("prefix") == timeline.prefix or entry.fields.get("vm") == timeline.vm)]
    taken, waiting_hosts = set(), set()
    for number, entry in enumerate(logs):
        if entry.message == "presence changed":
            # What is of no consequence is logged for debugging only.
            if number not in taken and entry.level != "DEBUG":
                waiting_hosts.add(entry.host)
                yield Row(entry.at, entry.host, f"roamd: {entry.fields['to']}", "decision")
            continue
        order = entry.fields["rung"] if entry.message == "announce" else "withdraw"
        reason = next((later for later in range(number + 1, len(logs)) if logs[later].host == entry.host), None)
        if reason is not None and logs[reason].message == "presence changed" and logs[reason].at - entry.at < ONE_DECISION:
            taken.add(reason)
            yield Row(entry.at, entry.host, f"roamd: {logs[reason].fields['to']} ⇒ {order}", "decision")
        else:
            yield Row(entry.at, entry.host, f"roamd: {order}{'' if entry.host in waiting_hosts else ' again'}", "decision")
        waiting_hosts.discard(entry.host)


def routes(timeline, found):
    """BGP updates as they reach a router, and what it makes of them; BIRD tells of the choice before it tells of the update."""
    now = {}
    for entry in sorted(timeline.of(Seen, Best, Forwards), key=lambda entry: (entry.at, not isinstance(entry, Seen))):
        if entry.prefix != timeline.prefix:
            continue
        began = entry.at <= timeline.began
        if isinstance(entry, Seen):
            if not began:
                yield update(entry, from_the_right=entry.neighbor == found.target)
            continue
        name, to = ("best path", entry.host) if isinstance(entry, Best) else ("forwards", " and ".join(sorted(entry.neighbors)))
        was = now.get((entry.router, name))
        now[entry.router, name] = to
        if not began and to != was:
            yield Row(entry.at, entry.router, f"{name}: {was or 'none'} → {to or 'NONE'}", "turn" if to else "fault")


def host_routes(timeline):
    """Whose packets a host's kernel leads to the VM on it, by the tables in which roamd has set its route."""
    tables, before_it = {}, {}
    for entry in timeline.of(HostRoute):
        if entry.prefix != timeline.prefix:
            continue
        there = tables.setdefault(entry.host, set())
        (there.add if entry.present else there.discard)(entry.table)
        text = f"host route: {'for all' if MAIN in there else 'uplink only' if there else 'none'}"
        if entry.at <= timeline.began:
            before_it[entry.host] = Row(None, entry.host, text, "update")
        else:
            yield Row(entry.at, entry.host, text, "update")
    yield from before_it.values()


def update(entry, from_the_right):
    """An update, pointing away from the side on which its sender stands."""
    what = f"{entry.neighbor}: {(entry.rung or 'without a mark') if entry.present else 'withdrawn'}"
    return Row(entry.at, entry.router, f"{what} ◀" if from_the_right else f"▶ {what}", "update", from_the_right)


def deeds(timeline, found):
    for entry in timeline.of(Deed):
        yield Row(entry.at, found.source, entry.text, "deed")


def probes(timeline, found):
    """Losses, long silences, and that of the switch-over from its beginning to its end."""
    client, seen = found.client, timeline.probes[found.client]
    for run in losses(seen):
        span = f" in {milliseconds(run[-1] - run[0])}" if len(run) > 1 else ""
        yield Row(run[0], client, f"✗ {len(run)} lost{span}", "loss")
    for begin, end in silences(seen):
        if end - begin >= LONG_SILENCE and begin != found.silence_began:
            yield Row(begin, client, f"no answer for {milliseconds(end - begin)}", "event")
    if None in (found.stopped, found.resumed) or found.silence_began > found.resumed or found.answered < found.stopped:
        return  # not the silence of the switch-over
    yield Row(found.silence_began, client, "last answer", "answer")
    yield Row(found.answered, client, "✓ answers again", "answer")
    waited = waiting(seen, found.silence_began, found.answered)
    if waited:
        yield Row(max(waited), client, f"✓ all {len(waited)} that waited", "answer")


def losses(probes):
    """The times at which lost probes were sent, those near to each other together."""
    found = []
    for sent, received in zip(probes.sent, probes.received):
        if received is not None:
            continue
        if found and sent - found[-1][-1] < ONE_LOSS:
            found[-1].append(sent)
        else:
            found.append([sent])
    return found


def faults(timeline, client):
    for entry in timeline.of(Session):
        yield Row(entry.at, entry.router, f"session {entry.neighbor}: {entry.text}", "fault")
    for entry in timeline.of(Log):
        if entry.level in ("WARN", "ERROR"):
            yield Row(entry.at, entry.host, f"roamd {entry.level}: {entry.message}", "fault")
    for at, sender, code in timeline.probes[client].unreachable:
        yield Row(at, client, f"✗ unreachable (code {code}) from {sender}", "fault")


def draw(drawn, columns, zero, style=Style()):
    """Lines of the picture: `columns` is each lane with its head, `zero` the time from which on is counted."""
    drawing = listed if style.width < LANES_NEED else laned
    return [style.write(line).rstrip() for line in drawing(drawn, columns, zero, style)]


def clock(at, zero):
    return ("before" if at is None else f"{(at - zero) / 1e6:.1f}").rjust(MARGIN)


def laned(drawn, columns, zero, style):
    space = min(style.width, WIDEST) - MARGIN - len(SEPARATOR) * len(columns)
    shares = sum(lane.share for lane in columns.values())
    widths = {name: space * lane.share // shares for name, lane in columns.items()}

    def line(time, cells):
        return time + "".join(SEPARATOR + cells.get(name, " " * width) for name, width in widths.items())

    heads = {name: style.paint(lane.head[: widths[name]].ljust(widths[name]), HEAD) for name, lane in columns.items()}
    yield line("ms".rjust(MARGIN), heads)
    yield "─" * MARGIN + "".join("─┼─" + "─" * width for width in widths.values())
    for row in drawn:
        width = widths[row.lane]
        for number, part in enumerate(textwrap.wrap(row.text, width, subsequent_indent="  ")):
            part = part.rjust(width) if row.right else part.ljust(width)
            yield line(clock(row.at, zero) if number == 0 else " " * MARGIN, {row.lane: style.paint(part, TONES[row.tone])})


def listed(drawn, columns, zero, style):
    indent = MARGIN + 2 + max(map(len, columns)) + 2
    for row in drawn:
        for number, part in enumerate(textwrap.wrap(row.text, max(20, style.width - indent))):
            margin = f"{clock(row.at, zero)}  {row.lane}".ljust(indent) if number == 0 else " " * indent
            yield margin + style.paint(part, TONES[row.tone])


def table(accounts, style=Style()):
    """A line for each migration."""
    heads = ["migration", "probes lost", "longest loss", "silence", "QEMU downtime", "silence less downtime"]
    lines = [heads]
    for found in accounts:
        less = found.silence_less_downtime
        lines.append([
            f"{found.source} → {found.target}", f"{found.lost} of {found.sent}", milliseconds(found.longest_loss),
            milliseconds(found.silence), "unknown" if found.downtime_ms is None else f"{found.downtime_ms} ms",
            "unknown" if less is None else milliseconds(less)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths))]
        yield style.write(style.paint("   ".join(cells), HEAD if number == 0 else "").rstrip())


def noise(accounts):
    """What of the figures is the machine's own, or None where it is not worth a word."""
    late = max((found.late for found in accounts), default=0)
    if late < 5_000_000:
        return None
    return (f"The client itself was kept from sending for up to {milliseconds(late)}: so far the figures are this machine's "
            f"noise.")


