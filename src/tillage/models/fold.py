"""A fold: sums and counts by key, over one dataset in each branch, so that a load changes it by a sum over that load.

A model is read as inner rows (select, filter, unnest, union all) under one outer `group by`. From the two this module
writes the SQL of its delta (`sum(_sign * x)`, over whatever rows it is given) and the SQL that explains one key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.errors import ModelError
from tillage.models.allowed import refuse_groupings, refuse_what_is_not_repeatable
from tillage.models.carry import delta_sql, explain_sql
from tillage.models.currency import currency_of
from tillage.models.output import ROWS, Output
from tillage.models.rows import InnerRows, named_by, no_fold, passed_on, refuse_clauses, source_of
from tillage.models.scope import ANY, Scope

_MOST_NAME_BYTES = 60  # with `_n_` in front still a name of PostgreSQL, which cuts longer ones


@dataclass(frozen=True)
class Fold:
    """A compiled model. The SQL texts read relations named like the datasets, with `_sign, _load, _record`."""

    name: str
    digest: str
    text: str
    description: str
    datasets: tuple[str, ...]
    outputs: tuple[Output, ...]
    delta_sql: str
    """Keys, sums (null never), counts of non-nulls, row count; one row for each key that changed."""
    explain_sql: str
    """One row for each inner row: the outputs' inputs, `_sign, _load, _record, _dataset, _line_no, _line`."""

    @property
    def keys(self) -> tuple[Output, ...]:
        return tuple(output for output in self.outputs if output.is_key)

    @property
    def sums(self) -> tuple[Output, ...]:
        return tuple(output for output in self.outputs if not output.is_key)


def read_fold(name: str, text: str, datasets: Mapping[str, Dataset]) -> Fold:
    """The fold in `text`, the content of `models/<name>.sql`.

    Raises:
        ModelError: not one SELECT, no fold, an unknown name, or two currencies in one column.
    """
    tree = plain(parse(name, text))
    if not isinstance(tree, exp.Select):
        raise no_fold(name, "it is no single SELECT")
    refuse_clauses(name, tree, allow_group=True)
    if not tree.args.get("group"):
        raise no_fold(name, "it has no group by")
    refuse_groupings(name, tree.args["group"])
    scope = Scope()
    inner = InnerRows(name, datasets)
    alias, columns, lists = inner.source(source_of(name, tree))
    scope.tables[alias] = columns
    scope.lists.update(lists)
    inner.joins(tree, scope)
    outputs, arguments = _outputs(inner, tree, scope)
    refuse_what_is_not_repeatable(name, text, tree)
    inner.see(tree, scope)
    inner.check_names()
    return Fold(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        description=description_of(text),
        datasets=tuple(sorted(inner.used)),
        outputs=outputs,
        delta_sql=delta_sql(name, tree, outputs, arguments),
        explain_sql=explain_sql(name, tree, outputs, arguments),
    )


def parse(name: str, text: str) -> exp.Query:
    """The one query in a model's text.

    Raises:
        ModelError: with the line, what is wrong.
    """
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except sqlglot.errors.ParseError as wrong:
        at = wrong.errors[0] if wrong.errors else {}
        raise ModelError(f"models/{name}.sql, line {at.get('line', 1)}: {at.get('description', 'not SQL')}") from None
    except sqlglot.errors.TokenError as wrong:
        raise ModelError(f"models/{name}.sql: not SQL: {str(wrong).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Select | exp.SetOperation) or not trees[0].selects:
        raise ModelError(f"models/{name}.sql must hold one SELECT")
    return trees[0]


def description_of(text: str) -> str:
    """The first comment of a model's text, if it begins with one."""
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    return first.removeprefix("--").strip() if first.startswith("--") else ""


def plain(tree: exp.Query) -> exp.Query:
    """The same without comments and in lower case, as DuckDB compares names; what the model calls its columns stays."""
    first: exp.Expr = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    aliases = {id(one.args.get("alias")) for one in first.expressions if isinstance(one, exp.Alias)}
    for node in tree.walk():
        node.pop_comments()
        if isinstance(node, exp.Identifier) and id(node) not in aliases:
            node.set("this", node.name.lower())
    return tree


def _outputs(inner: InnerRows, tree: exp.Select, scope: Scope) -> tuple[tuple[Output, ...], list[exp.Expr]]:
    name = inner.model
    arguments = _arguments(name, tree)
    outputs: list[Output] = []
    kept = passed_on(name, tree, scope)
    for projection in tree.expressions:
        value = projection.unalias()
        column = projection.alias_or_name
        inner.refuse_name(column)
        if len(column.encode()) > _MOST_NAME_BYTES:
            raise ModelError(f"models/{name}.sql: a column's name has at most {_MOST_NAME_BYTES} bytes: '{column}'")
        currency = None if isinstance(value, exp.Count) else currency_of(name, value, scope)
        currency = named_by(name, currency, kept)
        outputs.append(Output(column, not value.find(exp.AggFunc), None if currency == ANY else currency))
    if all(output.is_key for output in outputs):
        raise no_fold(name, "it sums and counts nothing")
    if len({output.name.lower() for output in outputs}) != len(outputs):
        raise ModelError(f"models/{name}.sql: two columns have one name")
    return tuple(outputs), arguments


def _arguments(name: str, tree: exp.Select) -> list[exp.Expr]:
    """What each inner row gives to each column of the outer SELECT: a key as it is, else what is added up."""
    grouped = {node.sql(dialect="duckdb").lower() for node in tree.args["group"].expressions}
    arguments: list[exp.Expr] = []
    for index, projection in enumerate(tree.expressions):
        inner = projection.unalias()
        if not isinstance(projection, exp.Alias | exp.Column):
            raise ModelError(f"models/{name}.sql: column {index + 1} needs a name: `... as name`")
        if inner.find(exp.AggFunc):
            arguments.append(_argument(name, inner))
            continue
        spelled = {inner.sql(dialect="duckdb").lower(), str(index + 1), projection.alias_or_name.lower()}
        if not spelled & grouped:
            raise ModelError(f"models/{name}.sql: '{inner.sql()}' is neither summed nor in group by")
        grouped -= spelled
        arguments.append(inner)
    if left_over := sorted(grouped - {str(index + 1) for index in range(len(tree.expressions))}):
        raise no_fold(name, f"it groups by {', '.join(left_over)}, which it does not select")
    return arguments


def _argument(name: str, node: exp.Expr) -> exp.Expr:
    """What one inner row adds to an output; null where it adds nothing. A count adds 0 then, since it is never null."""
    condition: exp.Expr | None = None
    if isinstance(node, exp.Filter):
        condition = node.expression.this
        node = node.this
    value = node.this
    if not isinstance(node, exp.Sum | exp.Count) or isinstance(value, exp.Distinct | exp.Order | None):
        raise no_fold(name, f"'{node.sql()}' is neither sum nor count")
    if isinstance(node, exp.Sum):
        return value.copy() if condition is None else _case(condition, value)
    present = None if isinstance(value, exp.Star) else exp.not_(exp.Is(this=exp.paren(value), expression=exp.null()))
    found = [exp.paren(part) for part in (condition, present) if part is not None]
    return _case(exp.and_(*found), exp.Literal.number(1), exp.Literal.number(0)) if found else exp.Literal.number(1)


def _case(condition: exp.Expr, value: exp.Expr, other: exp.Expr | None = None) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value.copy())], default=other)


__all__ = ["ROWS", "Fold", "Output", "read_fold"]
