"""What lineage cannot follow: columns that get their names from elsewhere than the SELECT that shows them."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from tillage.errors import ModelError


def refuse_what_is_not_followed(model: str, tree: exp.Query) -> None:
    """Each column is named where it is made, and nowhere renamed by its place or put together by its name.

    Raises:
        ModelError: names what does so, and what to write instead.
    """
    for node in tree.walk():
        for find in _FINDERS:
            if found := find(node):
                raise ModelError(f"models/{model}.sql: {found}")


def _star(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Columns):
        return f"'{_shown(node)}' picks columns by a pattern; name each"
    if not isinstance(node, exp.Star) or isinstance(node.parent, exp.Count):
        return None
    select = node.find_ancestor(exp.Select)
    is_looked_at = select is not None and isinstance(select.parent, exp.Exists)
    return None if is_looked_at else "name each column instead of *"


def _by_name(node: exp.Expr) -> str | None:
    is_by_name = isinstance(node, exp.SetOperation) and node.args.get("by_name")
    return "its union is by name; write the columns out in one order, and leave `by name` away" if is_by_name else None


def _pivot(node: exp.Expr) -> str | None:
    return (
        "PIVOT and UNPIVOT cannot be used in a model; write a CASE for each column"
        if node.args.get("pivots") or isinstance(node, exp.Pivot)
        else None
    )


def _renaming(node: exp.Expr) -> str | None:
    is_renaming = isinstance(node, exp.TableAlias) and node.args.get("columns")
    if not is_renaming or isinstance(node.parent, exp.Unnest | exp.CTE):
        return None
    return f"'{_shown(node)}' renames columns; name them in the select: `x as y`"


def _shown(node: exp.Expr) -> str:
    return str(node.sql(dialect="duckdb"))[:60]


_FINDERS: tuple[Callable[[exp.Expr], str | None], ...] = (_star, _by_name, _pivot, _renaming)
