#!/usr/bin/python3
"""Shows what libvirt, the switch and the REST view say, and waits until they agree; called by deploy/demo.

    views.py LIBVIRT_URI BIRD_SOCKET HTTP_ADDRESS LOOPBACK PREFIX=VM:RUNG...

Each PREFIX=VM:RUNG is a route that must be there, and no other may be but the host's own LOOPBACK. Exit status: 0 the
views agree on that, 1 they did not within the time limit; the last state of each is printed either way.
"""

import signal

# Ctrl-C ends the demo, which says so itself.
signal.signal(signal.SIGINT, signal.SIG_DFL)

import json
import subprocess
import sys
import time
import urllib.request

LIMIT_SECONDS = 15
PREPEND_STEP = 3
MARK = 82
# Rung: its number in the large community, its steps of prepends, its MED.
LADDER = {"arrived": (0, 0, 50), "active": (1, 1, 100), "standby": (3, 3, 250)}
# libvirt's state: the presences that fit it.
PRESENCES = {"running": {"arrived", "present"}, "paused": {"frozen"}, "shut off": {"absent"}}


def virsh_states(uri):
    """Each VM of libvirt's with its state."""
    command = ["virsh", "-q", "-c", uri, "list", "--all"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.splitlines()
    words = [line.split(maxsplit=2) for line in lines if line.strip()]
    return {name: state.strip() for _, name, state in words if name != "test"}


def bird_table(socket):
    """Each prefix of the switch's table with the attributes that BIRD shows."""
    command = ["/usr/sbin/birdc", "-r", "-s", socket, "show", "route", "all"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout
    table, route = {}, None
    for line in text.splitlines():
        first = line.split(" ")[0]
        if "/" in first and not line[0].isspace():
            route = table[first] = {}
        elif route is not None and ": " in line:
            key, value = line.strip().split(": ", 1)
            route[key] = value
    return table


def rest(address, path):
    """A document of the REST view."""
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as response:
        return json.load(response)


def objections(wanted, loopback, states, table, vms, routes):
    """What does not fit, in words."""
    found = []
    ours = {prefix: route for prefix, route in table.items() if prefix != loopback}
    shown = {route["prefix"]: route for route in routes}
    if loopback not in table:
        found.append(f"the switch lacks the host's own {loopback}")
    for prefix in sorted(set(ours) - set(wanted)):
        found.append(f"the switch still has {prefix}")
    for prefix in sorted(set(shown) - set(wanted)):
        found.append(f"REST still shows {prefix} ({shown[prefix]['state']})")
    for prefix, (vm, rung) in wanted.items():
        number, steps, med = LADDER[rung]
        if prefix not in ours:
            found.append(f"the switch lacks {prefix}")
        else:
            route = ours[prefix]
            path = route["BGP.as_path"].split()
            expected = (1 + steps * PREPEND_STEP, str(med), f"({path[0]}, {MARK}, {number})")
            if (len(path), route.get("BGP.med"), route.get("BGP.large_community")) != expected:
                found.append(f"the switch has {prefix} on another rung than {rung}")
        if prefix not in shown:
            found.append(f"REST lacks {prefix}")
        elif [shown[prefix][key] for key in ("vm", "preference", "state")] != [vm, rung, "announced"]:
            found.append(f"REST shows {prefix} otherwise than {vm}, {rung}, announced")
    presence = {vm["name"]: vm["presence"] for vm in vms}
    for name, state in states.items():
        if presence.get(name) not in PRESENCES[state]:
            found.append(f"{name} is {state}, and {presence.get(name)} for REST")
    return found


def show(title, heads, rows):
    """A table in columns as wide as they need to be."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    print(f"    {title}")
    for row in [heads, *rows] if rows else [["(none)"]]:
        print("      " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def short(path):
    """An AS path with repetitions counted: `65101 x4` for four times the same."""
    hops = path.split()
    return f"{hops[0]} x{len(hops)}" if len(hops) > 1 and len(set(hops)) == 1 else path


def main():
    uri, socket, address, loopback = sys.argv[1:5]
    wanted = {}
    for argument in sys.argv[5:]:
        prefix, rest_of_it = argument.split("=")
        wanted[prefix] = tuple(rest_of_it.split(":"))
    started, states, table, vms, routes, problems = time.monotonic(), {}, {}, [], [], []
    while True:
        try:
            states, table = virsh_states(uri), bird_table(socket)
            vms, routes = rest(address, "/api/v1/vms")["vms"], rest(address, "/api/v1/routes")["routes"]
            problems = objections(wanted, loopback, states, table, vms, routes)
        except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            problems = [f"{type(error).__name__}: {error}"]
        took = time.monotonic() - started
        if not problems or took > LIMIT_SECONDS:
            break
        time.sleep(0.02)

    show(
        "switch (birdc show route all)",
        ["prefix", "AS path", "MED", "large community"],
        [
            [prefix, short(route.get("BGP.as_path", "")), route.get("BGP.med", "-"), route.get("BGP.large_community", "-")]
            for prefix, route in sorted(table.items())
        ],
    )
    presence = {vm["name"]: vm["presence"] for vm in vms}
    show(
        "REST (/api/v1/routes, /api/v1/vms)",
        ["prefix", "VM", "presence", "preference", "state"],
        [
            [route["prefix"], str(route["vm"]), presence.get(route["vm"], "-"), route["preference"], route["state"]]
            for route in sorted(routes, key=lambda route: route["prefix"])
        ],
    )
    print("    libvirt: " + ", ".join(f"{name} {state}" for name, state in sorted(states.items())))
    if problems:
        print(f"    DISAGREE after {took:.1f} s: " + "; ".join(problems))
        sys.exit(1)
    print(f"    agree (seen after {took * 1000:.0f} ms, which includes asking)")


if __name__ == "__main__":
    main()
