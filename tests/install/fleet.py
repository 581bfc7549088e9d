"""Some machines as a fleet: the package to install on them, and the role of deploy/ansible as an operator runs it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from machine.base import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
ROAMD = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "debug/roamd"
PLAYBOOK = DEPLOY / "ansible" / "roll_out.yml"
# What the package does beside bringing files, as far as the role needs it: the user that the unit runs as.
POSTINST = "#!/bin/sh\nset -e\nsystemd-sysusers roamd.conf\n"
CONTROL = """Package: roamd
Version: 0.0.1
Architecture: amd64
Maintainer: the tests <root@localhost>
Depends: libvirt0
Description: roamd as cargo built it last
"""


def package(directory):
    """A package of what cargo built last, which takes a second; that of deploy/package has tests of its own, and takes a release."""
    tree = directory / "package"
    for folder, files in (("usr/bin", [ROAMD, ROAMD.with_name("roamd-relay")]),
                          ("usr/lib/systemd/system", [DEPLOY / "systemd/roamd.service"]),
                          ("usr/lib/sysusers.d", [DEPLOY / "debian/sysusers.d/roamd.conf"]),
                          ("etc/roamd", [DEPLOY / "debian/config.yaml"])):
        (tree / folder).mkdir(parents=True)
        for file in files:
            shutil.copy(file, tree / folder)
    subprocess.run(["strip", tree / "usr/bin/roamd", tree / "usr/bin/roamd-relay"], check=True)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/conffiles").write_text("/etc/roamd/config.yaml\n")
    (tree / "DEBIAN/control").write_text(CONTROL)
    (tree / "DEBIAN/postinst").write_text(POSTINST)
    (tree / "DEBIAN/postinst").chmod(0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, directory / "roamd.deb"], check=True,
                   capture_output=True)
    return directory / "roamd.deb"


class Fleet:
    """Machines by name, and an inventory of them that tests change."""

    def __init__(self, directory, machines):
        self.directory = directory
        self.machines = machines
        self.group = {
            "ansible_connection": "machine",
            "ansible_python_interpreter": "/usr/bin/python3",
            "roamd_package": str(package(directory)),
            "roamd_vms": str(directory / "vms.d"),
            # libvirt's built-in test driver, whose one VM is called `test`, and no switch: a host that is soon ready.
            "roamd_config": {
                "libvirt": {"uri": "test:///default"},
                "exabgp": {"transport": "print"},
                "bgp": {"allowed_prefixes": ["198.51.100.0/24", "2001:db8:5::/48"]},
                "http": {"listen": "unix:/run/roamd/http.sock"},
            },
        }
        self.hosts = {
            name: {
                "machine_process": machine.systemd,
                "roamd_host_config": {"bgp": {"local_as": 65100 + number, "next_hop_v6": f"2001:db8:0:{number}::2"}},
                "roamd_exabgp_router_id": f"192.0.2.{number}",
                "roamd_exabgp_neighbors": [{"tor_address": "127.0.0.2", "host_address": "127.0.0.1", "tor_as": 65000}],
            } for number, (name, machine) in enumerate(machines.items(), start=1)
        }
        self.vms = directory / "vms.d"
        self.vms.mkdir()

    def give(self, **files):
        """The map of VMs from now on: each file's text."""
        for path in self.vms.iterdir():
            path.unlink()
        for name, text in files.items():
            (self.vms / f"{name}.yaml").write_text(text)

    def roll_out(self, *options, **hosts):
        """Runs the playbook, with other variables for some hosts; its exit status and what it said."""
        inventory = self.directory / "inventory.yml"
        there = {name: values | hosts.get(name, {}) for name, values in self.hosts.items()}
        inventory.write_text(yaml.safe_dump({"roamd": {"vars": self.group, "hosts": there}}))
        settings = {
            "ANSIBLE_CONNECTION_PLUGINS": str(Path(__file__).parent / "connection_plugins"), "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "ansible"), "ANSIBLE_NOCOLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(["ansible-playbook", "-i", inventory, PLAYBOOK, "--diff", *options], capture_output=True, text=True,
                              env=os.environ | settings, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout + done.stderr

    def files(self):
        """What stands in /etc/roamd of each machine."""
        return {name: machine.shell("cd /etc/roamd && sha256sum $(find . -type f | sort)")
                for name, machine in self.machines.items()}


def recap(said):
    """How many tasks changed something on each host, and how many failed there."""
    found = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", said, re.MULTILINE)
    return {host: (int(changed), int(failed)) for host, changed, failed in found}
