#!/usr/bin/python3
"""Migrates a VM to and fro between two real hosts and shows what happened on one clock; run by deploy/demo --migrate.

    migrate.py ROAMD           bring the lab of tests/lab up, migrate twice, end it
    migrate.py ROAMD --keep    the same, and leave the lab up

ROAMD is the binary to show. Exit status: 0 the route followed the VM each time, 1 it did not or a part failed (it says
what), 130 Ctrl-C, 143 SIGTERM. The lab ends with this program in every case, also when it is killed, unless it is to be
kept.
"""

import os
import shutil
import signal
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/lab"))

from roamlab.account import account, sentences, unseen  # noqa: E402
from roamlab.judge import REACTION, judge  # noqa: E402
from roamlab.lab import Lab, Options  # noqa: E402
from roamlab.namespaces import wait_until  # noqa: E402
from roamlab.picture import Style, draw, lanes, noise, rows, table  # noqa: E402
from roamlab.recording import Recording  # noqa: E402
from roamlab.topology import LabError  # noqa: E402

VM, ROUTER, INTERVAL_MS = "svc", "tor", 2
# For how long the lab is watched before and after a migration; the judge looks at the client's last probes.
BEFORE_SECONDS, AFTER_SECONDS = 0.3, 1.2 * REACTION / 1e9

NETWORK = """
  client ─── tor ─┬─ h1    client: asks svc, 198.51.100.10, 500 times a second
                  └─ h2    tor:    the switch, AS 65000: BIRD, and the kernel's forwarding
                           h1, h2: two KVM hosts, AS 65101: libvirtd, QEMU, ExaBGP, roamd
"""

LEGEND = """
Time is in ms since virsh began. `SUSPENDED/MIGRATED` is an event of libvirt's; `roamd: departing ⇒ leaving` is what
roamd makes of it: the VM's presence on this host, and the rung on which its route is announced (best first: arrived,
active, unsure, standby, leaving); `▶ h1: leaving` is BGP's update as it reaches tor. `host route` is what roamd has set in
the host's kernel: while the VM only arrives or leaves, packets from the uplink alone go to it, and wait in its tap.
"""

LOOK_AROUND = """
The lab stays up, with {vm} on {host}. To look around:

  tests/lab/lab --name {name} status                        where the VM is, what tor and the agents know
  tests/lab/lab --name {name} migrate                       move it again
  tests/lab/lab --name {name} on client ping -i 0.2 {address}
  tests/lab/lab --name {name} on tor birdc -s {path}/tor/bird.sock show route all
  tests/lab/lab --name {name} on {host} virsh list
  tests/lab/lab --name {name} on {host} ip route show table all proto 82
  curl -s --unix-socket {path}/{host}/run/roamd/http.sock http://localhost/api/v1/vms/{vm}
  tail -f {path}/{host}/roamd.log

Configurations and logs of each node are in {path}. To end it:

  tests/lab/lab --name {name} down"""


def style():
    """What this output can show."""
    terminal = sys.stdout.isatty()
    return Style(
        width=shutil.get_terminal_size().columns if terminal else Style().width,
        colour=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
        unicode=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8")


def say(text=""):
    print(style().write(text), flush=True)


def settled(lab, host):
    """Waits until the switch has one route, from the VM's host. What does not come is the judge's to name."""
    def alone():
        return all([(route.host, route.best) for route in lab.routes(ROUTER, prefix)] == [(host, True)]
                   for prefix in lab.topology.vm(VM).addresses)
    try:
        wait_until(f"{ROUTER} has the route from {host} alone", alone, 15)
        lab.await_answer(VM)
    except LabError as error:
        say(f"demo: {error}")


def migrate(lab, source, target):
    """Migrates under probes; the recording."""
    with Recording(lab, VM, interval=INTERVAL_MS) as recording:
        time.sleep(BEFORE_SECONDS)
        recording.did(f"virsh migrate --live {VM} qemu+tcp://{target}/system")
        lab.migrate(VM, source, target)
        recording.did("virsh is done")
        settled(lab, target)
        time.sleep(AFTER_SECONDS)
    return recording.timelines


def show(lab, number, of, source, target):
    """One migration as a picture, with what is to be said of it; its account, and what differed from the promise."""
    say(f"\n== {number} of {of}: live migration of {VM} from {source} to {target}\n")
    timelines = migrate(lab, source, target)
    # The picture is that of the IPv4 address; what is promised holds for both.
    timeline = timelines[0]
    found = account(timeline, source, target, ROUTER, lab.topology.clients[0].name, INTERVAL_MS * 1_000_000)
    look = style()
    for line in draw(rows(timeline, found), lanes(found, INTERVAL_MS), found.began, look):
        print(line)
    say()
    for sentence in sentences(found):
        for line in textwrap.wrap(sentence, min(look.width, Style().width) - 3, initial_indent="   ", subsequent_indent="     "):
            say(line)
    differs = [*unseen(found), *(text for each in timelines for text in judge(each))]
    for text in differs:
        say(f"   DIFFERS: {text}")
    return found, differs


@contextmanager
def lab_up(name, roamd, keep):
    """A lab that ends with this program, however that ends, unless it is to be kept."""
    lab = Lab.up(name, Options(roamd=str(roamd), long_queues=True), ends_with_caller=not keep)
    try:
        yield lab
    except BaseException as error:
        if isinstance(error, (LabError, OSError)):
            show_logs(lab)
        lab.down()
        raise
    if not keep:
        lab.down()


def show_logs(lab):
    """The end of each log, for when something failed."""
    for log in sorted(lab.path.glob("*/*.log")):
        lines = log.read_text(errors="replace").splitlines()[-20:]
        if lines and log.name != "kernel.log":
            print(f"--- {log.relative_to(lab.path)}", *lines, sep="\n", file=sys.stderr)


def demonstrate(roamd, keep):
    name = "demo" if keep else f"demo-{os.getpid()}"
    say("bringing the lab up (the first time takes a minute: the guest is built, and libvirt asks QEMU what it can do) ...")
    with lab_up(name, roamd, keep) as lab:
        say(NETWORK + LEGEND)
        lab.start(VM, "h1")
        shown = [show(lab, number, 2, *ends) for number, ends in enumerate((("h1", "h2"), ("h2", "h1")), start=1)]
        accounts = [found for found, _ in shown]
        say("\n== In sum\n")
        for line in table(accounts, style()):
            print(line)
        remark = noise(accounts)
        if remark:
            say(f"\n{remark}")
        failed = sum(bool(differs) for _, differs in shown)
        if failed:
            say(f"\nIn {failed} of {len(shown)} migrations something differed from what roamd promises; see DIFFERS above.")
        else:
            say(f"\nThe route followed the VM in {len(shown)} of {len(shown)} migrations: from one host alone to the other "
                f"alone, and never none.")
        if keep:
            say(LOOK_AROUND.format(
                name=name, vm=VM, host=lab.where(VM), address=lab.topology.vm(VM).address, path=lab.path))
    return 1 if failed else 0


def main():
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--keep"]):
        sys.exit(__doc__)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        sys.exit(demonstrate(Path(sys.argv[1]), "--keep" in sys.argv))
    except LabError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
