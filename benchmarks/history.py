"""B11: one day's new records on a history, and on one ten times as large."""

from __future__ import annotations

import re
import shutil
import sys
from functools import partial
from pathlib import Path

from benchmarks.canonical import of_last_load
from benchmarks.jobs import LANDING, Bench, environment, make_project
from benchmarks.measure import Cost, JobFailedError, cost_of
from benchmarks.orders import orders_file
from benchmarks.rounds import Job

SHORT, LONG = "a day on the history", "a day on ten times the history"
_SHARE = 5  # of the benchmarks' scale: the longer history is twice as large as the input of B1
_DAY_SHARE = 100  # of the longer history
_KNOWN_OF = 10  # every tenth line of the day came before


def days(bench: Bench, cache: Path, scale: float) -> list[Job]:
    """The same new records on both histories, which are made unless they are there."""
    inputs = {name: orders_file(cache / "data", scale / _SHARE * times) for name, times in ((LONG, 10), (SHORT, 1))}
    paths = {name: cache / "data" / source.path for name, source in inputs.items()}
    day = _day(paths[SHORT], inputs[LONG].size_bytes // _DAY_SHARE)
    return [
        Job(name, partial(_run, bench, cache / f"history-{inputs[name].sha256[:12]}", path, day), of_last_load)
        for name, path in paths.items()
    ]


def _day(history: Path, size_bytes: int) -> bytes:
    """The first lines of a history, most of them with orders that nobody has seen."""
    lines: list[bytes] = []
    written = 0
    with history.open("rb") as file:
        for number, line in enumerate(file):
            lines.append(line if number % _KNOWN_OF == 0 else re.sub(rb'("orderId": ")0', rb"\g<1>1", line))
            written += len(line)
            if written >= size_bytes:
                break
    return b"".join(lines)


def _run(bench: Bench, kept: Path, history: Path, day: bytes, folder: Path) -> Cost:
    """`tillage run` on a copy of a project that has the history."""
    command = [sys.executable, "-m", "tillage", "run"]
    if not (kept / "whole").is_dir():
        making = kept / "making"
        shutil.rmtree(kept, ignore_errors=True)
        make_project(making, history)
        cost_of(command, making, timeout_s=10 * bench.timeout_s, environment=environment())
        making.rename(kept / "whole")
    shutil.copytree(kept / "whole", folder, dirs_exist_ok=True)
    (folder / LANDING / "day.jsonl").write_bytes(day)
    if b'"orderId": "1' not in day:
        raise JobFailedError("the day has no new order")
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())
