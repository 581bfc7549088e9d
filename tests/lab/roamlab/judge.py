"""What must hold at every moment of a timeline, at every router: pure, knows no lab.

The rules, where `a VM executes` means from libvirt's RESUMED to its SUSPENDED or STOPPED:

announced     the host on which the VM executes has a route there
preferred     and the router's best route is that one
routed        from the VM's first execution to its last there is a best route, without any gap
one a rung    no two hosts stand on the same rung for longer than the VM stood still in between
reachable     nobody answers `unreachable`, and no probe after probe is lost while the VM executes
settled       at the end the VM executes on one host, which alone is above `standby`, is preferred, and is forwarded to;
              and the client has reached it there

libvirt tells the agents and the recorder of an event separately, and the router is told after that. So just after a VM
began to execute, and just before it ceased to, the router may still (or already) prefer another host. REACTION is how long
that is let pass. It takes milliseconds; a busy machine may make it some hundred; and what the rules are there to find, such
as a preference for a frozen copy, lasts as long as a copy of the memory or a lease, which are seconds. The rules have no
other tolerance: a gap or a wrong preference of a millisecond in the middle of a copy is found.
"""

from typing import NamedTuple

from .bgp import RUNGS
from .timeline import Forwards

REACTION = 1_000_000_000
ABOVE_STANDBY = RUNGS[: RUNGS.index("standby")]


class Span(NamedTuple):
    """A time in which nothing changes: from `begin` until `end`, in nanoseconds."""

    begin: int
    end: int
    value: object


def judge(timeline, reaction=REACTION):
    """Everything that did not hold, in words; an empty list is a good recording."""
    executions = spans(timeline.executions(), timeline.ended)
    steady = [shrunk for span in executions if len(span.value) == 1 and (shrunk := shrink(span, timeline, reaction))]
    found = []
    for span in executions:
        if len(span.value) > 1 and span.end > span.begin:
            found.append(said(timeline, span, f"the VM executes on {names(span.value)} at once"))
    for router in timeline.routers():
        rungs = spans(timeline.rungs(router), timeline.ended)
        best = spans(timeline.best(router), timeline.ended)
        found += announced(timeline, router, steady, rungs)
        found += preferred(timeline, router, steady, best)
        found += routed(timeline, router, executions, best, reaction)
        found += one_a_rung(timeline, router, executions, rungs, reaction)
        found += settled(timeline, router, executions, rungs, best)
    found += reachable(timeline, steady, executions[-1], reaction)
    return found


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


def shrink(span, timeline, reaction):
    """What remains of an execution when what is next to its beginning and its end is left out."""
    begin = span.begin if span.begin <= timeline.began else span.begin + reaction
    end = span.end if span.end >= timeline.ended else span.end - reaction
    return Span(begin, end, next(iter(span.value))) if begin < end else None


def overlap(first, second):
    """The time that two spans share, with the value of the first."""
    begin, end = max(first.begin, second.begin), min(first.end, second.end)
    return Span(begin, end, first.value) if begin < end else None


def announced(timeline, router, steady, rungs):
    for execution in steady:
        for span in spans([(span.begin, execution.value in span.value) for span in rungs], timeline.ended):
            if not span.value and (shared := overlap(execution, span)):
                yield said(timeline, shared, f"{router} has no route from {execution.value}, where the VM executes")


def preferred(timeline, router, steady, best):
    for execution in steady:
        for span in best:
            if span.value not in (None, execution.value) and (shared := overlap(execution, span)):
                yield said(timeline, shared, f"{router} prefers {span.value}, and the VM executes on {execution.value}")


def routed(timeline, router, executions, best, reaction):
    running = [span for span in executions if span.value]
    if not running:
        return
    begin = running[0].begin if running[0].begin <= timeline.began else running[0].begin + reaction
    needed = Span(begin, running[-1].end, None)
    for span in best:
        if span.value is None and (shared := overlap(needed, span)):
            yield said(timeline, shared, f"{router} has no route at all")


def one_a_rung(timeline, router, executions, rungs, reaction):
    def shared_rungs(at):
        marked = sorted((rung, host) for host, rung in at.items() if rung)
        return tuple((rung, host, other) for (rung, host), (same, other) in zip(marked, marked[1:]) if rung == same)
    for span in spans([(span.begin, shared_rungs(span.value)) for span in rungs], timeline.ended):
        if not span.value:
            continue
        still = sum(frozen.end - frozen.begin for execution in executions
                    if not execution.value and (frozen := overlap(execution, span)))
        if span.end - span.begin > still + reaction:
            rung, host, other = span.value[0]
            yield said(timeline, span, f"{router} has {host} and {other} both on {rung}")


def settled(timeline, router, executions, rungs, best):
    last = executions[-1].value
    if len(last) != 1:
        yield f"at the end: the VM executes on {names(last) or 'no host'}"
        return
    [host] = last
    above = {neighbor for neighbor, rung in rungs[-1].value.items() if rung in ABOVE_STANDBY}
    if above != {host}:
        yield f"at the end: {router} has {names(above) or 'no host'} above standby, and the VM executes on {host}"
    for what, neighbor in (("prefers", best[-1].value), ("forwards to", timeline.best(router, Forwards)[-1][1])):
        if neighbor != host:
            yield f"at the end: {router} {what} {neighbor}, and the VM executes on {host}"


def reachable(timeline, steady, last, reaction):
    probes = timeline.probes
    for at, sender, kind, code in probes.unreachable:
        yield f"{milliseconds(timeline, at)}: {sender} answered unreachable (ICMP {kind}/{code})"
    for span in lost_runs(probes):
        for execution in steady:
            shared = overlap(span, execution)
            if shared and shared.end - shared.begin > reaction:
                yield said(timeline, shared, f"no probe was answered, and the VM executes on {execution.value}")
    if not any(arrival for sent, arrival in zip(probes.sent, probes.received) if sent >= last.begin):
        yield "at the end: the client does not reach the VM"


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
