"""Set up as the README says, under running routes: upgraded, removed, purged."""

import json
import sys

import pytest

import package
from machine.base import REPOSITORY
from machine.switch import ADDRESS, AS, HOST, HOST_AS, HOST_V6, SERVICE_V4, SERVICE_V6, Switch

sys.path.insert(0, str(REPOSITORY / "tests/lab"))

from roamlab.templates import filled  # noqa: E402

EXAMPLES = "usr/share/doc/roamd/examples"
# libvirtd's own test driver, behind libvirtd's sockets: of its one running VM `test` everybody sees the same.
LIBVIRT = "test+unix:///default?socket=/run/libvirt/libvirt-sock"
VMS = "vms:\n  test:\n    service_ips: [198.51.100.10, \"2001:db8:5::10\"]\n"
ROUTES = {"198.51.100.10/32", "2001:db8:5::10/128"}
ARRIVED, ACTIVE = 0, 1


def config(uri, vms=VMS):
    """The main file of a host."""
    return (f"libvirt: {{uri: '{uri}'}}\nexabgp: {{socket_group: exabgp}}\n"
            f"bgp: {{local_as: {HOST_AS}, next_hop_v6: '{HOST_V6}', allowed_prefixes: [{SERVICE_V4}, '{SERVICE_V6}']}}\n{vms}")


def write(machine, path, text):
    place = machine.root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def example(machine, name):
    return (machine.root / EXAMPLES / name).read_text(encoding="utf-8")


def set_up(machine):
    """What roamd(8) has an operator do after the installation."""
    write(machine, "/etc/roamd/config.yaml", config(LIBVIRT + "-ro"))
    machine.run("roamd", "check")
    neighbor = filled(machine.root / EXAMPLES / "exabgp/neighbor.conf.in", {
        "TOR_ADDRESS": ADDRESS, "HOST_ADDRESS": HOST, "ROUTER_ID": HOST, "HOST_AS": HOST_AS, "TOR_AS": AS,
        "GRACEFUL_RESTART": "capability { graceful-restart 30; } manual-eor true;",
        "FAMILIES": "ipv4 unicast; ipv6 unicast;", "STATIC": ""})
    write(machine, "/etc/exabgp/exabgp.conf", example(machine, "exabgp/relay.conf") + neighbor)
    machine.run("exabgp", "--test", "/etc/exabgp/exabgp.conf")
    write(machine, "/etc/systemd/system/exabgp.service.d/roamd.conf", example(machine, "systemd/exabgp.conf"))
    machine.shell("systemctl daemon-reload; systemctl restart exabgp roamd")


def status(machine):
    return json.loads(machine.run("roamd", "status", "--json", check=False).stdout)


def main_pid(machine, unit):
    return int(machine.unit(unit, "MainPID")["MainPID"])


def relay(machine):
    return machine.shell("pgrep -x roamd-relay").split()


@pytest.fixture
def serving(host, built):
    """A host that announces its VM to its switch."""
    switch = Switch(host)
    host.install(built)
    set_up(host)
    host.wait("the routes of the VM", lambda: switch.rungs() == dict.fromkeys(ROUTES, ACTIVE), 120)
    return host, switch


def test_an_upgrade_restarts_the_agent_and_moves_no_route(serving, newer):
    host, switch = serving
    assert host.failed() == []
    assert host.unit("roamd.service", "ActiveState", "SubState", "User") == {
        "ActiveState": "active", "SubState": "running", "User": "roamd"}
    agent, exabgp, relays = main_pid(host, "roamd.service"), main_pid(host, "exabgp.service"), relay(host)
    up, mark, before = switch.up_since(), switch.mark(), switch.rungs()
    host.shell("echo '# by hand' >>/etc/roamd/config.yaml")

    host.install(newer)
    assert host.run("dpkg-query", "--show", "--showformat=${Version}", "roamd").stdout == package.next_version()
    # The old binary is what the relay goes on with; the new one is the agent's, which is ready as soon as dpkg is done.
    assert main_pid(host, "roamd.service") != agent
    assert host.unit("roamd.service", "ActiveState") == {"ActiveState": "active"}
    assert (main_pid(host, "exabgp.service"), relay(host)) == (exabgp, relays)
    host.wait("ready", lambda: host.run("roamd", "status", check=False).returncode == 0)
    assert (host.root / "etc/roamd/config.yaml").read_text(encoding="utf-8").endswith("# by hand\n")
    assert (switch.up_since(), switch.withdrawn(mark), switch.rungs()) == (up, [], before)
    assert host.failed() == []
    # And it lives: what happens to the VM reaches the switch.
    host.run("virsh", "-c", LIBVIRT, "destroy", "test")
    host.wait("the VM's routes go", lambda: switch.rungs() == {})
    assert set(switch.withdrawn(mark)) == ROUTES


def test_an_upgrade_over_a_faulty_file_leaves_the_agent_running_and_says_what_to_do(serving, newer):
    host, switch = serving
    agent, mark, before = main_pid(host, "roamd.service"), switch.mark(), switch.rungs()
    write(host, "/etc/roamd/config.yaml", config(LIBVIRT + "-ro", "vms: {test: {service_ips: [198.51.100.300]}}\n"))
    said = host.install(newer)
    assert host.run("dpkg-query", "--show", "--showformat=${Version}", "roamd").stdout == package.next_version()
    assert "vms.test.service_ips[0]" in said and "THE AGENT WAS NOT RESTARTED" in said, said
    assert "systemctl restart roamd" in said, said
    assert host.unit("roamd.service", "MainPID", "ActiveState") == {"MainPID": str(agent), "ActiveState": "active"}
    assert (switch.withdrawn(mark), switch.rungs(), host.failed()) == ([], before, [])
    # What it says to do is enough.
    write(host, "/etc/roamd/config.yaml", config(LIBVIRT + "-ro"))
    host.run("systemctl", "restart", "roamd")
    assert main_pid(host, "roamd.service") != agent
    assert (switch.withdrawn(mark), switch.rungs()) == ([], before)


def test_a_removal_stops_the_agent_in_order_and_a_purge_leaves_no_configuration(serving):
    host, switch = serving
    write(host, "/etc/roamd/config.yaml", config(LIBVIRT + "-ro").replace("socket_group", "on_stop: withdraw, socket_group"))
    host.run("systemctl", "restart", "roamd")
    up = switch.up_since()
    said = host.run("dpkg", "--remove", "roamd")
    # It said that ExaBGP's configuration still names it.
    assert "/etc/exabgp/exabgp.conf still runs roamd" in said.stderr
    assert switch.rungs() == {} and switch.up_since() == up
    assert host.run("pgrep", "-x", "roamd", check=False).stdout == ""
    assert not (host.root / "run/roamd").exists()
    assert "socket_group" in (host.root / "etc/roamd/config.yaml").read_text(encoding="utf-8")
    assert host.failed() == []
    host.run("dpkg", "--purge", "roamd")
    assert not (host.root / "etc/roamd").exists()
    assert host.failed() == []


def test_the_agents_user_reads_qemus_vms_on_the_read_only_socket(host, built):
    switch = Switch(host)
    host.install(built)
    set_up(host)
    write(host, "/etc/roamd/config.yaml", config("qemu:///system"))
    host.run("systemctl", "restart", "roamd")
    host.wait("libvirt is listed", lambda: status(host)["status"]["libvirt"]["connected"])
    assert status(host)["status"]["libvirt"]["uri"] == "qemu:///system"
    assert host.failed() == [] and switch.rungs() == {}
