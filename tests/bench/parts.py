"""The parts that the benchmarks put together, each a context manager that stops what it started; and their table.

The set-up comes from the templates below deploy/. A process that is left over by a benchmark that was killed is
killed by the kernel.
"""

import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import libvirt

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
DEPLOY = REPOSITORY / "deploy"
LIMIT_SECONDS = 60
NOBODY = 65534
HOST_AS, TOR_AS = 65101, 65000


def filled(template, **values):
    """The text of a template below deploy/ with its @KEY@s replaced."""
    text = (DEPLOY / template).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    left = re.search("@[A-Z0-9_]+@", text)
    if left:
        sys.exit(f"deploy/{template}: {left[0]} has no value")
    return text


def need(program, path="/usr/sbin:/usr/bin"):
    """Where a program is; without it there is no benchmark."""
    found = shutil.which(program, path=path)
    if found is None:
        sys.exit(f"{program} is not installed: run deploy/prepare tests")
    return found


def wait_until(what, predicate, pause=0.02, limit=LIMIT_SECONDS):
    """Asks until the answer is true, and gives it."""
    deadline = time.monotonic() + limit
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() > deadline:
            sys.exit(f"not within {limit} s: {what}")
        time.sleep(pause)


@contextlib.contextmanager
def process(command, **options):
    """A process that ends with the block."""
    command = ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextlib.contextmanager
def private_libvirtd(directory):
    """A libvirtd with nothing but the test driver in use; gives the URI."""
    home = directory / "libvirt"
    home.mkdir()
    (home / "libvirtd.conf").write_text(filled("libvirt/private.conf.in", DIR=str(home)))
    xdg = {f"XDG_{name}": str(home) for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME")}
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home)} | xdg
    user = {}
    if os.getuid() == 0:
        directory.chmod(0o711)
        os.chown(home, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    command = [need("libvirtd"), "-f", home / "libvirtd.conf", "-p", home / "pid"]
    with (directory / "libvirtd.log").open("w") as log, process(command, env=environment, stderr=log, **user):
        yield f"test+unix:///default?socket={home}/libvirt-sock"


def connect(uri):
    """A connection, as soon as libvirtd takes one; the VMs live as long as it."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            return libvirt.open(uri)
        except libvirt.libvirtError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def start_vm(connection, name):
    """Creates a VM that is gone when it ends."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    return connection.createXML(filled("libvirt/vm.xml.in", NAME=name, UUID=identity))


def free_port(address="127.0.0.1"):
    with socket.socket() as listener:
        listener.bind((address, 0))
        return listener.getsockname()[1]


class Bird:
    """The switch: a BIRD that is asked over its control socket, and its one neighbor."""

    def __init__(self, directory):
        # Loopback addresses by this process's number, so that two benchmarks don't meet.
        number = os.getpid()
        self.tor, self.host = (f"127.{side}.{number // 250 % 250}.{number % 250 + 1}" for side in (192, 193))
        self.port = free_port(self.tor)
        self.directory = directory / "bird"
        self.directory.mkdir()
        switch = filled(
            "bird/tor.conf.in",
            TOR_ADDRESS=self.tor,
            LEADS_TO='ifname = "lo";',
            SERVICE_V4="10.82.0.0/16",
            SERVICE_V6="2001:db8:5::/48",
            LOOPBACKS="192.0.2.0/24",
            RUNGS_DECIDE="false",
            GRACEFUL_RESTART="aware",
            MAXIMUM="100000",
        )
        neighbor = filled(
            "bird/host.conf.in",
            HOST="host",
            SESSION="hosts_both",
            REACH="multihop",
            TOR_ADDRESS=self.tor,
            TOR_PORT=str(self.port),
            TOR_AS=str(TOR_AS),
            HOST_ADDRESS=self.host,
            HOST_AS=str(HOST_AS),
        )
        (self.directory / "bird.conf").write_text(switch + neighbor)

    @contextlib.contextmanager
    def running(self):
        """Started, and gone at the end of the block."""
        control = self.directory / "control"
        command = [need("bird"), "-f", "-c", self.directory / "bird.conf", "-s", control]
        command += ["-P", self.directory / "pid"]
        with (self.directory / "log").open("w") as log, process(command, stderr=log):
            with socket.socket(socket.AF_UNIX) as self.socket:
                wait_until("BIRD listens", lambda: self._connect(control))
                self._answer()
                yield self

    def _connect(self, control):
        try:
            self.socket.connect(str(control))
        except OSError:
            return False
        return True

    def _answer(self):
        """Up to the line whose number is followed by a blank: the last one."""
        text = ""
        while not re.search(r"^\d{4} .*\n\Z", text, re.MULTILINE):
            read = self.socket.recv(1 << 16)
            if not read:
                sys.exit("BIRD is gone")
            text += read.decode()
        return text

    def ask(self, command):
        self.socket.sendall(f"{command}\n".encode())
        return self._answer()

    def routes(self):
        """How many service addresses it would forward to."""
        total = re.search(r"(\d+) of \d+ routes", self.ask("show route table master4 count"))
        # The host's own loopback comes from ExaBGP's configuration.
        return max(0, int(total[1]) - 1) if total else 0

    def has(self, address):
        return not self.ask(f"show route {address}/32").startswith("8001")

    def session_is_up(self):
        return "Established" in self.ask("show protocols host")

    def heard(self):
        """Updates and withdraws that came from the host in this life of the session, whatever became of them."""
        text = self.ask("show protocols all host")
        return [sum(map(int, re.findall(rf"Import {kind}: +(\d+)", text))) for kind in ("updates", "withdraws")]


class Exabgp:
    """A generation of ExaBGP."""

    def __init__(self, version):
        self.version = version
        venv = pathlib.Path(os.environ.get("ROAMD_EXABGP5", REPOSITORY / "target/exabgp5"))
        self.command = {"4.2": ["/usr/sbin/exabgp"], "5.0": [str(venv / "bin/exabgp"), "server"]}[version]
        need(self.command[0])

    @contextlib.contextmanager
    def running(self, bird, directory, roamd, instead=None):
        """Runs it with the relay, or another API process instead, from when the session is up; gives its pid."""
        relay = filled(
            "exabgp/relay.conf.in",
            ROAMD=str(roamd),
            SOCKET=str(directory / "agent.sock"),
            LEDGER=str(directory / "relay.ledger"),
        )
        if instead:
            relay, replaced = re.subn(r"^  run .*;$", f"  run {instead};", relay, flags=re.MULTILINE)
            if replaced != 1:
                sys.exit("deploy/exabgp/relay.conf.in has not one line that runs the relay")
        neighbor = filled(
            "exabgp/neighbor.conf.in",
            TOR_ADDRESS=bird.tor,
            TOR_AS=str(TOR_AS),
            HOST_ADDRESS=bird.host,
            ROUTER_ID=bird.host,
            HOST_AS=str(HOST_AS),
            GRACEFUL_RESTART="capability { graceful-restart 30; } manual-eor true;",
            FAMILIES="ipv4 unicast; ipv6 unicast;",
            STATIC="route 192.0.2.1/32 next-hop self;",
        )
        configuration = directory / "exabgp.conf"
        configuration.write_text(relay + neighbor)
        user = pwd.getpwuid(os.getuid()).pw_name
        settings = filled("exabgp/local.env.in", TOR_PORT=str(bird.port), USER=user).splitlines()
        environment = dict(line.split("=", 1) for line in settings if line and line[0] != "#")
        with (directory / "exabgp.log").open("a") as log, process(
            [*self.command, configuration], env=os.environ | environment, stdout=log, stderr=log
        ) as exabgp:
            wait_until("the session is up", bird.session_is_up)
            yield exabgp.pid


class Agent:
    """`roamd run` beside ExaBGP's relay; it may be ended and started again."""

    def __init__(self, roamd, directory, uri, vms):
        self.roamd, self.directory = roamd, directory
        self.port = free_port()
        self.path = directory / "roamd.yaml"
        # JSON is YAML too. No VM settles during a measurement: that would be another update of each route.
        config = {
            "libvirt": {"uri": uri, "read_write": True},
            "exabgp": {"transport": "relay", "socket": str(directory / "agent.sock")},
            "bgp": {"local_as": HOST_AS},
            "mobility": {"settle": "1h"},
            "http": {"listen": f"127.0.0.1:{self.port}"},
            "vms": {name: {"service_ips": addresses} for name, addresses in vms.items()},
        }
        self.path.write_text(json.dumps(config))

    @contextlib.contextmanager
    def running(self):
        """Started; gives the process, which may be ended in the block."""
        command = [self.roamd, "run", "--config", self.path]
        with (self.directory / "roamd.log").open("a") as log, process(command, stderr=log) as agent:
            yield agent

    def is_ready(self):
        """Whether every route is acknowledged."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


def child_of(pid):
    """The one child of a process."""
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def cpu_seconds(pid):
    """What a process has used of all CPUs so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid):
    """Resident and private memory."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    fields = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"]


def percentiles(values):
    """p50, p90 and p99."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return [cuts[49], cuts[89], cuts[98]]


def row(title, unit, columns):
    """Prints a line of a table."""
    print(f"{title:<52} {unit:>4} " + " ".join(f"{column:>10}" for column in columns), flush=True)
