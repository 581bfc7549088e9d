"""A migration that virsh on the source carries out."""

import os
import signal
import subprocess
from pathlib import Path

from .namespaces import ENVIRONMENT
from .topology import LabError


class Migration:
    """A migration that is under way."""

    def __init__(self, namespaces, source, command):
        self.process = subprocess.Popen(
            [*namespaces.enter(source), *command], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    def finish(self, seconds=120):
        """Waits for the end; virsh's exit status and what it said."""
        try:
            said, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"the migration did not end within {seconds} s") from None
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
