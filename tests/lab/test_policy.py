"""What a switch takes from a host, and for how long: host routes of the service range, while the host lives."""

import json
from dataclasses import replace

import pytest

from roamlab import frr
from roamlab.namespaces import wait_until
from trial import VM, converged, hosts, on_rung, preferred

# What a mistake on a host may announce: an address of somebody else's, a network that holds VMs of others, and the way out.
STRAYS = ("203.0.113.9/32", "198.51.100.0/25", "0.0.0.0/0")
BOTH = pytest.mark.parametrize("other_rules", ["twin", "frr"], indirect=True)


@BOTH
def test_a_switch_takes_host_routes_of_the_service_range_and_nothing_else(other_rules):
    lab = other_rules
    host, _ = hosts(lab)
    lab.options = replace(lab.options, strays=STRAYS)
    lab.kill(f"exabgp {host}")
    lab.restart(f"exabgp {host}")
    lab.ready(host)
    converged(lab, host)
    switch = lab.switch(host)
    # The host's loopback comes after the strays.
    assert lab.announcers(switch, f"{lab.topology.loopback(host)}/32")[1] == host
    for stray in STRAYS:
        assert all(route.neighbor != host for route in lab.routes(switch, stray)), stray


@BOTH
def test_a_host_with_more_routes_than_expected_is_told_of_and_loses_none(other_rules):
    """Whatever a switch does instead, VMs are out of reach for it: it ends the session, or takes no VM that comes."""
    lab = other_rules
    host, other = hosts(lab)
    lab.reconfigure(maximum=3)
    try:
        more = [f"198.51.100.{number}" for number in range(50, 55)]
        addresses = [*lab.topology.vm(VM).addresses.values(), *more]
        assert lab.reload(host, {VM: f"{{service_ips: {json.dumps(addresses)}}}"})
        for address in more:
            wait_until(f"{address} is there", lambda address=address: lab.announcers(lab.switch(host), f"{address}/32")[1] == host)
        wait_until("the switch tells of it", lambda: any(
            word in lab.speaker(lab.switch(host)).log(lab, lab.switch(host)).read_text() for word in ("import limit", "%MAXPFX")))
    finally:
        assert lab.reload(host)
    converged(lab, host)
    # Nothing of it stays behind.
    lab.migrate(VM, host, other)
    converged(lab, other)
    lab.migrate(VM, other, host)
    converged(lab, host)


@pytest.fixture
def bfd_lab(other_rules):
    """Racks with BFD between each host and its switch."""
    lab = other_rules
    lab.reconfigure(bfd=True)
    for host in lab.topology.hosts:
        lab.start_bfd(host.name)
    yield lab
    for host in lab.topology.hosts:
        lab.kill(f"bfd {host.name}")
        del lab.services[f"bfd {host.name}"]


@pytest.mark.parametrize("other_rules", ["frr"], indirect=True)
def test_frr_lets_a_host_that_freezes_with_its_link_up_go_by_bfd(bfd_lab):
    """As BIRD does, in test_restart_elsewhere; here with a session a family."""
    lab = bfd_lab
    host, _ = hosts(lab)
    switch = lab.switch(host)
    preferred(lab, host)
    wait_until(f"both BFD sessions of {switch} are up", lambda: frr.bfd_up(lab, switch) == 2)
    lab.freeze(host)
    try:
        # Long before the hold time of 30 s is over.
        on_rung(lab, host, None, seconds=15)
    finally:
        lab.thaw(host)
    lab.ready(host)
    converged(lab, host)
