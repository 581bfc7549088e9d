"""What there is: nodes, links, AS numbers and VMs, as data.

Addresses follow from the order. Link n (from 1) is 172.16.n.0/24: its first end has .2, its second .1, and each end's
interface has the name of the node at the other end. Node n has the loopback 192.0.2.n. A link between two nodes with an
AS carries a BGP session; a node without one has a default route over its only link.
"""

from dataclasses import dataclass
from typing import NamedTuple

SERVICE_V4 = "198.51.100.0/24"
SERVICE_V6 = "2001:db8:5::/48"
LOOPBACKS = "192.0.2.0/24"


class LabError(Exception):
    """Something in the lab that a person must know about; the text is all there is to say."""


@dataclass(frozen=True)
class Client:
    """Sends to the VMs."""

    name: str


@dataclass(frozen=True)
class Router:
    """Forwards, and speaks BGP by BIRD."""

    name: str
    asn: int


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

    @property
    def prefix(self):
        return f"{self.address}/32"


class End(NamedTuple):
    """One end of a link."""

    peer: str
    address: str
    peer_address: str
    network: str


@dataclass(frozen=True)
class Topology:
    nodes: tuple
    links: tuple
    vms: tuple

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

    def loopback(self, name):
        return f"192.0.2.{1 + [node.name for node in self.nodes].index(name)}"

    def ends(self, name):
        """Each link of a node, seen from it."""
        found = []
        for number, (first, second) in enumerate(self.links, start=1):
            network = f"172.16.{number}.0/24"
            low, high = f"172.16.{number}.1", f"172.16.{number}.2"
            if name == first:
                found.append(End(second, high, low, network))
            if name == second:
                found.append(End(first, low, high, network))
        return found

    def address(self, name):
        """The address by which others reach a node: that of its first link."""
        return self.ends(name)[0].address


# Both hosts on one switch, in one AS.
ONE_TOR = Topology(
    nodes=(Client("client"), Router("tor", 65000), Host("h1", 65101), Host("h2", 65101)),
    links=(("client", "tor"), ("h1", "tor"), ("h2", "tor")),
    vms=(Vm("svc", "00000000-0000-4000-8000-000000000001", "52:54:00:00:00:01", "198.51.100.10"),),
)

TOPOLOGIES = {"one-tor": ONE_TOR}
