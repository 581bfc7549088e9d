"""roamd as a service on a machine, from the files in deploy, with a switch beside it and libvirt's test driver as its hypervisor.

The test driver runs in the machine's own libvirtd, so the agent goes the way that it goes on a host: over the read-only socket,
as its own user, past libvirt's rules of access.
"""

import json
import shutil

from roamlab.templates import DEPLOY, filled

from .base import REPOSITORY

UNITS = DEPLOY / "systemd"
HOST, TOR, PREFIX = "10.82.0.1", "10.82.0.2", "198.51.100.10/32"
VIRSH = ("/usr/bin/virsh", "-q", "-c", "test+unix:///default?socket=/run/libvirt/libvirt-sock")

# `test` is the VM that the test driver has; `spare` is there for what changes.
CONFIG = """\
libvirt: {uri: "test+unix:///default?socket=/run/libvirt/libvirt-sock-ro"}
exabgp: {transport: relay, socket_group: exabgp}
bgp: {local_as: 65101, allowed_prefixes: [198.51.100.0/24]}
vms:
  test: {service_ips: [198.51.100.10]}
  spare: {service_ips: [198.51.100.20]}
"""

# As much of a switch as it takes to see what the host announces, and since when.
BIRD = f"""\
router id {TOR};
protocol device {{ }}
protocol direct {{ ipv4; }}
protocol bgp host {{
  local {TOR} as 65000;
  neighbor {HOST} as 65101;
  multihop;
  graceful restart aware;
  ipv4 {{ import all; export none; }};
}}
"""


def binaries():
    """The programs that cargo built last."""
    built = [folder for folder in (REPOSITORY / "target/debug", REPOSITORY / "target/release") if (folder / "roamd").exists()]
    folder = max(built, key=lambda folder: (folder / "roamd").stat().st_mtime)
    return folder / "roamd", folder / "roamd-relay"


def put(machine, path, text, owner="root:root", mode="0644"):
    """Writes a file in one step, as `roamd-reload.path` asks for."""
    machine.run("sh", "-ec", 'mkdir -p "$(dirname "$1")"; cat >"$1.new"; chown "$2" "$1.new"; chmod "$3" "$1.new"; mv "$1.new" "$1"',
                "sh", path, owner, mode, input=text)


def configure(machine, text=CONFIG):
    put(machine, "/etc/roamd/config.yaml", text, "root:roamd", "0640")


def drop_in(machine, name, text):
    """Changes the unit for the test that wants it; `undrop` takes it back."""
    put(machine, f"/run/systemd/system/roamd.service.d/{name}.conf", text)
    machine.run("systemctl", "daemon-reload")


def undrop(machine):
    machine.run("rm", "-rf", "/run/systemd/system/roamd.service.d")
    machine.run("systemctl", "daemon-reload")


def set_up(machine):
    """Everything but the start of roamd."""
    # What systemd says of a unit stands with what the unit says.
    machine.run("systemctl", "log-target", "journal")
    machine.run("useradd", "--system", "--user-group", "--home-dir", "/", "--shell", "/usr/sbin/nologin", "--groups", "exabgp",
                "roamd")
    for program in binaries():
        place = machine.root / "usr/bin" / program.name
        shutil.copyfile(program, place)
        place.chmod(0o755)
    for unit in ("roamd.service", "roamd-reload.service", "roamd-reload.path"):
        put(machine, f"/etc/systemd/system/{unit}", (UNITS / unit).read_text(encoding="utf-8"))
    put(machine, "/etc/systemd/system/exabgp.service.d/roamd.conf", (UNITS / "exabgp.conf").read_text(encoding="utf-8"))
    for address in (HOST, TOR):
        machine.run("ip", "address", "add", f"{address}/32", "dev", "lo")
    exabgp = filled(DEPLOY / "exabgp/relay.conf.in", {
        "ROAMD": "/usr/bin/roamd", "SOCKET": "/run/roamd/exabgp.sock", "LEDGER": "/run/exabgp/relay.ledger"})
    exabgp += filled(DEPLOY / "exabgp/neighbor.conf.in", {
        "TOR_ADDRESS": TOR, "HOST_ADDRESS": HOST, "ROUTER_ID": HOST, "HOST_AS": "65101", "TOR_AS": "65000", "STATIC": "",
        "GRACEFUL_RESTART": "capability { graceful-restart 30; } manual-eor true;", "FAMILIES": "ipv4 unicast;"})
    put(machine, "/etc/exabgp/exabgp.conf", exabgp)
    put(machine, "/etc/bird/bird.conf", BIRD)
    configure(machine)
    machine.run("systemctl", "daemon-reload")
    # The test driver forgets its VMs with its last client.
    machine.run("systemd-run", "--quiet", "--unit=holder", "--property=Restart=always", "--property=RestartSec=100ms",
                *VIRSH, "event", "--event", "lifecycle", "--loop")
    machine.run("systemctl", "start", "bird", "exabgp")


def main_pid(machine):
    return int(machine.unit("roamd", "MainPID")["MainPID"])


def status_text(machine):
    return machine.unit("roamd", "StatusText")["StatusText"]


def journal(machine, unit="roamd"):
    """What a unit and systemd have said of it."""
    return machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout


def rest(machine, path):
    """roamd's answer."""
    return json.loads(machine.run("curl", "-sS", f"http://127.0.0.1:9179{path}").stdout)


def announced(machine):
    """The routes that the switch has from the host, each with the line in which BIRD says since when."""
    said = machine.run("birdc", "-r", "show", "route", "protocol", "host").stdout
    return {line.split()[0]: line for line in said.splitlines() if line.startswith("198.51.100.")}
