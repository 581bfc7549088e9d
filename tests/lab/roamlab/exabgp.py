"""ExaBGP on a host, configured from the templates in deploy/exabgp."""

import os
from pathlib import Path

from .place import REPOSITORY
from .templates import DEPLOY, filled
from .topology import LabError

VERSIONS = ("4.2", "5.0")
# Where the relay keeps its ledger: a directory of its own, which a test may fill up.
LEDGER = "/run/ledger/roamd"


def command(version):
    """The program of this version's, with what comes before the configuration."""
    if version == "4.2":
        return ["/usr/sbin/exabgp"]
    if version == "5.0":
        place = Path(os.environ.get("ROAMD_EXABGP5", REPOSITORY / "target/exabgp5"))
        if not (place / "bin/exabgp").exists():
            raise LabError(f"no ExaBGP 5.0 in {place}; run deploy/prepare tests")
        return [str(place / "bin/exabgp"), "server"]
    raise LabError(f"ExaBGP {version} is not known; there are: {', '.join(VERSIONS)}")


def environment():
    """ExaBGP's settings, which are environment variables."""
    settings = filled(DEPLOY / "exabgp/local.env.in", {"TOR_PORT": 179, "USER": "root"})
    return dict(line.split("=", 1) for line in settings.splitlines() if line and not line.startswith("#"))


# What relay.conf.in's transport has in each session, and child.conf.in's has not.
GRACEFUL_RESTART = "capability {{ graceful-restart {}; }} manual-eor true;"


def start(namespaces, lab, host):
    """Starts ExaBGP with roamd as its API process; its process."""
    directory = lab.path / host.name
    (directory / "exabgp.conf").write_text(configuration(lab, host, directory))
    words = [*lab.under.get(f"exabgp {host.name}", ()), *command(lab.options.exabgp), directory / "exabgp.conf"]
    return namespaces.start(
        host.name, words, directory / "exabgp.log", errors=directory / "roamd.log", environment=environment())


def configuration(lab, host, directory):
    """The text of exabgp.conf: the files of deploy/exabgp as an operator would put them together."""
    topology, child = lab.topology, lab.options.transport == "child"
    text = filled(DEPLOY / "exabgp/child.conf.in", {
        "ROAMD": lab.options.roamd, "CONFIG": directory / "roamd.yaml",
    }) if child else filled(DEPLOY / "exabgp/relay.conf.in", {
        "ROAMD": lab.options.roamd, "SOCKET": "/run/roamd/exabgp.sock", "LEDGER": LEDGER,
    })
    ends = topology.ends(host.name)
    for end in ends:
        common = {"ROUTER_ID": topology.loopback(host.name), "HOST_AS": host.asn, "TOR_AS": topology.node(end.peer).asn,
                  "GRACEFUL_RESTART": "" if child else GRACEFUL_RESTART.format(lab.options.restart_time)}
        v4 = common | {"TOR_ADDRESS": end.peer_address, "HOST_ADDRESS": end.address, "FAMILIES": "ipv4 unicast; ipv6 unicast;",
                       "STATIC": "".join(f"route {prefix} next-hop self; " for prefix in (
                           f"{topology.loopback(host.name)}/32", *lab.options.strays))}
        v6 = common | {"TOR_ADDRESS": end.peer_address_v6, "HOST_ADDRESS": end.address_v6, "FAMILIES": "ipv6 unicast;",
                       "STATIC": ""}
        sessions = [v4 | {"FAMILIES": "ipv4 unicast;"}, v6] if topology.session_a_family else [v4]
        text += "".join(filled(DEPLOY / "exabgp/neighbor.conf.in", values) for values in sessions)
    return text
