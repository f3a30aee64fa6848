"""Finds in a model's text all that is not the same everywhere, each with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlglot import exp

from tillage.models.allowed import called
from tillage.models.fold import parse, plain
from tillage.models.portable.difference import Difference
from tillage.models.portable.kind import Types
from tillage.models.portable.table import FUNCTIONS, NODES, TABLE

_BY_CALL = {name: row for rows in TABLE.values() for row in rows for name in row.calls}
_BY_NODE = [row for rows in TABLE.values() for row in rows if row.nodes]
_MOST_LETTERS = 60
# What may stand before a parenthesis in a table, beside what may in a fold.
_WORDS = frozenset(
    "over lateral rollup cube sets any some partition qualify distinct intersect except semi anti materialized within "
    "limit offset window".split()
)


@dataclass(frozen=True)
class Unportable:
    """A place in a model."""

    model: str
    line: int
    text: str
    """What stands there, or the name of the function."""
    difference: Difference | None
    """None for what nobody has measured."""
    is_doubted: bool = False
    """Nobody can say of which type something in it is, so it is taken for one that differs."""

    def __str__(self) -> str:
        shown = " ".join(self.text.split())[:_MOST_LETTERS]
        said = self.difference.message if self.difference else _UNKNOWN
        said += "; its type cannot be told there, so cast it first" if self.is_doubted else ""
        return f"models/{self.model}.sql, line {self.line}: '{shown}' {said}"


_UNKNOWN = (
    "is not known to give the same on Spark. What is: docs/reference/portable-sql.md; write it with those, or leave it "
    "to the query that reads the model"
)


def unportable(model: str, text: str, types: Types, tree: exp.Query | None = None) -> list[Unportable]:
    """All that is not the same everywhere in `text`, the content of `models/<model>.sql`, by line.

    Args:
        tree: The query of the text that `types` was made for, which is asked for its own nodes.

    Raises:
        ModelError: the text is no query.
    """
    tree = plain(parse(model, text)) if tree is None else tree
    aliases = {one.name.lower() for one in tree.find_all(exp.TableAlias) if one.columns}
    with types.together():
        list(_nodes(model, tree, types))
    found = [*_calls(model, text, aliases), *_nodes(model, tree, types)]
    first: dict[tuple[int, Difference | None, str], Unportable] = {}
    for one in sorted(found, key=lambda one: one.line):
        first.setdefault((one.line, one.difference, one.text if one.difference is None else ""), one)
    return list(first.values())


def _calls(model: str, text: str, aliases: Collection[str]) -> Iterator[Unportable]:
    for name, line in called(text):
        if name in _BY_CALL:
            yield Unportable(model, line, name, _BY_CALL[name])
        elif name not in FUNCTIONS | _WORDS and name not in aliases:
            yield Unportable(model, line, name, None)


def _nodes(model: str, tree: exp.Query, types: Types) -> Iterator[Unportable]:
    for node in tree.walk():
        kind: Any = type(node)
        looked_for = _rows_about(kind)
        for row in looked_for:
            doubts = types.doubts
            if row.found is None or row.found(node, types):
                text = node.sql(dialect="duckdb")
                yield Unportable(model, line_of(node), text, row, is_doubted=types.doubts > doubts)
        if not looked_for and not isinstance(node, NODES) and not _is_told_by_its_name(node):
            yield Unportable(model, line_of(node), node.sql(dialect="duckdb"), None)


def _is_told_by_its_name(node: exp.Expr) -> bool:
    """Whether it is a call of a function that `_calls` finds."""
    return isinstance(node, exp.Func) and not {name.lower() for name in type(node).sql_names()}.isdisjoint(_BY_CALL)


@lru_cache(maxsize=1024)
def _rows_about(kind: Any) -> list[Difference]:
    return [row for row in _BY_NODE if issubclass(kind, row.nodes)]


def line_of(node: exp.Expr) -> int:
    """The line on which a part of a query begins, as near as the parser has kept it."""
    around: exp.Expr | None = node
    while around is not None:
        lines = [int(one.meta["line"]) for one in around.walk() if "line" in one.meta]
        if lines:
            return min(lines)
        around = around.parent
    return 1
