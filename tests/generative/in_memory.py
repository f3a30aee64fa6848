"""The compiled check as files go through it, in memory: door, reader and verdicts by key, without lake and store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from tillage.contracts.check import Check
from tillage.contracts.sql_text import name
from tillage.contracts.types import silver_columns
from tillage.domain.load import SourceFile
from tillage.doors.files import FilesDoor
from tillage.engines.judge import judge
from tillage.engines.reader import Reader
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
    connection: duckdb.DuckDBPyConnection, check: Check, root: Path, files: Mapping[str, bytes], *, chunk_bytes: int
) -> dict[Place, Found]:
    """Every unit in `files` (stored bytes by path), judged as one load; they are written below `root`."""
    sources = []
    for number, path in enumerate(sorted(files)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(files[path])
        digest = hashlib.sha256(files[path]).hexdigest()
        sources.append(SourceFile(number, path, len(files[path]), digest, signature=""))
    reader = Reader(connection, check)
    reader.start()
    for batch in FilesDoor(root, chunk_bytes=chunk_bytes).read(sources):
        reader.add(batch, 1)
    found: dict[Place, Found] = {}
    paths = [source.path for source in sources]
    for dataset in check.contract.datasets:
        judge(connection, dataset, None)
        columns = [column for column, _ in silver_columns(dataset) if not column.startswith("_")]
        wanted = ", ".join(["source, ordinal, unit", '"offset", verdict, codes, control_minor', *map(name, columns)])
        rows = connection.execute(f"select {wanted} from {name('decided:' + dataset.name)}").fetchall()
        for source, line, unit, offset, verdict, codes, control, *values in rows:
            place = (dataset.name, paths[source], line, unit)
            assert place not in found
            minor = None if control is None else int(control)
            found[place] = Found(offset, verdict, tuple(sorted(codes)), minor, dict(zip(columns, values, strict=True)))
    first = check.contract.datasets[0].name
    unreadable = 'select source, ordinal, "offset", code from records where code is not null'
    for source, line, offset, code in connection.execute(unreadable).fetchall():
        assert (first, paths[source], line, 0) not in found
        found[first, paths[source], line, 0] = Found(offset, "unreadable", (code,), None, {})
    return found
