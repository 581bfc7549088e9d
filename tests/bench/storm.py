#!/usr/bin/python3
"""Drives roamd through its relay, ExaBGP and BIRD as hard as libvirtd can, with the REST view under full load; called by
tests/bench/run.

    storm.py ROAMD [--smoke]

A thousand VMs of libvirt's test driver are started, suspended, resumed and destroyed ten thousand times, as fast as
libvirtd takes it; then fifty of them change at once, as when a host is emptied, while the rest goes on changing. All of it with
ExaBGP as it is, and with one that stands still for nine tenths of the time. Whatever comes of it, the switch must have
in the end what libvirt has, and memory must stay bounded: that is checked, and ends the program with an error where it is not so.
The figures are printed.
The test driver cannot migrate: what stands for a switch-over is a VM that is suspended, whose event tells as much by itself.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import threading
import time

from events import logged
from parts import Agent, Bird, Exabgp, child_of, connect, percentiles, private_libvirtd, row, start_vm, wait_until
from routes import FIRST, addresses
from views import load

FULL = {"vms": 1_000, "changes": 10_000, "storm": 50, "storms": 5, "streams": 100}
SMOKE = {"vms": 40, "changes": 400, "storm": 10, "storms": 1, "streams": 5}
THREADS = 4
# Seconds: how long the slow ExaBGP stands still, and how long it then goes on.
STILL, GOES_ON = 0.18, 0.02
# Whose routes stand for what: the rungs of roamd's ladder on which a VM's may be.
RUNGS = {"running": (0, 1), "paused": (3,)}
PATIENCE = 300
# The most resident memory in MiB that is no leak and no queue without a bound. The relay's own bounds are 4 MiB to ExaBGP and 8 to
# the agent (src/relay.rs), each of which may stand in memory twice while it grows; roamd's are 10,000 events of its log and what
# is open to ExaBGP.
MOST = {"roamd": 96, "relay": 32}


class Changer:
    """Changes some VMs by chance, and knows what state each is left in."""

    def __init__(self, uri, vms, seed):
        self.connection, self.chance = connect(uri), random.Random(seed)
        self.states = dict.fromkeys(vms, "running")

    def change(self):
        name = self.chance.choice(list(self.states))
        state = self.states[name]
        if state == "absent":
            start_vm(self.connection, name)
            self.states[name] = "running"
            return
        domain = self.connection.lookupByName(name)
        if self.chance.random() < 0.1:
            domain.destroy()
            self.states[name] = "absent"
        elif state == "running":
            domain.suspend()
            self.states[name] = "paused"
        else:
            domain.resume()
            self.states[name] = "running"


def at_once(jobs):
    """Runs all of these in threads of their own, and waits for them; the first error is raised."""
    errors = []

    def guarded(job):
        try:
            job()
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def slowed(pid):
    """A process that mostly stands still, until the block ends."""
    over = threading.Event()

    def hold():
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            over.wait(STILL)
            os.kill(pid, signal.SIGCONT)
            over.wait(GOES_ON)
    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()


def rungs(bird):
    """The rung of each route at the switch."""
    found, prefix = {}, None
    for line in bird.ask("show route table master4 all").splitlines():
        if match := re.search(r"(10\.82\.\d+\.\d+)/32 ", line):
            prefix = match[1]
        elif prefix and (match := re.search(r"large_community:.*\(\d+, ?82, ?(\d)\)", line)):
            found[prefix] = int(match[1])
    return found


def wrong(bird, expected):
    """The VMs of whose routes the switch has something else than libvirt says."""
    found = rungs(bird)
    return [name for name, (address, state) in expected.items()
            if found.get(address) not in RUNGS.get(state, (None,))]


def high_water_kib(pid):
    """The most resident memory that a process ever had."""
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


class Host:
    """An agent, its relay, ExaBGP and the switch, with all VMs running."""

    def __init__(self, stack, roamd, directory, uri, size):
        self.size, self.uri = size, uri
        directory.mkdir()
        self.vms = {f"vm-{number}": address for number, address in enumerate(addresses(FIRST, size["vms"]))}
        self.bird = Bird(directory)
        self.agent = Agent(roamd, directory, uri, {name: [address] for name, address in self.vms.items()})
        # The agent's own figures come from its debug lines.
        config = json.loads(self.agent.path.read_text()) | {"log": {"level": "debug", "format": "json"}}
        self.agent.path.write_text(json.dumps(config))
        self.log = directory / "roamd.log"
        self.connection = connect(uri)
        for name in self.vms:
            start_vm(self.connection, name)
        stack.enter_context(self.bird.running())
        self.process = stack.enter_context(self.agent.running())
        self.exabgp = stack.enter_context(Exabgp("4.2").running(self.bird, directory, roamd))
        wait_until("the agent is ready", self.agent.is_ready, limit=PATIENCE)
        names = list(self.vms)
        self.changers = [Changer(uri, names[number::THREADS], number) for number in range(THREADS)]

    def agrees(self):
        """Seconds until the switch has what libvirt has."""
        begun = time.monotonic()
        expected = {name: (self.vms[name], state) for changer in self.changers for name, state in changer.states.items()}
        wait_until("the switch has what libvirt has", lambda: not wrong(self.bird, expected), pause=0.1, limit=PATIENCE)
        wait_until("every route is acknowledged", self.agent.is_ready, limit=PATIENCE)
        return time.monotonic() - begun

    def changed(self, number):
        """Seconds for so many changes, and until the switch has what they came to."""
        each = number // len(self.changers)
        begun = time.monotonic()
        at_once([lambda changer=changer: [changer.change() for _ in range(each)] for changer in self.changers])
        return time.monotonic() - begun, self.agrees()

    def stormed(self):
        """Some running VMs are suspended at once while others change; what each took from the event to the bytes, in us."""
        before = len(self.written())
        first, *rest = self.changers
        over = threading.Event()
        victims = [name for name, state in first.states.items() if state == "running"][:self.size["storm"]]

        def storm():
            try:
                for name in victims:
                    first.connection.lookupByName(name).suspend()
                    first.states[name] = "paused"
            finally:
                over.set()

        def go_on(changer):
            while not over.is_set():
                changer.change()
        at_once([storm, *(lambda changer=changer: go_on(changer) for changer in rest)])
        self.agrees()
        return self.written()[before:]

    def written(self):
        """What each step took from libvirt's event, as the agent logged it so far."""
        return logged(self.log, "step written", "event_to_written_us")

    def memory(self):
        return [high_water_kib(pid) for pid in (self.process.pid, child_of(self.exabgp), self.exabgp)]

    def close(self):
        for changer in self.changers:
            changer.connection.close()
        for domain in self.connection.listAllDomains():
            if domain.name() in self.vms:
                domain.destroy()
        self.connection.close()


def tried(roamd, directory, uri, size, slow):
    """All of it with one ExaBGP; its figures."""
    with contextlib.ExitStack() as stack:
        host = Host(stack, roamd, directory, uri, size)
        before = host.memory()
        with load(host.agent.port, size["streams"]), slowed(host.exabgp) if slow else contextlib.nullcontext():
            changes, agreed = host.changed(size["changes"])
            written = [each for _ in range(size["storms"]) for each in host.stormed()]
        host.agrees()
        figures = changes, agreed, written, before, host.memory()
        host.close()
        return figures


def report(size, results):
    """Prints the table."""
    print(f"{size['vms']} VMs, {size['changes']} changes, {size['storms']} times {size['storm']} at once, REST under load, "
          f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the end\n")
    row("", "", ["ExaBGP", "slow"])

    def line(title, unit, figure, form="{:.1f}"):
        row(title, unit, [form.format(figure(each)) for each in results])
    line("changes as fast as libvirtd takes them", "1/s", lambda each: size["changes"] / each[0], "{:.0f}")
    line("after the last one, until the switch has it all", "s", lambda each: each[1], "{:.2f}")
    for index, rank in enumerate(("p50", "p90", "p99")):
        line(f"event to bytes written in the storm, {rank}", "ms",
             lambda each, index=index: percentiles(each[2])[index] / 1000, "{:.2f}")
    line("the slowest of them", "ms", lambda each: max(each[2]) / 1000)
    for index, part in enumerate(("roamd", "relay", "ExaBGP")):
        line(f"most resident memory of {part}, before", "MiB", lambda each, index=index: each[3][index] / 1024)
        line("  after", "MiB", lambda each, index=index: each[4][index] / 1024)


def main():
    roamd, size = pathlib.Path(sys.argv[1]).resolve(), SMOKE if "--smoke" in sys.argv[2:] else FULL
    results = []
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        directory = pathlib.Path(name)
        with private_libvirtd(directory) as uri:
            for slow in (False, True):
                results.append(tried(roamd, directory / ("slow" if slow else "quick"), uri, size, slow))
    report(size, results)
    for *_, after in results:
        for part, found in zip(MOST, after):
            if found > MOST[part] * 1024:
                sys.exit(f"{part} took {found / 1024:.1f} MiB, and {MOST[part]} are the most")


if __name__ == "__main__":
    main()
