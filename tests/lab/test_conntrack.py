"""A stateful firewall on the hosts: what it remembers of a VM that has left neither leads packets astray nor cuts connections."""

from contextlib import ExitStack, contextmanager
from ipaddress import ip_address

from roamlab.connection import Connection
from roamlab.namespaces import wait_until
from trial import VM, hosts, recorded

# As an operator would write it: who talks already goes on, who begins may do so at some ports, and what fits nothing is dropped.
FIREWALL = """
table inet firewall {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state invalid counter drop
    ct state established,related accept
    tcp dport { 7, 99 } ct state new accept
    meta l4proto { icmp, ipv6-icmp } ct state new accept
  }
}
"""
# More than a window: what of it a firewall has not seen it can't know.
MUCH = 4 << 20


@contextmanager
def firewalls(lab):
    """Every host tracks connections, with the settings that roamd asks for."""
    for host in lab.topology.hosts:
        lab.namespaces.run(host.name, "nft", "-f", "-", input=FIREWALL)
    try:
        yield
    finally:
        for host in lab.topology.hosts:
            lab.namespaces.run(host.name, "nft", "delete", "table", "inet", "firewall")
            liberal(lab, host.name, 1)


def liberal(lab, host, value):
    """Whether a host's kernel lets pass what is out of the window, as every host of the lab does."""
    lab.namespaces.run(host, "sh", "-c", f"echo {value} >/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal")


def tracked(lab, host, address):
    """The entries of connections to an address of the VM's echo in a host's kernel, which writes IPv6 in full."""
    return [line for line in lab.namespaces.run(host, "cat", "/proc/net/nf_conntrack").stdout.splitlines()
            if f"dst={ip_address(address).exploded} " in line and " dport=7 " in line]


def invalid(lab, host):
    """How many packets a host dropped because they fit nothing that it remembers."""
    said = lab.namespaces.run(host, "nft", "list", "chain", "inet", "firewall", "forward").stdout
    return int(said.split("ct state invalid counter packets ")[1].split()[0])


def test_a_connection_of_a_vm_that_leaves_and_comes_back_goes_on_behind_firewalls_that_remember_it(one_lab):
    lab = one_lab
    host, other = hosts(lab)
    with firewalls(lab), ExitStack() as stack:
        connections = {address: stack.enter_context(Connection(lab, address)) for address in lab.reachable(VM)}
        for connection in connections.values():
            assert connection.echoes(1)
        with recorded(lab, ends_on=other, interval=20):
            lab.migrate(VM, host, other)
        for address, connection in connections.items():
            # What the host that it left holds of it is a memory: packets go where the VM is.
            [entry] = tracked(lab, host, address)
            assert " ESTABLISHED " in entry
            assert connection.echoes(MUCH)
        with recorded(lab, ends_on=host, interval=20):
            lab.migrate(VM, other, host)
        for address, connection in connections.items():
            assert connection.echoes(1)
            # It is the old entry, for which all this is out of its window.
            assert len(tracked(lab, host, address)) == 1
            dropped = invalid(lab, host)
            liberal(lab, host, 0)
            connection.send(1)
            wait_until("a strict firewall drops what it can't place", lambda dropped=dropped: invalid(lab, host) > dropped)
            liberal(lab, host, 1)
            assert connection.answered(1)
