"""Which models are views: each row is one row of another model, picked and renamed, and costs what that one costs.

What a view may hold is what DuckDB and PostgreSQL are known to answer alike, since the one shows it and the other
serves it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlglot import exp

from tillage.models.output import Output

_CLAUSES = {"expressions", "from_", "where"}
_NODES = (
    *(exp.Select, exp.From, exp.Table, exp.TableAlias, exp.Where, exp.Alias, exp.Identifier, exp.Column, exp.Literal),
    *(exp.Boolean, exp.Null, exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.Is, exp.In, exp.Between, exp.Case, exp.If, exp.Coalesce, exp.Add, exp.Sub, exp.Neg),
)


def source_of_view(tree: exp.Query, models: Collection[str]) -> str | None:
    """The model whose rows these are; None if the model computes more than a view may."""
    if not isinstance(tree, exp.Select) or {part for part, value in tree.args.items() if value} - _CLAUSES:
        return None
    source = tree.args.get("from_")
    if not isinstance(source, exp.From) or not isinstance(source.this, exp.Table) or source.this.name not in models:
        return None
    is_simple = all(isinstance(node, _NODES) for node in tree.walk())
    has_queries = any(isinstance(node, exp.Query) and node is not tree for node in tree.walk())
    return source.this.name if is_simple and not has_queries else None


def origins(tree: exp.Query, source: Iterable[Output]) -> dict[str, str]:
    """By column of the view, the column of its source that it shows as it is."""
    spelled = {output.name.lower(): output.name for output in source}
    return {
        projection.alias_or_name: spelled[projection.unalias().name]
        for projection in tree.selects
        if isinstance(projection.unalias(), exp.Column) and projection.unalias().name in spelled
    }


def store_sql(tree: exp.Query, source: Iterable[Output]) -> str:
    """The view in PostgreSQL's SQL, over schema `gold`, where the case of the source's names counts."""
    spelled = {output.name.lower(): output.name for output in source}
    found = tree.copy()
    for column in found.find_all(exp.Column):
        column.this.set("this", spelled.get(column.name, column.name))
    for table in found.find_all(exp.Table):
        table.set("db", exp.to_identifier("gold"))
    return found.sql(dialect="postgres", identify=True)
