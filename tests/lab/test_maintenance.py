"""A host is taken out of service and taken back, by the README's own commands: its VMs lose what their migrations cost, and no more."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from roamlab import power
from roamlab.judge import REACTION, frozen
from roamlab.place import REPOSITORY
from roamlab.recording import Recording
from trial import OUT_OF_REACH, VM, converged, found_in, hosts, on_rung

BESIDE = "web"


def procedure():
    """The commands of the README's section on maintenance: each block of a shell's."""
    section = re.search(r"^### Maintenance of a host$(.*?)^##", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)
    return [commands.replace(f"\n{indent}", "\n").removeprefix(indent) for indent, commands in blocks]


def in_the_lab(lab, commands, host, other):
    """The same commands with the names of the lab: its hosts, its roamd, and a folder of the host's own for its files."""
    for said, here in {"qemu+tls://kvm-1.example.net": f"qemu+tcp://{host}", "qemu+tls://kvm-2.example.net": f"qemu+tcp://{other}",
                       "roamd status": f"{lab.options.roamd} status --unix /run/roamd/http.sock",
                       "/root/": f"{lab.path / host}/"}.items():
        commands = commands.replace(said, here)
    return commands


@pytest.fixture
def busy_lab(twin_lab):
    """Two racks, with two VMs on the first host."""
    host, _ = hosts(twin_lab)
    twin_lab.start(BESIDE, host)
    on_rung(twin_lab, host, "active", BESIDE, seconds=60)
    return twin_lab


def test_a_host_is_emptied_rebooted_and_taken_back_and_only_the_migrations_are_felt(busy_lab):
    lab = busy_lab
    host, other = hosts(lab)
    names, *steps = (in_the_lab(lab, commands, host, other) for commands in procedure())
    assert [("migrate" in step, "systemctl reboot" in step) for step in steps] == [(True, False), (False, True), (True, False)]
    with Recording(lab, VM, BESIDE, interval=12) as recording:
        for step in steps:
            recording.did(step)
            done = lab.namespaces.run(host, "sh", "-ec", names + step.replace("systemctl reboot\n", ""), timeout=300)
            recording.did(done.stdout)
            if "systemctl reboot" in step:
                for vm in (VM, BESIDE):
                    on_rung(lab, host, None, vm, seconds=0)
                    converged(lab, other, vm)
                power.shut_down(lab, host)
                recording.did(f"{host} is down")
                power.boot(lab, host)
                recording.follow(host)
                recording.did(f"{host} is up")
        for vm in (VM, BESIDE):
            converged(lab, host, vm)
    assert found_in(recording) == []
    for timeline in recording.timelines:
        still = frozen(timeline)
        assert len(still) == 2
        for client, probes in timeline.probes.items():
            beside = [timeline.began - at for at, arrival in zip(probes.sent, probes.received) if arrival is None and not any(
                span.begin - REACTION < at < span.end + REACTION for span in still)]
            assert not beside, (client, timeline.prefix)


def test_a_host_that_is_shut_down_with_its_vms_leaves_no_route_behind(busy_lab):
    """The guests end under a living agent, which withdraws: else the switch would keep them for the graceful-restart time."""
    lab = busy_lab
    host, other = hosts(lab)
    with Recording(lab, VM, BESIDE, interval=12) as recording:
        power.shut_down(lab, host)
        recording.did(f"{host} is down")
        for vm in (VM, BESIDE):
            on_rung(lab, host, None, vm, seconds=5)
        power.boot(lab, host)
        recording.follow(host)
        recording.did(f"{host} is up")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lab.start, (VM, BESIDE), (host, other)))
        converged(lab, host, VM)
        converged(lab, other, BESIDE)
    assert found_in(recording, but=OUT_OF_REACH) == []
