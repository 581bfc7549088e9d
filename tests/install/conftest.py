"""The package and machines for the tests; each machine is new for the test that asks for it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import package  # noqa: E402
from machine.base import HOST, SYSTEM, base  # noqa: E402
from machine.machine import Machine  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Before xdist looks: one process builds the package and has all tests of it, the others go file by file."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("package" if "built" in item.fixturenames else item.path.name))


@pytest.fixture(scope="session")
def newer():
    """The next version of the package."""
    return package.build("--version", package.next_version())


@pytest.fixture(scope="session")
def built(newer):
    """The package as this tree makes it; after the other, which cargo-deb would remove it for. Both share one build."""
    return package.build()


@pytest.fixture(scope="session")
def host_base():
    """Debian 12 as a KVM host has it."""
    return base("bookworm", SYSTEM + HOST)


@pytest.fixture(scope="session")
def plain_base():
    """Debian 13 without libvirtd and ExaBGP."""
    return base("trixie", SYSTEM)


def booted(request, folder):
    machine = Machine(request.node.name.partition("[")[0], folder)
    yield machine
    machine.end()


@pytest.fixture
def host(host_base, request):
    """A KVM host with Debian 12: libvirtd and ExaBGP are there, roamd is not."""
    yield from booted(request, host_base)


@pytest.fixture(params=["host_base", "plain_base"])
def debian(request):
    """Either of the two systems without roamd."""
    yield from booted(request, request.getfixturevalue(request.param))
