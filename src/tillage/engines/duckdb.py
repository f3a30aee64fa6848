"""DuckDB as the compute engine: a fresh in-memory database for each piece of work, which spills to one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tillage.contracts.check import Check
from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name
from tillage.contracts.types import control_amount, empty_relation
from tillage.engines.relations import silver_relation
from tillage.engines.workspace import DuckWorkspace
from tillage.errors import ModelError
from tillage.models.fold import ROWS, Fold
from tillage.ports.engine import BronzePart, Silver
from tillage.ports.lake import Rows, Snapshot


class DuckEngine:
    """Opens databases bounded by `memory_bytes` and `threads`, spilling to `spill_folder`."""

    def __init__(
        self, spill_folder: Path, *, memory_bytes: int, threads: int, datasets: Mapping[str, Dataset]
    ) -> None:
        self._spill_folder = spill_folder
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._datasets = datasets

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database of its own that sees no network and loads no extension."""
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{self._memory_bytes // 1024}KiB",
                "threads": self._threads,
                "temp_directory": str(self._spill_folder),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            },
        )
        try:
            connection.execute("set timezone = 'UTC'")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def workspace(self, load_seq: int, check: Check) -> Iterator[DuckWorkspace]:
        with self.connect() as connection:
            yield DuckWorkspace(connection, load_seq, check, self._datasets)

    def column_types(self, fold: Fold) -> list[tuple[str, str]]:
        with self.connect() as connection:
            self._relations(connection, fold, {})
            try:
                found = connection.execute(f"describe {fold.delta_sql}").fetchall()
            except duckdb.Error as wrong:
                raise ModelError(f"models/{fold.name}.sql does not run: {str(wrong).splitlines()[0]}") from None
        for column, kind, *_ in found:
            if kind in {"DOUBLE", "FLOAT"}:
                raise ModelError(
                    f"models/{fold.name}.sql: column '{column}' is a float, which cannot be summed exactly; "
                    "cast its inputs to a decimal or to whole minor units"
                )
        return [(str(column), str(kind)) for column, kind, *_ in found]

    def silver_counts(self, dataset: str, snapshot: Snapshot, load_seq: int) -> tuple[int, int]:
        found = self._datasets[dataset]
        rows = silver_relation(found, Silver(snapshot, load_seq))
        amount = control_amount(found)
        with self.connect() as connection:
            counted = connection.execute(
                f"select count(*), coalesce(sum(_sign * {amount}), 0) from ({rows}) where _load = {int(load_seq)}"
            ).fetchall()[0]
        return int(counted[0]), int(counted[1])

    def full(self, fold: Fold, silver: Mapping[str, Silver]) -> Rows:
        with self.connect() as connection:
            sql = {dataset: silver_relation(self._datasets[dataset], seen) for dataset, seen in silver.items()}
            self._relations(connection, fold, sql)
            return connection.sql(fold.delta_sql).to_arrow_table()

    def recomputed(self, fold: Fold, bronze: Sequence[BronzePart]) -> Rows:
        deltas = []
        for part in bronze:
            with self.workspace(0, part.check) as workspace:
                workspace.recall(part.snapshot, part.loads)
                delta = workspace.delta(fold)
                if delta is not None:
                    deltas.append(delta)
        with self.connect() as connection:
            return _added_up(connection, fold, deltas)

    def _relations(self, connection: duckdb.DuckDBPyConnection, fold: Fold, sql: Mapping[str, str]) -> None:
        """Views under the datasets' names, which the fold's SQL reads."""
        for dataset in fold.datasets:
            rows = sql.get(dataset) or empty_relation(self._datasets[dataset])
            connection.execute(f"create or replace temp view {name(dataset)} as {rows}")


def _added_up(connection: duckdb.DuckDBPyConnection, fold: Fold, deltas: Sequence[Rows]) -> Rows:
    """The visible state that the changes lead to, one after the other."""
    for index, delta in enumerate(deltas):
        connection.register(f"delta{index}", delta)
    keys = ", ".join(name(key.name) for key in fold.keys)
    sums = ", ".join(
        f"case when sum({name(output.filled)}) > 0 then sum({name(output.name)}) end as {name(output.name)}"
        for output in fold.sums
    )
    every = " union all ".join(f"from delta{index}" for index in range(len(deltas)))
    order = ", ".join(name(output.name) for output in fold.outputs)
    return connection.sql(
        f"select {order} from (select {keys}, {sums} from ({every}) group by {keys} having sum({name(ROWS)}) <> 0)"
    ).to_arrow_table()
