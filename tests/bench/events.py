#!/usr/bin/python3
"""Measures roamd and naive.py with many VMs and prints a table; called by tests/bench/run.

    events.py ROAMD [VMS [CHANGES]]

The VMs are those of a private libvirtd's test driver; both programs print their commands and nobody answers, so
that neither ExaBGP nor a switch is part of the figures.
"""

import contextlib
import ipaddress
import json
import os
import pathlib
import queue
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from parts import (
    HERE,
    LIMIT_SECONDS,
    connect,
    free_port,
    memory_kib,
    percentiles,
    private_libvirtd,
    process,
    row,
    start_vm,
)

ROUNDS = 3
WARM_UP = 20
SCRAPES = 50


def configuration(uri, number, level):
    """roamd's configuration as JSON, which is YAML too; a VM's address follows from its name."""
    first = ipaddress.ip_address("10.82.0.0")
    return {
        "libvirt": {"uri": uri, "read_write": True},
        "exabgp": {"transport": "print"},
        "bgp": {"local_as": 65101},
        "http": {"listen": f"127.0.0.1:{free_port()}"},
        "log": {"level": level, "format": "json"},
        "vms": {f"vm-{n}": {"service_ips": [str(first + n)]} for n in range(number)},
    }


class Follower:
    """A running agent whose commands are read as they come."""

    def __init__(self, stack, command, log):
        self.started = time.monotonic()
        errors = stack.enter_context(log.open("w"))
        self.process = stack.enter_context(process(command, stdout=subprocess.PIPE, stderr=errors, text=True))
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line))

    def command_for(self, prefix):
        """When the next command for this prefix, or any for None, was read, and its prefix."""
        while True:
            at, line = self.lines.get(timeout=LIMIT_SECONDS)
            words = line.split()
            if prefix is None or words[2] == prefix:
                return at, words[2]


def scrape(config):
    """Seconds that one answer of /metrics takes, and its bytes."""
    begun = time.monotonic()
    with urllib.request.urlopen(f"http://{config['http']['listen']}/metrics", timeout=LIMIT_SECONDS) as answer:
        size = len(answer.read())
    return time.monotonic() - begun, size


def follow(command, log, connection, config, changes, scrapes=None):
    """One round: seconds until all is announced, latencies of suspend and resume in turn, memory in KiB.

    Where `scrapes` is a list, it gets what answers of /metrics take.
    """
    prefixes = {name: f"{vm['service_ips'][0]}/32" for name, vm in config["vms"].items()}
    with contextlib.ExitStack() as stack:
        follower = Follower(stack, command, log)
        missing, last = set(prefixes.values()), None
        while missing:
            last, prefix = follower.command_for(None)
            missing.discard(prefix)
        latencies = []
        for number in range(WARM_UP + changes):
            if number % 2 == 0:
                name = random.choice(list(prefixes))
                domain = connection.lookupByName(name)
            begun = time.monotonic()
            domain.suspend() if number % 2 == 0 else domain.resume()
            at, _ = follower.command_for(prefixes[name])
            if number >= WARM_UP:
                latencies.append(at - begun)
        memory = memory_kib(follower.process.pid)
        if scrapes is not None:
            scrapes += [scrape(config) for _ in range(SCRAPES)]
        follower.process.send_signal(signal.SIGTERM)
        follower.process.wait(timeout=LIMIT_SECONDS)
    return last - follower.started, latencies, memory


def logged(log, message, field, **where):
    """The values of a field in the JSON lines with this message, and with these values of other fields."""
    values = []
    for line in log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            fields = entry | entry.get("fields", {})
            if fields.get("message") == message and field in fields and where.items() <= fields.items():
                values.append(float(fields[field]))
    return values


def main():
    roamd, number, changes = sys.argv[1], *map(int, [*sys.argv[2:], 1000, 1000][:2])
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        directory = pathlib.Path(name)
        with private_libvirtd(directory) as uri:
            connection = connect(uri)
            paths = {}
            for level in ("info", "debug"):
                config = configuration(uri, number, level)
                paths[level] = directory / f"{level}.yaml"
                paths[level].write_text(json.dumps(config))
            for vm in config["vms"]:
                start_vm(connection, vm)
            commands = {
                "roamd": [roamd, "run", "--config", str(paths["info"])],
                "naive.py": [sys.executable, str(HERE / "naive.py"), str(paths["info"])],
                # Event latencies come from log lines whose writing costs time: in rounds of their own.
                "debug": [roamd, "run", "--config", str(paths["debug"])],
            }
            results = {agent: [] for agent in commands}
            inner, settled, scrapes = {"event": [], "look": []}, [], []
            # The configuration that it runs with has another port than the one of the debug rounds.
            served = json.loads(paths["info"].read_text())
            # In turns, so that a noisy minute meets both.
            for turn in range(ROUNDS):
                for agent, command in commands.items():
                    log = directory / f"{agent}-{turn}.log"
                    asked = scrapes if agent == "roamd" else None
                    results[agent].append(follow(command, log, connection, served, changes, asked))
                    if agent == "debug":
                        # Steps of the start have no event before them, and no such line.
                        for by, values in inner.items():
                            values += logged(log, "step written", "event_to_written_us", decided_by=by)[WARM_UP:]
                    if agent == "roamd":
                        settled += logged(log, "all desired routes acknowledged", "connect_to_settled_ms")[:1]
            connection.close()
    report(number, changes, results, inner, settled, scrapes)


def report(number, changes, results, inner, settled, scrapes):
    """Prints the table."""
    ours, theirs = results["roamd"], results["naive.py"]
    print(f"{number} running VMs, {ROUNDS} rounds of {changes} changes each, {os.cpu_count()} CPUs\n")
    row("", "", ["roamd", "naive.py", "ratio"])

    def compare(title, unit, a, b):
        row(title, unit, [f"{a:.2f}", f"{b:.2f}", f"{b / a:.2f}"])

    for first, operation in enumerate(("suspend", "resume")):
        latencies = [[each for _, round_, _ in rounds for each in round_[first::2]] for rounds in (ours, theirs)]
        for rank, a, b in zip(("p50", "p90", "p99"), *map(percentiles, latencies)):
            compare(f"{operation} called to command read, {rank}", "ms", a * 1000, b * 1000)
    compare(
        f"process started to command {number} read, median",
        "ms",
        *(statistics.median(start * 1000 for start, _, _ in rounds) for rounds in (ours, theirs)),
    )
    for title, index in (("resident memory (Rss), largest", 0), ("private memory, largest", 1)):
        compare(title, "MiB", *(max(memory[index] for _, _, memory in rounds) / 1024 for rounds in (ours, theirs)))

    if any(len(values) < 2 for values in inner.values()) or not settled:
        counts = ", ".join(f"{len(values)} by {by}" for by, values in inner.items())
        sys.exit(f"roamd's log has too few steps written ({counts}), or never settled ({len(settled)})")
    print("\nroamd's own figures: what an event tells by itself, as in a migration, and what takes a look at the VM")
    for by, values in inner.items():
        for rank, value in zip(("p50", "p90", "p99"), percentiles(values)):
            row(f"libvirt's callback to bytes written, by {by}, {rank}", "us", [f"{value:.0f}"])
    row(f"connect to all {number} routes written, median", "ms", [f"{statistics.median(settled):.1f}"])
    for rank, value in zip(("p50", "p90", "p99"), percentiles([seconds for seconds, _ in scrapes])):
        row(f"/metrics asked to answered, {rank}", "ms", [f"{value * 1000:.2f}"])
    row("bytes of /metrics, largest", "KiB", [f"{max(size for _, size in scrapes) / 1024:.1f}"])


if __name__ == "__main__":
    main()
