"""Runs jobs in interleaved rounds, A B C, then C B A, so that what the machine does meanwhile meets all of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.canonical import Digest
from benchmarks.measure import Cost, JobFailedError

MOST_ROUNDS = 7
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Job:
    """One way to do the work. `run` does it once in an empty folder; `digest` sums up what is there then."""

    name: str
    run: Callable[[Path], Cost]
    digest: Callable[[Path], Digest]


@dataclass
class Result:
    """What one job took in each round, or why it was not run."""

    costs: list[Cost] = field(default_factory=list)
    digest: Digest = field(default_factory=Digest)
    reason: str = ""


def run_rounds(
    jobs: Sequence[Job], folder: Path, *, budget_s: float, deadline: float, say: Callable[[str], None]
) -> dict[str, Result]:
    """The results by name of job.

    Each job runs once untimed, which also shows how long it takes: one that would need more than `budget_s` for all
    rounds takes part in the first few only, at least three. But for the first, no round begins that is not likely to
    end before `deadline` (of `time.monotonic`).
    """
    results = {job.name: Result() for job in jobs}
    wanted: dict[str, int] = {}
    last_s: dict[str, float] = {}
    for job in jobs:
        cost = _once(job, folder, results[job.name], is_first=True)
        if cost:
            last_s[job.name] = cost.wall_s
            wanted[job.name] = max(FEWEST_ROUNDS, min(MOST_ROUNDS, int(budget_s / cost.wall_s)))
            say(f"{job.name}: {cost.wall_s:.1f} s to warm up, {wanted[job.name]} rounds")
        else:
            say(f"{job.name}: not run: {results[job.name].reason}")
    for number in range(MOST_ROUNDS):
        taking_part = [job for job in jobs if not results[job.name].reason and number < wanted[job.name]]
        likely_s = sum(last_s[job.name] for job in taking_part)
        if number and time.monotonic() + likely_s > deadline:
            say(f"no time for more than {number} rounds")
            break
        for job in taking_part if number % 2 == 0 else reversed(taking_part):
            cost = _once(job, folder, results[job.name], is_first=False)
            if cost:
                results[job.name].costs.append(cost)
                last_s[job.name] = cost.wall_s
        say(f"round {number + 1} done")
    return results


def _once(job: Job, folder: Path, result: Result, *, is_first: bool) -> Cost | None:
    """One run in a folder made for it; a failure becomes the result's reason."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        cost = job.run(folder)
        if is_first:
            result.digest = job.digest(folder)
    except JobFailedError as wrong:
        result.reason = str(wrong)
        return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return cost
