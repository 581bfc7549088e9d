"""Links, addresses and forwarding of the nodes."""

from .topology import Client, Host, Router

# The guests' gateway: the same address and MAC on every host, so that a guest that moves keeps its neighbour entry.
GATEWAY_V4 = "169.254.1.1"
GATEWAY_V6 = "fe80::1"
GATEWAY_MAC = "02:00:00:00:00:fe"

# In the place of udev, which would give each new tap a longer queue by a rule. What changes nothing is not told.
LONG_QUEUES = r"""
ip -o monitor link | while read -r line; do
  case $line in
    Deleted*) ;;
    *": tap-"*) name=${line#*: }; ip link set "${name%%:*}" txqueuelen 10000 ;;
  esac
done
"""


def connect(namespaces, topology, static_routes=False):
    """Makes all links and sets every node up to forward as its kind does; `static_routes` to the VMs where no roamd sets them."""
    script = ["set -e"]
    for first, second in topology.links:
        script.append(f"ip link add {second} netns {namespaces.nodes[first]} type veth "
                      f"peer name {first} netns {namespaces.nodes[second]}")
    namespaces.run(None, "sh", "-c", "\n".join(script))
    for node in topology.nodes:
        script = ["set -e", *set_up(topology, node)]
        if isinstance(node, Host):
            script += bridge(topology, static_routes)
        namespaces.run(node.name, "sh", "-c", "\n".join(script))


def set_up(topology, node):
    """The commands for one node, but for the guests' side of a host."""
    ends = topology.ends(node.name)
    script = [
        "ip link set lo up",
        # For firewalls: what a VM said elsewhere is out of the window of an entry from before (where connections are tracked).
        "f=/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal; [ ! -e $f ] || echo 1 >$f",
        f"ip address add {topology.loopback(node.name)}/32 dev lo",
        "for d in all default; do echo 0 >/proc/sys/net/ipv4/conf/$d/rp_filter; done",
        "for d in all default; do echo 0 >/proc/sys/net/ipv4/conf/$d/send_redirects; done",
        "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad",
        # A link that goes down keeps its addresses, and nothing is sent over one whose other end is down.
        "for d in all default; do echo 1 >/proc/sys/net/ipv6/conf/$d/keep_addr_on_down; done",
        "for d in /proc/sys/net/ipv[46]/conf/all; do echo 1 >$d/ignore_routes_with_linkdown; done",
    ]
    for end in ends:
        script += [f"ip address add {end.address}/24 dev {end.peer}",
                   f"ip address add {end.address_v6}/64 dev {end.peer} nodad", f"ip link set {end.peer} up"]
    if isinstance(node, (Router, Host)):
        script += ["echo 1 >/proc/sys/net/ipv4/ip_forward", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"]
    if isinstance(node, (Client, Host)):
        script += default_routes(ends)
    return script


def default_routes(ends):
    """The commands for the default routes over these ends, which go when the links do."""
    return [f"ip route replace default {' '.join(f'nexthop via {end.peer_address}' for end in ends)}",
            f"ip -6 route replace default {' '.join(f'nexthop via {end.peer_address_v6}' for end in ends)}"]


def booted(namespaces, topology, host):
    """Gives a host whose links were down its default routes, and takes away what roamd's protocol number marks."""
    script = [f"ip -{family} route flush table all proto 82" for family in (4, 6)]
    namespaces.run(host, "sh", "-ec", "\n".join(["set +e", *script, "set -e", *default_routes(topology.ends(host))]))


def bridge(topology, static_routes=False):
    """The commands for the bridge that is the guests' gateway."""
    script = [
        f"ip link add br0 address {GATEWAY_MAC} type bridge stp_state 0 forward_delay 0",
        "echo 0 >/proc/sys/net/ipv6/conf/br0/accept_dad",
        f"ip address add {GATEWAY_V4}/32 dev br0 scope link",
        f"ip address add {GATEWAY_V6}/64 dev br0 nodad",
        "ip link set br0 up",
    ]
    for vm in topology.vms if static_routes else ():
        for prefix, address in vm.addresses.items():
            script += [f"ip route add {prefix} dev br0",
                       f"ip neighbour add {address} lladdr {vm.mac} dev br0 nud permanent"]
    return script
