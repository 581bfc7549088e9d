#!/usr/bin/python3
"""Measures what roamd's views cost, and that they cost the agent nothing; prints a table; called by tests/bench/run.

    views.py ROAMD [--smoke]

How fast /api/v1/vms is answered (wrk), how soon a stream's client hears of an event, what a thousand streams take of memory,
and how much longer a command takes to follow its event while the REST view is under full load: in turns with and without,
so that a noisy minute meets both. The VMs are those of a private libvirtd's test driver; commands go to stdout, and nobody
answers. wrk and the streams' client share this machine's CPUs with the agent.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from events import Follower, configuration, logged
from parts import LIMIT_SECONDS, connect, memory_kib, need, percentiles, private_libvirtd, process, row, start_vm, wait_until

FULL = {"vms": (10, 10_000), "running": 200, "streams": 1_000, "changes": 300, "turns": 4, "seconds": 5}
SMOKE = {"vms": (10, 50), "running": 10, "streams": 20, "changes": 20, "turns": 1, "seconds": 1}


def stream(port):
    """A connection that follows the event stream."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS)
    connection.sendall(f"GET /api/v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    # It begins with what happens after the greeting.
    greeting = b""
    while b"event: hello" not in greeting:
        read = connection.recv(1 << 10)
        if not read:
            sys.exit("a stream ended")
        greeting += read
    return connection


def drain(port, number):
    """Follows so many streams and throws away what they say; a program of its own, until it is killed."""
    selector = selectors.DefaultSelector()
    for _ in range(number):
        connection = stream(port)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
    print("open", flush=True)
    while True:
        for key, _ in selector.select():
            if not key.fileobj.recv(1 << 16):
                sys.exit("a stream ended")


@contextlib.contextmanager
def streams(port, number):
    """So many open streams."""
    with process([sys.executable, __file__, "--drain", port, number], stdout=subprocess.PIPE, text=True) as client:
        if client.stdout.readline() != "open\n":
            sys.exit("the streams could not be opened")
        yield


def wrk(port, seconds, connections):
    """wrk's answer for the list of VMs: requests a second, and the 99th percentile in ms."""
    url = f"http://127.0.0.1:{port}/api/v1/vms"
    command = [need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text:
        sys.exit(text)
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return rate, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


class Listener:
    """A client of the stream that says when it heard of a VM's presence."""

    def __init__(self, stack, port):
        self.lines = stack.enter_context(stream(port)).makefile("rb")

    def presence(self):
        """The VM of the next change of presence, and when it was heard."""
        kind = None
        for line in self.lines:
            at = time.monotonic()
            if line.startswith(b"event: "):
                kind = line.split()[1]
            elif line.startswith(b"data: ") and kind == b"presence":
                return json.loads(line[6:])["vm"], at
        sys.exit("the stream ended")


class Bench:
    """An agent with its VMs."""

    def __init__(self, stack, roamd, directory, config):
        self.config, self.port = config, int(config["http"]["listen"].split(":")[1])
        path, self.log = directory / f"{self.port}.yaml", directory / f"{self.port}.log"
        path.write_text(json.dumps(config))
        self.follower = Follower(stack, [roamd, "run", "--config", str(path)], self.log)
        wait_until("the agent is ready", self.is_ready)

    def is_ready(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
            return answer.status == 200
        return False

    def memory(self):
        return memory_kib(self.follower.process.pid)[1] / 1024

    def change(self, connection, running, number, listener=None):
        """Suspends and resumes VMs in turn; gives the latencies to the command, and to the listener."""
        commands, heard = [], []
        for turn in range(number):
            if turn % 2 == 0:
                name = random.choice(running)
                domain = connection.lookupByName(name)
            prefix = f"{self.config['vms'][name]['service_ips'][0]}/32"
            begun = time.monotonic()
            domain.suspend() if turn % 2 == 0 else domain.resume()
            commands.append(self.follower.command_for(prefix)[0] - begun)
            if listener is not None:
                vm, at = listener.presence()
                assert vm == name, (vm, name)
                heard.append(at - begun)
        return commands, heard

    def written(self):
        """How long each event took to its command's last byte so far, by the agent's own clock."""
        return logged(self.log, "step written", "event_to_written_us")


@contextlib.contextmanager
def load(port, number):
    """The REST view under full load, until the block ends."""
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            wrk(port, 2, 32)

    with streams(port, number):
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield
        finally:
            ended.set()
            asking.join()


def latencies(bench, connection, running, size):
    """Event to stream, alone and among many; and memory before and with them."""
    with contextlib.ExitStack() as stack:
        listener = Listener(stack, bench.port)
        bench.change(connection, running, 20, listener)
        before = bench.memory()
        alone = bench.change(connection, running, size["changes"], listener)[1]
        with streams(bench.port, size["streams"]):
            opened = bench.memory()
            among = bench.change(connection, running, size["changes"], listener)[1]
            used = bench.memory()
    return alone, among, (before, opened, used)


def main():
    roamd, size = sys.argv[1], SMOKE if "--smoke" in sys.argv[2:] else FULL
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        uri = stack.enter_context(private_libvirtd(directory))
        connection = connect(uri)
        running = [f"vm-{number}" for number in range(size["running"])]
        for vm in running:
            start_vm(connection, vm)
        benches = []
        for number in size["vms"]:
            # The agent's own figures come from its debug lines.
            benches.append(Bench(stack, roamd, directory, configuration(uri, number, "debug")))
        large = benches[-1]
        rates = [wrk(bench.port, size["seconds"], 32) for bench in benches]
        known = [vm for vm in running if vm in large.config["vms"]]
        alone, among, memory = latencies(large, connection, known, size)
        without, under = [], []
        for _ in range(size["turns"]):
            for figures, under_load in ((without, False), (under, True)):
                with load(large.port, size["streams"]) if under_load else contextlib.nullcontext():
                    before = len(large.written())
                    commands, _ = large.change(connection, known, size["changes"])
                    figures.append((commands, large.written()[before:]))
        for bench in benches:
            bench.follower.process.send_signal(signal.SIGTERM)
            bench.follower.process.wait(timeout=LIMIT_SECONDS)
        connection.close()
    report(size, rates, (alone, among), memory, (without, under))


def report(size, rates, heard, memory, turns):
    """Prints the table."""
    print(f"{size['running']} running VMs, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the end\n")
    for number, (rate, p99) in zip(size["vms"], rates):
        row(f"/api/v1/vms with {number} VMs, 32 connections", "1/s", [f"{rate:.0f}"])
        row("  99th percentile", "ms", [f"{p99:.1f}"])
    for title, values in zip(("alone", f"among {size['streams']} streams"), heard):
        for rank, value in zip(("p50", "p90", "p99"), percentiles(values)):
            row(f"suspend called to event heard, {title}, {rank}", "ms", [f"{value * 1000:.2f}"])
    for title, value in zip(("one stream", f"{size['streams']} more, idle", "the same after the changes"), memory):
        row(f"private memory with {title}", "MiB", [f"{value:.1f}"])
    print("\nevent to command, without and with the REST view under full load (wrk and the streams)")
    row("", "", ["without", "with", "ratio"])
    for index, (title, unit, scale) in enumerate((
        ("suspend or resume called to command read", "ms", 1000),
        ("libvirt's callback to bytes written", "us", 1),
    )):
        without, under = ([value for turn in figures for value in turn[index]] for figures in turns)
        for rank, a, b in zip(("p50", "p90", "p99"), percentiles(without), percentiles(under)):
            row(f"{title}, {rank}", unit, [f"{a * scale:.2f}", f"{b * scale:.2f}", f"{b / a:.2f}"])
        row(f"{title}, mean", unit, [*(f"{statistics.mean(v) * scale:.2f}" for v in (without, under)),
                                     f"{statistics.mean(under) / statistics.mean(without):.2f}"])


if __name__ == "__main__":
    if sys.argv[1] == "--drain":
        drain(*map(int, sys.argv[2:]))
    main()
