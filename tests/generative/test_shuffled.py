"""Order and batching of arrival decide nothing: the same lines come to the same house."""

from __future__ import annotations

import gzip
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import psycopg
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from tests.generative import records
from tests.generative.bounded import bounded
from tests.oracle.food_orders import BOM, judge
from tillage.pipelines.dump import dump
from tillage.pipelines.run import run
from tillage.settings import read_settings
from tillage.stores.embedded import EmbeddedPostgres
from tillage.wiring import open_house

pytestmark = pytest.mark.accept("2.5")

Landing = dict[str, bytes]
"""Stored bytes by file name."""
_WHEN = ("_load", "_record")
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    # A short path of its own: pytest's is near the limit of a socket's.
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    with EmbeddedPostgres(folder) as dsn:
        yield dsn
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Contents:
    """What a house holds, without what says when it came: everything as often as it is there."""

    silver: dict[str, Counter[str]]
    spend: Counter[str]
    quarantine: Counter[tuple[str, ...]]
    law: Counter[str]
    dump: list[str]
    """What `tillage dump --canonical` prints."""


def contents_after(dsn: str, root: Path, runs: Sequence[Landing]) -> Contents:
    """A new project with a database of its own, into which the files of each run come before it."""
    database = f"shuffled_{next(_NUMBERS)}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create database {database}".encode())
    template = resources.files("tillage.templates") / "food-orders"
    with resources.as_file(template) as folder:
        shutil.copytree(folder, root)
    landing = root / "landing" / "orders"
    landing.mkdir(parents=True, exist_ok=True)
    own = make_conninfo(dsn, dbname=database)
    with open_house(root, read_settings({"TILLAGE_STORE_DSN": own}), say=lambda _: None) as house:
        for files in runs:
            for name, stored in files.items():
                (landing / name).write_bytes(stored)
            assert len(run(house, wait_s=10).loads) == 1
        assert run(house, wait_s=10).loads == {}
        printed = list(dump(house, is_canonical=True))
    return contents(root / "data" / "lake", own, printed)


def contents(lake: Path, dsn: str, printed: list[str]) -> Contents:
    raw = {
        (row["load_seq"], row["source"], row["ordinal"]): str(row["raw"]) for row in rows_of(lake / "bronze" / "orders")
    }
    silver = {}
    for dataset in ("customers", "orders"):
        rows = rows_of(lake / "silver" / dataset)
        silver[dataset] = Counter(str({name: row[name] for name in row if name not in _WHEN}) for row in rows)
    with psycopg.connect(dsn) as connection:
        spend = Counter(map(str, connection.execute("select * from gold.customer_spend")))
        waiting = connection.execute(
            "select load_seq, source, ordinal, dataset, unit::text, codes::text, control_minor::text "
            "from tillage.quarantine"
        )
        quarantine = Counter((raw[load_seq, source, line], *unit) for load_seq, source, line, *unit in waiting)
        counted = connection.execute("select to_jsonb(c) - 'load_seq' from tillage.counts as c").fetchall()
    law: Counter[str] = Counter()
    for (figures,) in counted:
        dataset = figures.pop("dataset")
        law.update({f"{dataset} {figure}": value or 0 for figure, value in figures.items()})
    return Contents(silver, spend, quarantine, law, printed)


def rows_of(table: Path) -> list[dict[str, Any]]:
    files = DeltaTable(table).file_uris()
    with duckdb.connect(":memory:") as connection:
        return connection.read_parquet(files).to_arrow_table().to_pylist() if files else []


def without_conflicts(lines: Sequence[bytes]) -> list[bytes]:
    """The lines but those that hold another content for a key that stands before them."""
    # A line of its own place in a file, where one byte order mark would be no part of it.
    lines = [line for line in b"\n".join(lines).split(b"\n") if not line.startswith(BOM)]
    units = judge({"a": b"\n".join(lines)}).units
    conflicts = {unit.line for dataset in units.values() for unit in dataset if "key_conflict" in unit.codes}
    return [line for number, line in enumerate(lines, 1) if number not in conflicts]


def arrivals(rng: Random, lines: Sequence[bytes]) -> list[Landing]:
    """`lines` in another order, in up to five files, in up to three runs."""
    shuffled = rng.sample(lines, len(lines))
    cuts = sorted(rng.randrange(len(lines) + 1) for _ in range(rng.randrange(5)))
    parts = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
    runs: list[Landing] = [{} for _ in range(rng.randrange(3) + 1)]
    for name, part in zip(rng.sample("abcde", 5), parts, strict=False):
        stream = b"\n".join(part) + b"\n" * rng.randrange(3)
        is_packed = rng.randrange(2)
        stored = gzip.compress(stream) if is_packed else stream
        rng.choice(runs)[f"{name}.jsonl.gz" if is_packed else f"{name}.jsonl"] = stored
    return [files for files in runs if files]


@bounded(3, is_shrunk=False)
@given(seed=st.integers(0, 2**32))
def test_order_files_and_runs_do_not_change_what_a_house_holds(
    dsn: str, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = Random(seed)
    # Numbers from so many that a key meets another content only where a line was changed.
    lines = [records.line(rng, orders=10**6) for _ in range(rng.randrange(50, 300))]
    lines = without_conflicts([*lines, *rng.choices(lines, k=len(lines) // 10)])
    folder = tmp_path_factory.mktemp("houses")
    once = contents_after(dsn, folder / "once", [{"all.jsonl": b"\n".join(lines)}])
    for dataset, rows in once.silver.items():
        assert rows.total() == once.law[f"{dataset} accepted_rows"]
    assert contents_after(dsn, folder / "shuffled", arrivals(rng, lines)) == once
