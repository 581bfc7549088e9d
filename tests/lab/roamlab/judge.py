"""What must hold at every moment of a timeline, at every router: pure, knows no lab.

The rules, where `a VM executes` means from libvirt's RESUMED to its SUSPENDED or STOPPED:

announced     each switch above the host on which the VM executes has that host's route, above `standby`
preferred     every router's best route is that host's
led           and what comes to any router is forwarded to that host, over whatever routers, without a loop or a dead end
routed        while libvirt has the VM on any host, every router forwards somewhere, without any gap
one a rung    no two hosts stand on the same rung at a router for longer than the VM stood still in between
reachable     nobody answers `unreachable` meanwhile; and while the VM executes, and has booted, no probe after probe is lost,
              and none dies in a loop (while it stands still, routers that turn one after the other may pass a packet back
              and forth)
settled       at the end the VM executes on one host, which alone is above `standby`, is preferred and led to; and each
              client has reached it there

libvirt tells the agents and the recorder of an event separately, and the router is told after that. So just after a VM
began to execute, and just before it ceased to, the router may still (or already) prefer another host. REACTION is how long
that is let pass. It takes milliseconds; a busy machine may make it some hundred; and what the rules are there to find, such
as a preference for a frozen copy, lasts as long as a copy of the memory or a lease, which are seconds. A run of lost probes
may be as long, because an emulated guest on a busy machine is. What routers do has no other tolerance: a gap or a wrong
preference of a millisecond in the middle of a copy is found.
"""

from dataclasses import replace
from typing import NamedTuple

from .ladder import ABOVE_STANDBY

REACTION = 1_000_000_000
# Where labs share a machine with all kinds of work, an emulated guest gets a tenth of a processor now and then, for seconds,
# and can't answer all that waits. What leads to it is told by the routes, for which this is not let pass.
STARVED = 5_000_000_000


class Span(NamedTuple):
    """A time in which nothing changes: from `begin` until `end`, in nanoseconds."""

    begin: int
    end: int
    value: object


def judge(timeline, reaction=REACTION, moment=0, patience=None):
    """Everything that did not hold, in words; an empty list is a good recording.

    What did not hold for less than a `moment`, in nanoseconds, is let pass where a test says why. With `patience` (ns) an
    answer that took longer is none: what a frozen copy drew waits in its tap, and is answered by the guest that it becomes.
    """
    executions = spans(timeline.executions(), timeline.ended)
    steady = list(steadily(timeline, [span for span in executions if len(span.value) == 1], reaction))
    existing = list(steadily(timeline, [span for span in spans(
        [(at, bool(hosts)) for at, hosts in timeline.existences()], timeline.ended) if span.value], reaction))
    ends = spans([(at, {router: end_of(router, now) for router in now}) for at, now in timeline.forwards()], timeline.ended)
    found = []
    for span in executions:
        if len(span.value) > 1 and span.end > span.begin:
            found.append(said(timeline, span, f"the VM executes on {names(span.value)} at once"))
    for router in timeline.routers():
        heard = spans(timeline.heard(router), timeline.ended)
        best = spans(timeline.best(router), timeline.ended)
        found += announced(timeline, router, steady, heard, moment)
        found += preferred(timeline, router, steady, best, moment)
        found += led(timeline, router, steady, ends, moment)
        found += routed(timeline, router, existing, moment)
        found += one_a_rung(timeline, router, executions, heard, reaction)
        found += settled(router, executions, heard, best, ends)
    if patience is not None:
        timeline = replace(timeline, probes={client: timely(probes, patience) for client, probes in timeline.probes.items()})
    found += reachable(timeline, steady, existing, executions[-1], reaction)
    # What has nothing to do with one router is said once.
    return list(dict.fromkeys(found))


def spans(changes, ended):
    """A list of (time, value) as spans; what changed at the same instant leaves only its last value."""
    found = []
    for (at, value), following in zip(changes, [*(at for at, _ in changes[1:]), ended]):
        if following <= at and at != ended:
            continue
        if found and found[-1].value == value:
            found[-1] = found[-1]._replace(end=following)
        else:
            found.append(Span(at, following, value))
    return found


def steadily(timeline, all_of_it, reaction):
    """What remains of each span when what is next to its beginning and its end is left out."""
    for span in all_of_it:
        begin = span.begin if span.begin <= timeline.began else span.begin + reaction
        end = span.end if span.end >= timeline.ended else span.end - reaction
        if begin < end:
            yield Span(begin, end, span.value)


def overlap(first, second, moment=0):
    """The time that two spans share, with the value of the first; None if it is no more than a moment."""
    begin, end = max(first.begin, second.begin), min(first.end, second.end)
    return Span(begin, end, first.value) if begin + moment < end else None


def announced(timeline, router, steady, heard, moment):
    for execution in steady:
        [host] = execution.value
        if router not in timeline.topology.switches(host):
            continue
        above = [(span.begin, any(host == of and rung in ABOVE_STANDBY for (_, of), rung in span.value.items())) for span in heard]
        for span in spans(above, timeline.ended):
            if not span.value and (shared := overlap(execution, span, moment)):
                yield said(timeline, shared, f"{router} has no route above standby from {host}, where the VM executes")


def preferred(timeline, router, steady, best, moment):
    for execution in steady:
        for span in best:
            if span.value is not None and {span.value} != execution.value and (shared := overlap(execution, span, moment)):
                yield said(timeline, shared, f"{router} prefers {span.value}, and the VM executes on {names(execution.value)}")


def led(timeline, router, steady, ends, moment):
    for execution in steady:
        for span in spans([(span.begin, span.value[router]) for span in ends], timeline.ended):
            if span.value != execution.value and (shared := overlap(execution, span, moment)):
                yield said(timeline, shared, f"what comes to {router} ends at {names(span.value)}, and the VM executes on "
                                             f"{names(execution.value)}")


def end_of(router, forwards, passed=()):
    """Where packets that come to a router get, by what each router forwards to: the nodes that forward them no further."""
    if router not in forwards:
        return frozenset({router})
    if router in passed:
        return frozenset({f"a loop of {names(passed[passed.index(router):])}"})
    if not forwards[router]:
        return frozenset({f"{router}, which has no route"})
    return frozenset().union(*(end_of(neighbor, forwards, (*passed, router)) for neighbor in forwards[router]))


def routed(timeline, router, existing, moment):
    # A daemon that restarts knows nothing for a while; what counts is what the kernel has.
    for needed in existing:
        for span in spans([(at, now[router]) for at, now in timeline.forwards()], timeline.ended):
            if not span.value and (shared := overlap(needed, span, moment)):
                yield said(timeline, shared, f"{router} has no route at all")


def one_a_rung(timeline, router, executions, heard, reaction):
    def shared_rungs(at):
        marked = sorted({(rung, host) for (_, host), rung in at.items() if rung})
        return tuple((rung, host, other) for (rung, host), (same, other) in zip(marked, marked[1:]) if rung == same)
    for span in spans([(span.begin, shared_rungs(span.value)) for span in heard], timeline.ended):
        if not span.value:
            continue
        still = sum(frozen.end - frozen.begin for execution in executions
                    if not execution.value and (frozen := overlap(execution, span)))
        if span.end - span.begin > still + reaction:
            rung, host, other = span.value[0]
            yield said(timeline, span, f"{router} has {host} and {other} both on {rung}")


def settled(router, executions, heard, best, ends):
    last = executions[-1].value
    if len(last) != 1:
        yield f"at the end: the VM executes on {names(last) or 'no host'}"
        return
    above = {host for (_, host), rung in heard[-1].value.items() if rung in ABOVE_STANDBY}
    if above != last:
        yield f"at the end: {router} has {names(above) or 'no host'} above standby, and the VM executes on {names(last)}"
    if {best[-1].value} != last:
        yield f"at the end: {router} prefers {best[-1].value}, and the VM executes on {names(last)}"
    if ends[-1].value[router] != last:
        yield f"at the end: what comes to {router} ends at {names(ends[-1].value[router])}, and the VM executes on {names(last)}"


def reachable(timeline, steady, existing, last, reaction):
    for client, probes in timeline.probes.items():
        for what, errors, times in (("unreachable", probes.unreachable, existing), ("time exceeded", probes.exceeded, steady)):
            for at, sender, code in errors:
                if any(span.begin <= at < span.end for span in times):
                    yield f"{milliseconds(timeline, at)}: {sender} answered {client}: {what} (code {code})"
        for span in lost_runs(probes):
            for execution in steady:
                shared = overlap(span, execution)
                if shared and shared.end - shared.begin > reaction and not booting(timeline, execution, probes, span, reaction):
                    yield said(timeline, shared, f"no probe of {client} was answered, and the VM executes on {names(execution.value)}")
        if not any(arrival for sent, arrival in zip(probes.sent, probes.received) if sent >= last.begin):
            yield f"at the end: {client} does not reach the VM"


def booting(timeline, execution, probes, span, reaction):
    """Whether an execution began with the start of the guest, and nothing was answered yet when a span began.

    What was sent before the guest booted waits in its interface, as much as there is room for, and is answered.
    """
    [host] = execution.value
    started = [entry.at for entry in timeline.lifecycle(host, "STARTED", "BOOTED")
               if execution.begin - 2 * reaction <= entry.at <= execution.begin + reaction]
    return bool(started) and not any(arrival and started[0] <= arrival < span.begin for arrival in probes.received)


def timely(probes, patience):
    """The probes without what was answered too late."""
    return replace(probes, received=tuple(
        arrival if arrival is not None and arrival - sent <= patience else None
        for sent, arrival in zip(probes.sent, probes.received)))


def lost_runs(probes):
    """Each run of probes without an answer, until the next that was answered."""
    found, since = [], None
    for sent, received in zip(probes.sent, probes.received):
        if received is None:
            since = sent if since is None else since
        elif since is not None:
            found.append(Span(since, sent, None))
            since = None
    if since is not None:
        found.append(Span(since, probes.sent[-1], None))
    return found


def frozen(timeline):
    """The times in which the VM executed nowhere, between two executions: what a migration's downtime is made of."""
    all_of_it = spans(timeline.executions(), timeline.ended)
    return [span for before, span, after in zip(all_of_it, all_of_it[1:], all_of_it[2:])
            if before.value and not span.value and after.value]


def names(hosts):
    return " and ".join(sorted(hosts))


def milliseconds(timeline, at):
    return f"{(at - timeline.began) / 1e6:.1f} ms"


def said(timeline, span, text):
    return f"{milliseconds(timeline, span.begin)}: {text}, for {(span.end - span.begin) / 1e6:.1f} ms"
