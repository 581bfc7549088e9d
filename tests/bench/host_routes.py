#!/usr/bin/env python3
"""Figures of host routes: so many programmed and verified, and a reconcile with nothing to do.

    host_routes.py ROAMD [VMS] [ROUNDS]

Run it in a network namespace of its own, as root (`unshare --net`): it makes a tap for each VM. roamd follows libvirt's
test driver inside its own process and prints its commands. Each round stops roamd, removes all that is its own, lets it
go on, and reads from its log how long it took to set everything again (for each VM a route in either table and a neighbour) and to look
whether it stands; then how long a look with nothing to do took. Beside it `ip -batch` sets the same entries. On a busy machine the
time on the processor, which also has what it took to hear of the removal, says more.
"""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from itertools import zip_longest

PATIENCE = 120
RULE = "82"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True).stdout


def batch(path, lines):
    """Runs `ip -batch` with these lines; how long that took, in ms."""
    path.write_text("\n".join(lines) + "\n")
    began = time.monotonic()
    subprocess.run(["ip", "-batch", str(path)], check=True)
    return (time.monotonic() - began) * 1000


def until(what, predicate):
    deadline = time.monotonic() + PATIENCE
    while not predicate():
        if time.monotonic() > deadline:
            sys.exit(f"host_routes.py: not within {PATIENCE} s: {what}")
        time.sleep(0.01)


def address(number):
    return f"198.51.{number // 250}.{number % 250 + 1}"


def mac(number):
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


def node(vms):
    """A node of the test driver with these VMs running."""
    domains = "".join(
        f"<domain type='test'><name>vm{number}</name><uuid>00000000-0000-4000-8000-{number:012x}</uuid>"
        f"<memory>8192</memory><os><type>hvm</type></os><devices><interface type='bridge'>"
        f"<mac address='{mac(number)}'/><source bridge='br0'/><target dev='tap-{number}'/></interface></devices></domain>"
        for number in range(vms)
    )
    return f"<node>{domains}</node>\n"


def ready():
    try:
        with urllib.request.urlopen("http://127.0.0.1:9179/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def processor_time(pid):
    """The time for which roamd's thread for the kernel has had a processor, in ms, its system calls included."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "host-routes":
            return int((task / "schedstat").read_text().split()[0]) / 1e6
    sys.exit("host_routes.py: roamd has no thread for host routes")


class Log:
    """What roamd logs of its reconciles."""

    def __init__(self, path):
        self.path = path
        self.read = 0

    def reconciles(self):
        """Those since the last call."""
        with self.path.open() as file:
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self.read += len(whole.encode())
        events = (json.loads(line) for line in whole.splitlines())
        return [event for event in events if event.get("message") == "reconciled with the kernel"]


def flush():
    # Of a table that is empty `ip` says that it does not exist.
    ip("route", "flush", "table", "main", "proto", RULE, check=False)
    ip("route", "flush", "table", RULE, check=False)
    ip("neigh", "flush", "dev", "br0", "nud", "permanent", check=False)


def is_set(vms):
    return len(ip("route", "show", "proto", RULE).splitlines()) == vms


def entries(vms):
    """What roamd sets, for `ip -batch`."""
    lines = []
    for number in range(vms):
        lines.append(f"neigh replace {address(number)} lladdr {mac(number)} dev br0 nud permanent protocol {RULE}")
        lines += [f"route add {address(number)} dev br0 proto {RULE} table {table}" for table in (RULE, "main")]
    return [*lines, f"route add blackhole 198.51.0.0/16 proto {RULE} table {RULE}"]


def measure(directory, roamd, log, vms, rounds):
    """Milliseconds: programmed and verified, of these on the processor, nothing to do, `ip -batch`."""
    programmed, busy, idle, batched = [], [], [], []

    def stopped(what):
        os.kill(roamd.pid, signal.SIGSTOP)
        try:
            return what()
        finally:
            os.kill(roamd.pid, signal.SIGCONT)

    for _ in range(rounds):
        log.reconciles()
        before = processor_time(roamd.pid)
        stopped(flush)
        until("everything is set again", lambda: is_set(vms))
        events = []
        until("roamd has said so", lambda: events.extend(log.reconciles()) or sum(one["operations"] for one in events) > 3 * vms)
        # A tap of a VM changes, and with it nothing of ours: roamd looks whether all stands.
        length = ip("-o", "link", "show", "tap-0").split(" qlen ")[1].split()[0].rstrip("\\")
        looks = []
        ip("link", "set", "tap-0", "txqueuelen", str(int(length) + 1))
        until("roamd has looked", lambda: looks.extend(log.reconciles()) or any(one["looked"] for one in looks))
        if any(one["operations"] for one in looks):
            sys.exit(f"host_routes.py: a look with nothing to do did something: {looks}")
        busy.append(processor_time(roamd.pid) - before)
        look = next(one["took_us"] for one in looks if one["looked"])
        idle.append(look / 1000)
        programmed.append((sum(one["took_us"] for one in events) + look) / 1000)
        lines = entries(vms)

        def by_hand(lines=lines):
            flush()
            return batch(directory / "batch", lines)

        batched.append(stopped(by_hand))
        until("roamd finds it as its own", lambda: any(one["looked"] for one in log.reconciles()))
    return programmed, busy, idle, batched


def main():
    program, vms, rounds = sys.argv[1], *(int(given or usual) for given, usual in zip_longest(sys.argv[2:4], (1000, 7)))
    if not ip("-br", "link").startswith("lo ") or len(ip("-br", "link").splitlines()) != 1:
        sys.exit("host_routes.py: this is not a namespace of its own; run it by tests/bench/run")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        ip("link", "set", "lo", "up")
        ip("link", "add", "uplink", "type", "veth", "peer", "name", "tor")
        ip("link", "set", "uplink", "up")
        ip("link", "add", "br0", "type", "bridge")
        ip("link", "set", "br0", "up")
        # As the README tells it. Without an address of the bridge's own the kernel looks at all interfaces for one, with each route.
        ip("address", "add", "169.254.1.1/32", "dev", "br0", "scope", "link")
        ip("address", "add", "fe80::1/64", "dev", "br0", "nodad")
        taps = (f"tuntap add tap-{number} mode tap\nlink set tap-{number} master br0 up" for number in range(vms))
        batch(directory / "batch", taps)
        (directory / "node.xml").write_text(node(vms))
        map_of_vms = "".join(f"  vm{number}: {{service_ips: [{address(number)}]}}\n" for number in range(vms))
        (directory / "config.yaml").write_text(
            f"libvirt: {{uri: 'test://{directory}/node.xml', read_write: true}}\n"
            "exabgp: {transport: print}\n"
            "bgp: {local_as: 65101, allowed_prefixes: [198.51.0.0/16]}\n"
            "host_routes: {enabled: true, uplinks: [uplink]}\n"
            f"log: {{level: debug, format: json}}\nvms:\n{map_of_vms}"
        )
        errors = directory / "log"
        with errors.open("w") as file:
            roamd = subprocess.Popen(
                [program, "run", "--config", str(directory / "config.yaml")], stdout=subprocess.DEVNULL, stderr=file
            )
        try:
            until("roamd is ready", ready)
            programmed, busy, idle, batched = measure(directory, roamd, Log(errors), vms, rounds)
        finally:
            roamd.terminate()
            roamd.wait()
    middle, hand = statistics.median(programmed), statistics.median(batched)
    print(f"host routes of {vms} VMs, each in two tables and with a neighbour (median of {rounds}, smallest to largest)")
    for what, times in (("programmed and verified", programmed), ("  on the processor", busy), ("nothing to do", idle),
                        ("ip -batch, not verified", batched)):
        print(f"  {what:26} {statistics.median(times):8.1f} ms   ({min(times):.1f} to {max(times):.1f})")
    print(f"  of the time of ip -batch   {100 * middle / hand:8.0f} %")


main()
