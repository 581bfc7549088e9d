"""The BGP speakers: ExaBGP on a host, BIRD on a router, both configured from the templates in deploy/."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from .namespaces import wait_until
from .place import REPOSITORY
from .templates import DEPLOY, filled
from .topology import LOOPBACKS, SERVICE_V4, SERVICE_V6, Host, LabError

EXABGP_VERSIONS = ("4.2", "5.0")

# What a router of the lab does beside its sessions. The kernel forwards by the best routes. The log with times has every
# route of a host's, the best or not, with its attributes: a pipe passes on all of them, and no other protocol does.
FORWARDING = """
timeformat log iso long us;
log "@LOG@" all;
protocol direct { ipv4; }
protocol kernel forward {
  debug { routes };
  ipv4 {
    import none;
    export filter {
      if source != RTS_BGP then reject;
      print "BEST ", proto, " ", net;
      accept;
    };
  };
}
ipv4 table seen;
protocol pipe record {
  table master4;
  peer table seen;
  import none;
  export filter {
    if source = RTS_BGP then
      print "SEEN ", proto, " ", net, " path ", bgp_path, " med ", bgp_med, " mark ", bgp_large_community;
    accept;
  };
}
"""


def exabgp_command(version):
    """The program of this version's, with what comes before the configuration."""
    if version == "4.2":
        return ["/usr/sbin/exabgp"]
    if version == "5.0":
        place = Path(os.environ.get("ROAMD_EXABGP5", REPOSITORY / "target/exabgp5"))
        if not (place / "bin/exabgp").exists():
            raise LabError(f"no ExaBGP 5.0 in {place}; run deploy/prepare tests")
        return [str(place / "bin/exabgp"), "server"]
    raise LabError(f"ExaBGP {version} is not known; there are: {', '.join(EXABGP_VERSIONS)}")


def start_exabgp(namespaces, lab, host):
    """Starts ExaBGP with roamd as its API process; its process."""
    directory = lab.path / host.name
    [end] = lab.topology.ends(host.name)
    if lab.options.transport == "child":
        graceful_restart = ""
        text = filled(DEPLOY / "exabgp/child.conf.in", {"ROAMD": lab.options.roamd, "CONFIG": directory / "roamd.yaml"})
    else:
        graceful_restart = "capability { graceful-restart 120; } manual-eor true;"
        text = filled(DEPLOY / "exabgp/relay.conf.in", {
            "ROAMD": lab.options.roamd, "SOCKET": "/run/roamd/exabgp.sock", "LEDGER": "/run/roamd/ledger"})
    text += filled(DEPLOY / "exabgp/neighbor.conf.in", {
        "TOR_ADDRESS": end.peer_address, "TOR_AS": lab.topology.node(end.peer).asn, "HOST_ADDRESS": end.address,
        "ROUTER_ID": end.address, "HOST_AS": host.asn, "GRACEFUL_RESTART": graceful_restart,
        "FAMILIES": "ipv4 unicast; ipv6 unicast;", "STATIC": f"route {lab.topology.loopback(host.name)}/32 next-hop self;",
    })
    (directory / "exabgp.conf").write_text(text)
    settings = filled(DEPLOY / "exabgp/local.env.in", {"TOR_PORT": 179, "USER": "root"})
    environment = dict(line.split("=", 1) for line in settings.splitlines() if line and not line.startswith("#"))
    return namespaces.start(
        host.name, [*exabgp_command(lab.options.exabgp), directory / "exabgp.conf"], directory / "exabgp.log",
        errors=directory / "roamd.log", environment=environment)


def start_bird(namespaces, lab, router):
    """Starts BIRD with a session to each neighbor that has an AS; its process."""
    directory = lab.path / router.name
    text = filled(DEPLOY / "bird/tor.conf.in", {
        "TOR_ADDRESS": lab.topology.loopback(router.name), "LEADS_TO": "", "LOOPBACKS": LOOPBACKS,
        "SERVICE_V4": SERVICE_V4, "SERVICE_V6": SERVICE_V6,
    })
    for end in lab.topology.ends(router.name):
        peer = lab.topology.node(end.peer)
        if isinstance(peer, Host):
            text += filled(DEPLOY / "bird/host.conf.in", {
                "HOST": peer.name, "REACH": "direct", "TOR_ADDRESS": end.address, "TOR_PORT": 179, "TOR_AS": router.asn,
                "HOST_ADDRESS": end.peer_address, "HOST_AS": peer.asn,
            })
    text += FORWARDING.replace("@LOG@", str(directory / "bird.log"))
    (directory / "bird.conf").write_text(text)
    pid = namespaces.start(
        router.name, ["bird", "-f", "-c", directory / "bird.conf", "-s", directory / "bird.sock"], directory / "bird.stderr")
    namespaces.start(router.name, ["ip", "-ts", "monitor", "route"], directory / "kernel.log")
    wait_until(f"BIRD on {router.name}", lambda: lab.birdc(router.name, "show status"))
    return pid


class Route(NamedTuple):
    """A route as a router knows it; rung None: it has no mark of roamd's."""

    neighbor: str
    rung: str | None
    best: bool


RUNGS = ("arrived", "active", "unsure", "standby", "leaving")


def rung(large_communities, mark=82):
    """The rung that BIRD's text of the large communities names, as `(65101, 82, 1)`."""
    for middle, last in re.findall(r"\(\d+, (\d+), (\d+)\)", large_communities):
        if int(middle) == mark:
            return RUNGS[int(last)]
    return None


def routes(text):
    """Each prefix of `show route all` with all its routes."""
    table, found, prefix, neighbor, best = {}, None, None, None, None
    for line in text.splitlines():
        if not line or line.startswith(("Table ", "BIRD ")):
            continue
        if not line.startswith("\t"):
            words = line.split()
            if not line[0].isspace():
                prefix = words[0]
            neighbor, best = re.search(r"\[(\S+)", line)[1], "*" in words
            found = table.setdefault(prefix, [])
            found.append(Route(neighbor, None, best))
        elif "BGP.large_community:" in line:
            found[-1] = found[-1]._replace(rung=rung(line.split(":", 1)[1]))
    return table
