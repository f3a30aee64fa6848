"""Fold states: one table with hidden counts in schema `folds`, one view without them in schema `gold`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Column, sql

from tillage.domain.load import CommitPoint
from tillage.errors import ModelError, ModelsChangedError
from tillage.models.derived import ModelKind
from tillage.models.fold import ROWS, Fold, Output
from tillage.ports.gold import Views
from tillage.ports.lake import ColumnTypes
from tillage.stores.postgres.column_types import postgres_type, spelled
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database, Transaction, translated
from tillage.stores.postgres.index_keys import index_key
from tillage.stores.postgres.views import drop_model, drop_views, make_views


class Folds:
    """Creates, replaces, drops and reads fold states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digests(self) -> dict[str, str]:
        return {
            str(name): str(digest) for name, digest, _, kind in self._database.rows("models") if kind == ModelKind.FOLD
        }

    def replace(
        self, fold: Fold, types: ColumnTypes, rows: pa.Table, published: Mapping[str, int], views: Views = ()
    ) -> bool:
        with self._database.transaction(CommitPoint.MODELS) as transaction:
            transaction.run("lock_models")  # no load can be published until this is committed
            if {feed: int(load_seq) for feed, load_seq in transaction.rows("published")} != published:
                return False
            drop_views(transaction)
            drop_model(transaction, fold.name)
            _create(transaction, fold, types)
            outputs = json.dumps([[o.name, o.is_key, o.currency] for o in fold.outputs])
            transaction.run("upsert_model", name=fold.name, digest=fold.digest, outputs=outputs, kind=ModelKind.FOLD)
            with _kept(fold):
                _upsert(transaction, fold, rows)
            make_views(transaction, views)
        return True

    def drop(self, name: str, views: Views = ()) -> None:
        with self._database.transaction(CommitPoint.MODELS) as transaction:
            transaction.run("lock_models")
            drop_views(transaction)
            drop_model(transaction, name)
            make_views(transaction, views)

    def retire(self, name: str) -> None:
        with self._database.transaction(CommitPoint.MODELS) as transaction:
            transaction.run("lock_models")
            transaction.run("retire_model", name=name)

    def outputs(self) -> dict[str, tuple[Output, ...]]:
        return {
            str(name): tuple(Output(*output) for output in outputs)
            for name, _, outputs, _ in self._database.rows("models")
        }

    def columns(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for model, column, kind in self._database.rows("model_columns"):
            found.setdefault(str(model), {})[str(column)] = str(kind)
        return found

    def spelled(self, model: str, types: ColumnTypes) -> dict[str, str]:
        return {column: spelled(postgres_type(model, column, kind)) for column, kind in types}

    def state(self, name: str) -> pa.Table:
        outputs = self.outputs()[name]
        columns = sql.SQL(", ").join(sql.Identifier(output.name) for output in outputs)
        statement = sql.SQL("select {} from {}").format(columns, sql.Identifier("gold", name))
        with translated():
            cursor = self._database.session().execute(statement)
            described = cursor.description or []
            fetched = list(zip(*cursor.fetchall(), strict=True)) or [() for _ in described]
        arrays = [pa.array(values, type=arrow_type(column)) for values, column in zip(fetched, described, strict=True)]
        return pa.table(arrays, names=[output.name for output in outputs])

    def row(self, name: str, column: str, key: str) -> dict[str, Any] | None:
        outputs = self.outputs()[name]
        columns = sql.SQL(", ").join(sql.Identifier(output.name) for output in outputs)
        wanted, text = sql.SQL("%(key)s::text"), sql.SQL("{}::text").format(sql.Identifier(column))
        is_there = sql.SQL("{} = {}").format(text, wanted)
        if (column,) in self._database.rows("text_columns", schema="folds", name=name):  # then its index can be used
            is_there = sql.SQL("{} = {} and {}").format(index_key(sql.Identifier(column)), index_key(wanted), is_there)
        statement = sql.SQL("select {} from {} where {}").format(columns, sql.Identifier("gold", name), is_there)
        with translated():
            found = self._database.session().execute(statement, {"key": key}).fetchall()
        return dict(zip([output.name for output in outputs], found[0], strict=True)) if found else None


_ARROW = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
}
_NUMERIC = 1700


def arrow_type(column: Column) -> pa.DataType:
    """Arrow's type for a described column, by the number that PostgreSQL gives its type."""
    if column.type_code == _NUMERIC:
        return pa.decimal128(38, column.scale or 0)
    return _ARROW[column.type_code]


def keep_models(transaction: Transaction, digests: Mapping[str, str]) -> None:
    """Makes sure that the states are of these models, and stay so until the transaction ends.

    Raises:
        ModelsChangedError: a model was added, changed or dropped by another process.
    """
    transaction.run("keep_models")
    kept = {str(name): str(digest) for name, digest, _, kind in transaction.rows("models") if kind == ModelKind.FOLD}
    if kept != digests:
        raise ModelsChangedError("the models were changed by another process while this load was computed; run again")


def add_delta(transaction: Transaction, fold: Fold, delta: pa.Table) -> None:
    """Adds one load's change to the state.

    Raises:
        ModelError: it holds a value that PostgreSQL cannot keep.
    """
    with _kept(fold):
        _upsert(transaction, fold, delta)


@contextmanager
def _kept(fold: Fold) -> Iterator[None]:
    """A value that the store refuses for good is the model's to mend, since bronze and silver hold it already."""
    try:
        yield
    except psycopg.DataError as wrong:
        raise ModelError(
            f"models/{fold.name}.sql makes a value that PostgreSQL cannot keep (SQLSTATE {wrong.sqlstate}); what it is "
            "made of is in the lake already. Leave that value out in the model, or remove its file, then: tillage run"
        ) from wrong


def _upsert(transaction: Transaction, fold: Fold, delta: pa.Table) -> None:
    state, incoming = sql.Identifier("folds", fold.name), sql.Identifier(f"delta_{fold.name}"[:63])
    transaction.execute(sql.SQL("create temp table {} (like {}) on commit drop").format(incoming, state))
    copy_rows(transaction.connection, incoming, delta)
    columns = [sql.Identifier(column) for column in delta.column_names]
    keys = [sql.Identifier(key.name) for key in fold.keys]
    added = [
        sql.SQL("{c} = s.{c} + excluded.{c}").format(c=sql.Identifier(column))
        for column in delta.column_names
        if column not in {key.name for key in fold.keys}
    ]
    comma = sql.SQL(", ")
    arbiter = comma.join(_index_columns(transaction, fold))
    # In the order of the keys, so that two feeds that publish at once never wait for each other in a circle.
    transaction.execute(
        sql.SQL("insert into {} as s ({}) select {} from {} order by {} on conflict ({}) do update set {}").format(
            state,
            comma.join(columns),
            comma.join(columns),
            incoming,
            comma.join(keys),
            arbiter,
            comma.join(added),
        )
    )
    same = sql.SQL(" and ").join(sql.SQL("s.{k} is not distinct from d.{k}").format(k=key) for key in keys)
    transaction.execute(
        sql.SQL("delete from {} s using {} d where s.{} = 0 and {}").format(state, incoming, sql.Identifier(ROWS), same)
    )


def _create(transaction: Transaction, fold: Fold, types: ColumnTypes) -> None:
    state = sql.Identifier("folds", fold.name)
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(postgres_type(fold.name, column, kind)))
        for column, kind in types
    ]
    kinds = dict(types)
    transaction.execute(sql.SQL("create table {} ({})").format(state, sql.SQL(", ").join(columns)))
    keys = sql.SQL(", ").join(_index_columns(transaction, fold))
    transaction.execute(sql.SQL("create unique index on {} ({}) nulls not distinct").format(state, keys))
    visible = [
        sql.Identifier(output.name)
        if output.is_key
        # The type again: CASE forgets how many decimals a numeric has.
        else sql.SQL("(case when {} > 0 then {} end)::{} as {}").format(
            sql.Identifier(output.filled),
            sql.Identifier(output.name),
            sql.SQL(postgres_type(fold.name, output.name, kinds[output.name])),
            sql.Identifier(output.name),
        )
        for output in fold.outputs
    ]
    transaction.execute(
        sql.SQL("create view {} as select {} from {}").format(
            sql.Identifier("gold", fold.name), sql.SQL(", ").join(visible), state
        )
    )


def _index_columns(transaction: Transaction, fold: Fold) -> list[sql.Composable]:
    """What the unique index is over, so that no key is too long for it."""
    texts = {str(column) for (column,) in transaction.rows("text_columns", schema="folds", name=fold.name)}
    keys = [(key.name in texts, sql.Identifier(key.name)) for key in fold.keys]
    return [index_key(column) if is_text else column for is_text, column in keys]


__all__ = ["ROWS", "Folds", "add_delta"]
