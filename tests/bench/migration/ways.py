"""The ways to lead the traffic of a VM to its new host, and the networks to do it in, each as a lab of its own with the same
guest.

Each lab is that of tests/lab, with something else in roamd's place. They stand side by side for the whole of a run, so that
the migrations of all of them can take turns.
"""

import shutil
from pathlib import Path

from roamlab import exabgp, hypervisor
from roamlab.lab import Lab
from roamlab.templates import filled
from roamlab.wires import GATEWAY_MAC, GATEWAY_V4

HERE = Path(__file__).resolve().parent
VM = "svc"


class Roamd(Lab):
    """roamd, with transport relay."""

    def settled(self, host):
        """Whether nothing more will happen after a migration to this host."""
        return self.only_route_from(host) and all(self.rest(each.name, "/readyz")[0] == 200 for each in self.topology.hosts)

    def only_route_from(self, host):
        """Whether every router knows of this host's route alone."""
        found = [self.routes(router.name, self.topology.vm(VM).prefix) for router in self.topology.routers]
        return all({route.host for route in routes} == {host} and any(route.best for route in routes) for routes in found)


class Scripted(Roamd):
    """The hosts speak BGP as they do under roamd, and something written by hand tells ExaBGP what to announce."""

    process, api = "", ""
    cli = "false"

    def reachable(self, vm):
        return [self.topology.vm(vm).address]

    def build_host(self, host):
        directory = self.path / host.name
        hypervisor.prepare(self.namespaces, self.topology, host, directory)
        self.install(host)
        self.services[f"libvirtd {host.name}"] = hypervisor.start(self.namespaces, self, host)
        self.start_exabgp(host.name)

    def install(self, host):
        """Puts files into a host's own directories, before libvirtd starts."""

    def start_exabgp(self, host):
        directory = self.path / host
        [end] = self.topology.ends(host)
        (directory / "exabgp.conf").write_text(filled(HERE / "exabgp.conf.in", {
            "PROCESS": self.process.format(script=HERE / "naive.py", vm=VM, address=self.topology.vm(VM).address),
            "API": self.api, "TOR_ADDRESS": end.peer_address, "HOST_ADDRESS": end.address,
            "HOST_AS": self.topology.node(host).asn, "TOR_AS": self.topology.node(end.peer).asn,
        }))
        self.services[f"exabgp {host}"] = self.namespaces.start(
            host, [*exabgp.command(self.options.exabgp), directory / "exabgp.conf"], directory / "exabgp.log",
            environment=exabgp.environment() | {"exabgp_api_cli": self.cli})

    def ready(self, host):
        """Nothing says so: the session is all there is."""

    def settled(self, host):
        return self.only_route_from(host)


class Naive(Scripted):
    """ExaBGP runs a script that follows libvirt's events: announces at STARTED, withdraws at STOPPED."""

    process = "process naive {{\n  run /usr/bin/python3 {script} {vm} {address};\n  encoder text;\n}}"
    api = "  api { processes [ naive ]; }"


class Hook(Scripted):
    """libvirt runs a hook that writes to the pipe of ExaBGP's command line."""

    cli = "true"

    def install(self, host):
        hooks = self.path / host.name / "etc/hooks"
        hooks.mkdir()
        shutil.copy(HERE / "hook", hooks / "qemu")
        (hooks / "addresses").write_text(f"{VM} {self.topology.vm(VM).address}\n")
        self.namespaces.run(host.name, "sh", "-c", "mkdir /run/exabgp && mkfifo /run/exabgp/exabgp.in /run/exabgp/exabgp.out")


class Layer2(Lab):
    """No routing to the VM: one layer 2 from the switch, which is the VM's gateway, to both hosts' bridges.

    The hosts keep their routed links, for migrations; the VMs' network is a second link each, bridged on both ends. QEMU
    announces a guest that has moved by RARP, as it always does, and the bridges learn from that.
    """

    def build(self, made):
        super().build(made)
        [tor], vm = self.topology.routers, self.topology.vm(VM)
        script = [
            "set -e",
            f"ip link add br0 address {GATEWAY_MAC} type bridge stp_state 0 forward_delay 0",
            f"ip address add {GATEWAY_V4}/32 dev br0",
            "ip link set br0 up",
            f"ip route add {vm.prefix} dev br0",
        ]
        for host in self.topology.hosts:
            script += [
                f"ip link add lan-{host.name} type veth peer name lan netns {self.namespaces.nodes[host.name]}",
                f"ip link set lan-{host.name} master br0 up",
            ]
        self.namespaces.run(tor.name, "sh", "-c", "\n".join(script))
        for host in self.topology.hosts:
            # In place of the bridge that is the VM's gateway on a routed host.
            self.namespaces.run(host.name, "sh", "-c", "\n".join([
                "set -e", "ip link delete br0", "ip link add br0 type bridge stp_state 0 forward_delay 0",
                "ip link set lan master br0 up", "ip link set br0 up"]))

    def build_host(self, host):
        hypervisor.prepare(self.namespaces, self.topology, host, self.path / host.name)
        self.services[f"libvirtd {host.name}"] = hypervisor.start(self.namespaces, self, host)

    def ready(self, host):
        """There is nothing that could be."""

    def connected(self, router):
        """There are no sessions."""

    def reachable(self, vm):
        return [self.topology.vm(vm).address]

    def settled(self, host):
        return True


# The hosts have routes to all VMs, wherever these are, and nobody changes them.
STATIC = {"host_routes": False}
# Each way with what differs in its lab's options. All but roamd's are for one switch.
WAYS = {"roamd": (Roamd, {}), "static": (Roamd, STATIC), "naive": (Naive, STATIC), "hook": (Hook, STATIC), "layer2": (Layer2, STATIC)}

# Networks for roamd: what differs in a lab's options.
NETWORKS = {
    "one-tor": {},
    "leaf-spine": {"topology": "leaf-spine"},
    # The same, and routers hand on their best path only.
    "best-only": {"topology": "leaf-spine", "add_paths": False},
    "reflector": {"topology": "reflector"},
}

# The same for what VMs on other hosts see, and one on the destination and the source.
FROM_VMS = {
    "roamd": {"topology": "three-racks"},
    "static": {"topology": "three-racks"} | STATIC,
}
