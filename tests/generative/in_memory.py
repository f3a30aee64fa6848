"""The compiled check as files go through it, in memory: door, reader and verdicts by key, without lake and store."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

import duckdb

from tillage.contracts.compiler.check import Check
from tillage.contracts.project import Feed
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns
from tillage.doors.lines import read_lines
from tillage.engines.judge import judge
from tillage.engines.judged import decided
from tillage.engines.reader import RECORDS, Reader
from tillage.engines.references import find_orphans
from tillage.wiring import compile_text

Place = tuple[str, str, int, int]
"""Dataset, file, physical line, number of the unit."""


@dataclass(frozen=True)
class Found:
    """What the product says of one unit; `values` holds the columns of silver, whatever the verdict."""

    offset: int
    verdict: str
    codes: tuple[str, ...]
    control_minor: int | None
    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    currency: str | None = None


def food_orders() -> str:
    """The contract of the food-orders template."""
    template = resources.files("tillage.templates") / "food-orders" / "contracts" / "orders.odcs.yaml"
    return template.read_text(encoding="utf-8")


def compiled(text: str) -> Check:
    return compile_text("orders", text)


@contextmanager
def connected(threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as the engine opens it."""
    with duckdb.connect(":memory:", config={"threads": threads, "preserve_insertion_order": False}) as connection:
        yield connection


def check_files(
    connection: duckdb.DuckDBPyConnection, check: Check, files: Mapping[str, bytes], *, chunk_bytes: int
) -> dict[Place, Found]:
    """Every unit in `files` (bytes by path, packed where it ends in .gz), judged as one load."""
    files = {path: gzip.decompress(stored) if path.endswith(".gz") else stored for path, stored in files.items()}
    feed = Feed("orders", "landing/orders", "jsonl")
    limit = check.contract.max_record_bytes
    reader = Reader(connection, check, {})
    reader.start()
    paths = sorted(files)
    for number, path in enumerate(paths):
        blocks = iter([files[path][start : start + chunk_bytes] for start in range(0, len(files[path]), chunk_bytes)])
        for batch in read_lines(blocks, number, feed=feed, max_record_bytes=limit, chunk_bytes=chunk_bytes):
            reader.read([batch], 1)
    reader.finish()
    return judged(connection, check, paths)


def judged(connection: duckdb.DuckDBPyConnection, check: Check, paths: Sequence[str]) -> dict[Place, Found]:
    """What has been read, with its verdicts."""
    found: dict[Place, Found] = {}
    for dataset in check.contract.datasets:
        find_orphans(connection, dataset, {}, ())
        judge(connection, dataset, None, None)
        columns = [column for column, _ in silver_columns(dataset) if not column.startswith("_")]
        internal = "_source, _ordinal, _unit, _offset, _verdict, _codes, _warnings, _control_minor, _control_currency"
        wanted = ", ".join([internal, *map(name, columns)])
        rows = connection.execute(f"select {wanted} from {decided(dataset)}").fetchall()
        for source, line, unit, offset, verdict, codes, warnings, control, currency, *values in rows:
            place = (dataset.name, paths[source], line, unit)
            assert place not in found
            minor = None if control is None else int(control)
            shown = dict(zip(columns, values, strict=True))
            found[place] = Found(offset, verdict, tuple(sorted(codes)), minor, shown, tuple(sorted(warnings)), currency)
    first = check.contract.datasets[0].name
    unreadable = f"select _source, _ordinal, _offset, code from {RECORDS} where code is not null"
    for source, line, offset, code in connection.execute(unreadable).fetchall():
        assert (first, paths[source], line, 0) not in found
        found[first, paths[source], line, 0] = Found(offset, "unreadable", (code,), None, {})
    return found
