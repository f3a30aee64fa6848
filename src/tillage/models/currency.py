"""Follows currencies through a model's SQL, so that two of them never add up in one column.

A column has a currency, none, or (the literal 0, NULL) anything. Sums, differences, unions and CASE keep it; a product
keeps it if one side has none; what else is done to money is refused, since nobody could say what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from tillage.contracts.contract import Dataset, Kind
from tillage.contracts.types import stored
from tillage.errors import ModelError

ANY = "*"
"""Neutral: the literal 0 and NULL fit every currency."""
Currency = str | None
Columns = Mapping[str, Currency]


@dataclass
class Scope:
    """What names mean inside one SELECT."""

    tables: dict[str, Columns] = field(default_factory=dict)
    lists: dict[tuple[str, str], Columns] = field(default_factory=dict)
    """(table, list column) to the columns of its elements."""

    def find(self, model: str, column: exp.Column) -> Currency:
        if column.table:
            columns = self.tables.get(column.table)
            if columns is None or column.name not in columns:
                raise ModelError(f"model {model}: unknown column '{column.sql()}'{self._known()}")
            return columns[column.name]
        found = [columns[column.name] for columns in self.tables.values() if column.name in columns]
        if len(found) != 1:
            what = "unknown" if not found else "ambiguous"
            raise ModelError(f"model {model}: {what} column '{column.name}'{self._known()}")
        return found[0]

    def _known(self) -> str:
        names = sorted({name for columns in self.tables.values() for name in columns if not name.startswith("_")})
        return f"; known here: {', '.join(names)}"


def scope_of_dataset(dataset: Dataset) -> tuple[Columns, dict[str, Columns]]:
    """Currencies of the dataset's columns, and of the elements of its lists."""
    columns: dict[str, Currency] = {}
    lists: dict[str, Columns] = {}
    for column in dataset.columns:
        columns |= {name: currency for name, _, currency in stored(column)}
        if column.kind is Kind.LIST:
            lists[column.name] = {name: currency for item in column.items for name, _, currency in stored(item)}
    return columns, lists


def merged(model: str, left: Currency, right: Currency, where: str) -> Currency:
    """One currency for values that meet in one column.

    Raises:
        ModelError: they differ.
    """
    if left == ANY:
        return right
    if right in (ANY, left):
        return left
    shown = " and ".join(sorted(str(side or "a number without currency") for side in (left, right)))
    raise ModelError(f"model {model}: {shown} meet in {where}; give each currency a column of its own")


def currency_of(model: str, node: exp.Expr, scope: Scope) -> Currency:
    """The currency of an expression.

    Raises:
        ModelError: two currencies meet, or money goes through something that this version cannot follow.
    """
    if isinstance(
        node, exp.Paren | exp.Alias | exp.Neg | exp.Abs | exp.Sum | exp.Min | exp.Max | exp.Cast | exp.Filter
    ):
        return currency_of(model, node.this, scope)
    if isinstance(node, exp.Column):
        return scope.find(model, node)
    if isinstance(node, exp.Null) or (isinstance(node, exp.Literal) and node.name == "0"):
        return ANY
    if isinstance(node, exp.Add | exp.Sub):
        left, right = currency_of(model, node.left, scope), currency_of(model, node.right, scope)
        return merged(model, left, right, f"'{node.sql()}'")
    if isinstance(node, exp.Mul):
        left, right = currency_of(model, node.left, scope), currency_of(model, node.right, scope)
        if left not in (None, ANY) and right not in (None, ANY):
            raise ModelError(f"model {model}: '{node.sql()}' multiplies money by money")
        return left if left is not None else right
    if isinstance(node, exp.Case | exp.Coalesce | exp.If):
        return _branches(model, node, scope)
    if isinstance(node, exp.Count):
        return None
    inner = [currency_of(model, column, scope) for column in node.find_all(exp.Column)]
    if isinstance(node, exp.Predicate) or all(currency is None for currency in inner):
        return None
    raise ModelError(
        f"model {model}: '{node.sql()}' does something to money that cannot be followed; "
        "allowed are +, -, times a number, sum, min, max, case, coalesce"
    )


def _branches(model: str, node: exp.Case | exp.Coalesce | exp.If, scope: Scope) -> Currency:
    if isinstance(node, exp.Coalesce):
        values = [node.this, *node.expressions]
    elif isinstance(node, exp.If):
        values = [node.args["true"], node.args.get("false") or exp.null()]
    else:
        values = [arm.args["true"] for arm in node.args["ifs"]] + [node.args.get("default") or exp.null()]
    found: Currency = ANY
    for value in values:
        found = merged(model, found, currency_of(model, value, scope), f"'{node.sql()}'")
    return found
