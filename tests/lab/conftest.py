"""Labs for the tests, each shared by all that can share it, and ending with pytest however that ends."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from roamlab.lab import Lab, Options  # noqa: E402
from trial import PEERS, VM  # noqa: E402

# Short enough for a test to see the end of; settle is longer than both leases and than a migration there and back.
PACE = {"lease": "15s", "settle": "30s"}
# So short that a test can wait until a VM has settled; settle is longer than the time for which a switch keeps the routes of
# a host whose ExaBGP is dead, too.
BRISK_PACE = {"lease": "6s", "settle": "12s", "restart_time": 8}


# Labs of few tests, which one process has one after the other.
SMALL = ("one", "child", "five", "two", "frr")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Before xdist looks: tests with the same lab stay together where several processes share the work (pytest-xdist)."""
    for item in items:
        params = getattr(item, "callspec", None)
        chosen = [*params.params.values()] if params else []
        fixed = [name.removesuffix("_lab") for name in item.fixturenames if name.endswith("_lab")]
        name = next((name for name in [*chosen, *fixed] if f"{name}_shared" in LABS), "none")
        item.add_marker(pytest.mark.xdist_group("small" if name in SMALL else name))


def up(name, **options):
    """A lab with its VM running on h1."""
    lab = Lab.up(f"t{os.getpid()}-{name}", Options(**PACE | options), ends_with_caller=True)
    lab.start(VM, "h1")
    return lab


def whole(lab, homes=None):
    """Puts back what a test broke, so that the next one finds everything running and the one VM idle on one host.

    `homes` are other VMs that run, each with its host.
    """
    homes = homes or {}
    for host in lab.topology.hosts:
        lab.thaw(host.name)
        lab.unthrottle(host.name)
    for router in lab.topology.routers:
        lab.mend(router.name)
    for service, pid in list(lab.services.items()):
        if not lab.namespaces.alive(pid):
            lab.restart(service)
    for vm in lab.topology.vms:
        if vm.name != VM and (host := lab.where(vm.name)) and host != homes.get(vm.name):
            lab.virsh(host, "destroy", vm.name)
    with ThreadPoolExecutor() as pool:
        missing = {vm: host for vm, host in ({VM: "h1"} | homes).items() if lab.where(vm) is None}
        list(pool.map(lab.start, missing, missing.values()))
    for router in lab.topology.routers:
        lab.connected(router.name)
    lab.await_answer(VM)
    lab.order(VM, "idle")
    for host in lab.topology.hosts:
        lab.ready(host.name)
    return lab


LABS = []


def shared(name, **options):
    """A fixture of a lab that lives as long as the tests do."""
    LABS.append(f"{name}_shared")

    @pytest.fixture(scope="session", name=f"{name}_shared")
    def fixture():
        lab = up(name, **options)
        yield lab
        lab.down()
    return fixture


# ExaBGP 4.2 and transport relay, but where the name says something else.
one_tor = shared("one")
racks = shared("racks", topology="leaf-spine")
# Another one, so that its long tests and those of the first need not wait for each other.
twin = shared("twin", topology="leaf-spine")
frr_racks = shared("frr", topology="frr-racks")
reflector = shared("reflector", topology="reflector")
child = shared("child", transport="child")
exabgp5 = shared("five", exabgp="5.0")
two_tors = shared("two", topology="two-tors")
three_racks = shared("three", topology="three-racks")
# As shipped, and so brisk that a VM settles in seconds.
brisk = shared("brisk", topology="leaf-spine", **BRISK_PACE)
# Everything that an operator can do against failures: BFD, graceful restart of the switches too, libvirt's hook.
guarded = shared("guarded", topology="leaf-spine", bfd=True, graceful=True, hook=True, **BRISK_PACE)


@pytest.fixture(params=["racks", "reflector"])
def lab(request):
    """Two racks, in each of the fabrics."""
    return whole(request.getfixturevalue(f"{request.param}_shared"))


@pytest.fixture
def racks_lab(racks_shared):
    """Two racks behind spines."""
    return whole(racks_shared)


@pytest.fixture
def twin_lab(twin_shared):
    """The same, for tests that take long."""
    return whole(twin_shared)


@pytest.fixture(params=["twin"])
def other_rules(request):
    """Two racks whose rules a test changes; they are changed back."""
    lab = whole(request.getfixturevalue(f"{request.param}_shared"))
    options = lab.options
    yield lab
    lab.reconfigure(**asdict(options))


@pytest.fixture
def frr_lab(frr_shared):
    """The same with FRR as the switch of each rack."""
    return whole(frr_shared)


@pytest.fixture
def guarded_lab(guarded_shared):
    """The same with BFD, graceful restart and libvirt's hook, and so brisk that a VM settles in seconds."""
    return whole(guarded_shared)


@pytest.fixture
def brisk_lab(brisk_shared):
    """Two racks behind spines, so brisk that a VM settles in seconds."""
    return whole(brisk_shared)


@pytest.fixture
def two_lab(two_shared):
    """Two switches a rack, and an IPv4 and an IPv6 session with each."""
    return whole(two_shared)


@pytest.fixture
def one_lab(one_shared):
    """Both hosts on one switch."""
    return whole(one_shared)


@pytest.fixture
def three_lab(three_shared):
    """Three racks with a VM on each host beside the one that migrates between the first two."""
    return whole(three_shared, homes=PEERS)


@pytest.fixture(params=["one", "child", "five"])
def one_switch_lab(request):
    """Both hosts on one switch, in each of the ways to run ExaBGP."""
    return whole(request.getfixturevalue(f"{request.param}_shared"))
