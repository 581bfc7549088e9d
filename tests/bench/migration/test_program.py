"""The whole program once, with little, in the ways that no other test goes."""

import json
import subprocess
from pathlib import Path

from roamlab import agent, place

MIGRATE = Path(__file__).resolve().parents[1] / "migrate"


def test_a_short_run_prints_its_figures_and_leaves_nothing_behind(tmp_path):
    process = subprocess.Popen(
        [MIGRATE, "-n", "1", "--modes", "hook,layer2", "--rate", "500", "--json", tmp_path / "raw", "--roamd", agent.binary()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        printed, said = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, said
    found = json.loads((tmp_path / "raw").read_text())
    assert [(each["mode"], each["source"], each["target"]) for each in found] == [("hook", "h1", "h2"), ("layer2", "h1", "h2")]
    # Written for the case: by hand nothing moves the route before the source's QEMU is gone; a bridge has no route to move.
    assert found[0]["figures"]["moved"] > found[0]["figures"]["downtime"] > 0
    assert found[1]["figures"]["moved"] is None
    assert [line.split() for line in printed.splitlines() if "migrations" in line] == [["migrations", "1", "1"]]
    assert not list(place.ROOT.glob(f"b{process.pid}-*"))


def test_a_mode_or_a_rate_that_is_not_known_is_refused_in_words():
    for option, value, reason in (("--modes", "roamd,none", "no none"), ("--rate", "0", "a rate is 1 to 10000"), ("-n", "0", "at least 1")):
        done = subprocess.run([MIGRATE, option, value], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert reason in done.stderr
