#!/usr/bin/python3
"""Measures roamd on the configuration of a large fleet and prints a table; called by tests/bench/run.

    fleet.py ROAMD [VMS [ROUNDS]]

Each VM has a uuid, an IPv4 and an IPv6 address, and a community; RUNNING of them run, and one more, which has an IPv4 address
alone. The reload changes the community of that one, and it must be the only route that is touched. Beside roamd, PyYAML's safe
loader makes its values of the same file, in Python and by libyaml, and judges nothing.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from parts import filled, free_port, memory_kib, process, row, wait_until

RUNNING = 100
CHANGED, CHANGED_UUID = "changed", "00000000-0000-4000-9000-000000000000"

LOADERS = {"PyYAML, SafeLoader": "SafeLoader", "PyYAML on libyaml, CSafeLoader": "CSafeLoader"}
LOAD = "import sys, yaml; print(len(yaml.load(open(sys.argv[1], encoding='utf-8'), yaml.{loader})['vms']))"


def vm_name(vm):
    return f"vm-{vm:06}"


def vm_uuid(vm):
    return f"00000000-0000-4000-8000-{vm:012x}"


def write_node(path, number):
    """What runs on this host, for libvirt's test driver."""
    running = {vm_name(vm): vm_uuid(vm) for vm in range(min(number, RUNNING))} | {CHANGED: CHANGED_UUID}
    domains = "".join(filled("libvirt/vm.xml.in", NAME=name, UUID=identity) for name, identity in running.items())
    path.write_text(f"<node>{domains}</node>")


def write_fleet(path, node, number, port, community):
    """The file: block style, as people and generators write it. The community is that of the VM that changes."""
    with path.open("w") as file:
        file.write(
            f"libvirt: {{uri: 'test://{node}', read_write: true}}\n"
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
                f"  {vm_name(vm)}:\n"
                f"    uuid: {vm_uuid(vm)}\n"
                f"    service_ips: [10.{high}.{low >> 8}.{low & 255}, '2001:db8:5::{high:x}:{low:x}']\n"
                f"    attributes: {{communities: ['65101:{vm % 60000}']}}\n"
            )
        file.write(
            f"  {CHANGED}:\n"
            f"    uuid: {CHANGED_UUID}\n"
            "    service_ips: [10.255.255.255]\n"
            f"    attributes: {{communities: ['65101:{community}']}}\n"
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


def get(port, path):
    """The text of an answer; None: not yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


@contextlib.contextmanager
def started(roamd, path, port):
    """The agent, from when it is ready."""
    with process([roamd, "run", "--config", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        wait_until("the agent is ready", lambda: get(port, "/readyz"), pause=0.005)
        yield agent


def start(roamd, path, port):
    """Seconds from the agent's start until it is ready, and its resident memory then in MiB."""
    begun = time.monotonic()
    with started(roamd, path, port) as agent:
        return time.monotonic() - begun, memory_kib(agent.pid)[0] / 1024


def map_in_force(port):
    return json.loads(get(port, "/api/v1/status"))["config"]["vms_sha256"]


def commands(port):
    """How many announces and how many withdraws there were."""
    text = get(port, "/metrics")
    return [sum(map(int, re.findall(rf"^roamd_{kind}_total\S* (\d+)$", text, re.MULTILINE)))
            for kind in ("announcements", "withdrawals")]


def reload(roamd, path, after, port):
    """Seconds from SIGHUP until another map is in force, and the resident memory then in MiB; the map has one VM changed."""
    link = path.with_name("link.yaml")
    link.symlink_to(path)
    with started(roamd, link, port) as agent:
        before, announced = map_in_force(port), commands(port)
        link.unlink()
        link.symlink_to(after)
        begun = time.monotonic()
        agent.send_signal(signal.SIGHUP)
        wait_until("the map is in force", lambda: map_in_force(port) != before, pause=0.005)
        took, memory = time.monotonic() - begun, memory_kib(agent.pid)[0] / 1024
        link.unlink()
        wait_until("it is acknowledged", lambda: get(port, "/readyz"))
        touched = [now - then for now, then in zip(commands(port), announced)]
        if touched != [1, 0]:
            sys.exit(f"the reload with one VM changed was not one announce, but {touched[0]}, and {touched[1]} withdraws")
        return took, memory


def main():
    roamd, number, rounds = sys.argv[1], *map(int, [*sys.argv[2:], 100_000, 5][:2])
    results = {}
    with tempfile.TemporaryDirectory(prefix="roamd-bench.") as name:
        directory, port = pathlib.Path(name), free_port()
        path, after, node = (directory / name for name in ("fleet.yaml", "after.yaml", "node.xml"))
        write_node(node, number)
        write_fleet(path, node, number, port, community=1)
        write_fleet(after, node, number, port, community=2)
        size = path.stat().st_size / 1e6
        ways = {
            "roamd check": lambda: timed([roamd, "check", "--config", path]),
            "roamd run, until it is ready": lambda: start(roamd, path, port),
            "reload with one VM changed, one route touched": lambda: reload(roamd, path, after, port),
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
