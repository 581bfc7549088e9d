"""The whole program once, with little, in the ways that no other test goes."""

import json
import subprocess
from pathlib import Path

from roamlab import agent, place

MIGRATE = Path(__file__).resolve().parents[1] / "migrate"


def run(path, *arguments):
    """Runs the program for one migration of each column; what it printed, and the migrations that it wrote."""
    process = subprocess.Popen([MIGRATE, "-n", "1", "--json", path, "--roamd", agent.binary(), *arguments],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        printed, said = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert not list(place.ROOT.glob(f"b{process.pid}-*"))
    return printed, json.loads(path.read_text())


def test_a_short_run_prints_its_figures_and_leaves_nothing_behind(tmp_path):
    printed, found = run(tmp_path / "raw", "--modes", "hook,layer2", "--rate", "500")
    assert [(each["mode"], each["source"], each["target"]) for each in found] == [("hook", "h1", "h2"), ("layer2", "h1", "h2")]
    # Written for the case: by hand nothing moves the route before the source's QEMU is gone; a bridge has no route to move.
    hook, layer2 = (each["clients"]["client"]["figures"] for each in found)
    assert hook["moved"] > hook["downtime"] > 0
    assert layer2["moved"] is None
    assert [each["turn"] for each in found] == [None, None]
    assert [line.split() for line in printed.splitlines() if "migrations" in line] == [["migrations", "1", "1"]]


def test_a_short_run_in_a_fabric_tells_of_each_client_and_of_all_routers(tmp_path):
    printed, found = run(tmp_path / "raw", "--networks", "leaf-spine")
    [migration] = found
    assert migration["network"] == "leaf-spine"
    assert {client: sight["place"] for client, sight in migration["clients"].items()} == {
        "client": "behind the spines", "c1": "under the source's switch", "c2": "under the destination's switch"}
    assert all(sight["figures"]["silence"] > 0 and sight["pace"]["answered"] > 0 for sight in migration["clients"].values())
    turn = migration["turn"]
    assert (turn["routers"], turn["hops"], turn["without"]) == (5, 2, 0)
    assert turn["heard"] > 0 and turn["turned"] > 0
    lines = [line.split() for line in printed.splitlines()]
    assert "routers ever without a route 0/0/0".split() in lines
    assert [line[1:] for line in lines if line[:1] == ["client"]] == [
        each.split() for each in ("behind the spines", "under the source's switch", "under the destination's switch")]


def test_a_short_run_from_vm_to_vm_tells_what_a_vm_on_each_host_saw(tmp_path):
    printed, found = run(tmp_path / "raw", "--vms", "roamd")
    [migration] = found
    assert {client: sight["place"] for client, sight in migration["clients"].items()} == {
        "client": "behind the spines", "web": "in a VM on the source", "db": "in a VM on the destination",
        "app": "in a VM on a third host"}
    for client, sight in migration["clients"].items():
        assert sight["figures"]["silence"] > 0 and sight["pace"]["answered"] > 0
        assert (sight["figures"]["unreachable"] is None) == (client != "client")
    assert printed.count("roamd's aim") == 3


def test_what_is_not_known_is_refused_in_words():
    for option, value, reason in (("--modes", "roamd,none", "no none"), ("--networks", "ring", "no ring"), ("--vms", "none", "no none"),
                                  ("--rate", "0", "a rate is 1 to 10000"), ("-n", "0", "at least 1")):
        done = subprocess.run([MIGRATE, option, value], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert reason in done.stderr
