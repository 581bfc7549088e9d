#!/usr/bin/python3
"""Measures roamd on the configuration of a large fleet and prints a table; called by tests/bench/run.

    fleet.py ROAMD [VMS [ROUNDS]]

Each VM has a uuid, an IPv4 and an IPv6 address, and a community. Beside roamd, PyYAML's safe loader makes its values of the
same file, in Python and by libyaml, and judges nothing.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from parts import free_port, memory_kib, process, row, wait_until

LOADERS = {"PyYAML, SafeLoader": "SafeLoader", "PyYAML on libyaml, CSafeLoader": "CSafeLoader"}
LOAD = "import sys, yaml; print(len(yaml.load(open(sys.argv[1], encoding='utf-8'), yaml.{loader})['vms']))"


def write_fleet(path, number, port):
    """The file: block style, as people and generators write it."""
    with path.open("w") as file:
        file.write(
            "libvirt: {uri: test:///default, read_write: true}\n"
            "exabgp: {transport: print}\n"
            "bgp:\n"
            "  local_as: 65101\n"
            "  next_hop_v6: 2001:db8:1::1\n"
            "  allowed_prefixes: [10.0.0.0/8, '2001:db8:5::/48']\n"
            f"http: {{listen: '127.0.0.1:{port}'}}\n"
            "vms:\n"
        )
        for vm in range(number):
            high, low = divmod(vm, 1 << 16)
            file.write(
                f"  vm-{vm:06}:\n"
                f"    uuid: 00000000-0000-4000-8000-{vm:012x}\n"
                f"    service_ips: [10.{high}.{low >> 8}.{low & 255}, '2001:db8:5::{high:x}:{low:x}']\n"
                f"    attributes: {{communities: ['65101:{vm % 60000}']}}\n"
            )


def timed(command):
    """Seconds until a command has succeeded, and its largest resident memory in MiB."""
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        output = running.stdout.read()
        _, status, usage = os.wait4(running.pid, 0)
        took = time.monotonic() - begun
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        sys.exit(f"{command[0]} ended with {running.returncode}:\n{output[:2000]}")
    return took, usage.ru_maxrss / 1024


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def start(roamd, path, port):
    """Seconds from the agent's start until it is ready, and its resident memory then in MiB."""
    begun = time.monotonic()
    with process([roamd, "run", "--config", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        wait_until("the agent is ready", lambda: is_ready(port), pause=0.005)
        return time.monotonic() - begun, memory_kib(agent.pid)[0] / 1024


def main():
    roamd, number, rounds = sys.argv[1], *map(int, [*sys.argv[2:], 100_000, 5][:2])
    results = {}
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        path, port = pathlib.Path(name) / "fleet.yaml", free_port()
        write_fleet(path, number, port)
        size = path.stat().st_size / 1e6
        ways = {
            "roamd check": lambda: timed([roamd, "check", "--config", path]),
            "roamd run, until it is ready": lambda: start(roamd, path, port),
        }
        ways |= {
            title: lambda loader=loader: timed([sys.executable, "-c", LOAD.format(loader=loader), path])
            for title, loader in LOADERS.items()
        }
        # In turns, so that a noisy minute meets all; what takes a minute itself, once.
        for turn in range(rounds):
            for title, way in ways.items():
                if turn == 0 or results[title][0][0] < 10:
                    results.setdefault(title, []).append(way())
    print(f"\n{number} VMs in {size:.1f} MB of YAML, {rounds} rounds, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    row("", "", ["least", "median", "most", "MiB", "times"])
    base = statistics.median(seconds for seconds, _ in results["roamd check"])
    for title, measured in results.items():
        seconds = sorted(took for took, _ in measured)
        middle = statistics.median(seconds)
        columns = [f"{value:.2f}" for value in (seconds[0], middle, seconds[-1])]
        row(title, "s", [*columns, f"{max(memory for _, memory in measured):.0f}", f"{middle / base:.1f}"])


if __name__ == "__main__":
    main()
