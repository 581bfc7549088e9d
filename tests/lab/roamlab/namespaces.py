"""A lab's own processes, mounts and networks.

The lab's first process is process 1 of a pid namespace: when it dies, however that comes, the kernel kills everything in
the lab, and the namespaces with their links and mounts go with the last process. Each node is a process that only holds
a network, a mount and a UTS namespace. Programs are put into them by nsenter from outside; what is to stay is adopted by
process 1.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

from .topology import LabError

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

# Process 1: children that are ignored leave no zombies, also those it adopts. It says that it is there, and then sleeps.
FIRST = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.write(1, b"up\\n")
os.close(1)
os.execvp("sleep", ["sleep", "infinity"])
"""


def require():
    """Says plainly what is missing before anything is begun."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes namespaces, network links and virtual machines")
    made = subprocess.run(
        ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    if made.returncode != 0:
        raise LabError(f"the lab needs namespaces, and this machine gives none: {made.stderr.strip()}")
    if not os.path.exists("/dev/net/tun"):
        raise LabError("the lab needs /dev/net/tun for the guests' interfaces")


# Before a command: at a real-time priority, where the machine lets it. For what must not be late on a busy one.
PROMPTLY = ("sh", "-c", 'chrt --fifo --pid 10 $$ 2>/dev/null; exec "$@"', "sh")


class Namespaces:
    """The namespaces of one lab; `first` is process 1's number outside, `nodes` each node's process inside."""

    def __init__(self, first, nodes):
        self.first = first
        self.nodes = nodes

    @classmethod
    def create(cls, lock, log, ends_with_caller):
        """Makes process 1, which holds `lock`. With `ends_with_caller` the lab dies when this process does."""
        command = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
                   "--mount-proc", sys.executable, "-c", FIRST]
        if ends_with_caller:
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, pass_fds=[lock], start_new_session=True,
            env=ENVIRONMENT, cwd="/")
        if process.stdout.readline() != b"up\n":
            raise LabError("the lab's first process did not come up")
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children, encoding="ascii") as file:
            return cls(int(file.read()), {})

    def end(self):
        """Kills everything and waits until it is gone."""
        try:
            os.kill(self.first, signal.SIGKILL)
        except ProcessLookupError:
            return
        wait_until("the lab's processes end", lambda: not self.alive_outside(), 30)

    def alive_outside(self):
        try:
            with open(f"/proc/{self.first}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def add(self, node, log):
        """A node: a process that holds namespaces of its own, with the hostname set."""
        pid = self.start(None, ["unshare", "--net", "--uts", "--mount", "--propagation", "private",
                                "sh", "-c", f"hostname {node} && exec sleep infinity"], log)
        wait_until(f"node {node}", lambda: self.command(pid).startswith("sleep"))
        self.nodes[node] = pid

    def command(self, pid):
        """The command line of a process of the lab."""
        with open(f"/proc/{self.first}/root/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read().replace("\0", " ")

    def enter(self, node):
        """The command that puts a program into a node, or with None beside process 1."""
        inside = f"/proc/{self.first}/root/proc/{self.nodes[node] if node else 1}/ns"
        return ["nsenter", f"--pid=/proc/{self.first}/ns/pid", f"--mount={inside}/mnt", f"--net={inside}/net",
                f"--uts={inside}/uts"]

    def run(self, node, *command, check=True, timeout=60, input=None):
        """Runs a program to its end; its output."""
        done = subprocess.run(
            [*self.enter(node), *map(str, command)], capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT,
            input=input, stdin=subprocess.DEVNULL if input is None else None)
        if check and done.returncode != 0:
            words, said = shlex.join(map(str, command)), (done.stderr or done.stdout).strip()
            raise LabError(f"{node or 'lab'}: {words}: exit status {done.returncode}: {said}")
        return done

    def start(self, node, command, log, errors=None, environment=None):
        """Starts a program that stays, in a session of its own; its process number inside the lab."""
        settings = [f"{key}={value}" for key, value in (environment or {}).items()]
        script = 'out=$1 err=$2; shift 2; setsid env "$@" </dev/null >>"$out" 2>>"$err" & echo $!'
        done = self.run(node, "sh", "-c", script, "sh", log, errors or log, *settings, *command)
        return int(done.stdout)

    def signal(self, pid, name="KILL"):
        """Sends a signal to a process of the lab."""
        self.run(None, "sh", "-c", f"kill -{name} {pid}")

    def signal_all(self, node, name):
        """Sends a signal to every process in a node's network, but the one that holds the node."""
        script = 'net=$(readlink /proc/"$1"/ns/net); for p in /proc/[0-9]*; do [ "$(readlink "$p"/ns/net)" != "$net" ] || ' \
                 '[ "${p#/proc/}" = "$1" ] || kill -"$2" "${p#/proc/}" || true; done'
        self.run(None, "sh", "-c", script, "sh", self.nodes[node], name)

    def alive(self, pid):
        """Whether a process of the lab is there."""
        try:
            with open(f"/proc/{self.first}/root/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):
            return False


def wait_until(what, holds, seconds=20, every=0.01):
    """Waits for a predicate; its value. A predicate may raise OSError or LabError for `not yet`."""
    deadline = time.monotonic() + seconds
    reason = None
    while True:
        try:
            value = holds()
            if value:
                return value
        except (OSError, LabError) as error:
            reason = error
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds} s" + (f": {reason}" if reason else ""))
        time.sleep(every)
