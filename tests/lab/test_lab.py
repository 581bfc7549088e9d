"""The lab itself: it says what it lacks, and leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys

import pytest

from roamlab import place
from roamlab.lab import Lab, Options
from roamlab.namespaces import Namespaces, wait_until
from roamlab.topology import ONE_TOR, LabError

HERE = os.path.dirname(os.path.abspath(__file__))


def another(name):
    """A program that makes a directory and a node with a process in it, says its number, and goes on living."""
    program = f"""
import signal, sys
sys.path.insert(0, {HERE!r})
from roamlab import place
from roamlab.namespaces import Namespaces
path, lock = place.create({name!r})
with open(path / "log", "w") as log:
    namespaces = Namespaces.create(lock, log, ends_with_caller=True)
place.remove_when_dead(path)
namespaces.add("node", path / "log")
namespaces.start("node", ["sleep", "infinity"], path / "log")
print(namespaces.first, flush=True)
signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def test_a_killed_lab_leaves_neither_processes_nor_files():
    name = f"k{os.getpid()}"
    process, first = another(name)
    namespace = os.readlink(f"/proc/{first}/ns/pid")
    assert place.directory(name).is_dir()
    process.kill()
    process.wait()

    def inside():
        """The processes that are still in the lab's pid namespace."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == namespace:
                    yield pid
            except OSError:
                pass  # gone meanwhile
    wait_until("no process is left", lambda: not list(inside()))
    wait_until("no file is left", lambda: not place.directory(name).exists())


def test_a_dead_lab_is_cleared_away_by_the_next():
    name = f"d{os.getpid()}"
    path, lock = place.create(name)
    (path / "something").write_text("left by a crash")
    os.close(lock)
    again, lock = place.create(name)
    try:
        assert again == path
        assert list(path.iterdir()) == []
    finally:
        os.close(lock)
        place.sweep()
    assert not path.exists()


def test_a_living_lab_is_left_alone_by_the_next():
    name = f"l{os.getpid()}"
    process, first = another(name)
    try:
        with pytest.raises(LabError, match=f"a lab {name} is up already"):
            place.create(name)
        place.sweep()
        assert place.directory(name).is_dir()
    finally:
        os.kill(first, signal.SIGKILL)
        process.kill()
        process.wait()
    wait_until("no file is left", lambda: not place.directory(name).exists())


def test_two_nodes_have_names_and_networks_of_their_own():
    name = f"n{os.getpid()}"
    path, lock = place.create(name)
    with open(path / "log", "w", encoding="ascii") as log:
        namespaces = Namespaces.create(lock, log, ends_with_caller=True)
    os.close(lock)
    try:
        for node in ("one", "two"):
            namespaces.add(node, path / "log")
        assert namespaces.run("one", "hostname").stdout == "one\n"
        assert namespaces.run("two", "hostname").stdout == "two\n"
        namespaces.run("one", "ip", "link", "add", "only", "type", "bridge")
        assert namespaces.run("two", "ip", "link", "show", "only", check=False).returncode != 0
    finally:
        namespaces.end()
        place.sweep()


def test_who_is_not_root_is_told_so(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root"):
        Lab.up("nobody", Options())


def test_a_lab_that_is_not_there_is_named():
    with pytest.raises(LabError, match="there is no lab nowhere; `lab up` makes one"):
        Lab.attach("nowhere")


def test_a_name_that_no_socket_path_could_hold_is_refused():
    with pytest.raises(LabError, match="1 to 20 small letters"):
        place.directory("a/../b")


def test_an_unknown_node_is_answered_by_those_that_there_are():
    with pytest.raises(LabError, match="no node h3; there are: client, tor, h1, h2"):
        ONE_TOR.node("h3")
