"""Links, addresses and forwarding of the nodes."""

from .topology import Client, Host, Router

# The guests' gateway: the same address and MAC on every host, so that a guest that moves keeps its neighbour entry.
GATEWAY_V4 = "169.254.1.1"
GATEWAY_V6 = "fe80::1"
GATEWAY_MAC = "02:00:00:00:00:fe"


def connect(namespaces, topology):
    """Makes all links and sets every node up to forward as its kind does."""
    script = ["set -e"]
    for first, second in topology.links:
        script.append(f"ip link add {second} netns {namespaces.nodes[first]} type veth "
                      f"peer name {first} netns {namespaces.nodes[second]}")
    namespaces.run(None, "sh", "-c", "\n".join(script))
    for node in topology.nodes:
        namespaces.run(node.name, "sh", "-c", "\n".join(["set -e", *set_up(topology, node)]))


def set_up(topology, node):
    """The commands for one node."""
    script = [
        "ip link set lo up",
        f"ip address add {topology.loopback(node.name)}/32 dev lo",
        "for d in all default; do echo 0 >/proc/sys/net/ipv4/conf/$d/rp_filter; done",
        "for d in all default; do echo 0 >/proc/sys/net/ipv4/conf/$d/send_redirects; done",
    ]
    for end in topology.ends(node.name):
        script += [f"ip address add {end.address}/24 dev {end.peer}", f"ip link set {end.peer} up"]
    if isinstance(node, Router):
        script += ["echo 1 >/proc/sys/net/ipv4/ip_forward"]
    if isinstance(node, (Client, Host)):
        script += [f"ip route add default via {topology.ends(node.name)[0].peer_address}"]
    if isinstance(node, Host):
        script += [
            "echo 1 >/proc/sys/net/ipv4/ip_forward",
            f"ip link add br0 address {GATEWAY_MAC} type bridge stp_state 0 forward_delay 0",
            "echo 0 >/proc/sys/net/ipv6/conf/br0/accept_dad",
            f"ip address add {GATEWAY_V4}/32 dev br0",
            f"ip address add {GATEWAY_V6}/64 dev br0 nodad",
            "ip link set br0 up",
        ]
        for vm in topology.vms:
            script += [
                f"ip route add {vm.prefix} dev br0",
                f"ip neighbour add {vm.address} lladdr {vm.mac} dev br0 nud permanent",
            ]
    return script
