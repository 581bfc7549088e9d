"""What can be done to each part of a host, and how it ends: kills, pauses, and everything that a part may run out of.

A fault is begun and ended on a host, where a recording runs; between the two it lasts. One that is over at once, because a
supervisor starts again what was killed, has nothing to end. What must be so before, as a clock that can be set, is prepared.
"""

from .namespaces import wait_until
from .topology import LabError

# How long a part that hangs does so, and how long other faults last where no migration tells.
HANGS, LASTS = 30, 5
# A slow part stands still for so much of each period, in seconds.
PERIOD, STILL = 0.2, 0.18
SLOW_HOST_STILL = 0.1
# How far a clock is set, in seconds, and for how long: longer than the hold time.
STEPS = {"clock forth": "+3600", "clock back": "-3600"}
STEPPED = 35
LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"

# Runs beside the lab's process 1, until it is told to end: `pid N` for one process, `net N` for all in N's network but N.
DUTY = """
import os, signal, sys, time
what, number, period, still = sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
def network(pid):
    # Not that of what nsenter has put there for a moment, with a parent outside: nsenter would stop too, and never go on.
    try:
        with open(f"/proc/{pid}/stat") as file:
            parent = file.read().rsplit(")", 1)[1].split()[1]
        return os.readlink(f"/proc/{pid}/ns/net") if parent != "0" else None
    except OSError:
        return None
def all_of_it():
    if what == "pid":
        return [number]
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if pid != number and network(pid) == network(number)]
def tell(pids, name):
    for pid in pids:
        try:
            os.kill(pid, name)
        except ProcessLookupError:
            pass
while not ended:
    pids = all_of_it()
    tell(pids, signal.SIGSTOP)
    time.sleep(still)
    tell(pids, signal.SIGCONT)
    time.sleep(period - still)
"""

# ExaBGP's python runs this first. libfaketime would not do: under it ExaBGP does not end when it is told to.
PYTHON_CLOCK = """
import time
true = time.time
def time_with_offset():
    with open({path!r}, encoding="ascii") as file:
        return true() + float(file.read() or 0)
time.time = time_with_offset
"""

# Before a program: its output goes where nothing fits.
NO_LOG = ("/bin/sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh")


class Part:
    """A part of a host: the process that it is, and how it comes back after it was killed."""

    def __init__(self, name, service):
        self.name, self.kind = name, service

    def service(self, lab, host):
        """Its name among the lab's services: that of the switch above the host, or of the host's own."""
        return f"{self.kind} {lab.switch(host) if self.kind == 'router' else host}"

    def pid(self, lab, host):
        return lab.services[self.service(lab, host)]

    def end(self, lab, host, signal):
        service = self.service(lab, host)
        lab.kill(service) if signal == "KILL" else lab.stop(service)

    def begin(self, lab, host, recording):
        lab.restart(self.service(lab, host))
        if self.kind == "libvirtd":
            recording.follow(host)


class Relay(Part):
    """ExaBGP's child, which ExaBGP starts again."""

    def pid(self, lab, host):
        return wait_until(f"ExaBGP on {host} runs the relay", lambda: lab.relay(host))

    def end(self, lab, host, signal):
        self.was = self.pid(lab, host)
        lab.namespaces.signal(self.was, signal)

    def begin(self, lab, host, recording):
        wait_until(f"ExaBGP on {host} runs another relay", lambda: lab.relay(host) not in (None, self.was))


class Fault:
    """One that is over as soon as it has begun."""

    # Seconds that it lasts, if it lasts; None: until a migration is over.
    seconds = 0

    def __init__(self, part):
        self.part = part

    def prepare(self, lab, host):
        pass

    def begin(self, lab, host, recording):
        raise NotImplementedError

    def end(self, lab, host, recording):
        pass


class Killed(Fault):
    """SIGKILL, and started again at once, as by its supervisor."""

    signal = "KILL"

    def begin(self, lab, host, recording):
        self.part.end(lab, host, self.signal)
        self.part.begin(lab, host, recording)


class Restarted(Killed):
    """SIGTERM, and started again."""

    signal = "TERM"


class SessionsRestarted(Fault):
    """The switch closes its sessions with the host and opens them again, as an operator may have it do."""

    def begin(self, lab, host, recording):
        switch = lab.switch(host)
        lab.speaker(switch).ask(lab, switch, f"restart {host}")


class Hung(Fault):
    """SIGSTOP for half a minute."""

    seconds = HANGS

    def begin(self, lab, host, recording):
        lab.namespaces.signal(self.part.pid(lab, host), "STOP")

    def end(self, lab, host, recording):
        pid = self.part.pid(lab, host)
        lab.namespaces.signal(pid, "CONT")
        # libvirtd 9.0 may end when it goes on after its clients have left.
        if self.part.kind == "libvirtd":
            try:
                recording.follow(host)
            except LabError:
                self.part.begin(lab, host, recording)


class Slow(Fault):
    """Stands still for nine tenths of the time."""

    seconds = None

    def begin(self, lab, host, recording):
        what = "pid", self.part.pid(lab, host), PERIOD, STILL
        self.duty = duty(lab, what)

    def end(self, lab, host, recording):
        end_duty(lab, self.duty)


class NoDisk(Fault):
    """Started again where its log takes nothing; the agent would be killed if it wrote another file (RLIMIT_FSIZE)."""

    seconds = None

    def begin(self, lab, host, recording):
        service = self.part.service(lab, host)
        lab.under[service] = NO_LOG
        try:
            Restarted(self.part).begin(lab, host, recording)
        finally:
            del lab.under[service]
        if self.part.kind == "roamd":
            lab.ready(host)
            limit(lab, self.part.pid(lab, host), "--fsize=0:0")

    def end(self, lab, host, recording):
        if not lab.namespaces.alive(self.part.pid(lab, host)):
            raise LabError(f"{self.part.name} on {host} has ended, which its full disk is no reason for")
        Restarted(self.part).begin(lab, host, recording)


class NoLedger(Fault):
    """The relay's ledger stands on a full tmpfs, and the relay is killed too."""

    seconds = None

    def begin(self, lab, host, recording):
        lab.namespaces.run(host, "sh", "-ec", """
            cp -a /run/ledger /run/ledger.full
            mount -t tmpfs -o size=16k tmpfs /run/ledger
            cp /run/ledger.full/roamd /run/ledger/roamd
            rm -r /run/ledger.full
            dd if=/dev/zero of=/run/ledger/filled bs=4k count=100 2>/dev/null || true
        """)
        Killed(self.part).begin(lab, host, recording)

    def end(self, lab, host, recording):
        lab.namespaces.run(host, "umount", "/run/ledger")


class NoDescriptors(Fault):
    """Can open nothing more."""

    seconds = None

    def begin(self, lab, host, recording):
        self.pid = self.part.pid(lab, host)
        opened = set(map(int, lab.namespaces.run(None, "ls", f"/proc/{self.pid}/fd").stdout.split()))
        limits = lab.namespaces.run(None, "cat", f"/proc/{self.pid}/limits").stdout
        self.limit = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open files"))
        free = next(number for number in range(len(opened) + 1) if number not in opened)
        limit(lab, self.pid, f"--nofile={free}:")

    def end(self, lab, host, recording):
        if lab.namespaces.alive(self.pid):
            limit(lab, self.pid, f"--nofile={self.limit}:")


class ClockStepped(Fault):
    """Its wall clock is an hour off all at once; the machine's own stays."""

    seconds = STEPPED

    def __init__(self, part, step):
        super().__init__(part)
        self.step = step

    def prepare(self, lab, host):
        """Starts it with a clock that can be set, which shows the true time for now."""
        self.clock = lab.path / host / "clock" / "offset"
        self.clock.parent.mkdir(exist_ok=True)
        self.set("+0")
        service = self.part.service(lab, host)
        lab.under[service] = ("/usr/bin/env", *self.words(lab))
        try:
            lab.stop(service)
            lab.restart(service)
        finally:
            del lab.under[service]
        lab.ready(host)

    def words(self, lab):
        if self.part.kind == "exabgp":
            self.clock.with_name("sitecustomize.py").write_text(PYTHON_CLOCK.format(path=str(self.clock)))
            return [f"PYTHONPATH={self.clock.parent}"]
        # Confined as its unit would have it, the agent sees the host's directory elsewhere, and has no /dev/shm.
        clock = "/run/lab/clock/offset" if self.part.kind == "roamd" and lab.options.confined else self.clock
        return [f"LD_PRELOAD={LIBFAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
                "FAKETIME_DISABLE_SHM=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]

    def set(self, offset):
        # Whole or not at all: it is read at every look at the clock.
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(self.clock)

    def begin(self, lab, host, recording):
        self.set(self.step)

    def end(self, lab, host, recording):
        Restarted(self.part).begin(lab, host, recording)


class SocketsRemoved(Fault):
    """Somebody removes the agent's sockets, and the relay begins anew."""

    def begin(self, lab, host, recording):
        sockets = [lab.path / host / "run/roamd" / name for name in ("exabgp.sock", "http.sock")]
        for socket in sockets:
            socket.unlink()
        Killed(PARTS["relay"]).begin(lab, host, recording)
        wait_until(f"the sockets of roamd on {host} are there again", lambda: all(socket.exists() for socket in sockets))


class LibvirtSocketsRemoved(Fault):
    """Somebody removes libvirtd's sockets; they come back with the next start."""

    seconds = None

    def begin(self, lab, host, recording):
        for name in ("libvirt-sock", "libvirt-sock-ro"):
            (lab.path / host / "run/libvirt" / name).unlink()

    def end(self, lab, host, recording):
        Restarted(self.part).begin(lab, host, recording)


class Frozen(Fault):
    """Everything on the host stands still, and its links stay up."""

    seconds = HANGS

    def begin(self, lab, host, recording):
        lab.freeze(host)

    def end(self, lab, host, recording):
        lab.thaw(host)
        if not lab.namespaces.alive(PARTS["libvirtd"].pid(lab, host)):
            PARTS["libvirtd"].begin(lab, host, recording)


class SlowHost(Slow):
    """Everything on the host stands still for half of the time."""

    def begin(self, lab, host, recording):
        self.duty = duty(lab, ("net", lab.namespaces.nodes[host], PERIOD, SLOW_HOST_STILL))


class PowerLost(Fault):
    """The host is gone with its VMs, and comes back with nothing that was on a tmpfs, or in the kernel."""

    seconds = LASTS

    def begin(self, lab, host, recording):
        lab.links(host, "down")
        lost = [vm.name for vm in recording.vms if (lab.path / host / f"run/libvirt/qemu/{vm.name}.pid").exists()]
        lab.namespaces.signal_all(host, "KILL")
        for vm in lost:
            recording.saw(host, "STOPPED", "FAILED", vm)

    def end(self, lab, host, recording):
        lab.boot(host)
        recording.watch.connect(host)


PARTS = {"agent": Part("agent", "roamd"), "relay": Relay("relay", "relay"), "exabgp": Part("exabgp", "exabgp"),
         "libvirtd": Part("libvirtd", "libvirtd"), "switch": Part("switch", "router"), "host": None}


def limit(lab, pid, what):
    """Limits a process as its own user, which needs no right to do so."""
    uid, gid = lab.namespaces.run(None, "stat", "-c", "%u %g", f"/proc/{pid}").stdout.split()
    lab.namespaces.run(None, "setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "prlimit", "--pid", pid, what)


def duty(lab, what):
    return lab.namespaces.start(None, ["/usr/bin/python3", "-c", DUTY, *what], lab.path / "lab.log")


def end_duty(lab, pid):
    lab.namespaces.signal(pid, "TERM")
    wait_until("the slow time is over", lambda: not lab.namespaces.alive(pid))


def fault(part, what):
    """The fault of this name for a part; what is not here does not apply, see cells.py."""
    of = PARTS[part]
    special = {
        ("agent", "disk full"): lambda: NoDisk(of),
        ("exabgp", "disk full"): lambda: NoDisk(of),
        ("relay", "disk full"): lambda: NoLedger(of),
        ("agent", "socket removed"): lambda: SocketsRemoved(of),
        ("libvirtd", "socket removed"): lambda: LibvirtSocketsRemoved(of),
        ("switch", "restarted"): lambda: SessionsRestarted(of),
        ("host", "killed"): lambda: PowerLost(of),
        ("host", "hung"): lambda: Frozen(of),
        ("host", "slow"): lambda: SlowHost(of),
    }
    if what in STEPS:
        return ClockStepped(of, STEPS[what])
    general = {"killed": Killed, "restarted": Restarted, "hung": Hung, "slow": Slow, "no descriptors": NoDescriptors}
    return special[part, what]() if (part, what) in special else general[what](of)
