"""The agents of every lab with a relay run as deploy/systemd has them; here, that this is so."""

import pytest
from roamlab import unit
from roamlab.topology import LabError


def status(lab, host):
    """What the kernel says of the agent's rights."""
    with open(f"/proc/{lab.namespaces.first}/root/proc/{lab.services[f'roamd {host}']}/status", encoding="ascii") as file:
        return {name: value.split() for name, value in (line.split(":", 1) for line in file)}


def test_an_agent_has_the_rights_of_its_unit_and_the_drop_in_for_host_routes_and_no_other(one_lab):
    for host in one_lab.topology.hosts:
        rights = status(one_lab, host.name)
        user = one_lab.namespaces.run(host.name, "id", "-u", "roamd").stdout.strip()
        assert rights["Uid"] == [user] * 4 and user != "0"
        assert rights["Groups"] == [user]
        net_admin = [f"{1 << 12:016x}"]
        assert all(rights[name] == net_admin for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"))
        assert (rights["NoNewPrivs"], rights["Seccomp"]) == (["1"], ["2"])
        assert int(rights["Seccomp_filters"][0]) >= 7, "one for each directive that refuses system calls"


def test_an_agent_sees_a_file_system_that_it_can_not_write_to(one_lab):
    pid = one_lab.services["roamd h1"]
    mounts = one_lab.namespaces.run(None, "cat", f"/proc/{pid}/mountinfo").stdout.splitlines()
    options = {line.split()[4]: line.split()[5].split(",")[0] for line in mounts}
    assert {place: options[place] for place in ("/", "/run", "/run/roamd", "/tmp", "/home", "/proc/sys")} == {
        "/": "ro", "/run": "ro", "/run/roamd": "rw", "/tmp": "rw", "/home": "ro", "/proc/sys": "ro"}


def test_lists_grow_and_are_emptied_and_filters_are_taken_in_their_order():
    confinement = unit.Confinement()
    for value in ("CAP_A", "CAP_B CAP_C"):
        unit.apply(confinement, "CapabilityBoundingSet", value)
    assert confinement.lists["CapabilityBoundingSet"] == ["CAP_A", "CAP_B", "CAP_C"]
    unit.apply(confinement, "CapabilityBoundingSet", "")
    assert confinement.lists["CapabilityBoundingSet"] == []
    for value in ("@chown read", "~@chown", "fchownat"):
        unit.apply(confinement, "SystemCallFilter", value)
    assert confinement.system_calls == {"read", "fchownat"}


def test_a_directive_that_the_lab_does_not_apply_is_an_error():
    with pytest.raises(LabError, match="ProtectEverything"):
        unit.apply(unit.Confinement(), "ProtectEverything", "yes")
