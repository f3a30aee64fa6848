"""Kinds of values, as far as two engines treat them otherwise; told from the names that DuckDB has for its types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum

from sqlglot import exp


class Kind(StrEnum):
    """What an expression gives."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp without time zone"
    INSTANT = "timestamp with time zone"
    INTERVAL = "interval"
    LIST = "list"
    STRUCT = "struct"
    NULL = "null"
    OTHER = "other"
    UNKNOWN = "unknown"
    """Nobody could say; what is allowed for some kinds only is then refused."""


NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DOUBLE})
MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT})

_BY_NAME = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Kind.INTEGER),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Kind.DOUBLE),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.TIMESTAMP),
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.BOOLEAN,
    "DATE": Kind.DATE,
    "TIMESTAMP WITH TIME ZONE": Kind.INSTANT,
    "INTERVAL": Kind.INTERVAL,
    '"NULL"': Kind.NULL,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_OF_INTEGERS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 20, "HUGEINT": 38}
"""Digits that Spark makes room for when a decimal meets such a number; sums of integers are BIGINT there."""


def kind_named(duckdb_type: str) -> Kind:
    """The kind of a type as DuckDB spells it."""
    if duckdb_type.endswith("]"):
        return Kind.LIST
    if duckdb_type.startswith("STRUCT("):
        return Kind.STRUCT
    if duckdb_type.startswith("DECIMAL("):
        return Kind.DECIMAL
    return _BY_NAME.get(duckdb_type, Kind.OTHER)


class Types:
    """The types of the expressions of one model, each asked for once.

    Args:
        ask: For the types of some expressions, as DuckDB spells them; None for those that nobody can say.
    """

    def __init__(self, ask: Callable[[Sequence[exp.Expr]], Sequence[str | None]]) -> None:
        self._ask = ask
        self._known: dict[int, str | None] = {}
        self._wanted: list[exp.Expr] | None = None
        self.doubts = 0
        """How often a kind was asked for that nobody can say."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is asked for inside is not known yet; all of it is asked for at once on leaving."""
        self._wanted = []
        yield
        wanted, self._wanted = self._wanted, None
        unknown = [node for node in {id(node): node for node in wanted}.values() if id(node) not in self._known]
        for node, found in zip(unknown, self._ask(unknown), strict=True):
            self._known[id(node)] = found

    def named(self, node: exp.Expr) -> str | None:
        """As DuckDB spells it; None if nobody can say."""
        if literal := _of_literal(node):
            return literal
        if self._wanted is not None:
            self._wanted.append(node)
            return None
        if id(node) not in self._known:
            (self._known[id(node)],) = self._ask([node])
        return self._known[id(node)]

    def kind(self, node: exp.Expr) -> Kind:
        found = self.named(node)
        self.doubts += found is None
        return Kind.UNKNOWN if found is None else kind_named(found)

    def digits(self, node: exp.Expr) -> tuple[int, int] | None:
        """Digits in all, and after the point, of a decimal or an integer."""
        found = self.named(node) or ""
        if match := _DECIMAL.fullmatch(found):
            return int(match[1]), int(match[2])
        if isinstance(node, exp.Literal) and found in _OF_INTEGERS:
            return len(node.name), 0
        return (_OF_INTEGERS[found], 0) if found in _OF_INTEGERS else None


def _of_literal(node: exp.Expr) -> str | None:
    """What needs no engine to tell."""
    if isinstance(node, exp.Paren | exp.Alias):
        return _of_literal(node.this)
    if isinstance(node, exp.Literal):
        return "VARCHAR" if node.is_string else _of_number(node.name)
    if isinstance(node, exp.Boolean | exp.Predicate | exp.And | exp.Or | exp.Not):
        return "BOOLEAN"
    if isinstance(node, exp.Null):
        return '"NULL"'
    return "BIGINT" if isinstance(node, exp.Count) else None


def _of_number(digits: str) -> str:
    if "e" in digits.lower():
        return "DOUBLE"
    whole, point, rest = digits.partition(".")
    if point:
        return f"DECIMAL({len(whole.lstrip('0')) + len(rest)},{len(rest)})"
    return "INTEGER" if len(whole) < 10 else "BIGINT"
