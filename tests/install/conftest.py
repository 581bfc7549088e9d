"""Machines for the tests, each new for the test that asks for it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from machine.base import HOST, SYSTEM, base  # noqa: E402
from machine.machine import Machine  # noqa: E402


@pytest.fixture(scope="session")
def host_base():
    """Debian 12 as a KVM host has it."""
    return base("bookworm", SYSTEM + HOST)


@pytest.fixture
def host(host_base, request):
    """A KVM host with Debian 12: libvirtd and ExaBGP are there, roamd is not."""
    machine = Machine(request.node.name, host_base)
    yield machine
    machine.end()
