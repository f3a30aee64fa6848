"""Models that are built whole: their rows in schema `tables`, seen through views in schema `gold`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import psycopg
from psycopg import sql

from tillage.domain.load import CommitPoint, Lease, Load
from tillage.errors import ModelError
from tillage.models.derived import ModelKind
from tillage.ports.store import PublishedTable, Views
from tillage.stores.postgres.column_types import postgres_type
from tillage.stores.postgres.copying import copy_rows
from tillage.stores.postgres.database import Database, Transaction
from tillage.stores.postgres.index_keys import index_key
from tillage.stores.postgres.views import drop_model, drop_views, make_views, register

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
            made = []
            for table in tables:
                _fill(transaction, table, looked_up.get(table.model.name, ()))
                made.append(table.model)
            transaction.run("insert_receipt", stage=_PUBLISH, load_seq=load.load_seq)
            # Only now does anybody have to wait: all that takes long is done.
            transaction.run("lock_models")
            drop_views(transaction)
            kept = [str(name) for name, _, _, kind in transaction.rows("models") if kind == ModelKind.TABLE]
            for name in sorted({*kept, *(model.name for model in made)}):
                drop_model(transaction, name)
            for model in made:
                _put_in_place(transaction, model.name)
                register(transaction, model)
            make_views(transaction, views)


def _fill(transaction: Transaction, table: PublishedTable, looked_up: Collection[str]) -> None:
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
    try:
        copy_rows(transaction.connection, fresh, table.rows)
    except psycopg.DataError as wrong:
        raise ModelError(
            f"models/{name}.sql makes a value that PostgreSQL cannot keep (SQLSTATE {wrong.sqlstate}); leave it out in "
            "the model, then: tillage run"
        ) from wrong
    texts = {str(column) for (column,) in transaction.rows("text_columns", schema="tables", name=_fresh(name))}
    for column in sorted(looked_up):
        key: sql.Composable = sql.Identifier(column)
        key = index_key(key) if column in texts else key
        try:
            transaction.execute(sql.SQL("create unique index on {} (({}))").format(fresh, key))
        except psycopg.errors.UniqueViolation as wrong:
            raise ModelError(
                f"models/{name}.sql has several rows with one {column}, and tillage.yaml serves one row by it: group "
                "by it in the model, or serve another model; readers keep the last build"
            ) from wrong


def _put_in_place(transaction: Transaction, name: str) -> None:
    transaction.execute(
        sql.SQL("alter table {} rename to {}").format(sql.Identifier("tables", _fresh(name)), sql.Identifier(name))
    )
    transaction.execute(
        sql.SQL("create view {} as select * from {}").format(
            sql.Identifier("gold", name), sql.Identifier("tables", name)
        )
    )


def _fresh(name: str) -> str:
    """No model's name holds a `#`."""
    return f"{name}#new"
