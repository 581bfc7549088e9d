"""A migration that virsh on the source carries out."""

import os
import signal
import subprocess
from pathlib import Path

from .namespaces import ENVIRONMENT, wait_until
from .topology import LabError


class Migration:
    """A migration that is under way."""

    def __init__(self, namespaces, source, command):
        self.process = subprocess.Popen(
            [*namespaces.enter(source), *command], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def wait(self, seconds):
        """Waits for the end. nsenter stops when virsh is stopped, as on a host that freezes, and is not on the host to go on."""
        def ended():
            self.process.send_signal(signal.SIGCONT)
            return self.process.poll() is not None
        wait_until("the migration has ended", ended, seconds)

    def finish(self, seconds=120):
        """Waits for the end; virsh's exit status and what it said."""
        self.wait(seconds)
        said, _ = self.process.communicate()
        return self.process.returncode, said.strip()

    def kill(self):
        """kill -9 of virsh itself, which is a child of nsenter's."""
        nsenter = self.process.pid
        [virsh] = Path(f"/proc/{nsenter}/task/{nsenter}/children").read_text().split()
        os.kill(int(virsh), signal.SIGKILL)
        self.process.communicate()

    def succeed(self):
        status, said = self.finish()
        if status != 0:
            raise LabError(f"the migration failed: {said}")

    def fail(self):
        """Waits for the end, which must be a failure; what virsh said."""
        status, said = self.finish()
        if status == 0:
            raise LabError("the migration succeeded")
        return said
