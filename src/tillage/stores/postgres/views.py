"""Views of models: made anew, all of them, in each transaction that changes what one of them reads."""

from __future__ import annotations

import json

from psycopg import sql

from tillage.models.derived import Derived, ModelKind
from tillage.ports.gold import Views
from tillage.stores.postgres.column_types import postgres_type
from tillage.stores.postgres.database import Transaction


def drop_views(transaction: Transaction) -> None:
    """Takes away every view of a model, so that nothing holds the tables that they read."""
    for name, _, _, kind in transaction.rows("models"):
        if kind == ModelKind.VIEW:
            transaction.execute(sql.SQL("drop view if exists {} cascade").format(sql.Identifier("gold", str(name))))
            transaction.run("delete_model", name=name)


def make_views(transaction: Transaction, views: Views) -> None:
    """Makes those views, in order, whose models are there; the others come with the build that makes these."""
    there = {str(name) for name, *_ in transaction.rows("models")}
    for view, types in views:
        if not set(view.reads) <= there:
            continue
        columns = sql.SQL(", ").join(
            sql.SQL("{}::{} as {}").format(
                sql.Identifier(column), sql.SQL(postgres_type(view.name, column, kind)), sql.Identifier(column)
            )
            for column, kind in types
        )
        transaction.execute(
            sql.SQL("create view {} as select {} from ({}) as rows").format(
                sql.Identifier("gold", view.name), columns, sql.SQL(view.store_sql)
            )
        )
        register(transaction, view)
        there.add(view.name)


def register(transaction: Transaction, model: Derived) -> None:
    """Notes that a table or view is there, and of which text."""
    outputs = json.dumps(noted_outputs(model))
    transaction.run("upsert_model", name=model.name, digest=model.digest, outputs=outputs, kind=model.kind)


def noted_outputs(model: Derived) -> list[list[object]]:
    """The columns as they are noted, and read back."""
    return [[output.name, output.is_key, output.currency] for output in model.outputs]


def drop_model(transaction: Transaction, name: str) -> None:
    """Takes away a fold or table with its view in gold; views of others that read it must be gone."""
    transaction.execute(sql.SQL("drop view if exists {}").format(sql.Identifier("gold", name)))
    for schema in ("folds", "tables"):
        transaction.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(schema, name)))
    transaction.run("delete_model", name=name)
