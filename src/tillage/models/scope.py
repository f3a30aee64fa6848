"""What names mean inside one SELECT of a model: of each column its currency, and what its text refers to.

The members of a struct are columns too, by their whole name: `buyer.country`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.types import stored
from tillage.errors import ModelError

ANY = "*"
"""Neutral: the literal 0 and NULL fit every currency."""
HOLDS_MONEY = "{}"
"""A list or struct with amounts inside: it can be counted, unnested or have its members named, and nothing else."""
BY = "@"
"""Before the column that names the currency: `@currency` among a dataset's columns, `@o.currency` in an expression."""
Currency = str | None
Columns = Mapping[str, Currency]


def is_by_column(currency: Currency) -> bool:
    """Whether a column of the same row names the currency."""
    return currency is not None and currency.startswith(BY)


@dataclass(frozen=True)
class Relation:
    """What a FROM names: the currency of each column, and the elements of each list."""

    columns: Columns
    lists: Mapping[str, Columns] = field(default_factory=dict)
    """List column to the columns of its elements; a scalar's element is the column without a name."""


@dataclass
class Scope:
    """The tables of one SELECT, by alias, and the lists that it may unnest."""

    tables: dict[str, Columns] = field(default_factory=dict)
    lists: dict[tuple[str, str], Columns] = field(default_factory=dict)
    """(table, list column) to the columns of its elements; a scalar's element is the column without a name."""
    shared: set[str] = field(default_factory=set)
    """Columns that a join names in USING: they are the same in every table that has them."""
    outer: Scope | None = None
    """Of the SELECT around a query in an expression or a lateral join, where its names are found if not here."""

    def find(self, model: str, column: exp.Expr) -> Currency:
        """The currency of a column."""
        table, name = self.resolve(model, column)
        return self.columns_of(table)[name]

    def columns_of(self, table: str) -> Columns:
        """The columns of a table that `resolve` found."""
        return self.tables[table] if table in self.tables or self.outer is None else self.outer.columns_of(table)

    def list_of(self, model: str, column: exp.Expr) -> Columns | None:
        """The columns of the elements of the list that a column is; None if it is no list."""
        table, name = self.resolve(model, column)
        scope: Scope | None = self
        while scope is not None and table not in scope.tables:
            scope = scope.outer
        return scope.lists.get((table, name)) if scope else None

    def resolve(self, model: str, column: exp.Expr) -> tuple[str, str]:
        """Table and whole name of what a text like `o.total_minor`, `total_minor` or `o.buyer.country` names.

        Raises:
            ModelError: nothing, or more than one thing; the message names what is known.
        """
        parts = path_of(column)
        first, rest = parts[0], ".".join(parts[1:])
        if rest and first not in self.tables and self.outer and self._is_outer(first):
            return self.outer.resolve(model, column)
        if rest and first in self.tables:
            if rest not in self.tables[first]:
                raise ModelError(f"model {model}: unknown column '{'.'.join(parts)}'{self._known()}")
            return first, rest
        whole = ".".join(parts)
        found = [table for table, columns in self.tables.items() if whole in columns]
        if len(found) > 1 and whole in self.shared:
            return found[0], whole
        if not found and self.outer is not None:
            return self.outer.resolve(model, column)
        if len(found) != 1:
            what = "unknown" if not found else "ambiguous"
            raise ModelError(f"model {model}: {what} column '{whole}'{self._known()}")
        return found[0], whole

    def _is_outer(self, table: str) -> bool:
        return self.outer is not None and (table in self.outer.tables or self.outer._is_outer(table))

    def _known(self) -> str:
        names = sorted({name for columns in self.tables.values() for name in columns if not name.startswith("_")})
        return f"; known here: {', '.join(names)}"


def path_of(node: exp.Expr) -> list[str]:
    """The names of a column and its members, outermost first."""
    if isinstance(node, exp.Dot):
        return [*path_of(node.this), node.expression.name]
    return [part.name for part in node.parts] if isinstance(node, exp.Column) else [node.name]


def relation_of_dataset(dataset: Dataset) -> Relation:
    """The columns of `dataset`, under no alias yet."""
    columns = dataset.kept_columns
    lists = {column.name: _raw_elements(column) for column in columns if column.kind is Kind.LIST}
    return Relation(dict(_fields(columns)), lists)


def scope_of_dataset(dataset: Dataset, alias: str) -> tuple[Columns, dict[str, Columns]]:
    """Currencies of the columns of `dataset`, read under `alias`, and of the elements of its lists."""
    columns = dataset.kept_columns
    own = dict(_fields(columns))
    lists = {column.name: _elements(column, own, alias) for column in columns if column.kind is Kind.LIST}
    return placed(own, alias), lists


def placed(columns: Columns, alias: str, *, among: Columns | None = None) -> Columns:
    """`@currency` as `@o.currency`, where a column of that name stands among those that are read under `alias`."""
    return {
        name: _placed(name, currency, columns if among is None else among, alias) for name, currency in columns.items()
    }


def _placed(name: str, currency: Currency, among: Columns, alias: str) -> Currency:
    if currency is None or not is_by_column(currency):
        return currency
    wanted, struct = currency.removeprefix(BY), name.rpartition(".")[0]
    found = [column for column in (f"{struct}.{wanted}", wanted) if column in among]
    return f"{BY}{alias}.{found[0]}" if found else currency


def _elements(column: Column, unit: Columns, alias: str) -> Columns:
    return placed_elements(_raw_elements(column), unit, alias)


def _raw_elements(column: Column) -> Columns:
    if column.is_scalar_list:
        return {"": next(stored(column.items[0]))[2]}
    return dict(_fields(column.items))


def placed_elements(elements: Columns, unit: Columns, alias: str) -> Columns:
    """Inside a list a currency is named by a column of the element, which has no alias yet, else of the unit."""
    by_element, by_unit = placed(elements, ""), placed(elements, alias, among=unit)
    return {name: currency if by_element[name] != currency else by_unit[name] for name, currency in elements.items()}


def _fields(columns: Iterable[Column], before: str = "") -> Iterator[tuple[str, Currency]]:
    for column in columns:
        for name, _, currency in stored(column):
            yield before + name, currency
        if column.kind not in {Kind.LIST, Kind.OBJECT}:
            continue
        if any(currency is not None for _, currency in _fields(column.items)):
            yield before + column.name, HOLDS_MONEY
        if column.kind is Kind.OBJECT:
            yield from _fields(column.items, f"{before}{column.name}.")
