"""B9: people leave the rows that are about them, by one sweep with a search and a receipt, or by a delete for each."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import canonical
from benchmarks.jobs import HERE, Bench, environment
from benchmarks.measure import Cost, cost_of
from benchmarks.rounds import Job

OURS, DELETES = "tillage, one sweep", "delta-rs, a delete each"
ROWS_AT_SCALE_1 = 10_000_000
PEOPLE_AT_SCALE_1 = 1_000
_ROWS_OF_ONE = 20
_SEED = 7


def rows_file(folder: Path, scale: float) -> Path:
    """JSON Lines with `id` and `amount`, 20 lines for each person on the average; the same scale gives the same bytes.

    Beside it the ids of those who are to be erased, one a line.
    """
    rows = max(1_000, int(scale * ROWS_AT_SCALE_1))
    rng = np.random.default_rng(_SEED)
    people = max(20, rows // _ROWS_OF_ONE)
    drawn, amounts = rng.integers(0, people, rows), rng.integers(0, 10_000, rows)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"erased-{scale:g}.jsonl"
    with path.open("w") as file:
        for one, amount in zip(drawn.tolist(), amounts.tolist(), strict=True):
            file.write(f'{{"id": "p{one:08}", "amount": {amount}}}\n')
    asked = rng.choice(people, max(2, int(scale * PEOPLE_AT_SCALE_1)), replace=False)
    path.with_suffix(".asked").write_text("".join(f"p{one:08}\n" for one in asked.tolist()))
    return path


def compared(bench: Bench, rows: Path) -> list[Job]:
    """Ours with all that it proves, and deletes by delta-rs with a vacuum, which prove nothing."""
    kinds = [(OURS, "sweep"), (DELETES, "deletes")]
    return [Job(name, partial(_run, bench, rows, kind), canonical.of_erased) for name, kind in kinds]


def _run(bench: Bench, rows: Path, kind: str, folder: Path) -> Cost:
    command = [sys.executable, str(HERE / "erasing_alone.py"), kind, str(rows), str(folder)]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())
