"""What every peer's script does around its work: reads two arguments, and says what the work alone took."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RATES_BP = {"hot food": 1500, "cold food": 700, "beverage": 900}
"""The VAT of the shipped contract `food-orders`, in basis points."""


def timed(work: Callable[[Path, Path], None], **versions: str) -> None:
    """Runs `work(input file, output folder)`; prints its seconds without the start of the process, and versions."""
    source, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    work(source, target)
    print(json.dumps({"work_s": time.perf_counter() - started, "versions": versions}))


def timed_step(
    read: Callable[[Path], Any], step: Callable[[Any], Any], write: Callable[[Any, Path], None], **versions: str
) -> None:
    """As `timed`, of a step alone: what it is given is read before the clock starts, and written after it stopped."""
    source, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    given = read(source)
    started = time.perf_counter()
    made = step(given)
    took_s = time.perf_counter() - started
    write(made, target)
    print(json.dumps({"work_s": took_s, "versions": versions}))
