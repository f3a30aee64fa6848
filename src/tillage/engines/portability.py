"""Asks DuckDB for the types of a model's expressions, where they decide whether it is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from sqlglot import exp

from tillage.models.derived import Derived
from tillage.models.fold import Fold, parse, plain
from tillage.models.portable.find import Unportable, unportable
from tillage.models.portable.kind import Types
from tillage.models.portable.probe import batches, probes

_ANY = '"NULL"'


def unportable_in(connection: duckdb.DuckDBPyConnection, model: Fold | Derived) -> list[Unportable]:
    """What is not the same everywhere in a model, whose datasets and models `connection` has as relations.

    A model that DuckDB cannot bind has no types; what depends on them is then left to the error that it ends with.
    """
    tree = plain(parse(model.name, model.text))
    is_bound: list[bool] = []

    def ask(nodes: Sequence[exp.Expr]) -> list[str | None]:
        if not is_bound:
            is_bound.append(bool(described(connection, tree.sql(dialect="duckdb"))))
        return _types(connection, nodes) if is_bound[0] else [_ANY for _ in nodes]

    return unportable(model.name, model.text, Types(ask), tree)


def _types(connection: duckdb.DuckDBPyConnection, nodes: Sequence[exp.Expr]) -> list[str | None]:
    known: dict[int, str] = {}
    for group, sql in batches(nodes) if len(nodes) > 1 else ():
        found = described(connection, sql)[-len(group) :]
        known |= {id(node): kind for node, kind in zip(group, found, strict=False)}
    return [known.get(id(node)) or _type(connection, node) for node in nodes]


def _type(connection: duckdb.DuckDBPyConnection, node: exp.Expr) -> str | None:
    for sql in probes(node):
        if found := described(connection, sql):
            return found[-1]
    return None


def described(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """The types of the columns of a query; none if it does not bind."""
    try:
        return [str(row[1]) for row in connection.execute(f"describe {sql}").fetchall()]
    except duckdb.Error:
        return []
