"""What there is: nodes, links, AS numbers and VMs, as data.

Addresses follow from the order. Link n (from 1) is 172.16.n.0/24 and 2001:db8:0:n::/64: its first end has .2, its second
.1, and each end's interface has the name of the node at the other end. Node n has the loopback 192.0.2.n. A link between
two nodes with an AS carries BGP; its first end is the lower one, and where both are in one AS the upper one reflects
routes. A node without an AS has a default route over its only link.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

SERVICE_V4 = "198.51.100.0/24"
SERVICE_V6 = "2001:db8:5::/48"
LOOPBACKS = "192.0.2.0/24"
FABRIC_V4 = "172.16.0.0/16"
FABRIC_V6 = "2001:db8::/48"


class LabError(Exception):
    """Something in the lab that a person must know about; the text is all there is to say."""


@dataclass(frozen=True)
class Client:
    """Sends to the VMs."""

    name: str


@dataclass(frozen=True)
class Router:
    """Forwards, and speaks BGP by BIRD or FRR."""

    name: str
    asn: int
    speaker: str = "bird"


@dataclass(frozen=True)
class Host:
    """Runs VMs under libvirt and QEMU, and speaks BGP by ExaBGP, which roamd drives."""

    name: str
    asn: int


@dataclass(frozen=True)
class Vm:
    """A guest, known on every host."""

    name: str
    uuid: str
    mac: str
    address: str
    address_v6: str

    @property
    def prefix(self):
        return f"{self.address}/32"

    @property
    def prefix_v6(self):
        return f"{self.address_v6}/128"

    @property
    def addresses(self):
        """Each prefix with its address."""
        return {self.prefix: self.address, self.prefix_v6: self.address_v6}


class End(NamedTuple):
    """One end of a link."""

    peer: str
    address: str
    peer_address: str
    network: str
    address_v6: str
    peer_address_v6: str
    network_v6: str
    # Whether the other end is the lower one.
    peer_below: bool


@dataclass(frozen=True)
class Topology:
    nodes: tuple
    links: tuple
    vms: tuple
    # A BGP session a family between host and switch, in place of one over IPv4 for both.
    session_a_family: bool = False

    def node(self, name):
        for node in self.nodes:
            if node.name == name:
                return node
        raise LabError(f"no node {name}; there are: {', '.join(node.name for node in self.nodes)}")

    def vm(self, name):
        for vm in self.vms:
            if vm.name == name:
                return vm
        raise LabError(f"no VM {name}; there are: {', '.join(vm.name for vm in self.vms)}")

    def of_kind(self, kind):
        return [node for node in self.nodes if isinstance(node, kind)]

    @property
    def hosts(self):
        return self.of_kind(Host)

    @property
    def routers(self):
        return self.of_kind(Router)

    @property
    def clients(self):
        return self.of_kind(Client)

    def peers(self):
        """A VM on each host, beside the one that migrates between the first two, where there are more; each with its host."""
        hosts = [host.name for host in self.hosts]
        return dict(zip((vm.name for vm in self.vms[1:]), hosts)) if len(hosts) > 2 else {}

    def number(self, host):
        """A host's number, by which its routes tell from where they are."""
        return 1 + [node.name for node in self.hosts].index(host)

    def origin(self, number, neighbor):
        """The host that announces a route which carries a number and came from a neighbor; None where nothing tells."""
        if number and number <= len(self.hosts):
            return self.hosts[number - 1].name
        return neighbor if isinstance(self.node(neighbor), Host) else None

    def loopback(self, name):
        return f"192.0.2.{1 + [node.name for node in self.nodes].index(name)}"

    def ends(self, name):
        """Each link of a node, seen from it."""
        found = []
        for number, link in enumerate(self.links, start=1):
            if name not in link:
                continue
            place = link.index(name)
            mine, other = (2, 1) if place == 0 else (1, 2)
            v4, v6 = f"172.16.{number}.", f"2001:db8:0:{number}::"
            found.append(End(
                link[1 - place], f"{v4}{mine}", f"{v4}{other}", f"{v4}0/24", f"{v6}{mine}", f"{v6}{other}", f"{v6}/64",
                peer_below=place == 1))
        return found

    def address(self, name):
        """The address by which others reach a node: that of its first link."""
        return self.ends(name)[0].address

    def switches(self, name):
        """The routers next to a node."""
        return [end.peer for end in self.ends(name) if isinstance(self.node(end.peer), Router)]

    def neighbors(self, name):
        """The nodes at the other ends of a node's links."""
        return frozenset(end.peer for end in self.ends(name))

    def behind(self, name):
        """The neighbor behind each address at the other ends of a router's links."""
        return {address: end.peer for end in self.ends(name) for address in (end.peer_address, end.peer_address_v6)}


def vm(number, name):
    """The VM with a number, which its addresses show."""
    return Vm(name, f"00000000-0000-4000-8000-{number:012}", f"52:54:00:00:00:{number:02x}", f"198.51.100.{9 + number}",
              f"2001:db8:5::{9 + number}")


VMS = (vm(1, "svc"), vm(2, "web"), vm(3, "db"))

# Both hosts on one switch, in one AS.
ONE_TOR = Topology(
    nodes=(Client("client"), Router("tor", 65000), Host("h1", 65101), Host("h2", 65101)),
    links=(("client", "tor"), ("h1", "tor"), ("h2", "tor")),
    vms=VMS,
)

# Each host in a rack of its own, with a switch and an AS of its own, two spines in one AS (RFC 7938), a client behind a
# border router, and one in each rack.
LEAF_SPINE = Topology(
    nodes=(Client("client"), Client("c1"), Client("c2"), Router("border", 64999), Router("s1", 65000), Router("s2", 65000),
           Router("tor1", 65001), Router("tor2", 65002), Host("h1", 65101), Host("h2", 65102)),
    links=(("client", "border"), ("border", "s1"), ("border", "s2"), ("tor1", "s1"), ("tor1", "s2"), ("tor2", "s1"),
           ("tor2", "s2"), ("c1", "tor1"), ("c2", "tor2"), ("h1", "tor1"), ("h2", "tor2")),
    vms=VMS,
)

# The same with FRR in the racks, both hosts in one AS, and a session a family between host and switch.
FRR_RACKS = replace(LEAF_SPINE, session_a_family=True, nodes=tuple(
    replace(node, speaker="frr") if node.name in ("tor1", "tor2") else replace(node, asn=65101) if isinstance(node, Host) else node
    for node in LEAF_SPINE.nodes))

# The same racks, all in one AS: the switches reflect their hosts' routes, and the core those of the switches (RFC 4456).
REFLECTOR = Topology(
    nodes=(Client("client"), Client("c1"), Client("c2"), Router("core", 65000), Router("tor1", 65000), Router("tor2", 65000),
           Host("h1", 65000), Host("h2", 65000)),
    links=(("client", "core"), ("tor1", "core"), ("tor2", "core"), ("c1", "tor1"), ("c2", "tor2"), ("h1", "tor1"),
           ("h2", "tor2")),
    vms=VMS,
)

# Two switches a rack, and a session a family with each. The hosts are in one AS, as in many fabrics.
TWO_TORS = Topology(
    nodes=(Client("client"), Router("spine", 65000), Router("tor1a", 65001), Router("tor1b", 65001), Router("tor2a", 65002),
           Router("tor2b", 65002), Host("h1", 65101), Host("h2", 65101)),
    links=(("client", "spine"), ("tor1a", "spine"), ("tor1b", "spine"), ("tor2a", "spine"), ("tor2b", "spine"),
           ("h1", "tor1a"), ("h1", "tor1b"), ("h2", "tor2a"), ("h2", "tor2b")),
    vms=VMS,
    session_a_family=True,
)

# Three racks behind one spine, so that there is a host beside the two of a migration, and a VM for each host beside the one
# that migrates.
THREE_RACKS = Topology(
    nodes=(Client("client"), Router("spine", 65000), Router("tor1", 65001), Router("tor2", 65002), Router("tor3", 65003),
           Host("h1", 65101), Host("h2", 65102), Host("h3", 65103)),
    links=(("client", "spine"), ("tor1", "spine"), ("tor2", "spine"), ("tor3", "spine"), ("h1", "tor1"), ("h2", "tor2"),
           ("h3", "tor3")),
    vms=(*VMS, vm(4, "app")),
)

TOPOLOGIES = {"one-tor": ONE_TOR, "leaf-spine": LEAF_SPINE, "frr-racks": FRR_RACKS, "reflector": REFLECTOR, "two-tors": TWO_TORS,
              "three-racks": THREE_RACKS}
