"""DuckDB as the compute engine: an in-memory database for each load and one for all looks, spilling to one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tillage.contracts.compiler.check import Check
from tillage.contracts.contract import Contract, Dataset, Kind
from tillage.contracts.sql_text import name, text
from tillage.contracts.types import control_amount, empty_relation
from tillage.domain.conservation import Counts, Minor
from tillage.domain.load import Spans
from tillage.engines.auditing import bronze_counts, disagreements
from tillage.engines.binding import unasked
from tillage.engines.filling import keep_all
from tillage.engines.forgetting import forgotten, holding, without_bytes
from tillage.engines.portability import unportable_in
from tillage.engines.references import complete
from tillage.engines.relations import current_relation, literal_path, silver_relation, visible_bronze_relation
from tillage.engines.states import added_up, comparison
from tillage.engines.tables import compared_table, compute, prepare, rows_of, types_of
from tillage.engines.trying import tried_rows, try_models
from tillage.engines.versions import changes_relation, history_relation
from tillage.engines.warned import warnings_select
from tillage.engines.workspace import DuckWorkspace
from tillage.errors import ModelError, ModelMemoryError, QueryError, TimeLimitError
from tillage.models.derived import Derived
from tillage.models.fold import Fold
from tillage.models.portable.find import Unportable
from tillage.models.project import Models
from tillage.ports.engine import (
    BronzePart,
    Comparison,
    Disagreement,
    Due,
    Folders,
    Holding,
    Share,
    TableComparison,
    View,
)
from tillage.ports.lake import ColumnTypes, Rows, Silver, Snapshot
from tillage.ports.people import People

_ZONE = "set timezone = 'UTC'"
_TOO_LONG = "this took longer than it may and was ended; nothing was changed. Ask for less, or use the command"


class DuckEngine:
    """Opens databases bounded by `memory_bytes` and `threads`, spilling to `spill_folder`."""

    def __init__(self, spill_folder: Path, *, memory_bytes: int, threads: int, datasets: Mapping[str, Dataset]) -> None:
        self._spill_folder = spill_folder
        self._memory_bytes = memory_bytes
        self._threads = threads
        self._datasets = datasets
        self._shared: duckdb.DuckDBPyConnection | None = None
        self._at_work: set[duckdb.DuckDBPyConnection] = set()
        self._is_interrupted = False

    def interrupt(self) -> None:
        self._is_interrupted = True
        for connection in tuple(self._at_work):
            connection.interrupt()

    @contextmanager
    def _interruptible(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        self._at_work.add(connection)
        try:
            if self._is_interrupted:
                raise TimeLimitError(_TOO_LONG)
            yield
        except (duckdb.InterruptException, ModelError, QueryError):  # what the interrupted statement was for
            if self._is_interrupted:
                raise TimeLimitError(_TOO_LONG) from None
            raise
        finally:
            self._at_work.discard(connection)

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A database of its own that sees no network and loads no extension."""
        connection = self._opened()
        try:
            with self._interruptible(connection):
                yield connection
        finally:
            connection.close()

    @contextmanager
    def _look(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session for statements that leave nothing but what is temporary, which goes with it.

        A database takes 20 ms of computing to make, and one small load looks some ten times.
        """
        if self._shared is None:
            self._shared = self._opened()
        session = self._shared.cursor()
        try:
            with self._interruptible(session):
                session.execute(_ZONE)
                yield session
        finally:
            session.close()

    def close(self) -> None:
        """Ends what looks share; the next one makes it anew."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def _opened(self) -> duckdb.DuckDBPyConnection:
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
        connection.execute(_ZONE)
        return connection

    @contextmanager
    def workspace(
        self, load_seq: int, check: Check, folders: Folders, people: People | None
    ) -> Iterator[DuckWorkspace]:
        with self.connect() as connection:
            yield DuckWorkspace(
                connection, load_seq, check, self._datasets, folders, people=people, threads=self._threads
            )

    def unasked_rules(self, contract: Contract) -> list[tuple[int, str]]:
        if not any(one.row_rules or one.dataset_rules or one.where for one in contract.datasets):
            return []
        with self._look() as connection:
            return list(unasked(connection, contract))

    def column_types(self, fold: Fold) -> list[tuple[str, str]]:
        with self._look() as connection:
            self._relations(connection, fold, {})
            try:
                found = connection.execute(f"describe {fold.delta_sql}").fetchall()
            except duckdb.Error as wrong:
                raise ModelError(f"models/{fold.name}.sql does not run: {str(wrong).splitlines()[0]}") from None
        types = [(str(column), str(kind)) for column, kind, *_ in found]
        _refuse_inexact(fold, dict(types))
        return types

    def unportable(self, models: Models, names: Collection[str]) -> list[Unportable]:
        if not names:
            return []
        types = self._bindable_types(models)
        found: list[Unportable] = []
        with self._look() as connection:
            prepare(connection, self._datasets, {}, types, {})
            for model in models.every():
                if model.name in names:
                    found += unportable_in(connection, model)
                with suppress(ModelError):  # it does not run, which whoever builds it says
                    compute(connection, [model] if isinstance(model, Derived) else [])
        return found

    def _bindable_types(self, models: Models) -> dict[str, ColumnTypes]:
        """As `_fold_types`, without those of folds that do not run."""
        found: dict[str, ColumnTypes] = {}
        for fold in models.folds.values():
            with suppress(ModelError):
                found |= self._fold_types(Models({fold.name: fold}, models.derived))
        return found

    def derived_types(self, models: Models) -> dict[str, ColumnTypes]:
        if not models.derived:
            return {}
        with self.connect() as connection:
            prepare(connection, self._datasets, {}, self._fold_types(models), {})
            compute(connection, models.derived.values())
            found: dict[str, ColumnTypes] = {}
            for model in models.derived.values():
                found[model.name] = types_of(connection, model)
            return found

    @contextmanager
    def built(
        self, models: Models, silver: Mapping[str, Silver], states: Mapping[str, Rows]
    ) -> Iterator[Callable[[str], Rows]]:
        with self.connect() as connection:
            standing = {dataset: self.standing(dataset, seen) for dataset, seen in silver.items()}
            prepare(connection, self._datasets, standing, self._fold_types(models), states)
            compute(connection, models.derived.values())
            yield lambda table: rows_of(connection, models.derived[table])

    def tables_compared(
        self,
        models: Models,
        silver: Mapping[str, Silver],
        states: Mapping[str, Rows],
        kept: Mapping[str, Callable[[str], Rows]],
    ) -> dict[str, TableComparison]:
        with self.connect() as connection:
            standing = {dataset: self.standing(dataset, seen) for dataset, seen in silver.items()}
            prepare(connection, self._datasets, standing, self._fold_types(models), states)
            compute(connection, models.derived.values())
            return {name: compared_table(connection, models.derived[name], rows(name)) for name, rows in kept.items()}

    @contextmanager
    def tried(
        self, models: Models, silver: Mapping[str, Rows], deltas: Mapping[str, Sequence[Rows]]
    ) -> Iterator[Callable[[str, int], Rows]]:
        types = self._fold_types(models)
        with self.connect() as connection:
            folds = models.folds.items()
            states = {name: added_up(connection, fold, deltas[name]) for name, fold in folds if deltas.get(name)}
            try_models(connection, self._datasets, models, silver=silver, types=types, states=states)

            def rows(model: str, most: int) -> Rows:
                if model not in models.folds:
                    return tried_rows(connection, models, model, most)
                return states[model].slice(0, most) if model in states else pa.table({})

            yield rows

    def _fold_types(self, models: Models) -> dict[str, ColumnTypes]:
        """Of the folds that other models read."""
        read = {name for model in models.derived.values() for name in model.reads}
        found: dict[str, ColumnTypes] = {}
        for fold in models.folds.values():
            if fold.name in read:
                shown = {output.name for output in fold.outputs}
                found[fold.name] = [(name, kind) for name, kind in self.column_types(fold) if name in shown]
        return found

    def silver_counts(self, dataset: Dataset, snapshot: Snapshot, load_seq: int, *, sign: int) -> tuple[int, Minor]:
        added = f"_load = {int(load_seq)} and _sign = {int(sign)}"
        rows = f"({silver_relation(dataset, Silver(snapshot, load_seq))}) where {added}"
        amount = f"coalesce(sum({control_amount(dataset)}), 0)"
        with self._look() as connection:
            ((count, minor),) = connection.execute(f"select count(*), {amount} from {rows}").fetchall()
            if not dataset.has_money:
                return int(count), None
            if dataset.currency_by is None:
                return int(count), int(minor)
            code = name(dataset.currency_by)
            by_code = connection.execute(
                f"select {code}, {amount} from {rows} and {code} is not null group by 1 order by 1"
            ).fetchall()
        return int(count), {str(currency): int(minor) for currency, minor in by_code}

    def bronze_counts(
        self, bronze: Snapshot, last_load: int, datasets: Sequence[Dataset]
    ) -> dict[int, dict[str, Counts]]:
        with self._look() as connection:
            return bronze_counts(connection, bronze, last_load, datasets)

    def disagreements(self, dataset: Dataset, bronze: Snapshot, silver: Silver, index: Rows) -> list[Disagreement]:
        with self._look() as connection:
            return list(disagreements(connection, dataset, bronze, silver, index))

    def full(self, fold: Fold, silver: Mapping[str, Silver]) -> Rows:
        with self._look() as connection:
            sql = {dataset: silver_relation(self._datasets[dataset], seen) for dataset, seen in silver.items()}
            self._relations(connection, fold, sql)
            try:
                return connection.sql(fold.delta_sql).to_arrow_table()
            except duckdb.OutOfMemoryException:
                raise ModelMemoryError(f"models/{fold.name}.sql") from None
            except duckdb.Error as wrong:
                raise ModelError(
                    f"models/{fold.name}.sql fails on a row that is loaded ({type(wrong).__name__}); its table stays "
                    "as it is. Guard the expression (try_cast, nullif, case), then: tillage run"
                ) from None

    def visible_state(self, fold: Fold, silver: Mapping[str, Silver]) -> Rows:
        whole = self.full(fold, silver)
        with self._look() as connection:
            return added_up(connection, fold, [whole])

    def recomputed(self, fold: Fold, bronze: Sequence[BronzePart], people: People | None) -> tuple[Rows, list[Share]]:
        deltas = [self.full(fold, {})]  # no rows, and their types: before the first load there is nothing else
        shares: list[Share] = []
        for part in bronze:
            with self.workspace(0, part.check, part.folders, people) as workspace:
                shares += workspace.recall_standing(part)
                delta = workspace.delta(fold)
                if delta is not None:
                    deltas.append(delta)
        with self._look() as connection:
            return added_up(connection, fold, deltas), shares

    def explained(
        self, fold: Fold, silver: Mapping[str, Silver], column: str, key: str, *, most: int | None = None
    ) -> list[dict[str, Any]]:
        with self._look() as connection:
            sql = {
                dataset: f"select *, 1::tinyint as _sign from ({self.standing(dataset, seen)})"
                for dataset, seen in silver.items()
            }
            self._relations(connection, fold, sql)
            rates = " union all ".join(_rates(self._datasets[dataset], rows) for dataset, rows in sql.items())
            statement = f"""
                select * from ({fold.explain_sql}) left join ({rates}) using (_dataset, _record)
                where cast({name(column)} as varchar) = $1
                order by _record."load", _record.source, _record.ordinal, _record.unit, _dataset, _line_no nulls first
                {"" if most is None else f"limit {int(most) + 1}"}
            """
            rows: list[dict[str, Any]] = connection.sql(statement, params=[key]).to_arrow_table().to_pylist()
        return [
            row | {part: json.loads(row[part]) if row[part] else None for part in ("_line", "_rates")} for row in rows
        ]

    def standing(self, dataset: str, silver: Silver) -> str:
        """SELECT of the rows of a dataset that are open now."""
        found = self._datasets[dataset]
        return current_relation(found, silver_relation(found, silver))

    def history(self, dataset: str, silver: Silver, planned: Rows) -> View:
        found, table = self._datasets[dataset], f"kept.planned_{dataset}"
        return View(history_relation(found, silver_relation(found, silver), table), {table: planned})

    def newest(self, dataset: Dataset, silver: Silver, now: datetime, today: date) -> datetime | date | None:
        found = dataset.event_time()
        column = name("rows", *(one.name for one in found))
        sql = f"select max({column}) from ({self.standing(dataset.name, silver)}) as rows where {column} <= $1"
        with self._look() as connection:
            until = today if found[-1].kind is Kind.DATE else now
            newest: datetime | date | None = connection.sql(sql, params=[until]).to_arrow_table()[0][0].as_py()
            return newest

    def changes(self, dataset: str, silver: Silver, since: int) -> Rows:
        found = self._datasets[dataset]
        with self._look() as connection:
            return connection.sql(changes_relation(found, silver_relation(found, silver), since)).to_arrow_table()

    def compared(self, fold: Fold, kept: Rows, recomputed: Rows) -> Comparison:
        with self._look() as connection:
            connection.register("kept", kept)
            connection.register("recomputed", recomputed)
            ((keys, differ, examples),) = connection.execute(comparison(fold)).fetchall()
            totals = {}
            for output in fold.sums:
                totals[output.name] = tuple(
                    connection.execute(f"select sum({name(output.name)}) from {side}").fetchall()[0][0]
                    for side in ("kept", "recomputed")
                )
        shown = {column: (_exact(one), _exact(other)) for column, (one, other) in totals.items()}
        return Comparison(int(keys), int(differ), shown, tuple(examples))

    def complete(self, awaited: Rows, silver: Mapping[str, Silver]) -> Rows:
        with self._look() as connection:
            return complete(connection, awaited, {name: (self._datasets[name], one) for name, one in silver.items()})

    def holding(self, bronze: Snapshot, due: Due) -> Holding:
        with self._look() as connection:
            return holding(connection, bronze, due)

    @contextmanager
    def forgotten(self, bronze: Snapshot, due: Due, spans: Spans, number: int) -> Iterator[Rows]:
        with self.connect() as connection:
            yield forgotten(connection, bronze, due, spans, number)

    def without_bytes(self, bronze: Snapshot, places: Rows) -> Rows:
        with self._look() as connection:
            return without_bytes(connection, bronze, places)

    def bronze_view(self, snapshot: Snapshot, last_load: int, *, without_bytes: bool = False) -> View:
        rows = visible_bronze_relation(snapshot, last_load)
        return View(f"select * exclude (raw, text, digest) from ({rows})" if without_bytes else rows, {})

    def warnings_view(self, dataset: str, bronze: Snapshot, silver: Silver, files: Rows) -> View:
        table = f"kept.files_{dataset}"
        return View(warnings_select(self._datasets[dataset], bronze, silver, table), {table: files})

    def table_names(self, sql: str) -> set[str]:
        with self._look() as connection:
            try:
                # With an alias DuckDB 2.0 gives the table as `gold.customer_spend AS s`.
                found = connection.get_table_names(sql, qualified=True)
                return {name.partition(" AS ")[0] for name in found}
            except duckdb.Error:
                return set()

    def query(self, sql: str, views: Mapping[tuple[str, str], View], lake_folder: str) -> Rows:
        with self.connect() as connection:
            _make_views(connection, views)
            # The second is how this product writes the first in a pattern: a folder may be named like `a*b`.
            folders = ", ".join(text(folder) for folder in {lake_folder, literal_path(lake_folder)})
            connection.execute(f"set allowed_directories = [{folders}]")
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            try:
                statements = connection.extract_statements(sql)
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                    raise QueryError("only one SELECT can be run here; the data is changed by `tillage run` alone")
                rows = connection.sql(statements[0].query).to_arrow_table()
                return rows.rename_columns(_unique(rows.column_names))
            except duckdb.Error as wrong:
                raise QueryError(f"the query does not run: {wrong}") from None

    def _relations(self, connection: duckdb.DuckDBPyConnection, fold: Fold, sql: Mapping[str, str]) -> None:
        """Views under the datasets' names, which the fold's SQL reads."""
        for dataset in fold.datasets:
            rows = sql.get(dataset) or empty_relation(self._datasets[dataset])
            connection.execute(f"create or replace temp view {name(dataset)} as {rows}")


def _rates(dataset: Dataset, rows: str) -> str:
    """SELECT of `_dataset, _record, _rates`: as a JSON object, by amount, the rates that stand in the row itself."""
    rates = ", ".join(f"{text(one.name)}, {name(one.rate_name)}" for one in dataset.columns if one.vat)
    return f"select {text(dataset.name)} as _dataset, _record, json_object({rates})::varchar as _rates from ({rows})"


def _refuse_inexact(fold: Fold, types: Mapping[str, str]) -> None:
    """No column can come out other in another order of adding up, and amounts are whole minor units.

    Raises:
        ModelError: names the column and a spelling that works.
    """
    for column, kind in types.items():
        if kind in {"DOUBLE", "FLOAT"}:
            raise ModelError(
                f"models/{fold.name}.sql: column '{column}' is a float, which cannot be summed exactly; "
                "cast its inputs to a decimal or to whole minor units"
            )
    for output in fold.outputs:
        if output.currency is not None and not _is_whole(types[output.name]):
            raise ModelError(
                f"models/{fold.name}.sql: column '{output.name}' is an amount in {types[output.name]}, no whole "
                "number of minor units; round each input: sum(cast(round(x) as bigint))"
            )


def _is_whole(kind: str) -> bool:
    return kind in _WHOLE or (kind.startswith("DECIMAL(") and kind.endswith(",0)"))


_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}


def _make_views(connection: duckdb.DuckDBPyConnection, views: Mapping[tuple[str, str], View]) -> None:
    """The schemas, empty or not, and the views in them."""
    for schema in ("bronze", "silver", "history", "gold", "quarantine", "warnings", "ops"):
        connection.execute(f"create schema {name(schema)}")
    for (schema, view_name), view in views.items():
        keep_all(connection, view.tables)
        connection.execute(f"create view {name(schema, view_name)} as {view.sql}")


def _unique(names: Sequence[str]) -> list[str]:
    """The names, where one comes again with a number behind it: two columns of one name would become one in JSON."""
    found: list[str] = []
    for wanted in names:
        free, number = wanted, 0
        while free in found or (number and free in names):
            number += 1
            free = f"{wanted}_{number}"
        found.append(free)
    return found


def _exact(figure: Any) -> int | Decimal | None:
    """A sum as it is shown: whole numbers as such, others with their decimals."""
    return int(figure) if isinstance(figure, Decimal) and figure == figure.to_integral_value() else figure
