"""A fold state that grows load by load in PostgreSQL is what the whole model gives over all rows that stand."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tests.generative.in_memory import connected
from tests.generative.models import DATASETS, ROWS, Model, Row, State, models
from tillage.contracts.types import silver_columns
from tillage.domain.load import CommitPoint
from tillage.engines.duckdb import DuckEngine
from tillage.lake.schema import arrow_schema
from tillage.models.fold import Fold, read_fold
from tillage.stores.embedded import EmbeddedPostgres
from tillage.stores.postgres.database import Database
from tillage.stores.postgres.folds import Folds, add_delta
from tillage.wiring import CommitLog

pytestmark = pytest.mark.accept("2.5")

_NUMBERS = itertools.count()
Signed = list[tuple[int, Row]]
"""Rows with the sign under which silver would hold them."""
Change = dict[str, Signed]
"""What one load adds to each dataset's silver."""


@dataclass(frozen=True)
class Bench:
    database: Database
    engine: DuckEngine
    connection: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    # A short path of its own: pytest's is near the limit of a socket's.
    folder = Path(tempfile.mkdtemp(prefix="tl-"))
    with EmbeddedPostgres(folder / "store") as dsn, connected(threads=2) as connection:
        database = Database(dsn, "folds", CommitLog(None), lease_ttl_s=30)
        yield Bench(database, DuckEngine(folder, memory_bytes=2**29, threads=2, datasets=DATASETS), connection)
        database.close()
    shutil.rmtree(folder)


def delta(bench: Bench, fold: Fold, change: Change) -> pa.Table:
    hold(bench, change)
    return bench.connection.sql(fold.delta_sql).to_arrow_table()


def hold(bench: Bench, change: Change) -> None:
    """Tables under the datasets' names, with rows as in silver."""
    for name, dataset in DATASETS.items():
        rows = [
            row
            | {"_sign": sign, "_load": 1, "_record": dict.fromkeys(("load", "source", "ordinal", "offset", "unit"), 1)}
            for sign, row in change.get(name, ())
        ]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(silver_columns(dataset)))
        bench.connection.register("incoming", table)
        bench.connection.execute(f"create or replace temp table {name} as select * from incoming")
        bench.connection.unregister("incoming")


def state(bench: Bench, fold: Fold) -> State:
    names = [key.name for key in fold.keys]
    rows = Folds(bench.database).state(fold.name).to_pylist()
    found = {tuple(row[name] for name in names): tuple(row[name] for name in row if name not in names) for row in rows}
    assert len(found) == len(rows), "a key stands twice"
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Loads that open rows and close rows that stand, in the end perhaps all."""
    standing: dict[str, list[Row]] = {name: [] for name in DATASETS}
    loads: list[Change] = []
    for _ in range(draw(st.integers(1, 4))):
        change: Change = {}
        for name in DATASETS:
            opened = draw(st.lists(ROWS[name], min_size=0 if loads else 4, max_size=12))
            rows = standing[name] + opened
            closed = draw(st.lists(st.integers(0, len(rows) - 1), unique=True, max_size=4)) if rows else []
            change[name] = [(1, row) for row in opened] + [(-1, rows[place]) for place in closed]
            standing[name] = [row for place, row in enumerate(rows) if place not in closed]
        loads.append(change)
    if draw(st.booleans()):
        loads.append({name: [(-1, row) for row in rows] for name, rows in standing.items()})
    return loads


def standing_after(loads: Sequence[Change]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {name: [] for name in DATASETS}
    for load in loads:
        for name, signed in load.items():
            for sign, row in signed:
                if sign > 0:
                    rows[name].append(row)
                else:
                    rows[name].remove(row)
    return rows


def opened(standing: Mapping[str, Sequence[Row]]) -> Change:
    return {name: [(1, row) for row in rows] for name, rows in standing.items()}


@pytest.mark.accept("5.1")
@bounded(25)
@given(model=models(), history=histories(), new_after=st.integers(0, 4))
def test_deltas_load_by_load_add_up_to_the_model_over_all_rows(
    bench: Bench, model: Model, history: list[Change], new_after: int
) -> None:
    fold = read_fold(f"model{next(_NUMBERS)}", model.sql, DATASETS)
    folds, types = Folds(bench.database), bench.engine.column_types(fold)
    assert folds.replace(fold, types, delta(bench, fold, {}), {})
    assert state(bench, fold) == {}
    for number, change in enumerate(history):
        if number == new_after:  # as a model that comes when loads are there already
            assert folds.replace(fold, types, delta(bench, fold, opened(standing_after(history[:number]))), {})
        with bench.database.transaction(CommitPoint.PUBLISH) as transaction:
            add_delta(transaction, fold, delta(bench, fold, change))
        wanted = model.state(standing_after(history[: number + 1]))
        assert state(bench, fold) == wanted, model.sql
    folds.drop(fold.name)


@bounded(25)
@given(model=models(), history=histories())
def test_the_rows_that_explain_a_model_add_up_to_it(bench: Bench, model: Model, history: list[Change]) -> None:
    fold = read_fold("explained", model.sql, DATASETS)
    hold(bench, {name: [signed for change in history for signed in change[name]] for name in DATASETS})
    explained: dict[tuple[Any, ...], list[Row]] = {}
    for row in bench.connection.sql(fold.explain_sql).to_arrow_table().to_pylist():
        explained.setdefault(tuple(row[key.name] for key in fold.keys), []).append(row)
    standing = {key: rows for key, rows in explained.items() if sum(row["_sign"] for row in rows)}
    assert {
        key: tuple(signed_sum(rows, output.name) for output in fold.sums) for key, rows in standing.items()
    } == model.state(standing_after(history)), model.sql


def signed_sum(rows: Sequence[Row], name: str) -> Any:
    """The sum of what is not null, where signs leave any of it standing."""
    present = [row for row in rows if row[name] is not None]
    return sum(row["_sign"] * row[name] for row in present) if sum(row["_sign"] for row in present) else None
