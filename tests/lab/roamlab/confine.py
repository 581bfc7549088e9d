"""Becomes a program that is confined as a unit of systemd's would have it.

Runs on a node of the lab, as root, in a mount namespace of its own.

    confine.py CONFINEMENT BIND... -- PROGRAM ARGUMENT...

CONFINEMENT: what unit.py made of the unit, as JSON in a file. BIND: FROM:TO, places that the program sees elsewhere, because
where they are it sees nothing. The steps are systemd's own, in its order: file systems, limits, rights, user, system calls.
"""

import ctypes
import errno
import itertools
import json
import os
import pwd
import resource
import subprocess
import sys

import seccomp
from seccomp import ALLOW, EQ, ERRNO, GT, MASKED_EQ, NE, Arg, SyscallFilter

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
API = ("/proc", "/sys", "/dev")

# linux/capability.h, linux/prctl.h, linux/sched.h
CAPABILITIES = {"CAP_NET_ADMIN": 12}
VERSION_3 = 0x20080522
CAPBSET_READ, CAPBSET_DROP, SET_KEEPCAPS, SET_NO_NEW_PRIVS, CAP_AMBIENT, CAP_AMBIENT_RAISE = 23, 24, 8, 38, 47, 2
NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
LAST_FAMILY = 45
WRITE, EXECUTE, SHM_EXECUTE = 2, 4, 0o100000
SET_ID = (0o4000, 0o2000)

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}{arguments[:2]}: {os.strerror(ctypes.get_errno())}")


def prctl(*arguments):
    words = [*arguments, 0, 0, 0, 0][:5]
    call("prctl", *(ctypes.c_ulong(word) for word in words))


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def mount_points():
    """Every place where something is mounted, the outer ones first, without those that are mounted over."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return sorted({line.split()[4].encode().decode("unicode_escape") for line in file})


def file_systems(values, switches, binds):
    """What the program sees of the machine's files."""
    runtime = f"/run/{values['RuntimeDirectory']}"
    for bind in binds:
        source, target = bind.split(":")
        if os.path.isdir(source):
            os.makedirs(target, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            open(target, "a", encoding="ascii").close()
        mount("--bind", source, target)
    mount("--bind", runtime, runtime)
    if "PrivateDevices" in switches:
        staged = "/run/lab-dev"
        os.makedirs(staged, exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755,noexec", "tmpfs", staged)
        for name in DEVICES:
            open(f"{staged}/{name}", "w", encoding="ascii").close()
            mount("--bind", f"/dev/{name}", f"{staged}/{name}")
        mount("--move", staged, "/dev")
    if "PrivateTmp" in switches:
        for place in ("/tmp", "/var/tmp"):
            mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", place)
    if "ProtectHome" in switches:
        for place in ("/home", "/root"):
            mount("-t", "tmpfs", "-o", "mode=0,ro", "tmpfs", place)
    if values.get("ProtectSystem") == "strict":
        writable = (runtime, "/tmp", "/var/tmp", *API)
        for place in mount_points():
            if not any(place == kept or place.startswith(f"{kept}/") for kept in writable):
                # What something is mounted over can't be reached by its name, nor by the program.
                subprocess.run(["mount", "-o", "remount,bind,ro", place], check=place in ("/", "/run"), stderr=subprocess.DEVNULL)
    for place, switch in (("/sys", "ProtectKernelTunables"), ("/sys/fs/cgroup", "ProtectControlGroups")):
        if switch in switches and os.path.ismount(place):
            mount("-o", "remount,bind,ro", place)
    options = [f"hidepid={values.get('ProtectProc', 'default').replace('default', 'off')}"]
    if values.get("ProcSubset") == "pid":
        options.append("subset=pid")
    mount("-t", "proc", "-o", ",".join(options), "proc", "/proc")
    if "ProtectKernelTunables" in switches and os.path.isdir("/proc/sys"):
        mount("--bind", "/proc/sys", "/proc/sys")
        mount("-o", "remount,bind,ro", "/proc/sys")


def rights(values, lists):
    """The user, and what is left of root's rights."""
    account = pwd.getpwnam(values["User"])
    bounding, ambient = ({CAPABILITIES[name] for name in lists.get(key, ())}
                         for key in ("CapabilityBoundingSet", "AmbientCapabilities"))
    # One that the kernel does not know is beyond the last one.
    known = itertools.takewhile(lambda capability: libc.prctl(CAPBSET_READ, capability, 0, 0, 0) >= 0, itertools.count())
    for capability in set(known) - bounding:
        prctl(CAPBSET_DROP, capability)
    prctl(SET_KEEPCAPS, 1)
    os.initgroups(account.pw_name, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    mask = sum(1 << capability for capability in ambient)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    call("capset", header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
    for capability in ambient:
        prctl(CAP_AMBIENT, CAP_AMBIENT_RAISE, capability)


def refuse(number, *rules):
    """A filter that lets everything pass but these: each a system call and conditions."""
    refusing = SyscallFilter(ALLOW)
    for name, *conditions in rules:
        refusing.add_rule(ERRNO(number), name, *conditions)
    refusing.load()


def system_calls(values, switches, lists, allowed):
    """One filter for each directive, as systemd makes them; the most that any of them refuses is refused."""
    families = {FAMILIES[name] for name in lists["RestrictAddressFamilies"]}
    others = set(range(LAST_FAMILY + 1)) - families
    refuse(errno.EAFNOSUPPORT, *(("socket", Arg(0, EQ, family)) for family in others), ("socket", Arg(0, GT, LAST_FAMILY)))
    if "RestrictNamespaces" in switches:
        refuse(errno.EPERM, ("unshare",), ("setns",), *(("clone", Arg(0, MASKED_EQ, flag, flag)) for flag in NEW_NAMESPACES))
        # Its flags lie in memory, where no filter can look: the C library takes clone then.
        refuse(errno.ENOSYS, ("clone3",))
    if "MemoryDenyWriteExecute" in switches:
        both = WRITE | EXECUTE
        refuse(errno.EPERM, ("mmap", Arg(2, MASKED_EQ, both, both)), ("mprotect", Arg(2, MASKED_EQ, EXECUTE, EXECUTE)),
               ("pkey_mprotect", Arg(2, MASKED_EQ, EXECUTE, EXECUTE)), ("shmat", Arg(2, MASKED_EQ, SHM_EXECUTE, SHM_EXECUTE)))
    if "RestrictSUIDSGID" in switches:
        refuse(errno.EPERM, *((name, Arg(place, MASKED_EQ, bit, bit)) for bit in SET_ID for name, place in (
            ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2), ("mknod", 1), ("mknodat", 2), ("creat", 1))))
    if "RestrictRealtime" in switches:
        refuse(errno.EPERM, *(("sched_setscheduler", Arg(1, EQ, policy)) for policy in (1, 2, 6)))
    if "LockPersonality" in switches:
        refuse(errno.EPERM, ("personality", Arg(0, NE, 0)))
    # Last: it refuses what loads filters.
    allowing = SyscallFilter(ERRNO(getattr(errno, values["SystemCallErrorNumber"])))
    for name in allowed:
        try:
            allowing.add_rule(ALLOW, name)
        except (OSError, RuntimeError):
            # Of another architecture, or newer than libseccomp.
            if seccomp.resolve_syscall(seccomp.Arch(), name) >= 0:
                raise
    allowing.load()


def main():
    path, *rest = sys.argv[1:]
    binds, command = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    with open(path, encoding="utf-8") as file:
        confinement = json.load(file)
    values, switches, lists = confinement["values"], set(confinement["switches"]), confinement["lists"]
    file_systems(values, switches, binds)
    os.environ.update([values["Environment"].split("=", 1)])
    os.umask(int(values["UMask"], 8))
    files = int(values["LimitNOFILE"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.chdir("/")
    rights(values, lists)
    prctl(SET_NO_NEW_PRIVS, 1)
    system_calls(values, switches, lists, confinement["system_calls"])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
