"""Labs for the tests, each shared by all that can share it, and ending with pytest however that ends."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from roamlab.lab import Lab, Options  # noqa: E402

# Short enough for a test to see the end of; settle is longer than both leases and than a migration there and back.
PACE = {"lease": "15s", "settle": "30s"}


def up(name, **options):
    """A lab with its VM running on h1."""
    lab = Lab.up(f"t{os.getpid()}-{name}", Options(**PACE, **options), ends_with_caller=True)
    lab.start("svc", "h1")
    return lab


def whole(lab):
    """Puts back what a test broke, so that the next one finds everything running and the VM idle on one host."""
    for service, pid in list(lab.services.items()):
        if not lab.namespaces.alive(pid):
            lab.restart(service)
    for host in lab.topology.hosts:
        lab.unthrottle(host.name)
    if lab.where("svc") is None:
        lab.start("svc", "h1")
    lab.await_answer("svc")
    lab.order("svc", "idle")
    for host in lab.topology.hosts:
        lab.ready(host.name)
    return lab


@pytest.fixture(scope="session")
def shared_lab():
    lab = up("relay")
    yield lab
    lab.down()


@pytest.fixture
def lab(shared_lab):
    """ExaBGP 4.2, transport relay."""
    return whole(shared_lab)


@pytest.fixture(scope="module")
def child_lab():
    """ExaBGP 4.2, which runs roamd itself."""
    lab = up("child", transport="child")
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def exabgp5_lab():
    """ExaBGP 5.0, transport relay."""
    lab = up("five", exabgp="5.0")
    yield lab
    lab.down()
