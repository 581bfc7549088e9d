#!/usr/bin/python3
"""What roamd costs a host as a service, with many VMs and nothing happening, and how long its start takes.

    service.py ROAMD [VMS] [SECONDS] [STARTS]

Through libvirt's test driver, ExaBGP 4.2 with the relay, and BIRD. `ready` is what systemd hears: READY=1.
"""

import contextlib
import json
import os
import pathlib
import socket
import statistics
import sys
import tempfile
import time

from parts import Agent, Bird, Exabgp, connect, memory_kib, private_libvirtd, process, row, start_vm, wait_until


class Manager:
    """Who listens in systemd's place."""

    def __init__(self, directory):
        self.place = directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.place))
        self.socket.settimeout(60)

    @contextlib.contextmanager
    def service(self, agent, stdout=None):
        """Starts an agent as its unit has it; gives the process and after how many milliseconds it was ready."""
        environment = os.environ | {"NOTIFY_SOCKET": str(self.place), "WATCHDOG_USEC": "20000000", "MALLOC_ARENA_MAX": "2"}
        begun = time.monotonic()
        with (agent.directory / "roamd.log").open("a") as log, process(
            [agent.roamd, "run", "--config", agent.path], env=environment, stdout=stdout, stderr=log
        ) as running:
            while b"READY=1" not in self.socket.recv(8192).splitlines():
                pass
            yield running, (time.monotonic() - begun) * 1000


def usage(pid):
    """Seconds of CPU of all threads, to the nanosecond, and how often they were woken."""
    seconds = woken = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        status = (task / "status").read_text().splitlines()
        woken += int(next(line for line in status if line.startswith("voluntary_ctxt_switches")).split()[1])
    return seconds, woken


def printing(agent):
    """The same agent without an ExaBGP: its commands go nowhere."""
    config = json.loads(agent.path.read_text())
    config["exabgp"] = {"transport": "print"}
    agent.path = agent.path.with_name("printing.yaml")
    agent.path.write_text(json.dumps(config))
    return agent


def starts(manager, agent, number, stdout=None):
    """Milliseconds to READY, of several starts."""
    took = []
    for _ in range(number):
        with manager.service(agent, stdout) as (running, millis):
            took.append(millis)
            running.terminate()
            running.wait()
    return took


def main():
    roamd = pathlib.Path(sys.argv[1]).resolve()
    number, seconds, times = (int(word) for word in (*sys.argv[2:], *("1000", "600", "9")[len(sys.argv) - 2:]))
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; {number} VMs")
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        directory = pathlib.Path(name)
        with private_libvirtd(directory) as uri:
            connection = connect(uri)
            vms = {f"vm-{n}": [f"10.82.{n >> 8}.{n & 255}"] for n in range(number)}
            running = [start_vm(connection, vm) for vm in vms]
            manager, bird = Manager(directory), Bird(directory)
            with bird.running(), Exabgp("4.2").running(bird, directory, roamd):
                agent = Agent(roamd, directory, uri, vms)
                with manager.service(agent) as (service, _):
                    wait_until("the switch has all routes", lambda: bird.routes() == number, limit=120)
                    wait_until("the agent is ready", agent.is_ready)
                    (cpu, woken), begun = usage(service.pid), time.monotonic()
                    time.sleep(seconds)
                    (cpu_after, woken_after), idle = usage(service.pid), time.monotonic() - begun
                    resident, private = memory_kib(service.pid)
                    service.terminate()
                    service.wait()
                whole = starts(manager, agent, times)
            alone = starts(manager, printing(Agent(roamd, directory, uri, vms)), times, open(os.devnull, "w"))
            del running
            connection.close()
    row("resident, idle", "MiB", [f"{resident / 1024:.1f}"])
    row("of which private", "MiB", [f"{private / 1024:.1f}"])
    row(f"CPU of one core over {idle:.0f} idle seconds", "%", [f"{(cpu_after - cpu) / idle * 100:.3f}"])
    row("wakeups of all threads", "1/s", [f"{(woken_after - woken) / idle:.1f}"])
    row("", "", ["median", "most", "n"])
    for title, took in (("start to READY, without ExaBGP", alone), ("start to READY, ExaBGP's routes found again", whole)):
        row(title, "ms", [f"{statistics.median(took):.0f}", f"{max(took):.0f}", len(took)])


if __name__ == "__main__":
    main()
