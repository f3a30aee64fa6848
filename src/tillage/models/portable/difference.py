"""One construct that two engines read otherwise: why, what to write instead, and how it is found in a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from tillage.models.portable.kind import Types

Finder = Callable[[exp.Expr, Types], bool]


@dataclass(frozen=True)
class Difference:
    """A row of the table. The examples are values of a row of `samples`, or whole queries over it."""

    construct: str
    why: str
    """What comes of it on Spark."""
    instead: str
    """What to write; the safe spelling."""
    bad: str
    safe: str
    is_silent: bool
    """Other values or types come out, and no error."""
    gives: str = ""
    """What the safe spelling gives, if that is not what the other one gives in DuckDB."""
    nodes: tuple[type[exp.Expr], ...] = ()
    """Where to look for it."""
    found: Finder | None = None
    """Whether such a node is it; None if each is."""
    calls: frozenset[str] = frozenset()
    """Functions that are not to be called at all."""

    @property
    def message(self) -> str:
        """What is said of a model, after the place and the text."""
        verb = "silently differs on Spark" if self.is_silent else "fails on Spark"
        return f"{verb}: {self.why}. Write {self.instead}"


def words(names: str) -> frozenset[str]:
    """Names of functions, from one text."""
    return frozenset(names.split())


def bare(node: exp.Expr) -> exp.Expr:
    """An expression without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def outside(node: exp.Expr) -> exp.Expr | None:
    """What an expression stands in, parentheses left out."""
    found = node.parent
    while isinstance(found, exp.Paren):
        found = found.parent
    return found


def is_number(node: exp.Expr | None, least: int) -> bool:
    """Whether it is a literal whole number from `least` on."""
    if isinstance(node, exp.Neg):
        return least < 0 and is_number(node.this, 0)
    return isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit() and int(node.name) >= least


def conditions(node: exp.Expr) -> list[exp.Expr]:
    """What is known to hold where a node stands: of each CASE around it the condition of its arm, cut at AND."""
    found: list[exp.Expr] = []
    inner = node
    while inner.parent is not None and not isinstance(inner, exp.Query):
        outer = inner.parent
        if isinstance(outer, exp.If) and outer.args.get("true") is inner:
            is_searched = not isinstance(outer.parent, exp.Case) or outer.parent.this is None
            found += _conjuncts(outer.this) if is_searched else []
        inner = outer
    return found


def _conjuncts(node: exp.Expr) -> list[exp.Expr]:
    node = bare(node)
    return [*_conjuncts(node.left), *_conjuncts(node.right)] if isinstance(node, exp.And) else [node]


def leaves_nulls_out(node: exp.Filter, value: exp.Expr) -> bool:
    """Whether an aggregate's filter says that a value is not null."""
    wanted = exp.Not(this=exp.Is(this=bare(value).copy(), expression=exp.null()))
    return any(one == wanted for one in _conjuncts(node.expression.this))


CASTS = (exp.Cast, exp.TryCast)
