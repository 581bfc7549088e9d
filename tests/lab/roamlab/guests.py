"""Probes from one guest to another, by the service in it (guest/service.rs): what VM to VM is like."""

from .timeline import Probes
from .topology import LabError


def begin(lab, vm, address, interval):
    """Lets a VM probe an address each so many milliseconds."""
    lab.order(vm, f"probe {address} {interval}")


def end(lab, vm, address):
    """Ends that; what the VM saw."""
    return parse(*lab.ask(vm, f"probed {address}"))


def parse(at, answer):
    """The Probes that a service tells of in an answer given at that time (ns): its clock is its own."""
    try:
        now, *probes = answer.split()
        told = at - int(now) * 1000
        times = [probe.split(":") for probe in probes]
        return Probes(tuple(told + int(sent) * 1000 for sent, _ in times),
                      tuple(told + int(received) * 1000 if received else None for _, received in times), ())
    except ValueError:
        raise LabError(f"a guest's probes can't be read: {answer[:200]}") from None
