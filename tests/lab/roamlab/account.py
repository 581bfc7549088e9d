"""What one migration was like, from its recording: its moments, what the client lost, and how it hangs together. Pure.

Called by deploy/demo --migrate. Everything is taken from the recording and nothing from what ought to have happened;
what did not happen is None, and the sentences leave it out.
"""

from dataclasses import dataclass

from .timeline import Deed, Forwards, Lifecycle, Log, Seen

# libvirt tells the recorder and the agent of an event separately; further apart it is not the same event.
SAME_EVENT = 500_000_000


@dataclass(frozen=True)
class Account:
    """One migration. Times are nanoseconds of the recording's clock, spans nanoseconds, but QEMU's own figure is in ms."""

    vm: str
    source: str
    target: str
    router: str
    client: str
    # virsh was started; the target's route reached the router.
    began: int
    offered: int | None
    # libvirt told the source that the guest stands still; roamd gave its order; the router's kernel turned to the target.
    stopped: int | None
    decided: int | None
    turned: int | None
    # The guest ran at the target.
    resumed: int | None
    # What QEMU on the source says of itself.
    downtime_ms: int | None
    # What the client saw.
    sent: int
    lost: int
    longest_loss: int
    silence: int
    silence_began: int
    waited: int
    # The longest time that the client did not get around to send: what of all this is the machine's noise.
    late: int

    @property
    def answered(self):
        """When the silence ended."""
        return self.silence_began + self.silence

    @property
    def silence_less_downtime(self):
        return None if self.downtime_ms is None else self.silence - self.downtime_ms * 1_000_000


def account(timeline, source, target, router, client, interval):
    """The account of a recording in which the VM migrated, as a router and a client saw it; `interval` of its probes in ns."""
    events = told(timeline)
    began = next((entry.at for entry in timeline.of(Deed)), timeline.began)

    def event(host, name):
        return next((entry.at for entry in events if (entry.host, entry.event) == (host, name)), None)

    stopped = event(source, "SUSPENDED")
    downtimes = [entry.detail.get("downtime") for entry in events if (entry.host, entry.event) == (source, "JOB")]
    probes = timeline.probes[client]
    resumed = event(target, "RESUMED")
    silence, silence_began = switch_over_silence(probes, stopped, resumed)
    gaps = [later - earlier for earlier, later in zip(probes.sent, probes.sent[1:])]
    return Account(
        vm=timeline.vm, source=source, target=target, router=router, client=client, began=began,
        offered=first(timeline.of(Seen), began, lambda entry: (entry.router, entry.prefix, entry.host, entry.present) == (
            router, timeline.prefix, target, True)),
        stopped=stopped,
        decided=None if stopped is None else first(
            timeline.of(Log), stopped, lambda entry: entry.host == source and entry.message in ("announce", "withdraw")),
        turned=first(timeline.of(Forwards), began, lambda entry: (entry.router, entry.prefix, entry.neighbors) == (
            router, timeline.prefix, {target})),
        resumed=resumed, downtime_ms=downtimes[0] if downtimes else None,
        sent=len(probes.sent), lost=probes.lost, longest_loss=probes.longest_loss(), silence=silence, silence_began=silence_began,
        waited=len(waiting(probes, silence_began, silence_began + silence)),
        late=max(0, max(gaps, default=interval) - interval))


def switch_over_silence(probes, stopped, resumed):
    """The longest silence that has something of the switch-over in it, and when it began; of all silences without one.

    QEMU also keeps an emulated guest waiting while it first looks through its memory, when nothing is switched.
    """
    if stopped is None or resumed is None:
        return probes.silence()
    return max(((end - begin, begin) for begin, end in silences(probes) if end >= stopped and begin <= resumed), default=(0, 0))


def silences(probes):
    """Each time between two arrivals of answers that follow each other, as (begin, end)."""
    arrivals = sorted(arrival for arrival in probes.received if arrival is not None)
    return list(zip(arrivals, arrivals[1:]))


def first(entries, since, fits):
    """The time of the first entry that fits, not before `since`."""
    return next((entry.at for entry in entries if entry.at >= since and fits(entry)), None)


def told(timeline):
    """libvirt's events of the VM, each at the time at which the first of recorder and agent had it, in order."""
    heard = [entry for entry in timeline.of(Log) if entry.message == "libvirt event" and entry.fields.get("vm") == timeline.vm]
    found = []
    for entry in timeline.of(Lifecycle):
        if entry.vm != timeline.vm:
            continue
        name = f"{entry.event}/{entry.detail}".lower()
        at = [log.at for log in heard if log.host == entry.host and log.fields.get("event") == name
              and abs(log.at - entry.at) < SAME_EVENT]
        found.append(entry._replace(at=min([entry.at, *at])))
    return sorted(found, key=lambda entry: entry.at)


def waiting(probes, begin, end):
    """The arrivals of the answers to probes that were sent within a silence and answered at its end or later."""
    return [received for sent, received in zip(probes.sent, probes.received)
            if begin <= sent < end and received is not None and received >= end]


def sentences(found):
    """What one has just seen, for the reader of a timeline."""
    if None in (found.offered, found.stopped, found.turned, found.resumed):
        return
    ahead = found.stopped - found.offered
    yield (f"{found.target} offered the route on a low rung while the memory was being copied, {milliseconds(abs(ahead))} "
           f"{'before' if ahead >= 0 else 'after'} {found.source} stopped.")
    lead = found.resumed - found.turned
    yield (f"{found.source} lowered its own when the guest stood still, and {found.router} forwarded to {found.target} "
           f"{milliseconds(abs(lead))} {'before' if lead >= 0 else 'AFTER'} the guest ran there.")
    if found.waited and found.answered >= found.resumed:
        yield (f"{counted(found.waited, 'probe')} waited in {found.target}'s tap meanwhile and "
               f"{'were' if found.waited != 1 else 'was'} answered, the first {milliseconds(found.answered - found.resumed)} after "
               f"the guest ran.")
    steps = switch_over(found)
    if found.lost and steps:
        yield (f"{counted(found.lost, 'probe')} {'were' if found.lost != 1 else 'was'} lost. From {found.source}'s last answer to "
               f"{found.router}'s turn it took {milliseconds(sum(span for span, _ in steps))}: "
               + ", ".join(f"{milliseconds(span)} {what}" for span, what in steps) + ".")
    elif not found.lost:
        yield "No probe was lost."


def unseen(found):
    """The moments of a migration that did not come, in words."""
    moments = (
        (found.offered, f"{found.router} got no route from {found.target}"),
        (found.stopped, f"libvirt on {found.source} did not tell that the guest stopped"),
        (found.turned, f"{found.router} never forwarded to {found.target}"),
        (found.resumed, f"libvirt on {found.target} did not tell that the guest runs"),
        (found.downtime_ms, f"QEMU on {found.source} did not tell its downtime"),
    )
    return [text for moment, text in moments if moment is None]


def switch_over(found):
    """Where the time from the source's last answer to the router's turn went; empty if it did not go in that order."""
    marks = [found.silence_began, found.stopped, found.decided, found.turned, found.answered]
    if None in marks or marks != sorted(marks):
        return []
    names = ("until libvirt told", "in roamd", f"by ExaBGP, BGP and {found.router}")
    return [(later - earlier, name) for earlier, later, name in zip(marks, marks[1:], names)]


def milliseconds(span):
    return f"{span / 1e6:.1f} ms"


def counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
