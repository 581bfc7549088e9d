#!/usr/bin/python3
"""Measures roamd through its relay, ExaBGP and BIRD and prints a table; called by tests/bench/run.

    routes.py ROAMD [--smoke] [masses|urgent|restarts]…

What ExaBGP itself is able to do is measured beside it, in turns: a plain API process that writes the very same
commands in one go. --smoke goes through everything once with few routes, and says nothing about speed.
"""

import contextlib
import ipaddress
import itertools
import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass

from parts import (
    HERE,
    Agent,
    Bird,
    Exabgp,
    child_of,
    connect,
    cpu_seconds,
    memory_kib,
    percentiles,
    private_libvirtd,
    row,
    start_vm,
    wait_until,
)

FIRST = ipaddress.ip_address("10.82.0.0")
# Their addresses lie beyond those of the mass.
URGENT = ipaddress.ip_address("10.82.128.0")
WAYS = ("roamd", "piped", "piped, 100 a line")


@dataclass
class Size:
    """How much is measured."""

    masses: tuple
    turns: int
    urgent: int
    burst: int
    bursts: int
    standing: int
    restarts: int


FULL = Size(masses=(1_000, 10_000), turns=3, urgent=100, burst=10_000, bursts=3, standing=1_000, restarts=20)
SMOKE = Size(masses=(60,), turns=1, urgent=3, burst=1_500, bursts=1, standing=30, restarts=2)


class Bench:
    """A directory, a libvirtd, and what is started anew for each measurement."""

    def __init__(self, roamd, directory, uri, size):
        self.roamd, self.directory, self.uri, self.size = roamd, directory, uri, size
        self.connection = connect(uri)
        self.numbers = itertools.count()

    @contextlib.contextmanager
    def host(self, exabgp, vms, running=(), record=None, ready=True):
        """BIRD, the agent and ExaBGP with its relay; gives them, with the pid of each process."""
        place = self.place()
        bird, agent = Bird(place), Agent(self.roamd, place, self.uri, vms)
        for name in running:
            start_vm(self.connection, name)
        relay = f"{self.roamd}-relay --socket {place}/agent.sock --ledger {place}/relay.ledger"
        instead = f"/usr/bin/python3 {HERE}/piped.py record {record} {relay}" if record else None
        try:
            with bird.running(), agent.running() as process:
                with exabgp.running(bird, place, self.roamd, instead) as pid:
                    if ready:
                        wait_until("the agent is ready", agent.is_ready)
                    yield bird, agent, process, pid
        finally:
            for domain in self.connection.listAllDomains():
                if domain.name() in vms:
                    domain.destroy()

    @contextlib.contextmanager
    def piped(self, exabgp, commands):
        """BIRD, and ExaBGP with a process that waits to write commands; gives both and how to let it."""
        place = self.place()
        bird, go = Bird(place), place / "go"
        os.mkfifo(go)
        (place / "commands").write_text("".join(commands))
        instead = f"/usr/bin/python3 {HERE}/piped.py write {place}/commands {go}"
        with bird.running(), exabgp.running(bird, place, self.roamd, instead) as pid:
            yield bird, pid, lambda: go.write_bytes(b"!")

    def place(self):
        place = self.directory / str(next(self.numbers))
        place.mkdir()
        return place


def addresses(first, number):
    return [str(first + n) for n in range(number)]


def a_command(bench, exabgp):
    """The line by which roamd announces the route of a VM that has just begun to run."""
    path = bench.directory / f"recorded-{exabgp.version}"
    [address] = addresses(FIRST, 1)
    with bench.host(exabgp, {"mass": [address]}, record=path) as (bird, *_):
        start_vm(bench.connection, "mass")
        wait_until("the route is there", lambda: bird.has(address))
    lines = [line for line in path.read_text().splitlines() if f" {address}/32 " in line]
    if len(lines) != 1 or not lines[0].startswith(f"announce route {address}/32 "):
        sys.exit(f"roamd should have announced {address} once: {lines}")
    return lines[0].removeprefix(f"announce route {address}/32 ")


def until_all(bird, number, pid, begin):
    """Seconds from the beginning until BIRD has all routes, and ExaBGP's CPU time meanwhile."""
    used, begun = cpu_seconds(pid), time.monotonic()
    begin()
    wait_until(f"BIRD has {number} routes", lambda: bird.routes() >= number, pause=0.005, limit=120)
    return time.monotonic() - begun, cpu_seconds(pid) - used


def mass(bench, exabgp, way, number, attributes):
    """One measurement of announcing so many routes, one way."""
    targets = addresses(FIRST, number)
    if way == "roamd":
        with bench.host(exabgp, {"mass": targets}) as (bird, _, agent, pid):
            result = until_all(bird, number, pid, lambda: start_vm(bench.connection, "mass"))
            return result, (memory_kib(child_of(pid)), memory_kib(agent.pid), memory_kib(pid))
    if way == "piped":
        commands = [f"announce route {address}/32 {attributes}\n" for address in targets]
    else:
        chunks = [targets[n : n + 100] for n in range(0, number, 100)]
        prefixes = [" ".join(f"{address}/32" for address in chunk) for chunk in chunks]
        commands = [f"announce attributes {attributes} nlri {chunk}\n" for chunk in prefixes]
    with bench.piped(exabgp, commands) as (bird, pid, go):
        return until_all(bird, number, pid, go), None


def masses(bench, exabgp):
    """Routes a second, and memory."""
    attributes = a_command(bench, exabgp)
    for number in bench.size.masses:
        results, memory = {way: [] for way in WAYS}, []
        for _ in range(bench.size.turns):
            # In turns, so that a noisy minute meets all.
            for way in WAYS:
                result, memories = mass(bench, exabgp, way, number, attributes)
                results[way].append(result)
                memory += [memories] if memories else []
        base = statistics.median(seconds for seconds, _ in results["piped"])
        print(f"\nExaBGP {exabgp.version}, {number} routes announced, {bench.size.turns} times each")
        row("", "", ["least", "median", "most", "of piped", "its CPU"])
        for way, measured in results.items():
            rates = sorted(number / seconds for seconds, _ in measured)
            middle = statistics.median(rates)
            cpu = statistics.median(used for _, used in measured)
            columns = [f"{rates[0]:.0f}", f"{middle:.0f}", f"{rates[-1]:.0f}", f"{middle * base / number:.0%}"]
            row(way, "/s", [*columns, f"{cpu:.2f} s"])
        row("", "", ["resident", "private"])
        for index, part in enumerate(("relay", "agent", "ExaBGP")):
            largest = [max(one[index][kind] for one in memory) / 1024 for kind in (0, 1)]
            row(f"memory of {part}, largest", "MiB", [f"{value:.1f}" for value in largest])


def withdraws(bench, bird, names, until):
    """Milliseconds from the end of each VM in turn to the loss of its route, as long as it is not `until`."""
    measured = []
    for name, address in names.items():
        domain = start_vm(bench.connection, name)
        wait_until(f"BIRD has {address}", lambda: bird.has(address), pause=0.001)
        time.sleep(random.uniform(0, 0.02))
        begun = time.monotonic()
        domain.destroy()
        wait_until(f"BIRD loses {address}", lambda: not bird.has(address), pause=0.0002)
        took = time.monotonic() - begun
        if until():
            break
        measured.append(took * 1000)
    return measured


def urgent(bench, exabgp):
    """How long one withdraw takes, alone and while a mass is announced."""
    number = bench.size.burst
    names = {f"urgent-{n}": address for n, address in enumerate(addresses(URGENT, bench.size.urgent))}
    vms = {"mass": addresses(FIRST, number)} | {name: [address] for name, address in names.items()}
    times = {"alone": [], "in the burst": []}
    for _ in range(bench.size.bursts):
        # What runs already when the agent starts is the mass: nobody waits for it as for a VM that has just arrived.
        with bench.host(exabgp, vms, running=["mass"], ready=False) as (bird, agent, *_):
            wait_until("the mass begins", bird.routes, pause=0.005)
            times["in the burst"] += withdraws(bench, bird, names, until=lambda: bird.routes() >= number)
            wait_until("the agent is ready", lambda: bird.routes() >= number and agent.is_ready(), limit=120)
            # Each withdraw is repeated.
            time.sleep(1)
            times["alone"] += withdraws(bench, bird, names, until=lambda: False)
    print(f"\nExaBGP {exabgp.version}, a VM's end to the loss of its route, while {number} others are announced")
    row("", "", ["p50", "p90", "p99", "most", "n"])
    for when, measured in times.items():
        if len(measured) < 2:
            sys.exit(f"the mass was announced before a withdraw could be measured ({when})")
        ranks = [*percentiles(measured), max(measured)]
        row(when, "ms", [*(f"{value:.1f}" for value in ranks), len(measured)])


def restarts(bench, exabgp):
    """What BIRD hears while the agent is stopped, killed and started again."""
    number = bench.size.standing
    with bench.host(exabgp, {"mass": addresses(FIRST, number)}, running=["mass"]) as (bird, agent, first, _):
        wait_until("BIRD has all routes", lambda: bird.routes() == number)
        before, least = bird.heard(), number
        ending, took = first, []
        with contextlib.ExitStack() as stack:
            for turn in range(bench.size.restarts):
                ending.send_signal(signal.SIGKILL if turn % 2 else signal.SIGTERM)
                ending.wait()
                begun = time.monotonic()
                ending = stack.enter_context(agent.running())
                wait_until("the agent is ready again", agent.is_ready)
                took.append(time.monotonic() - begun)
                least = min(least, bird.routes())
            # What a restart led to, if anything, is on its way.
            time.sleep(1)
            updates, withdraws = (after - was for after, was in zip(bird.heard(), before))
    print(f"\nExaBGP {exabgp.version}, {bench.size.restarts} restarts of the agent, {number} routes")
    row("updates and withdraws that BIRD heard", "", [updates, withdraws])
    row("the fewest routes that it had", "", [least])
    row("agent started to ready again, median", "ms", [f"{statistics.median(took) * 1000:.0f}"])
    if updates or withdraws or least < number:
        sys.exit("a restart of the agent moved a route")


def main():
    roamd, *words = sys.argv[1:]
    size = SMOKE if "--smoke" in words else FULL
    chosen = [measure for measure in (masses, urgent, restarts) if measure.__name__ in words]
    versions = [Exabgp("4.2"), Exabgp("5.0")]
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        with private_libvirtd(pathlib.Path(name)) as uri:
            bench = Bench(pathlib.Path(roamd).resolve(), pathlib.Path(name), uri, size)
            for measure in chosen or (masses, urgent, restarts):
                for exabgp in versions:
                    measure(bench, exabgp)
            bench.connection.close()


if __name__ == "__main__":
    main()
