"""A lab's directory below ROOT, and what a crashed lab left behind.

A lab's first process holds a lock on its directory for as long as it lives, and everything else in the lab dies with it.
So a directory whose lock is free is a dead lab's, whatever the reason, and is removed by whoever comes next.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .topology import LabError

# Short, for the sake of unix sockets (at most 107 bytes, unix(7)); not below /run, which each host has of its own.
ROOT = Path("/tmp/roamd-lab")
REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = REPOSITORY / "target" / "lab"


def directory(name):
    """Where the lab of this name lives."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
        raise LabError(f"a lab's name is 1 to 20 small letters, digits and dashes, not {name!r}")
    return ROOT / name


def locked(path):
    """Opens and locks a lab's directory; None where a living lab holds it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def create(name):
    """A new directory and the descriptor that holds its lock; the lab's first process must inherit it."""
    ROOT.mkdir(mode=0o755, exist_ok=True)
    sweep()
    path = directory(name)
    try:
        path.mkdir(mode=0o755)
    except FileExistsError:
        raise LabError(f"a lab {name} is up already; `lab --name {name} down` ends it, another --name makes one beside it") from None
    fd = locked(path)
    if fd is None:
        raise LabError(f"another lab {name} is just coming up")
    return path, fd


def sweep():
    """Removes the directories of labs that are gone."""
    if not ROOT.is_dir():
        return
    for path in ROOT.iterdir():
        try:
            fd = locked(path)
        except OSError:
            continue  # somebody else was quicker
        if fd is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(fd)


def remove_when_dead(path):
    """Leaves a process behind that waits for the lock and removes the directory, for a lab that nobody takes down."""
    subprocess.Popen(
        ["setsid", "flock", path, "rm", "-rf", path],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


def save(path, state):
    """Keeps what another process must know to find the lab again."""
    fresh = path / "state.new"
    fresh.write_text(json.dumps(state, indent=2))
    fresh.rename(path / "state.json")


def load(name):
    """The state that a living lab saved."""
    path = directory(name)
    try:
        fd = locked(path)
    except FileNotFoundError:
        raise LabError(f"there is no lab {name}; `lab up` makes one") from None
    if fd is not None:
        os.close(fd)
        raise LabError(f"the lab {name} is dead; `lab up` clears it away and makes another")
    try:
        return path, json.loads((path / "state.json").read_text())
    except FileNotFoundError:
        raise LabError(f"the lab {name} is not up yet") from None
