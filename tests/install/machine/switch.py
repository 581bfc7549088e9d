"""The top-of-rack switch of a machine: BIRD at the other end of its one link, configured from the files in deploy/bird."""

import re
from pathlib import Path

from roamlab.templates import DEPLOY, filled

from .machine import MachineError

NAMESPACE = "switch"
ADDRESS, HOST = "192.0.2.1", "192.0.2.2"
ADDRESS_V6, HOST_V6 = "2001:db8:1::1", "2001:db8:1::2"
AS, HOST_AS = 65001, 65101
SERVICE_V4, SERVICE_V6 = "198.51.100.0/24", "2001:db8:5::/48"
LOG, CONTROL, CONFIG = "/run/switch.log", "/run/switch.ctl", "/run/switch.conf"


class Switch:
    """BIRD in a network namespace of its own inside the machine, which ends with it."""

    def __init__(self, machine):
        self.machine = machine
        machine.shell(f"""
            ip netns add {NAMESPACE}
            ip link add eth0 type veth peer name eth0 netns {NAMESPACE}
            ip address add {HOST}/24 dev eth0
            ip address add {HOST_V6}/64 dev eth0 nodad
            ip link set eth0 up
            ip -n {NAMESPACE} address add {ADDRESS}/24 dev eth0
            ip -n {NAMESPACE} address add {ADDRESS_V6}/64 dev eth0 nodad
            ip -n {NAMESPACE} link set eth0 up
            ip -n {NAMESPACE} link set lo up
        """)
        text = filled(DEPLOY / "bird/tor.conf.in", {
            "TOR_ADDRESS": ADDRESS, "LEADS_TO": "", "LOOPBACKS": "192.0.2.128/25", "SERVICE_V4": SERVICE_V4,
            "SERVICE_V6": SERVICE_V6, "GRACEFUL_RESTART": "aware", "RUNGS_DECIDE": "false", "MAXIMUM": 100})
        text += filled(DEPLOY / "bird/host.conf.in", {
            "HOST": "host", "SESSION": "hosts_both", "REACH": "direct", "TOR_ADDRESS": ADDRESS, "TOR_PORT": 179, "TOR_AS": AS,
            "HOST_ADDRESS": HOST, "HOST_AS": HOST_AS})
        text += f'log "{LOG}" all;\n'
        (machine.root / CONFIG[1:]).write_text(text, encoding="utf-8")
        machine.run("systemd-run", "--quiet", "--unit=switch", f"--property=NetworkNamespacePath=/run/netns/{NAMESPACE}",
                    "bird", "-f", "-c", CONFIG, "-s", CONTROL)
        machine.wait("the switch answers", lambda: self.ask("show status"))

    def ask(self, command):
        """What it answers to a command of birdc's."""
        return self.machine.run("birdc", "-s", CONTROL, *command.split()).stdout

    def up_since(self):
        """When the session with the host came up; None while it is down."""
        words = next(line.split() for line in self.ask("show protocols host").splitlines() if line.startswith("host "))
        return words[4] if words[-1] == "Established" else None

    def rungs(self):
        """Each prefix that it has from the host, with the rung in roamd's large community."""
        found, prefix = {}, None
        for line in self.ask("show route all protocol host").splitlines():
            if line and not line[0].isspace() and "/" in line.split()[0]:
                prefix = line.split()[0]
            mark = re.search(rf"BGP\.large_community: .*\({HOST_AS}, 82, (\d)\)", line)
            if mark:
                found[prefix] = int(mark.group(1))
        return found

    def mark(self):
        """How much is recorded so far, for `withdrawn`."""
        return len(self.record())

    def withdrawn(self, since):
        """The prefixes that the host took back since the mark, also those that it announced again at once."""
        return re.findall(r" > removed \S+ (\S+)", self.record()[since:])

    def record(self):
        try:
            return (self.machine.root / LOG[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise MachineError(f"the switch's log: {error}") from error
