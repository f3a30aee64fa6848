"""Writes a fold's two queries: what a load changes, and what is behind one key.

Every inner row carries the sign of the dataset's row up to the outer SELECT, so that sums and counts become signed
sums; for an explanation it carries its position and the list element too.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot
from sqlglot import exp

from tillage.contracts.sql_text import name as quoted
from tillage.models.output import ROWS, Output
from tillage.models.rows import source_of

_PLACE = ("_sign", "_load", "_record", "_dataset", "_line_no", "_line")


def delta_sql(model: str, tree: exp.Select, outputs: Sequence[Output], arguments: Sequence[exp.Expr]) -> str:
    """Keys, signed sums, counts of non-nulls, row count; one row for each key."""
    tree = tree.copy()
    for select in _inner_selects(tree):
        alias = source_of(model, select).alias_or_name
        select.select(_named(exp.column("_sign", table=alias), "_sign"), copy=False)
    rows, alias = _outer_from(model, tree)
    sign = f"{quoted(alias)}._sign" if alias else "_sign"
    columns, keys = [], []
    for output, argument in zip(outputs, arguments, strict=True):
        value = argument.sql(dialect="duckdb")
        if output.is_key:
            columns.append(f"{value} as {quoted(output.name)}")
            keys.append(value)
            continue
        columns.append(f"coalesce(sum({sign} * ({value})), 0) as {quoted(output.name)}")
        columns.append(f"sum(if(({value}) is null, 0, {sign}))::bigint as {quoted(output.filled)}")
    columns.append(f"sum({sign})::bigint as {quoted(ROWS)}")
    return f"select {', '.join(columns)} {rows} group by {', '.join(keys)}"


def explain_sql(model: str, tree: exp.Select, outputs: Sequence[Output], arguments: Sequence[exp.Expr]) -> str:
    """One row for each inner row: what it adds to each output, and its place."""
    tree = tree.copy()
    for select in _inner_selects(tree):
        for column, value in zip(_PLACE, _place(model, select), strict=True):
            select.select(_named(value, column), copy=False)
    if isinstance(source_of(model, tree), exp.Table):
        carried = [
            f"{value.sql(dialect='duckdb')} as {column}"
            for column, value in zip(_PLACE, _place(model, tree), strict=True)
        ]
    else:
        carried = list(_PLACE)
    rows, _ = _outer_from(model, tree)
    values = [
        f"{argument.sql(dialect='duckdb')} as {quoted(output.name)}"
        for output, argument in zip(outputs, arguments, strict=True)
    ]
    return f"select {', '.join([*values, *carried])} {rows}"


def _inner_selects(tree: exp.Select) -> list[exp.Select]:
    return [select for select in tree.find_all(exp.Select) if select is not tree]


def _named(value: exp.Expr, column: str) -> exp.Expr:
    alias: exp.Expr = exp.alias_(value, column)
    return alias


def _place(model: str, select: exp.Select) -> list[exp.Expr]:
    """The columns of `_PLACE` inside one SELECT: made where it reads a dataset, passed on where it reads a SELECT."""
    source = source_of(model, select)
    alias = source.alias_or_name
    if not isinstance(source, exp.Table):
        return [exp.column(column, table=alias) for column in _PLACE]
    joins = select.args.get("joins") or []
    number, line = "cast(null as bigint)", "cast(null as varchar)"
    if joins:
        unnest = joins[-1].this
        element = unnest.args["alias"].columns[0].name
        unnest.args["alias"].append("columns", exp.to_identifier("_element_no"))
        unnest.set("offset", True)
        number, line = "_element_no", f"to_json({quoted(element)})::varchar"
    return [
        *(exp.column(column, table=alias) for column in _PLACE[:3]),
        exp.Literal.string(source.name),
        sqlglot.parse_one(number, dialect="duckdb"),
        sqlglot.parse_one(line, dialect="duckdb"),
    ]


def _outer_from(model: str, tree: exp.Select) -> tuple[str, str]:
    """FROM with joins and WHERE of the outer SELECT; and the alias under which it finds `_sign`."""
    parts = [f"from {source_of(model, tree).sql(dialect='duckdb')}"]
    parts += [join.sql(dialect="duckdb") for join in tree.args.get("joins") or ()]
    if tree.args.get("where"):
        parts.append(tree.args["where"].sql(dialect="duckdb"))
    return " ".join(parts), source_of(model, tree).alias_or_name
