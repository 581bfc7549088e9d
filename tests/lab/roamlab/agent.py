"""roamd on a host: its configuration, its process where it is a service of its own, and its REST view."""

import http.client
import json
import shutil
import socket
import subprocess
from pathlib import Path

from . import unit
from .hypervisor import ROAMD_ID
from .ladder import ORIGIN
from .place import REPOSITORY
from .topology import SERVICE_V4, SERVICE_V6, LabError
from .wires import GATEWAY_MAC, GATEWAY_V4, GATEWAY_V6

TRANSPORTS = ("relay", "child")
CONFINE = Path(__file__).with_name("confine.py")

CONFIG = """\
libvirt:
  uri: qemu:///system
  lease: {lease}
exabgp:
  transport: {transport}
  lease: {lease}
bgp:
  local_as: {asn}
  prepend_step: {prepend_step}
  next_hop_v6: "{next_hop_v6}"
  allowed_prefixes: [{service_v4}, "{service_v6}"]
  attributes: {{large_communities: ["{asn}:{origin}:{number}"]}}
mobility:
  settle: {settle}
http:
  listen: unix:/run/roamd/http.sock
log:
  level: debug
  format: json
"""

HOST_ROUTES = """\
host_routes:
  enabled: true
  uplinks: [{uplinks}]
  gateway: {{v4: {v4}, v6: "{v6}", mac: "{mac}"}}
"""


def binary():
    """The roamd that cargo built last, built first if there is none."""
    built = [path for path in (REPOSITORY / f"target/{profile}/roamd" for profile in ("debug", "release")) if path.exists()]
    if not built:
        subprocess.run(["cargo", "build", "--locked", "--quiet"], cwd=REPOSITORY, check=True)
        return binary()
    return max(built, key=lambda path: path.stat().st_mtime)


def entries(topology):
    """The map of VMs, which is the same on every host: the entry of each."""
    return {vm.name: f'{{service_ips: [{vm.address}, "{vm.address_v6}"]}}' for vm in topology.vms}


def configure(lab, host, vms=None):
    """Writes the host's roamd.yaml, with the lab's map of VMs or with another one; who reads it meanwhile reads the old one."""
    options, topology = lab.options, lab.topology
    text = CONFIG.format(
        transport=options.transport, lease=options.lease, settle=options.settle, asn=host.asn, prepend_step=options.prepend_step,
        next_hop_v6="self" if topology.session_a_family else topology.ends(host.name)[0].address_v6,
        service_v4=SERVICE_V4, service_v6=SERVICE_V6, origin=ORIGIN, number=topology.number(host.name))
    if options.host_routes:
        text += HOST_ROUTES.format(uplinks=", ".join(end.peer for end in topology.ends(host.name)), v4=GATEWAY_V4, v6=GATEWAY_V6,
                                   mac=GATEWAY_MAC)
    text += "vms:\n"
    for name, entry in (entries(topology) if vms is None else vms).items():
        text += f"  {name}: {entry}\n"
    written = lab.path / host.name / "roamd.yaml.new"
    written.write_text(text)
    written.replace(written.with_suffix(""))


def start(namespaces, lab, host):
    """Starts the agent as a service of its own (transport relay); its process."""
    directory = lab.path / host.name
    under = lab.under.get(f"roamd {host.name}", ())
    if not lab.options.confined:
        command = [*under, lab.options.roamd, "run", "--config", directory / "roamd.yaml"]
        return namespaces.start(host.name, command, directory / "roamd.log")
    allowed = unit.confinement(lab.options.host_routes)
    (directory / "confinement.json").write_text(json.dumps(allowed.plain()), encoding="utf-8")
    shutil.chown(directory / "run/roamd", ROAMD_ID, ROAMD_ID)
    # It sees neither /tmp nor a home, where the lab and the program may lie.
    binds = [f"{directory}:/run/lab", f"{lab.options.roamd}:/run/lab-bin/roamd"]
    command = ["unshare", "--mount", "--propagation", "private", "/usr/bin/python3", CONFINE, directory / "confinement.json",
               *binds, "--", *under, "/run/lab-bin/roamd", "run", "--config", "/run/lab/roamd.yaml"]
    return namespaces.start(host.name, command, directory / "roamd.log")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def rest(directory, path):
    """A document of the REST view with its status."""
    status, text = get(directory, path)
    try:
        return status, json.loads(text)
    except ValueError as error:
        raise LabError(f"REST {path}: {error}") from error


def metrics(directory):
    """Each series of /metrics with its value."""
    _, text = get(directory, "/metrics")
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in lines}


def reloads(directory):
    """How many configurations were read again and taken, and how many were read again and refused."""
    series = metrics(directory)
    return tuple(series[f'roamd_config_reloads_total{{result="{result}"}}'] for result in ("accepted", "refused"))


def get(directory, path):
    """An answer of the REST view as text, with its status."""
    connection = UnixConnection(directory / "run/roamd/http.sock")
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (http.client.HTTPException, ValueError) as error:
        raise LabError(f"REST {path}: {error}") from error
    finally:
        connection.close()
