"""What shows only over a long time: whether processes grow, and whether each loss has a reason. Pure, but for `sample`."""

import statistics
from typing import NamedTuple

from .judge import STARVED

# What counts as flat: from the second quarter of the time, in which buffers fill, to the last.
GROWTH_KIB, GROWTH_SHARE, GROWTH_DESCRIPTORS = 1024, 0.05, 2


class Sample(NamedTuple):
    """A process at a time: seconds, resident memory, descriptors."""

    at: float
    memory_kib: int
    descriptors: int


class Trend(NamedTuple):
    """How a process grew: its medians in the second and the last quarter of the time, and the slope after the first."""

    memory_kib: tuple
    descriptors: tuple
    kib_an_hour: float

    @property
    def flat(self):
        (early, late), (few, many) = self.memory_kib, self.descriptors
        return late <= early * (1 + GROWTH_SHARE) + GROWTH_KIB and many <= few + GROWTH_DESCRIPTORS


def sample(lab, pid, at):
    """Looks at a process; None where it has just ended."""
    script = f"grep VmRSS /proc/{pid}/status && ls /proc/{pid}/fd | wc -l"
    said = lab.namespaces.run(None, "sh", "-c", script, check=False).stdout.split()
    return Sample(at, int(said[1]), int(said[3])) if len(said) == 4 else None


def trend(samples):
    """The trend of a process's samples, which are in order; None where there are too few to tell."""
    quarter = len(samples) // 4
    if quarter < 2:
        return None
    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    warm = samples[quarter:]
    slope = statistics.linear_regression([each.at for each in warm], [each.memory_kib for each in warm]).slope

    def medians(what):
        return tuple(statistics.median(getattr(each, what) for each in part) for part in (early, late))
    return Trend(medians("memory_kib"), medians("descriptors"), slope * 3600)


def explained(span, windows):
    """Whether a run of lost probes is no longer than the operations in its time allow: (begin, end) in ns, and seconds."""
    allowed = sum(done for begin, end, done in windows if begin < span.end and span.begin < end)
    return (span.end - span.begin) / 1e9 <= allowed + STARVED / 1e9
