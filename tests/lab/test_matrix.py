"""The riskiest cells of the fault matrix; all of them are tried by tests/lab/matrix."""

import subprocess
import sys
from pathlib import Path

import pytest

import test_judge
from breaking import judged, run, told
from roamlab.cells import FAULTS, NOT, PARTS, SAMPLE, STAGES, Bound, Cell, cells


@pytest.mark.parametrize("cell", [Cell(*cell) for cell in SAMPLE], ids=lambda cell: cell.name)
def test_what_is_broken_comes_to_no_more_than_is_expected(brisk_lab, cell):
    seen = run(brisk_lab, cell)
    assert not seen.worse, told(seen.worse, seen.found, seen.timeline)


def test_the_matrix_says_of_every_cell_what_is_expected_or_why_it_does_not_apply():
    every = cells()
    assert len(every) == len(PARTS) * len(FAULTS) * len(STAGES) == len(set(every))
    assert {(cell.part, cell.fault) for cell in every if cell.reason} == set(NOT)
    assert all(cell.bound.ends in ("here", "either") for cell in every if cell.moment == "idle")
    assert all(Cell(*cell) in every and not Cell(*cell).reason for cell in SAMPLE)


def test_a_run_goes_on_where_an_earlier_one_left_its_results(tmp_path):
    kept = tmp_path / "results"
    kept.write_text("relay    killed         idle   source here  as expected\nagent    killed         idle   source WORSE\n")
    # Without a lab, because nothing is left to try.
    command = [sys.executable, Path(__file__).with_name("matrix"), "--only", "relay", "killed", "idle", "--kept", kept]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{kept} has 1 of 1 cells, 1 as expected, 0 not"
    assert kept.read_text().count("\n") == 2


def test_a_starved_guest_may_be_silent_for_a_while_and_a_route_may_not_be_missing():
    silent = test_judge.recording(probes=test_judge.answered(but=[(2_000, 6_500)]))
    assert judged(Bound(), [silent])[2] == ()
    silent = test_judge.recording(probes=test_judge.answered(but=[(2_000, 7_500)]))
    assert judged(Bound(), [silent])[2] == ("silent: 5.5 s, and at most 5 s are expected",)
    missing = test_judge.recording(test_judge.seen(5_000, "h1", None), test_judge.seen(5_002, "h1", "active"))
    assert judged(Bound(), [missing])[2] == ("low: 0.0 s, and at most 0 s are expected",)
    assert judged(Bound(low=5), [missing])[2] == ()
