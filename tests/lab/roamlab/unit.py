"""What roamd.service and its drop-ins allow the agent, as they are shipped.

Every directive must be known here: one that the lab would not apply is an error, not an omission.
"""

import subprocess
from dataclasses import asdict, dataclass, field
from functools import cache

from .templates import DEPLOY
from .topology import LabError

UNIT = DEPLOY / "systemd/roamd.service"
HOST_ROUTES = DEPLOY / "systemd/host-routes.conf"

# What the manager itself does, not the process.
MANAGER = {
    "Type", "NotifyAccess", "ExecCondition", "ExecStart", "ExecReload", "Restart", "RestartSec", "RestartPreventExitStatus",
    "WatchdogSec", "TimeoutStartSec", "TimeoutStopSec", "KeyringMode", "RemoveIPC", "DevicePolicy",
}
# Where one is left out, what it forbids is not in the lab's system calls either (clock, modules, kernel log, hostname).
SWITCHES = {
    "NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateMounts", "PrivateDevices", "ProtectClock", "ProtectControlGroups",
    "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces",
    "LockPersonality", "RestrictRealtime", "RestrictSUIDSGID", "MemoryDenyWriteExecute",
}
VALUES = {
    "User", "Group", "UMask", "LimitNOFILE", "RuntimeDirectory", "RuntimeDirectoryMode", "ProtectSystem", "ProtectProc",
    "ProcSubset", "SystemCallArchitectures", "SystemCallErrorNumber",
}
LISTS = {"CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies"}


@dataclass
class Confinement:
    """The process's side of a unit."""

    values: dict = field(default_factory=dict)
    switches: set = field(default_factory=set)
    lists: dict = field(default_factory=dict)
    system_calls: set = field(default_factory=set)

    def plain(self):
        """As JSON takes it."""
        return asdict(self) | {"switches": sorted(self.switches), "system_calls": sorted(self.system_calls)}


def confinement(host_routes):
    """What the shipped unit allows, with the drop-in for host routes or without."""
    result = Confinement(system_calls=set(members("@default")))
    for path in (UNIT, *([HOST_ROUTES] if host_routes else [])):
        for key, value in service(path.read_text(encoding="utf-8")):
            apply(result, key, value)
    return result


def service(text):
    """The assignments in the section [Service], in order."""
    section = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line
        elif line and not line.startswith(("#", ";")) and section == "[Service]":
            key, _, value = line.partition("=")
            yield key, value


def apply(result, key, value):
    """One assignment (systemd.exec(5)): lists grow, and an empty one empties them."""
    if key in MANAGER:
        return
    if key in SWITCHES:
        if value not in ("yes", "no"):
            raise LabError(f"roamd.service: {key}={value}: neither yes nor no")
        (result.switches.add if value == "yes" else result.switches.discard)(key)
    elif key in VALUES:
        result.values[key] = value
    elif key in LISTS:
        result.lists[key] = result.lists.get(key, []) + value.split() if value else []
    elif key == "SystemCallFilter":
        names = {name for word in value.removeprefix("~").split() for name in members(word)}
        result.system_calls = result.system_calls - names if value.startswith("~") else result.system_calls | names
    else:
        raise LabError(f"roamd.service has {key}, which the lab does not apply")


@cache
def members(word):
    """The system calls of a set such as @system-service, or the one that is named."""
    if not word.startswith("@"):
        return (word,)
    said = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in said.splitlines()[1:]]
    return tuple(name for inner in words if inner and not inner.startswith("#") for name in members(inner))
