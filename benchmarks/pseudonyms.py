"""B8: rows about people, whose natural ids become something that only who has the key can find again."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import canonical
from benchmarks.jobs import HERE, Bench, environment
from benchmarks.measure import Cost, JobFailedError, cost_of
from benchmarks.rounds import Job

DIGESTS, VAULT = "tillage, digests as keys", "tillage, keys of a new vault"
PEERS = {"hmac for each row": "python_hmac", "Polars map": "polars_hmac"}
ROWS_AT_SCALE_1 = 10_000_000
_ROWS_OF_ONE = 20
_SEED = 7


def ids_file(folder: Path, scale: float) -> Path:
    """`id` and `amount` of so many rows, 20 for each person on the average; the same scale gives the same rows."""
    rows = max(1_000, int(scale * ROWS_AT_SCALE_1))
    rng = np.random.default_rng(_SEED)
    drawn = rng.integers(0, max(1, rows // _ROWS_OF_ONE), rows)
    ids = pa.array(np.char.zfill(drawn.astype("U9"), 9).tolist(), pa.string())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ids-{scale:g}.parquet"
    pq.write_table(pa.table({"id": ids, "amount": pa.array(rng.integers(0, 10_000, rows))}), path)
    return path


def compared(bench: Bench, ids: Path) -> list[Job]:
    """Ours with and without a vault that has yet to get all people, and peers that compute a digest for each row."""
    ours = [(DIGESTS, "digests"), (VAULT, "vault")]
    return [
        *(Job(name, partial(_ours, bench, ids, kind), canonical.of_people) for name, kind in ours),
        *(Job(name, partial(_peer, bench, ids, script), canonical.of_people) for name, script in PEERS.items()),
    ]


def _ours(bench: Bench, ids: Path, kind: str, folder: Path) -> Cost:
    command = [sys.executable, str(HERE / "pseudonyms_alone.py"), kind, str(ids), str(folder)]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())


def _peer(bench: Bench, ids: Path, script: str, folder: Path) -> Cost:
    if not bench.peers.exists():
        raise JobFailedError("the peers are not installed; run: make bench")
    command = [str(bench.peers), str(HERE / "peers" / f"{script}.py"), str(ids), str(folder)]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())
