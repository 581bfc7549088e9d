"""FRR on a router, configured from the templates in deploy/frr, and what it says of its routes.

The same functions as bird.py has. FRR runs as its own user, with a /run/frr of the node's own.
"""

import json
import shlex
import shutil
from datetime import datetime, timezone

from . import frr_log
from .ladder import Route, mark
from .namespaces import PROMPTLY, wait_until
from .templates import DEPLOY, filled
from .topology import FABRIC_V4, FABRIC_V6, LOOPBACKS, SERVICE_V4, SERVICE_V6, Host, LabError, Router

DAEMONS = "/usr/lib/frr"
# Every FRR of a machine has its sockets and its traces of crashes in the same places.
PRIVATE = """
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
install -d -o frr -g frr /run/frr
"""

# What `entries` reads: each route that comes, goes or is refused, with its attributes; the sessions; and for each prefix of a
# VM the choice of a path, which FRR tells of single prefixes only.
LOGGING = """
log file @LOG@
log timestamp precision 6
debug bgp updates in
debug bgp neighbor-events
"""


def start(namespaces, lab, router, recovers=False):
    """Starts FRR with a session to each neighbor that has an AS; bgpd's process.

    zebra and bfdd are left running: whoever kills bgpd and starts it again has them all the time. For what `recovers` is to
    BIRD, FRR has no option: with `bgp graceful-restart` bgpd takes every start for a recovery.
    """
    directory = lab.path / router.name
    if not (directory / "empty.conf").exists():
        namespaces.run(router.name, "sh", "-ec", PRIVATE)
    (directory / "empty.conf").touch()
    with open(log(lab, router.name), "a", encoding="ascii") as file:
        file.write(f"{datetime.now(timezone.utc):%Y/%m/%d %H:%M:%S.%f} LAB: {frr_log.STARTS}\n")
    shutil.chown(log(lab, router.name), "frr", "frr")
    settings = daemons(lab.options)
    for daemon in ("zebra", *(["bfdd"] if settings["bfdd"] == "yes" else [])):
        if not running(namespaces, router.name, daemon):
            launch(namespaces, lab, router.name, daemon, settings)
    pid = launch(namespaces, lab, router.name, "bgpd", settings)
    (directory / "frr.conf").write_text(configuration(lab, router, log(lab, router.name)))
    read = namespaces.run(router.name, "vtysh", "-f", directory / "frr.conf", check=False)
    # vtysh says on its standard output what it doesn't understand, and goes on.
    if read.returncode != 0 or "%" in read.stdout + read.stderr:
        raise LabError(f"FRR on {router.name} refuses its configuration: {read.stdout.strip()} {read.stderr.strip()}")
    return pid


def daemons(options):
    """The settings of deploy/frr/daemons.in."""
    text = filled(DEPLOY / "frr/daemons.in", {"BFD": "yes" if options.bfd else "no", "KEEP": "-K 60" if options.graceful else ""})
    return dict(line.replace('"', "").split("=", 1) for line in text.splitlines() if not line.startswith("#"))


def launch(namespaces, lab, router, daemon, settings):
    """Starts a daemon without a configuration and waits until it takes one; its process."""
    directory = lab.path / router
    options = shlex.split(settings[f"{daemon}_options"])
    promptly = PROMPTLY if daemon == "bfdd" else ()
    pid = namespaces.start(
        router, [*promptly, f"{DAEMONS}/{daemon}", "-f", directory / "empty.conf", *options], directory / f"{daemon}.stderr")
    wait_until(f"{daemon} on {router}", lambda: ask(lab, router, "show version", "-d", daemon))
    return pid


def running(namespaces, router, daemon):
    return namespaces.run(router, "sh", "-c", f"kill -0 $(cat /run/frr/{daemon}.pid)", check=False).returncode == 0


def configuration(lab, router, log):
    """The text of frr.conf: the files of deploy/frr as an operator would put them together, and what the lab adds."""
    options = lab.options
    decides = "by-rung" if options.rungs_decide else "by-path"
    graceful = "bgp graceful-restart\n bgp graceful-restart preserve-fw-state" if options.graceful else ""
    both = {"SERVICE_V4": SERVICE_V4, "SERVICE_V6": SERVICE_V6, "LOOPBACKS": LOOPBACKS, "TOR_AS": router.asn, "DECIDES": decides}
    text = filled(DEPLOY / "frr/tor.conf.in", both | {
        "TOR_ADDRESS": lab.topology.loopback(router.name), "GRACEFUL_RESTART": graceful, "MAXIMUM": options.maximum})
    if options.bfd:
        text += filled(DEPLOY / "frr/bfd.conf.in", {"TOR_AS": router.asn})
    text += filled(DEPLOY / "frr/fabric.conf.in", both | {"FABRIC_V4": FABRIC_V4, "FABRIC_V6": FABRIC_V6})
    for end in lab.topology.ends(router.name):
        peer = lab.topology.node(end.peer)
        if getattr(peer, "asn", None) == router.asn:
            raise LabError(f"{router.name} and {peer.name} are in one AS; deploy/frr is for eBGP only")
        if isinstance(peer, Host):
            addresses = [end.peer_address, *([end.peer_address_v6] if lab.topology.session_a_family else [])]
            text += "".join(filled(DEPLOY / "frr/host.conf.in", {
                "TOR_AS": router.asn, "HOST_ADDRESS": address, "HOST_AS": peer.asn, "HOST": peer.name,
            }) for address in addresses)
        elif isinstance(peer, Router):
            text += filled(DEPLOY / "frr/router.conf.in", {
                "TOR_AS": router.asn, "ROUTER": peer.name, "ROUTER_ADDRESS": end.peer_address,
                "ROUTER_ADDRESS_V6": end.peer_address_v6, "ROUTER_AS": peer.asn,
            })
    text += LOGGING.replace("@LOG@", str(log))
    return text + "".join(f"debug bgp bestpath {prefix}\n" for vm in lab.topology.vms for prefix in vm.addresses)


def log(lab, router):
    """The file of which `entries` reads the lines."""
    return lab.path / router / "frr.log"


def ask(lab, router, command, *options):
    """What FRR on a router answers to a command of vtysh's."""
    done = lab.namespaces.run(router, "vtysh", *options, "-c", command, check=False)
    if done.returncode != 0:
        raise LabError(f"vtysh {command} on {router}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def established(lab, router, neighbor):
    """Whether every session of a router with a neighbor is up."""
    behind = lab.topology.behind(router)
    states = [peer["state"] for family in json.loads(ask(lab, router, "show bgp summary json")).values()
              for address, peer in family["peers"].items() if behind.get(address) == neighbor]
    return bool(states) and all(state == "Established" for state in states)


def bfd_up(lab, router):
    """How many of a router's BFD sessions are up."""
    return sum(peer["status"] == "up" for peer in json.loads(ask(lab, router, "show bfd peers json")))


def routes(lab, router, prefix):
    """All routes that a router has for a prefix."""
    family = "ipv6" if ":" in prefix else "ipv4"
    return read_paths(lab.topology, router, ask(lab, router, f"show bgp {family} unicast {prefix} json"))


def read_paths(topology, router, text):
    """The routes of `show bgp ... PREFIX json`, which is an empty object for a prefix without one."""
    behind, found = topology.behind(router), []
    for path in json.loads(text).get("paths", []):
        neighbor = behind[path["peer"]["peerId"]]
        said = mark(path.get("largeCommunity", {}).get("string", ""))
        best = path.get("bestpath", {}).get("overall", False)
        found.append(Route(neighbor, said.rung, best, topology.origin(said.host, neighbor)))
    return found


def entries(topology, router, lines):
    """What FRR's log tells, from its first line on; the lines come from LOGGING."""
    return frr_log.Reader(topology, router).entries(lines)
