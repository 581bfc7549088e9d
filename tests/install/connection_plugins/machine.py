"""Ansible's way into a machine: by its first process, with nothing installed in it but Python."""

import subprocess

from ansible.errors import AnsibleError
from ansible.plugins.connection import ConnectionBase

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
DOCUMENTATION = """
name: machine
short_description: run in a booted root of the tests
description: Runs programs in the namespaces of a machine's first process.
author: roamd
options:
  process:
    description: The machine's process 1, as seen from outside.
    type: int
    vars:
      - name: machine_process
"""


class Connection(ConnectionBase):
    transport = "machine"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def close(self):
        self._connected = False

    def inside(self, *command, data=None):
        enter = ["nsenter", "--target", str(self.get_option("process")), "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup",
                 "--root", "--wd"]
        return subprocess.run([*enter, *command], input=data, capture_output=True, check=False, env=ENVIRONMENT)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = self.inside("/bin/sh", "-c", cmd, data=in_data or b"")
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        with open(in_path, "rb") as file:
            done = self.inside("/bin/dd", f"of={out_path}", "status=none", data=file.read())
        if done.returncode != 0:
            raise AnsibleError(f"{out_path}: {done.stderr.decode()}")

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        done = self.inside("/bin/cat", in_path)
        if done.returncode != 0:
            raise AnsibleError(f"{in_path}: {done.stderr.decode()}")
        with open(out_path, "wb") as file:
            file.write(done.stdout)
