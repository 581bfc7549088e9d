"""A whole lab: up, start, migrate, on, down."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import agent, bird, exabgp, frr, hypervisor, image, kernel, place, wires
from .migration import Migration
from .namespaces import Namespaces, require, wait_until
from .topology import TOPOLOGIES, Client, LabError

# Seconds within which an emulated guest answers that has only been started, where others work the machine as well.
BOOTS = 90
VIRSH = ("virsh", "-q", "-c", "qemu:///system")

# Runs inside the client: hands one line to the guest's service and prints its answer, after the time in between (ns).
ORDER = """
import socket, sys, time
with socket.create_connection((sys.argv[1], 99), timeout=15) as connection:
    began = time.time_ns()
    connection.sendall(sys.argv[2].encode() + b"\\n")
    answers = connection.makefile()
    first = answers.read(1)
    print((began + time.time_ns()) // 2, first + answers.readline())
"""


# The BGP daemons of routers: modules with start, log, routes, established and entries.
SPEAKERS = {"bird": bird, "frr": frr}


@dataclass(frozen=True)
class Options:
    """What may differ from lab to lab; `lease` (of libvirt and ExaBGP both), `settle` and `prepend_step` are roamd's."""

    topology: str = "one-tor"
    exabgp: str = "4.2"
    transport: str = "relay"
    roamd: str = ""
    lease: str = "60s"
    settle: str = "180s"
    prepend_step: int = 3
    # Seconds for which a switch keeps the routes of a host whose ExaBGP is dead (RFC 4724).
    restart_time: int = 30
    # Routers hand on all paths, go by the rungs in the large communities, restart gracefully, and speak BFD with the hosts.
    add_paths: bool = True
    rungs_decide: bool = False
    graceful: bool = False
    bfd: bool = False
    # The most routes of a family that a switch takes from a host, and what each host's ExaBGP announces beside its loopback.
    maximum: int = 20000
    strays: tuple = ()
    # libvirt asks roamd's hook before it takes a migration.
    hook: bool = False
    # roamd sets the kernel's routes to the VMs; else each host has static ones to all of them, wherever they are.
    host_routes: bool = True
    # Agents that are services of their own run as deploy/systemd/roamd.service has them: as its user, with its rights and filters.
    confined: bool = True
    # Taps keep 10,000 packets while their guest stands still, as a udev rule would have it, and not the kernel's 1,000.
    long_queues: bool = False


class Lab:
    """A lab that is up. Made by `up`, or found again by `attach`."""

    def __init__(self, path, options, namespaces, services):
        self.path = Path(path)
        self.options = options
        self.topology = TOPOLOGIES[options.topology]
        self.namespaces = namespaces
        # "PART NODE", as in "exabgp h1": the process inside the lab.
        self.services = services
        # What the next start of a service goes through: the words before its program.
        self.under = {}

    @classmethod
    def up(cls, name, options, ends_with_caller=False):
        """Brings a lab up, up to and including its BGP sessions."""
        require()
        if options.topology not in TOPOLOGIES:
            raise LabError(f"no topology {options.topology}; there are: {', '.join(TOPOLOGIES)}")
        roamd = Path(options.roamd or agent.binary()).resolve()
        options = replace(options, roamd=str(roamd))
        exabgp.command(options.exabgp)
        made = image.image()
        path, lock = place.create(name)
        try:
            with open(path / "lab.log", "w", encoding="utf-8") as log:
                namespaces = Namespaces.create(lock, log, ends_with_caller)
        finally:
            os.close(lock)
        if ends_with_caller:
            place.remove_when_dead(path)
        lab = cls(path, options, namespaces, {})
        try:
            lab.build(made)
            lab.save()
        except BaseException:
            namespaces.end()
            raise
        return lab

    @classmethod
    def attach(cls, name):
        """A lab that another process brought up."""
        path, state = place.load(name)
        return cls(path, Options(**state["options"]), Namespaces(state["first"], state["nodes"]), state["services"])

    def save(self):
        place.save(self.path, {
            "options": asdict(self.options), "first": self.namespaces.first, "nodes": self.namespaces.nodes,
            "services": self.services,
        })

    def down(self):
        """Ends everything and removes the directory."""
        self.namespaces.end()
        shutil.rmtree(self.path, ignore_errors=True)

    def build(self, made):
        namespaces, topology = self.namespaces, self.topology
        names = "".join(f"{topology.address(node.name)} {node.name}\n" for node in topology.nodes)
        for name, text in (("hosts", f"127.0.0.1 localhost\n{names}"), *hypervisor.accounts()):
            (self.path / name).write_text(text)
            namespaces.run(None, "mount", "--bind", self.path / name, f"/etc/{name}")
        for node in topology.nodes:
            (self.path / node.name).mkdir()
            namespaces.add(node.name, self.path / "lab.log")
        wires.connect(namespaces, topology, static_routes=not self.options.host_routes)
        for node in (*topology.routers, *topology.hosts):
            kernel.start(namespaces, self, node.name)
        for router in topology.routers:
            self.start_router(router.name)
        if hypervisor.capabilities().is_dir():
            with ThreadPoolExecutor() as pool:
                list(pool.map(self.build_host, topology.hosts))
        else:
            # The first one finds out for all.
            for host in topology.hosts:
                self.build_host(host)
                hypervisor.keep_capabilities(self.namespaces, host, self.path / host.name)
        for vm in topology.vms:
            for host in topology.hosts:
                xml = image.domain(vm, made, self.path / host.name / f"{vm.name}.console")
                (self.path / host.name / f"{vm.name}.xml").write_text(xml)
        for host in topology.hosts:
            self.ready(host.name)
        for router in topology.routers:
            self.connected(router.name)

    def build_host(self, host):
        directory = self.path / host.name
        hypervisor.prepare(self.namespaces, self.topology, host, directory)
        if self.options.hook:
            hypervisor.install_hook(directory)
        if self.options.long_queues:
            self.namespaces.start(host.name, ["sh", "-c", wires.LONG_QUEUES], self.path / "lab.log")
        agent.configure(self, host)
        self.start_parts(host.name)

    def start_parts(self, host):
        """Everything that a host has running, as its init system starts it; /run is empty."""
        for made in ("roamd", "ledger"):
            (self.path / host / "run" / made).mkdir()
        self.start_libvirtd(host)
        self.start_exabgp(host)
        if self.options.transport == "relay":
            self.start_agent(host)
        if self.options.bfd:
            self.start_bfd(host)

    # ------------------------------------------------------------------------------------------------ parts

    def start_exabgp(self, host):
        self.services[f"exabgp {host}"] = exabgp.start(self.namespaces, self, self.topology.node(host))

    def start_bfd(self, host):
        self.services[f"bfd {host}"] = bird.start_bfd(self.namespaces, self, self.topology.node(host))

    def start_libvirtd(self, host):
        self.services[f"libvirtd {host}"] = hypervisor.start(self.namespaces, self, self.topology.node(host))

    def start_router(self, router, recovers=False):
        self.services[f"router {router}"] = self.speaker(router).start(
            self.namespaces, self, self.topology.node(router), recovers)

    def speaker(self, router):
        """The BGP daemon of a router."""
        return SPEAKERS[self.topology.node(router).speaker]

    def kill(self, service):
        """kill -9, and gone; `service` is PART NODE, as in "exabgp h1"."""
        self.namespaces.signal(self.services[service])
        wait_until(f"{service} is gone", lambda: not self.namespaces.alive(self.services[service]))

    def restart(self, service):
        """Starts a service that was killed, as an init system would."""
        part, node = service.split()
        {"exabgp": self.start_exabgp, "roamd": self.start_agent, "libvirtd": self.start_libvirtd,
         "router": self.start_router, "bfd": self.start_bfd}[part](node)

    def stop(self, service):
        """Ends a service in order, and waits until it is gone."""
        self.namespaces.signal(self.services[service], "TERM")
        wait_until(f"{service} is gone", lambda: not self.namespaces.alive(self.services[service]), 60)

    def relay(self, host):
        """The process of the relay that ExaBGP on a host runs; None while there is none."""
        children = self.namespaces.run(
            None, "cat", "/proc/{0}/task/{0}/children".format(self.services[f"exabgp {host}"]), check=False).stdout.split()
        return int(children[0]) if children else None

    def pause(self, service):
        """A service hangs from now on; `resume` ends that."""
        self.namespaces.signal(self.services[service], "STOP")

    def resume(self, service):
        self.namespaces.signal(self.services[service], "CONT")

    def freeze(self, host):
        """Everything on a host stands still, and its links stay up; `thaw` ends that."""
        self.namespaces.signal_all(host, "STOP")

    def thaw(self, host):
        self.namespaces.signal_all(host, "CONT")

    def boot(self, host):
        """A host that lost its power comes back: its links, an empty /run, and its parts."""
        for found in (self.path / host / "run").iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        self.links(host, "up")
        wires.booted(self.namespaces, self.topology, host)
        kernel.start(self.namespaces, self, host)
        self.start_parts(host)

    def reconfigure(self, **changes):
        """Gives every agent and router other options, and restarts them."""
        self.options = replace(self.options, **changes)
        for host in self.topology.hosts:
            agent.configure(self, host)
            self.kill(f"roamd {host.name}")
            self.start_agent(host.name)
        for router in self.topology.routers:
            self.kill(f"router {router.name}")
            self.start_router(router.name)
        for router in self.topology.routers:
            self.connected(router.name)
        for host in self.topology.hosts:
            self.ready(host.name)

    def start_agent(self, host):
        self.services[f"roamd {host}"] = agent.start(self.namespaces, self, self.topology.node(host))

    def reload(self, host, vms=None):
        """Has roamd on a host read its configuration again, with another map of VMs than the lab's; whether it takes it."""
        before = agent.reloads(self.path / host)
        agent.configure(self, self.topology.node(host), vms)
        self.namespaces.signal(self.services[f"roamd {host}"], "HUP")

        def read():
            after = agent.reloads(self.path / host)
            return after != before and after
        accepted, _ = wait_until(f"roamd on {host} has read its configuration again", read)
        return accepted > before[0]

    def ready(self, host, seconds=20):
        """Waits until roamd on a host has everything done."""
        try:
            wait_until(f"roamd on {host} is ready", lambda: self.rest(host, "/readyz")[0] == 200, seconds)
        except LabError as error:
            log = (self.path / host / "roamd.log").read_text().splitlines()
            raise LabError("\n".join([str(error), "the end of its log:", *log[-5:]])) from None

    def rest(self, host, path):
        """roamd's answer on a host: status and document."""
        return agent.rest(self.path / host, path)

    def metrics(self, host):
        """Each series of a host's /metrics with its value."""
        return agent.metrics(self.path / host)

    def connected(self, router):
        """Waits until all BGP sessions of a router are up."""
        for end in self.topology.ends(router):
            if not isinstance(self.topology.node(end.peer), Client):
                wait_until(f"{router}'s sessions with {end.peer} are up",
                           lambda end=end: self.speaker(router).established(self, router, end.peer), 30)

    def routes(self, router, prefix):
        """All routes that a router has for a prefix."""
        return self.speaker(router).routes(self, router, prefix)

    def announcers(self, router, prefix):
        """What each host announces as a router has it, {host: rung}, and the host that it prefers."""
        routes = self.routes(router, prefix)
        return {route.host: route.rung for route in routes}, next((route.host for route in routes if route.best), None)

    def switch(self, host):
        """The first of the routers above a host."""
        return self.topology.switches(host)[0]

    # -------------------------------------------------------------------------------------------------- VMs

    def virsh(self, host, *command, check=True, timeout=120):
        return self.namespaces.run(host, *VIRSH, *command, check=check, timeout=timeout)

    def where(self, vm):
        """The host on which a VM is known to libvirt and not shut off, or None."""
        return next((host.name for host in self.topology.hosts if self.state(vm, host.name)), None)

    def state(self, vm, host):
        """libvirt's word for a VM's state on a host; None where it is not known or shut off."""
        state = self.virsh(host, "domstate", vm, check=False)
        word = state.stdout.strip()
        return word if state.returncode == 0 and word != "shut off" else None

    def start(self, vm, host):
        """Starts a VM and waits until it answers."""
        self.topology.node(host)
        self.virsh(host, "create", self.path / host / f"{self.topology.vm(vm).name}.xml")
        try:
            self.await_answer(vm)
        except LabError as error:
            console = (self.path / host / f"{vm}.console").read_text(errors="replace").splitlines()
            raise LabError("\n".join([str(error), "the end of its console:", *console[-20:]])) from None

    def reachable(self, vm):
        """The addresses by which clients can reach a VM."""
        return self.topology.vm(vm).addresses.values()

    def await_answer(self, vm, seconds=BOOTS):
        """Waits until every client reaches a VM."""
        for client in self.topology.clients:
            for address in self.reachable(vm):
                wait_until(f"{vm} answers {client.name} on {address}", lambda client=client, address=address: self.namespaces.run(
                    client.name, "ping", "-n", "-c1", "-W1", address, check=False).returncode == 0, seconds)

    def migration(self, vm, source, target, *options):
        """Begins to migrate a VM, as virsh on the source does it."""
        self.topology.node(target)
        return Migration(self.namespaces, source, [
            *VIRSH, "migrate", "--live", *options, self.topology.vm(vm).name, f"qemu+tcp://{target}/system"])

    def migrate(self, vm, source, target, *options):
        """Migrates a VM to the end."""
        self.migration(vm, source, target, *options).succeed()

    def order(self, vm, text):
        """Tells the service in a VM what to do: `dirty MIB MIB_PER_SECOND`, `idle`, or `probe ADDRESS INTERVAL_MS`."""
        _, said = self.ask(vm, text)
        if said != "ok":
            raise LabError(f"{vm} does not {text}: {said}")

    def ask(self, vm, text):
        """Asks the service in a VM; when it answered (ns) and what."""
        said = self.namespaces.run(
            self.topology.clients[0].name, "/usr/bin/python3", "-c", ORDER, self.topology.vm(vm).address, text, timeout=20)
        at, answer = said.stdout.split(maxsplit=1)
        return int(at), answer.strip()

    def qemu(self, vm, host):
        """The process of a VM's QEMU on a host, also of one that is only just arriving."""
        return int((self.path / host / f"run/libvirt/qemu/{vm}.pid").read_text())

    # ------------------------------------------------------------------------------------------------ links

    def cut_off(self, router):
        """A router dies: its daemon and all its links; `mend` brings the links back."""
        self.kill(f"router {router}")
        self.links(router, "down")

    def mend(self, router):
        self.links(router, "up")

    def links(self, node, state):
        for end in self.topology.ends(node):
            self.namespaces.run(node, "ip", "link", "set", end.peer, state)

    def throttle(self, host, towards, rate):
        """Slows down what one host sends to another, and nothing else that it sends; rate as in tc(8), as `20mbit`."""
        uplink = self.topology.ends(host)[0]
        address = self.topology.address(towards)
        self.namespaces.run(host, "sh", "-ec", f"""
            tc qdisc add dev {uplink.peer} root handle 1: htb default 1
            tc class add dev {uplink.peer} parent 1: classid 1:1 htb rate 10gbit
            tc class add dev {uplink.peer} parent 1: classid 1:2 htb rate {rate}
            tc filter add dev {uplink.peer} parent 1: protocol ip u32 match ip dst {address}/32 flowid 1:2
        """)

    def unthrottle(self, host):
        uplink = self.topology.ends(host)[0]
        self.namespaces.run(host, "tc", "qdisc", "del", "dev", uplink.peer, "root", check=False)
