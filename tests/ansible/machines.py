"""Machines that systemd runs: Debian 12 in namespaces, booted in seconds, gone with the test.

All share one root, made by debootstrap once and kept in target/; what a machine writes goes into a layer of its own.
"""

import shutil
import signal
import subprocess
import time
import zlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "libvirt0", "exabgp")
ROOT = REPOSITORY / "target" / "ansible" / f"debian-12-{zlib.crc32(' '.join(PACKAGES).encode()):08x}"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}

# Mounts what systemd expects, and becomes it. Its capabilities are cut so that nothing of the machine around can be changed.
BOOT = r"""
set -e
root=$1 base=$2 layer=$3
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/upper" "$layer/work"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ip link set lo up
# The root of the mount namespace itself: what confines services mounts things beside it.
cd "$root"
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=roamd-test PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set=-sys_module,-sys_time,-syslog \
  /lib/systemd/systemd --system --log-target=console systemd.unified_cgroup_hierarchy=1
"""


def root():
    """The root of all machines, made first where there is none."""
    if not ROOT.exists():
        fresh = ROOT.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", fresh], check=True)
        # Started by whoever needs it, with a configuration.
        (fresh / "etc/systemd/system/multi-user.target.wants/exabgp.service").unlink(missing_ok=True)
        fresh.rename(ROOT)
    return ROOT


class Machine:
    """A machine that is up."""

    def __init__(self, name, directory):
        self.name = name
        self.root = directory / name
        layer = directory / f"{name}.layer"
        for path in (self.root, layer):
            path.mkdir()
        self.log = directory / f"{name}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--cgroup", "--uts", "--ipc", "--net", "--kill-child=KILL",
                 "bash", "-c", BOOT, "boot", self.root, root(), layer],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.wait("it is up", lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in (
            "running", "degraded"), 120)
        self.run("hostname", name)

    @property
    def enter(self):
        """The command that puts a program into the machine."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return ["nsenter", "-t", children[0], "-m", "-p", "-C", "-n", "-i", "-u", "-r", "-w"] if children else ["false"]

    def run(self, *command, check=True, input=None):
        """Runs a program in the machine to its end."""
        done = subprocess.run([*self.enter, *map(str, command)], capture_output=True, text=True, env=ENVIRONMENT, input=input,
                              check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def write(self, path, text):
        self.run("dd", f"of={path}", "status=none", input=text)

    def read(self, path):
        return self.run("cat", path).stdout

    def wait(self, what, holds, seconds=30):
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: {what}: not within {seconds} s; {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def down(self):
        """Kills its first process, and with it everything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
