"""A machine that boots: a layer over a base, in namespaces of its own."""

import hashlib
import os
import shlex
import shutil
import signal
import stat
import subprocess
from pathlib import Path

from roamlab.namespaces import wait_until
from roamlab.topology import LabError

from .base import PLACE

BOOT = Path(__file__).with_name("boot.sh")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC",
               "DEBIAN_FRONTEND": "noninteractive"}


class MachineError(LabError):
    """A machine that does not do what it was asked for."""


class Machine:
    """A booted Debian. `systemd` is its process 1 as seen from outside."""

    def __init__(self, name, base):
        self.name = f"roamd-install-{os.getpid()}-{name}"
        self.base = base
        self.layer = PLACE / "machines" / self.name
        self.console = self.layer / "console.log"
        self.holder = None
        self.systemd = None
        for folder in ("upper", "work", "root"):
            (self.layer / folder).mkdir(parents=True)
        self.boot()

    def boot(self):
        """Starts systemd and waits until it has started all that it starts by itself."""
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child=KILL", "--uts", "--ipc", "--net", "sh", BOOT, self.base, self.layer, self.name, self.console],
            stdin=subprocess.DEVNULL, stdout=open(self.console, "ab"), stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.systemd = self.wait("its first process", lambda: self.first_process())
            self.wait("systemd", lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in (
                "running", "degraded"), 120)
        except LabError as error:
            said = self.console.read_text(encoding="utf-8", errors="replace")
            self.end()
            raise MachineError(f"{error}; its console:\n{said}") from None
        self.run("ip", "link", "set", "lo", "up", check=False)

    def first_process(self):
        """Process 1 once it is systemd; None before."""
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text(encoding="ascii").split()
        if children and Path(f"/proc/{children[0]}/comm").read_text(encoding="ascii").strip() == "systemd":
            return int(children[0])
        return None

    def end(self):
        """Kills everything in it, waits until it is gone, and removes its layer and its control group."""
        if self.systemd is not None:
            try:
                os.kill(self.systemd, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended by itself
        self.holder.kill()
        self.holder.wait()
        # The tree may be mounted elsewhere, or nowhere: a mount of its own that goes with the process.
        remove = 'mount -t cgroup2 cgroup2 "$1" && find "$1/$2" -depth -type d -exec rmdir {} +'
        gone = ["unshare", "--mount", "--propagation", "private", "sh", "-c", remove, "sh", str(self.layer / "root"), self.name]
        self.wait("its control group goes", lambda: subprocess.run(gone, capture_output=True).returncode == 0, 30)
        shutil.rmtree(self.layer)

    @property
    def root(self):
        """Its root folder, to read and write files from outside."""
        return Path(f"/proc/{self.systemd}/root")

    def run(self, *command, check=True, timeout=120, input=None):
        """Runs a program in it to its end; what it said."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.systemd), "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root",
             "--wd", *map(str, command)],
            capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, input=input,
            stdin=subprocess.DEVNULL if input is None else None)
        if check and done.returncode != 0:
            said = (done.stderr + done.stdout).strip()
            raise MachineError(f"{shlex.join(map(str, command))}: exit status {done.returncode}: {said}")
        return done

    def shell(self, script, **options):
        """The same for a script; its output."""
        return self.run("sh", "-ec", script, **options).stdout

    def wait(self, what, holds, seconds=60):
        """Waits for a predicate; its value. A predicate may raise OSError or MachineError for `not yet`."""
        return wait_until(f"{self.name}: {what}", holds, seconds, 0.05)

    def unit(self, name, *properties):
        """Properties of a unit, by name."""
        said = self.run("systemctl", "show", name, *(f"--property={each}" for each in properties)).stdout
        return dict(line.split("=", 1) for line in said.splitlines())

    def failed(self):
        """The units that failed."""
        return self.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout.split()[::5]

    def install(self, package):
        """Installs a package from a file outside; what dpkg said."""
        place = self.root / "tmp" / package.name
        shutil.copyfile(package, place)
        done = self.run("dpkg", "--install", f"/tmp/{package.name}")
        place.unlink()
        return done.stdout + done.stderr

    def changes(self):
        """What of its files is not as in the base: kind, mode, owner and content of each, or that it is gone."""
        upper = self.layer / "upper"
        found = {}
        for folder, folders, names in os.walk(upper):
            for name in [*folders, *names]:
                path = os.path.relpath(os.path.join(folder, name), upper)
                now, before = described(upper / path), described(self.base / path)
                if now != before:
                    found[f"/{path}"] = now
        return found


def described(path):
    """A file in one line, all but its times; None where there is none."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return None  # the layer's mark over a file of the base that was removed
    about = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return f"{about} -> {os.readlink(path)}"
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            return f"{about} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    return about
