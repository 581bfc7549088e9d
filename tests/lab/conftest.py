"""Labs for the tests, each shared by all that can share it, and ending with pytest however that ends."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from roamlab.lab import Lab, Options  # noqa: E402
from trial import VM  # noqa: E402

# Short enough for a test to see the end of; settle is longer than both leases and than a migration there and back.
PACE = {"lease": "15s", "settle": "30s"}


def up(name, **options):
    """A lab with its VM running on h1."""
    lab = Lab.up(f"t{os.getpid()}-{name}", Options(**PACE, **options), ends_with_caller=True)
    lab.start(VM, "h1")
    return lab


def whole(lab):
    """Puts back what a test broke, so that the next one finds everything running and the one VM idle on one host."""
    for service, pid in list(lab.services.items()):
        if not lab.namespaces.alive(pid):
            lab.restart(service)
    for host in lab.topology.hosts:
        lab.unthrottle(host.name)
    for vm in lab.topology.vms:
        if vm.name != VM and (host := lab.where(vm.name)):
            lab.virsh(host, "destroy", vm.name)
    if lab.where(VM) is None:
        lab.start(VM, "h1")
    for router in lab.topology.routers:
        lab.connected(router.name)
    lab.await_answer(VM)
    lab.order(VM, "idle")
    for host in lab.topology.hosts:
        lab.ready(host.name)
    return lab


def shared(name, **options):
    """A fixture of a lab that lives as long as the tests do."""
    @pytest.fixture(scope="session", name=f"{name}_shared")
    def fixture():
        lab = up(name, **options)
        yield lab
        lab.down()
    return fixture


# ExaBGP 4.2 and transport relay, but where the name says something else.
one_tor = shared("one")
racks = shared("racks", topology="leaf-spine")
reflector = shared("reflector", topology="reflector")
child = shared("child", transport="child")
exabgp5 = shared("five", exabgp="5.0")


@pytest.fixture(params=["racks", "reflector"])
def lab(request):
    """Two racks, in each of the fabrics."""
    return whole(request.getfixturevalue(f"{request.param}_shared"))


@pytest.fixture(params=["one", "child", "five"])
def one_switch_lab(request):
    """Both hosts on one switch, in each of the ways to run ExaBGP."""
    return whole(request.getfixturevalue(f"{request.param}_shared"))
