"""The soak: it comes to a verdict, and sees what grows and what is lost without a reason."""

import subprocess
import sys
from pathlib import Path

from roamlab.judge import Span
from roamlab.vitals import Sample, explained, trend

SECOND = 1_000_000_000


def test_a_short_soak_comes_to_a_good_verdict():
    # The first operations of this seed are migrations.
    done = subprocess.run([sys.executable, Path(__file__).with_name("soak"), "--hours", "0.005", "--seed", "7"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "good: " in done.stdout.splitlines()[-1]


def run_of(memory, descriptors=lambda at: 20):
    """An hour's samples of a process, by what it takes at a second of it."""
    return [Sample(at, memory(at), descriptors(at)) for at in range(0, 3600, 10)]


def test_a_process_whose_buffers_fill_at_first_is_flat_and_one_that_leaks_is_not():
    filled = trend(run_of(lambda at: 40_000 + min(at, 600) * 10))
    assert filled.flat and abs(filled.kib_an_hour) < 1
    leaking = trend(run_of(lambda at: 40_000 + 2 * at))
    assert not leaking.flat and abs(leaking.kib_an_hour - 7200) < 1
    assert not trend(run_of(lambda at: 40_000, lambda at: 20 + at // 600)).flat


def test_too_few_samples_have_no_trend():
    assert trend([Sample(0, 1, 1)] * 7) is None


def test_a_loss_is_explained_by_what_was_done_in_its_time_and_by_nothing_else():
    windows = [(10 * SECOND, 20 * SECOND, 3), (18 * SECOND, 30 * SECOND, 0)]
    # Beside the operation, an emulated guest on a busy machine may be silent for 5 s.
    assert explained(Span(12 * SECOND, 20 * SECOND, None), windows)
    assert not explained(Span(12 * SECOND, 21 * SECOND, None), windows)
    assert not explained(Span(22 * SECOND, 28 * SECOND, None), windows)
    assert explained(Span(40 * SECOND, 45 * SECOND, None), windows)
    assert not explained(Span(40 * SECOND, 46 * SECOND, None), windows)
