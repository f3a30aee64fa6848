"""Plain Python: an HMAC of the id for each row."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from work import timed_step

_KEY = bytes(range(32))


def pseudonymise(rows: pa.Table) -> pa.Table:
    keys = [hmac.digest(_KEY, one.encode(), hashlib.sha256).hex() for one in rows["id"].to_pylist()]
    return pa.table({"id": keys, "amount": rows["amount"]})


def write(rows: pa.Table, target: Path) -> None:
    pq.write_table(rows, target / "people.parquet")


timed_step(pq.read_table, pseudonymise, write, pyarrow=pa.__version__)
