"""deploy/ansible: one configuration for a fleet, judged before it is in place, and in force host by host."""

import re
import subprocess

import pytest
import yaml

from fleet import PLAYBOOK, ROAMD, Fleet, recap
from machine.machine import Machine
from machine.switch import ADDRESS as TOR, AS as TOR_AS, HOST, HOST_AS, HOST_V6, Switch

# Both hosts at once, where it does not matter that one comes after the other, or one of them: a run takes a quarter of a minute.
AT_ONCE = ("-e", "roamd_serial=2")
ONE = ("--limit", "h1")
MAP = "test: {service_ips: [198.51.100.10, 198.51.100.11]}\nfar: {service_ips: [198.51.100.20]}\n"
CHANGED = "test: {service_ips: [198.51.100.10, 198.51.100.12]}\nfar: {service_ips: [198.51.100.20]}\n"
FAULTY = "test: {service_ips: [198.51.100.300]}\n"


@pytest.fixture(scope="module")
def rolled_out(host_base, tmp_path_factory):
    """Two hosts with their first configuration."""
    machines = {}
    try:
        for name in ("h1", "h2"):
            machines[name] = Machine(name, host_base)
        yield first_roll_out(Fleet(tmp_path_factory.mktemp("fleet"), machines))
    finally:
        for machine in machines.values():
            machine.end()


def first_roll_out(fleet):
    fleet.give(**{"10-web": MAP, "20-db": "db: {service_ips: [198.51.100.30]}\n"})
    status, said = fleet.roll_out(*AT_ONCE)
    assert status == 0, said
    return fleet


def announced(machine):
    """What roamd on a machine shows of its VMs."""
    return machine.run("roamd", "status", "--unix", "/run/roamd/http.sock").stdout


def test_the_playbook_the_role_and_the_inventory_are_well_formed():
    for command in (["ansible-playbook", "--syntax-check", "-i", "inventory.example.yml", "roll_out.yml"],
                    ["ansible-lint", "--offline", "--profile", "production", "roamd", "roll_out.yml", "inventory.example.yml"]):
        done = subprocess.run(command, cwd=PLAYBOOK.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_inventory_makes_configurations_without_faults(tmp_path):
    inventory = yaml.safe_load((PLAYBOOK.parent / "inventory.example.yml").read_text())["roamd"]
    for host in inventory["hosts"].values():
        whole = {section: values | host["roamd_host_config"].get(section, {})
                 for section, values in (host["roamd_host_config"] | inventory["vars"]["roamd_config"]).items()}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(whole))
        checked = subprocess.run([ROAMD, "check", "--config", tmp_path / "config.yaml"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout


def test_a_fleet_is_set_up_and_the_second_run_changes_nothing(rolled_out):
    for machine in rolled_out.machines.values():
        assert "198.51.100.11/32" in announced(machine)
        for unit in ("roamd", "exabgp"):
            assert machine.unit(unit, "UnitFileState", "ActiveState") == {"UnitFileState": "enabled", "ActiveState": "active"}
        assert "peer-as 65000;" in machine.run("cat", "/etc/exabgp/exabgp.conf").stdout
        # The relay runs, as ExaBGP's user.
        assert machine.run("pgrep", "--uid", "exabgp", "roamd-relay").stdout
    status, said = rolled_out.roll_out(*AT_ONCE)
    assert status == 0, said
    assert recap(said) == {"h1": (0, 0), "h2": (0, 0)}, said


def test_a_dry_run_shows_what_would_change_on_a_host_and_changes_nothing(rolled_out):
    before = rolled_out.files()
    rolled_out.give(**{"10-web": CHANGED, "20-db": "db: {service_ips: [198.51.100.30]}\n"})
    status, said = rolled_out.roll_out("--check", *ONE)
    assert status == 0, said
    assert re.search(r"withdraw 198\.51\.100\.11/32 \(test, (arrived|active)\)", said), said
    assert "announce 198.51.100.12/32" in said, said
    assert rolled_out.files() == before


def test_a_change_is_in_force_without_a_restart_and_a_file_that_is_gone_goes(rolled_out):
    machine = rolled_out.machines["h1"]
    before = machine.unit("roamd", "MainPID")
    rolled_out.give(**{"10-web": CHANGED})
    status, said = rolled_out.roll_out(*ONE)
    assert status == 0, said
    machine.wait("the new address is announced", lambda: "198.51.100.12/32" in announced(machine))
    assert "198.51.100.11/32" not in announced(machine)
    assert machine.unit("roamd", "MainPID") == before
    assert machine.run("ls", "/etc/roamd/vms.d").stdout.split() == ["10-web.yaml"]


def test_a_faulty_map_is_refused_before_any_file_changes(rolled_out):
    before = rolled_out.files()
    rolled_out.give(**{"10-web": FAULTY})
    status, said = rolled_out.roll_out()
    assert status != 0
    assert "198.51.100.300" in said, said
    assert rolled_out.files() == before


def test_the_roll_out_stops_at_the_first_host_that_keeps_its_old_configuration(rolled_out):
    first = rolled_out.machines["h1"]
    before = rolled_out.files()
    # What stands only on the host the check beside it doesn't see: a folder that is called like a file of the map.
    first.run("mkdir", "/etc/roamd/vms.d/odd.yaml")
    try:
        rolled_out.give(**{"10-web": MAP})
        status, said = rolled_out.roll_out()
        assert status != 0, said
        assert recap(said)["h1"][1] == 1, said
        assert rolled_out.files()["h2"] == before["h2"]
    finally:
        first.run("rmdir", "/etc/roamd/vms.d/odd.yaml")
    # Begun again it goes on there, although no file is left to change on it.
    status, said = rolled_out.roll_out(*ONE)
    assert status == 0, said
    first.wait("the first address is announced again", lambda: "198.51.100.11/32" in announced(first))


def test_the_roll_out_stops_at_the_first_host_that_is_not_ready(rolled_out):
    before = rolled_out.files()
    rolled_out.give(**{"10-web": CHANGED})
    bgp = rolled_out.hosts["h1"]["roamd_host_config"]["bgp"]
    # libvirt's test driver has no taps to which a host route could lead.
    not_ready = {"bgp": bgp, "host_routes": {"enabled": True, "uplinks": ["lo"]}}
    status, said = rolled_out.roll_out(h1={"roamd_host_config": not_ready, "roamd_ready_within": 3})
    assert status != 0, said
    assert "not ready" in said, said
    assert rolled_out.files()["h2"] == before["h2"]


def test_a_host_on_which_exabgp_already_runs_is_tried_and_set_up_without_restarting_it(host, tmp_path):
    """With the relay: the agent is ready only when ExaBGP has read of it."""
    switch = Switch(host)
    host.run("sh", "-ec", "cat >/etc/exabgp/exabgp.conf && systemctl restart exabgp", input=(
        f"neighbor {TOR} {{ router-id {HOST}; local-address {HOST}; local-as {HOST_AS}; peer-as {TOR_AS}; }}\n"))
    host.wait("ExaBGP has its session", switch.up_since)
    exabgp = host.unit("exabgp", "MainPID")
    fleet = Fleet(tmp_path, {"h1": host})
    fleet.group["roamd_config"]["exabgp"] = {"socket_group": "exabgp"}
    fleet.hosts["h1"] |= {
        "roamd_host_config": {"bgp": {"local_as": HOST_AS, "next_hop_v6": HOST_V6}}, "roamd_exabgp_router_id": HOST,
        "roamd_exabgp_neighbors": [{"tor_address": TOR, "host_address": HOST, "tor_as": TOR_AS}]}
    # Before there is a roamd: the one in the package judges, and nothing is there afterwards.
    fleet.give(**{"10-web": FAULTY})
    status, said = fleet.roll_out("--check")
    assert status != 0 and "198.51.100.300" in said, said
    fleet.give(**{"10-web": MAP})
    status, said = fleet.roll_out("--check")
    assert status == 0, said
    assert host.run("sh", "-c", "command -v roamd; ls -d /etc/roamd", check=False).stdout == ""

    status, said = fleet.roll_out()
    assert status == 0, said
    host.wait("the VM's routes", lambda: set(switch.rungs()) == {"198.51.100.10/32", "198.51.100.11/32"})
    assert host.unit("exabgp", "MainPID") == exabgp

    # What a run that was broken off has put in place the next one has taken, without a file to change.
    agent = host.unit("roamd", "MainPID")
    host.shell("touch /etc/systemd/system/roamd.service.d /etc/exabgp/exabgp.conf")
    status, said = fleet.roll_out()
    assert status == 0, said
    assert recap(said) == {"h1": (2, 0)}, said
    assert (host.unit("exabgp", "MainPID"), host.unit("roamd", "MainPID") == agent) == (exabgp, False)
