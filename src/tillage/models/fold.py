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
from tillage.models.carry import delta_sql, explain_sql
from tillage.models.currency import ANY, Scope, currency_of
from tillage.models.output import ROWS, Output
from tillage.models.rows import InnerRows, no_fold, refuse_clauses, source_of


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
    tree = _parse(name, text)
    refuse_clauses(name, tree, allow_group=True)
    if not tree.args.get("group"):
        raise no_fold(name, "it has no group by")
    scope = Scope()
    inner = InnerRows(name, datasets)
    alias, columns, lists = inner.source(source_of(name, tree))
    scope.tables[alias] = columns
    scope.lists.update(lists)
    inner.joins(tree, scope)
    outputs, arguments = _outputs(name, tree, scope)
    return Fold(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        description=_description(text),
        datasets=tuple(sorted(inner.used)),
        outputs=outputs,
        delta_sql=delta_sql(name, tree, outputs, arguments),
        explain_sql=explain_sql(name, tree, outputs, arguments),
    )


def _parse(name: str, text: str) -> exp.Select:
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except sqlglot.errors.ParseError as wrong:
        at = wrong.errors[0] if wrong.errors else {}
        raise ModelError(f"models/{name}.sql, line {at.get('line', 1)}: {at.get('description', 'not SQL')}") from None
    except sqlglot.errors.TokenError as wrong:
        raise ModelError(f"models/{name}.sql: not SQL: {str(wrong).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise ModelError(f"models/{name}.sql must hold one SELECT")
    return trees[0]


def _description(text: str) -> str:
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    return first.removeprefix("--").strip() if first.startswith("--") else ""


def _outputs(name: str, tree: exp.Select, scope: Scope) -> tuple[tuple[Output, ...], list[exp.Expr]]:
    grouped = {node.sql(dialect="duckdb") for node in tree.args["group"].expressions}
    positions = {str(index + 1) for index in range(len(tree.expressions))}
    outputs: list[Output] = []
    arguments: list[exp.Expr] = []
    for index, projection in enumerate(tree.expressions):
        inner = projection.unalias()
        if not isinstance(projection, exp.Alias | exp.Column):
            raise ModelError(f"models/{name}.sql: column {index + 1} needs a name: `... as name`")
        is_key = not inner.find(exp.AggFunc)
        if is_key:
            spelled = {inner.sql(dialect="duckdb"), str(index + 1), projection.alias_or_name}
            if not spelled & grouped:
                raise ModelError(f"models/{name}.sql: '{inner.sql()}' is neither summed nor in group by")
            grouped -= spelled
            arguments.append(inner)
        else:
            arguments.append(_argument(name, inner))
        currency = None if isinstance(inner, exp.Count) else currency_of(name, inner, scope)
        outputs.append(Output(projection.alias_or_name, is_key, None if currency == ANY else currency))
    if grouped - positions:
        raise no_fold(name, f"it groups by {', '.join(sorted(grouped))}, which it does not select")
    if all(output.is_key for output in outputs):
        raise no_fold(name, "it sums and counts nothing")
    if len({output.name for output in outputs}) != len(outputs):
        raise ModelError(f"models/{name}.sql: two columns have one name")
    return tuple(outputs), arguments


def _argument(name: str, node: exp.Expr) -> exp.Expr:
    """What one inner row adds to an output; null where it adds nothing. A count adds 0 then, since it is never null."""
    condition = "true"
    if isinstance(node, exp.Filter):
        condition = node.expression.this.sql(dialect="duckdb")
        node = node.this
    if not isinstance(node, exp.Sum | exp.Count) or isinstance(node.this, exp.Distinct):
        raise no_fold(name, f"'{node.sql()}' is neither sum nor count")
    value = node.this.sql(dialect="duckdb")
    if isinstance(node, exp.Count):
        counted = "true" if isinstance(node.this, exp.Star) else f"({value}) is not null"
        return sqlglot.parse_one(f"case when ({condition}) and {counted} then 1 else 0 end", dialect="duckdb")
    if condition == "true":
        return sqlglot.parse_one(value, dialect="duckdb")
    return sqlglot.parse_one(f"case when {condition} then {value} end", dialect="duckdb")


__all__ = ["ROWS", "Fold", "Output", "read_fold"]
