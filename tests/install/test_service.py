"""roamd under a real systemd, with its unit's user, rights and filters, between a real libvirtd and a real ExaBGP."""

import re
import time

import pytest
from machine import service
from machine.machine import Machine, MachineError
from machine.service import CONFIG, PREFIX, UNITS, VIRSH


# Where the unit has a system call fail, this has it kill. libnuma, which libvirt loads, tries the one that is named when it
# is loaded, and takes no for an answer.
DEADLY = "[Service]\nSystemCallErrorNumber=kill\nSystemCallFilter=set_mempolicy\n"


@pytest.fixture(scope="module")
def machine(host_base):
    """One for all of these tests: each leaves the service as it should be, or the next one starts it anew."""
    machine = Machine("service", host_base)
    service.set_up(machine)
    yield machine
    machine.end()


@pytest.fixture
def served(machine):
    """A machine on which roamd was started just now, and serves."""
    machine.run("systemctl", "stop", "roamd")
    service.undrop(machine)
    machine.run("systemctl", "reset-failed")
    service.configure(machine)
    machine.run("systemctl", "start", "exabgp")
    start(machine)
    yield machine
    service.undrop(machine)


def start(machine):
    machine.run("systemctl", "start", "roamd")
    machine.wait("the route is at the switch", lambda: PREFIX in service.announced(machine))


def test_a_start_has_ended_when_the_service_is_ready_and_confined(served):
    assert served.unit("roamd", "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    served.wait("what it serves is told", lambda: service.status_text(served).startswith("1 VM with 1 route"))
    process = f"/proc/{service.main_pid(served)}"
    status = dict(line.split(":\t", 1) for line in served.run("cat", f"{process}/status").stdout.splitlines() if ":\t" in line)
    roamd, exabgp = (served.run("getent", kind, name).stdout.split(":")[2] for kind, name in (("passwd", "roamd"), ("group", "exabgp")))
    assert status["Uid"].split() == [roamd] * 4
    assert exabgp in status["Groups"].split()
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    mounts = {line.split()[4]: line.split()[5].split(",")[0] for line in served.run("cat", f"{process}/mountinfo").stdout.splitlines()}
    assert (mounts["/"], mounts["/run/roamd"]) == ("ro", "rw")
    # Nothing that it warned of is its confinement.
    assert "can't be given a lower priority" not in service.journal(served)


def test_a_reload_fails_with_the_faults_and_succeeds_when_the_configuration_is_in_force(served):
    since = service.announced(served)[PREFIX]
    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.21"))
    served.run("systemctl", "reload", "roamd")
    assert service.rest(served, "/api/v1/vms/spare")["service_ips"] == ["198.51.100.21"]

    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.200/24"))
    refused = served.run("systemctl", "reload", "roamd", check=False)
    assert refused.returncode != 0
    assert "vms.spare.service_ips[0]" in service.journal(served)
    assert "the new one has 1 fault" in service.status_text(served)
    assert served.unit("roamd", "ActiveState")["ActiveState"] == "active"
    assert service.rest(served, "/api/v1/vms/spare")["service_ips"] == ["198.51.100.21"]

    # Both at once must not leave the service reloading.
    service.configure(served)
    served.run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "roamd")
    served.run("systemctl", "reload", "roamd")
    served.wait("it is through with both", lambda: served.unit("roamd", "SubState")["SubState"] == "running")
    assert service.announced(served)[PREFIX] == since, "the route of a VM that nobody changed was touched"


@pytest.mark.parametrize("with_folder", [False, True])
def test_a_file_that_is_put_in_place_is_read_by_the_path_unit_and_its_faults_show_as_a_failed_unit(served, with_folder):
    path = (UNITS / "roamd-reload.path").read_text(encoding="utf-8")
    if with_folder:
        served.run("mkdir", "-p", "/etc/roamd/vms.d")
        path = path.replace("\n#PathChanged=/etc/roamd/vms.d", "\nPathChanged=/etc/roamd/vms.d")
    service.put(served, "/etc/systemd/system/roamd-reload.path", path)
    served.run("systemctl", "daemon-reload")
    served.run("systemctl", "start", "roamd-reload.path")

    def read(address):
        served.wait(f"{address} is read", lambda: service.rest(served, "/api/v1/vms/spare")["service_ips"] == [address])
    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.22"))
    read("198.51.100.22")
    if with_folder:
        service.configure(served, f"vms_dir: vms.d\n{CONFIG.split('vms:')[0]}")
        service.put(served, "/etc/roamd/vms.d/all.yaml", "spare: {service_ips: [198.51.100.23]}\n", "root:roamd", "0640")
        read("198.51.100.23")
        # One after another: more than systemd's own limit, and not one too many.
        for number in range(24, 44):
            service.put(served, "/etc/roamd/vms.d/all.yaml", f"spare: {{service_ips: [198.51.100.{number}]}}\n", "root:roamd", "0640")
        assert served.unit("roamd-reload.service", "StartLimitIntervalUSec") == {"StartLimitIntervalUSec": "0"}
        served.wait("it watches again", lambda: served.unit("roamd-reload.path", "SubState") == {"SubState": "waiting"})
    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.2222"))
    served.wait("its fault shows", lambda: "roamd-reload.service" in served.failed())
    served.run("systemctl", "stop", "roamd-reload.path")


def test_a_file_that_is_put_in_place_during_a_reload_is_read_after_it(served):
    # A reload that has read the file, and lasts until somebody writes to the pipe.
    service.drop_in(served, "long", "[Service]\nExecReload=-cat /run/roamd/pipe\n")
    served.run("mkfifo", "--mode=0644", "/run/roamd/pipe")
    served.run("systemctl", "start", "roamd-reload.path")

    def in_force():
        return service.rest(served, "/api/v1/vms/spare")["service_ips"]
    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.22"))
    served.wait("the first is read", lambda: in_force() == ["198.51.100.22"])
    assert served.unit("roamd", "SubState") == {"SubState": "reload"}
    service.configure(served, CONFIG.replace("198.51.100.20", "198.51.100.23"))
    served.shell("exec 3>/run/roamd/pipe; rm /run/roamd/pipe")
    served.wait("the second is read", lambda: in_force() == ["198.51.100.23"])
    served.run("systemctl", "stop", "roamd-reload.path")


def test_an_agent_that_hangs_is_started_anew_and_no_route_moves(machine, served):
    service.drop_in(machine, "brisk", "[Service]\nWatchdogSec=2s\n")
    machine.run("systemctl", "restart", "roamd")
    since, pid = service.announced(machine)[PREFIX], service.main_pid(machine)
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "roamd")

    def another():
        unit = machine.unit("roamd", "MainPID", "ActiveState", "NRestarts")
        return unit["MainPID"] not in ("0", str(pid)) and unit["ActiveState"] == "active" and unit["NRestarts"] == "1"
    machine.wait("another one serves", another)
    assert "roamd.service: Watchdog timeout" in service.journal(machine)
    machine.wait("it has everything done", lambda: service.rest(machine, "/api/v1/status")["ready"])
    assert service.announced(machine)[PREFIX] == since


def test_a_configuration_with_faults_is_not_tried_again(machine, served):
    service.configure(machine, CONFIG.replace("65101", "none"))
    failed = machine.run("systemctl", "restart", "roamd", check=False)
    assert failed.returncode != 0
    unit = machine.unit("roamd", "ActiveState", "ExecMainStatus", "NRestarts")
    assert unit == {"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0"}
    assert "bgp.local_as" in service.status_text(machine)
    assert PREFIX in service.announced(machine), "its routes stay all the same"


def test_whatever_else_ends_it_it_is_started_anew_for_ever(machine, served):
    service.drop_in(machine, "brisk", "[Service]\nRestartSec=100ms\n")
    since = service.announced(machine)[PREFIX]
    for number in range(1, 8):  # more than systemd's own limit, five in ten seconds
        machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "roamd")
        machine.wait(f"start {number}", lambda number=number: machine.unit("roamd", "ActiveState", "NRestarts") == {
            "ActiveState": "active", "NRestarts": str(number)})
    assert service.announced(machine)[PREFIX] == since


def test_a_start_that_waits_for_exabgp_is_neither_ready_nor_ended_and_holds_nobody_up(machine, served):
    machine.run("systemctl", "stop", "roamd", "exabgp")
    # A second: whoever starts it waits so long. Three: systemd's patience with a start that does not go on.
    service.drop_in(machine, "brisk", "[Unit]\nJobRunningTimeoutSec=1s\n[Service]\nTimeoutStartSec=3s\n")
    # Without its configuration ExaBGP does not start, whoever wants it.
    machine.run("mv", "/etc/exabgp/exabgp.conf", "/etc/exabgp/exabgp.conf.away")
    began = time.monotonic()
    waited = machine.run("systemctl", "start", "roamd", check=False)
    assert waited.returncode != 0
    pid = service.main_pid(machine)
    machine.wait("it waits for longer than systemd would", lambda: time.monotonic() > began + 5)
    assert machine.unit("roamd", "ActiveState", "NRestarts") == {"ActiveState": "activating", "NRestarts": "0"}
    assert service.main_pid(machine) == pid
    assert service.status_text(machine).startswith("Waits for exabgp: ")

    machine.run("mv", "/etc/exabgp/exabgp.conf.away", "/etc/exabgp/exabgp.conf")
    machine.run("systemctl", "start", "exabgp")
    machine.wait("it is ready", lambda: machine.unit("roamd", "ActiveState")["ActiveState"] == "active")
    assert service.main_pid(machine) == pid


def test_all_that_it_does_passes_its_filters(machine, served):
    service.drop_in(machine, "deadly", DEADLY)
    machine.run("systemctl", "restart", "roamd")
    pid = service.main_pid(machine)
    machine.run("systemctl", "reload", "roamd")
    for _ in range(20):
        machine.run(*VIRSH, "suspend", "test")
        machine.run(*VIRSH, "resume", "test")
    ask = "for path in / /metrics /openapi.json /api/v1/status /api/v1/vms /api/v1/events /api/v1/config; do " \
          "curl -sS -o /dev/null http://127.0.0.1:9179$path; done"
    machine.shell(f"for i in $(seq 20); do {ask} & done; wait")
    machine.run("systemctl", "restart", "exabgp")
    machine.run("systemctl", "kill", "--signal=KILL", "libvirtd")
    machine.wait("it notices", lambda: not service.rest(machine, "/api/v1/status")["libvirt"]["connected"])
    machine.wait("everything is back", lambda: service.rest(machine, "/api/v1/status")["ready"])
    assert service.main_pid(machine) == pid
    machine.run("systemctl", "stop", "roamd")
    assert machine.unit("roamd", "Result")["Result"] == "success"


def test_host_routes_need_their_drop_in_and_nothing_else(machine, served):
    machine.run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "switch0")
    service.configure(machine, CONFIG + "host_routes: {enabled: true, uplinks: [uplink0]}\n")
    machine.run("systemctl", "restart", "roamd")
    machine.wait("it says what it may not", lambda: any(
        reason["part"] == "host_routes" for reason in service.rest(machine, "/api/v1/status")["not_ready"]))

    service.drop_in(machine, "host-routes", (UNITS / "host-routes.conf").read_text(encoding="utf-8")
                    + DEADLY)
    machine.run("systemctl", "restart", "roamd")
    machine.wait("the loop's end is in place", lambda: "blackhole 198.51.100.0/24" in machine.run(
        "ip", "route", "show", "table", "82", check=False).stdout)
    assert "iif uplink0 lookup 82" in machine.run("ip", "rule", "show").stdout
    bounding = machine.run("grep", "CapBnd", f"/proc/{service.main_pid(machine)}/status").stdout.split()[1]
    assert int(bounding, 16) == 1 << 12, "CAP_NET_ADMIN and nothing else"
    # It reads the settings of which it warns.
    warnings = service.rest(machine, "/api/v1/status")["host_routes"]["warnings"]
    assert any("net.ipv4.ip_forward" in str(warning) for warning in warnings), warnings


@pytest.mark.parametrize(("drop_ins", "threshold"), [((), 15), (("host-routes.conf",), 20)])
def test_the_unit_is_correct_and_exposes_little(machine, drop_ins, threshold):
    # In a folder of its own: systemd-analyze reads the drop-ins that lie beside a unit.
    place = f"/tmp/exposure{threshold}"
    for name in ("roamd.service", "roamd-reload.service", "roamd-reload.path"):
        service.put(machine, f"{place}/{name}", (UNITS / name).read_text(encoding="utf-8"))
    for name in drop_ins:
        service.put(machine, f"{place}/roamd.service.d/{name}", (UNITS / name).read_text(encoding="utf-8"))
    machine.shell(f"systemd-analyze verify --man=no {place}/*.service {place}/*.path")
    exposure = machine.run("systemd-analyze", "security", "--offline=true", f"--threshold={threshold}",
                           f"{place}/roamd.service", check=False)
    assert exposure.returncode == 0, exposure.stdout
    # And that the threshold is one.
    with pytest.raises(MachineError):
        machine.run("systemd-analyze", "security", "--offline=true", "--threshold=10", f"{place}/roamd.service")


def test_exabgps_drop_in_is_correct(machine):
    verified = machine.run("systemd-analyze", "verify", "--man=no", "exabgp.service", check=False)
    assert verified.returncode == 0, verified.stderr
    assert verified.stderr == ""
    unit = machine.unit("exabgp", "Before", "Restart", "KillMode", "StartLimitIntervalUSec")
    assert "libvirt-guests.service" in unit.pop("Before").split()
    assert unit == {"Restart": "always", "KillMode": "mixed", "StartLimitIntervalUSec": "0"}


def test_at_a_shutdown_the_guests_go_first_then_roamd_and_exabgp_last(machine, served):
    """The last one: as at a shutdown, hardly anything is left in the machine."""
    machine.run("systemctl", "start", "libvirt-guests")
    service.put(machine, "/run/systemd/system/bare.target", "[Unit]\nAllowIsolate=yes\nRequires=sysinit.target\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "isolate", "bare.target")
    machine.wait("the last one is gone", lambda: machine.unit("exabgp", "ActiveState")["ActiveState"] == "inactive")
    said = machine.run("journalctl", "--no-pager", "--output=cat", "_PID=1").stdout
    ours = ("libvirt-guests.service", "roamd.service", "exabgp.service")
    stopped = [unit for unit in re.findall(r"^Stopped (\S+\.service)", said, re.MULTILINE) if unit in ours]
    assert stopped[-3:] == [*ours]
