"""How fast a client may ask, alone and with several processes that count together."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tillage.api.rates import Rates
from tillage.domain.clients import Grant

PROGRAM = """
import sys, time
from tillage.api.rates import Rates
from tillage.domain.clients import Grant
rates, grant = Rates(sys.argv[1]), Grant("c", frozenset(), 200)
print("ready", flush=True)
end_s = time.monotonic() + float(sys.stdin.readline())
answered = 0
while time.monotonic() < end_s:
    answered += rates.wait_s(grant) == 0
print(answered)
"""


@given(per_s=st.integers(1, 50), steps=st.lists(st.floats(0, 0.5, allow_nan=False), min_size=1, max_size=200))
def test_a_client_gets_its_rate_and_never_more_than_one_second_of_it_at_once(per_s: int, steps: list[float]) -> None:
    now_s = [1000.0]
    rates = Rates(None, lambda: now_s[0])
    grant = Grant("c", frozenset(), per_s)
    answered = []
    for step in steps:
        now_s[0] += step
        wait_s = rates.wait_s(grant)
        if wait_s == 0:
            answered.append(now_s[0])
        else:
            assert 0 < wait_s <= 1 / per_s + 1e-6
            now_s[0] += wait_s
            assert rates.wait_s(grant) == 0
            answered.append(now_s[0])
    for index, first in enumerate(answered):
        for count, last in enumerate(answered[index:], 1):
            assert count <= per_s + (last - first) * per_s + 1e-6


def test_a_client_without_a_rate_and_others_are_not_held_up() -> None:
    rates = Rates(None, lambda: 0.0)
    slow, other = Grant("slow", frozenset(), 2), Grant("other", frozenset(), 2)
    assert [rates.wait_s(slow) for _ in range(3)] == [0, 0, 0.5]
    assert rates.wait_s(other) == 0
    assert all(rates.wait_s(Grant("free", frozenset(), None)) == 0 for _ in range(100))


def test_folder_that_was_cleaned_away_stops_nobody(tmp_path: Path) -> None:
    rates = Rates(str(tmp_path / "counters"), lambda: 0.0)
    assert [rates.wait_s(Grant("c", frozenset(), 1)) for _ in range(2)] == [0, 1]
    (tmp_path / "counters/c.rate").unlink()
    (tmp_path / "counters").rmdir()
    assert rates.wait_s(Grant("c", frozenset(), 1)) == 1
    assert rates.wait_s(Grant("other", frozenset(), 1)) == 0


def test_processes_count_together(tmp_path: Path) -> None:
    """As many as ask at the same time: together they get the rate, and nearly all of it."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    start_s = time.monotonic()
    for one in running:
        assert one.stdin is not None
        one.stdin.write("1.0\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60)[0] for one in running]
    took_s = time.monotonic() - start_s
    assert 200 * 1.5 <= sum(map(int, said)) <= 200 * (1 + took_s) + 3
