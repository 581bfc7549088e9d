"""libvirtd with QEMU on a host.

What libvirt and QEMU write goes below the host's own directory, mounted over the machine's; so do /run and /etc/hosts.
"""

import hashlib
import shutil
import subprocess
import uuid
from pathlib import Path

from .image import exclusive
from .namespaces import wait_until
from .place import CACHE
from .templates import DEPLOY, filled

# The machine's path: its place below the host's directory.
PRIVATE = {
    "/run": "run",
    "/etc/libvirt": "etc",
    "/var/lib/libvirt": "lib",
    "/var/log/libvirt": "log",
    "/var/cache/libvirt": "cache",
}

# The agent's user and group where the machine has none.
ROAMD_ID = 64082

DAEMON = {
    "listen_tls": 0,
    "listen_tcp": 1,
    "auth_tcp": "none",
    "auth_unix_ro": "none",
    "auth_unix_rw": "none",
    "unix_sock_ro_perms": "0777",
    "log_outputs": "3:stderr",
}

# No users, labels, cgroups or namespaces of libvirt's own: those of the lab are enough for a guest without a disk.
QEMU = {
    "user": "root",
    "group": "root",
    "security_driver": "none",
    "cgroup_controllers": [],
    "namespaces": [],
    "dynamic_ownership": 0,
    "remember_owner": 0,
    "stdio_handler": "file",
}


def settings(values):
    """libvirt's `key = value` lines."""
    def text(value):
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)
    return "".join(f"{key} = {text(value)}\n" for key, value in values.items())


def socket(directory):
    """libvirt's socket as seen from outside of the host's namespaces."""
    return directory / "run/libvirt/libvirt-sock"


def accounts():
    """The machine's users and groups with the agent's, and with those that libvirtd insists on, although nothing runs under them."""
    users = {"libvirt-qemu": 64055, "roamd": ROAMD_ID}
    for name, rest in (("passwd", "::/nonexistent:/usr/sbin/nologin"), ("group", "")):
        others = [line for line in Path("/etc", name).read_text().splitlines() if line.split(":")[0] not in users]
        own = [f"{user}:x:{number}:{number if name == 'passwd' else ''}{rest}" for user, number in users.items()]
        yield name, "\n".join([*others, *own]) + "\n"


def prepare(namespaces, topology, host, directory):
    """Makes a host's own directories and configuration."""
    for inside in PRIVATE.values():
        (directory / inside).mkdir(parents=True)
    (directory / "etc/libvirtd.conf").write_text(
        settings(DAEMON | {"host_uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, host.name))}))
    (directory / "etc/qemu.conf").write_text(settings(QEMU | {"migration_host": topology.address(host.name)}))
    cached = capabilities()
    if cached.is_dir():
        shutil.copytree(cached, directory / "cache/qemu/capabilities")
    script = ["set -e"]
    for machine, inside in PRIVATE.items():
        # libvirt would make these itself.
        script += [f"mkdir -p {machine}", f"mount --bind {directory}/{inside} {machine}"]
    namespaces.run(host.name, "sh", "-c", "\n".join(script))


def install_hook(directory):
    """Puts roamd's hook where libvirtd looks for it when it starts."""
    (directory / "etc/hooks").mkdir()
    text = filled(DEPLOY / "libvirt/hooks/qemu.in", {"READYZ": "--unix-socket /run/roamd/http.sock http://localhost/readyz"})
    hook = directory / "etc/hooks/qemu"
    hook.write_text(text)
    hook.chmod(0o755)


def start(namespaces, lab, host):
    """Starts libvirtd and waits until it answers; its process."""
    command = [*lab.under.get(f"libvirtd {host.name}", ()), "libvirtd", "--listen"]
    pid = namespaces.start(host.name, command, lab.path / host.name / "libvirtd.log")
    wait_until(f"libvirtd on {host.name}", lambda: namespaces.run(
        host.name, "virsh", "-q", "-c", "qemu:///system", "list", check=False).returncode == 0, 60, every=0.05)
    return pid


def capabilities():
    """Where the answers of QEMU to libvirt's probing are kept: 15 s of asking, the same for all labs."""
    packages = ["libvirt-daemon", "libvirt-daemon-driver-qemu", "qemu-system-x86"]
    versions = subprocess.run(["dpkg-query", "-W", *packages], capture_output=True, check=True)
    return CACHE / f"capabilities-{hashlib.sha256(versions.stdout).hexdigest()[:16]}"


def keep_capabilities(namespaces, host, directory):
    """Lets this host's libvirtd find out what QEMU can do, and keeps it for those that come after."""
    namespaces.run(host.name, "virsh", "-q", "-c", "qemu:///system", "domcapabilities", "--virttype", "qemu")
    kept = capabilities()
    with exclusive("capabilities"):
        if not kept.is_dir():
            fresh = kept.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(directory / "cache/qemu/capabilities", fresh)
            fresh.rename(kept)
