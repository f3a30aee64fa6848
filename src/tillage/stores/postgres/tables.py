"""Models that are built whole: their rows in schema `tables`, seen through views in schema `gold`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tillage.domain.load import CommitPoint, Lease, Load
from tillage.errors import ModelError, TransientError
from tillage.models.derived import Derived, ModelKind
from tillage.ports.gold import PublishedTable, Views
from tillage.stores.postgres.column_types import postgres_type, spelled
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database, Transaction
from tillage.stores.postgres.index_keys import index_key
from tillage.stores.postgres.views import drop_model, drop_views, make_views, noted_outputs, register

_PUBLISH = "publish"


class Tables:
    """Publishes builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digests(self) -> dict[str, str]:
        return {
            str(name): str(digest) for name, digest, _, kind in self._database.rows("models") if kind != ModelKind.FOLD
        }

    def publish(
        self,
        load: Load,
        lease: Lease,
        *,
        tables: Iterable[PublishedTable],
        views: Views,
        looked_up: Mapping[str, Collection[str]],
    ) -> None:
        with self._database.transaction(CommitPoint.PUBLISH, lease) as transaction:
            kept = {
                str(name): (str(digest), kind, outputs) for name, digest, outputs, kind in transaction.rows("models")
            }
            same, made = set(), []
            for table in tables:
                model, columns = table.model, looked_up.get(table.model.name, ())
                if kept.get(model.name) == _noted(model) and _has_shape(transaction, table, columns):
                    same.add(model.name)
                    _exchange(transaction, table)
                else:
                    made.append(model)
                    _fill(transaction, table, columns, load)
            transaction.run("insert_receipt", stage=_PUBLISH, load_seq=load.load_seq)
            gone = {name for name, (_, kind, _) in kept.items() if kind == ModelKind.TABLE} - same
            is_shown = {view.name: _noted(view) for view, _ in views} == {
                name: one for name, one in kept.items() if one[1] == ModelKind.VIEW
            }
            if made or gone or not is_shown:
                _put_in_place(transaction, made, gone | {model.name for model in made}, views)
        self._database.vacuum("tables")  # else each build would leave the rows of the last one behind


def _noted(model: Derived) -> tuple[str, str, list[list[object]]]:
    """What `register` notes of it. Under the same text it has other currencies once what it reads has."""
    return model.digest, model.kind, noted_outputs(model)


def _has_shape(transaction: Transaction, table: PublishedTable, looked_up: Collection[str]) -> bool:
    """Whether the table there has these columns, and an index for each that rows are found by."""
    name = table.model.name
    columns = [(str(column), str(kind)) for column, kind in transaction.rows("table_columns", name=name)]
    if columns != [(column, spelled(postgres_type(name, column, kind))) for column, kind in table.types]:
        return False
    there = {str(index).rpartition("_")[0] for (index,) in transaction.rows("table_indexes", name=name)}
    return there == {_index(name, column) for column in looked_up}


def _index(table: str, column: str) -> str:
    """How the names of its indexes begin; the load that made one ends them, since the old one is still there then."""
    return f"by_{hashlib.sha256(f'{table}.{column}'.encode()).hexdigest()[:32]}"


def _exchange(transaction: Transaction, table: PublishedTable) -> None:
    """New rows for old ones, under the same name: who reads waits for nothing, and sees them with the commit.

    A new table under that name would look empty to who began to read before.
    """
    name = table.model.name
    transaction.execute(sql.SQL("delete from {}").format(sql.Identifier("tables", name)))
    _copy(transaction, table, sql.Identifier("tables", name))


def _fill(transaction: Transaction, table: PublishedTable, looked_up: Collection[str], load: Load) -> None:
    """The new rows beside the old ones, with an index for each column that rows are found by.

    Raises:
        ModelError: a value that PostgreSQL cannot keep, or two rows under one key that is served.
    """
    name = table.model.name
    fresh = sql.Identifier("tables", _fresh(name))
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(postgres_type(name, column, kind)))
        for column, kind in table.types
    ]
    transaction.execute(sql.SQL("create table {} ({})").format(fresh, sql.SQL(", ").join(columns)))
    _copy(transaction, table, fresh)
    texts = {str(column) for (column,) in transaction.rows("text_columns", schema="tables", name=_fresh(name))}
    for column in sorted(looked_up):
        key: sql.Composable = sql.Identifier(column)
        key = index_key(key) if column in texts else key
        with _one_row_each(name, column):
            index = sql.Identifier(f"{_index(name, column)}_{load.load_seq}")
            transaction.execute(sql.SQL("create unique index {} on {} (({}))").format(index, fresh, key))


def _copy(transaction: Transaction, table: PublishedTable, into: sql.Identifier) -> None:
    name = table.model.name
    try:
        with _one_row_each(name, "of the columns that tillage.yaml serves it by"):
            copy_rows(transaction.connection, into, table.rows)
    except psycopg.DataError as wrong:
        raise ModelError(
            f"models/{name}.sql makes a value that PostgreSQL cannot keep (SQLSTATE {wrong.sqlstate}); leave it out in "
            "the model, then: tillage run"
        ) from wrong


@contextmanager
def _one_row_each(name: str, column: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as wrong:
        raise ModelError(
            f"models/{name}.sql has several rows with one {column}, and tillage.yaml serves one row by it: group by it "
            "in the model, or serve another model; readers keep the last build"
        ) from wrong


def _put_in_place(transaction: Transaction, made: Sequence[Derived], replaced: Collection[str], views: Views) -> None:
    """Names and views as the build wants them; everything that takes long is done before.

    Raises:
        TransientError: a reader holds one of the tables for longer than a moment.
    """
    # Shorter than PostgreSQL's own look for a deadlock, so that of a reader and this it is this that gives way.
    transaction.execute(b"set local lock_timeout = '800ms'")
    try:
        transaction.run("lock_models")
        drop_views(transaction)
        for name in sorted(replaced):
            drop_model(transaction, name)
        for model in made:
            fresh = sql.Identifier("tables", _fresh(model.name))
            transaction.execute(sql.SQL("alter table {} rename to {}").format(fresh, sql.Identifier(model.name)))
            rows = sql.Identifier("tables", model.name)
            transaction.execute(
                sql.SQL("create view {} as select * from {}").format(sql.Identifier("gold", model.name), rows)
            )
            register(transaction, model)
        make_views(transaction, views)
    except psycopg.errors.LockNotAvailable as wrong:
        raise TransientError(
            "a reader holds a table that a build gives another shape; readers keep the last build: tillage run"
        ) from wrong


def _fresh(name: str) -> str:
    """No model's name holds a `#`."""
    return f"{name}#new"
