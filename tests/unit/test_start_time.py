"""How long a person waits for `tillage --help`."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

_TRIES = 7
_BOUND_S = 0.3
_BOUND_IN_EMPTY_STARTS = 15
"""On a machine that is slow as a whole: of Python with nothing to do. Any library for data alone is beyond it."""


def _fastest_s(*words: str) -> tuple[float, float]:
    """The shortest of several starts of Python with these words: on the clock, and of the processor alone."""
    took_s, worked_s = [], []
    for _ in range(_TRIES):
        before, started_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took_s.append(time.perf_counter() - started_s)
        worked_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took_s), min(worked_s)


def test_help_answers_in_a_third_of_a_second() -> None:
    _fastest_s("-m", "tillage", "--help")  # writes byte code, should there be none
    took_s, worked_s = _fastest_s("-m", "tillage", "--help")
    _, empty_s = _fastest_s("-c", "")
    bound_s = max(_BOUND_S, _BOUND_IN_EMPTY_STARTS * empty_s)
    # Where other programs keep the cores busy the clock says nothing; the work done still does.
    assert min(took_s, worked_s) <= bound_s, f"took {took_s:.3f} s, {worked_s:.3f} s of it at work"
