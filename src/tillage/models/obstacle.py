"""What a model has that no fold can have, found in its text alone: the reason why it is a table or a view."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

_CLAUSES = {
    "with_": "a WITH",
    "having": "a HAVING",
    "order": "an ORDER BY",
    "limit": "a LIMIT",
    "offset": "an OFFSET",
    "distinct": "DISTINCT",
    "qualify": "a QUALIFY",
}
_GROUPINGS = (exp.Rollup, exp.Cube, exp.GroupingSets)


def obstacle(tree: exp.Query, models: Collection[str]) -> str | None:
    """The first thing in a model that a fold cannot have, in words that go on after "it"; None if there is none.

    Args:
        models: Names of all models; a fold reads datasets only.
    """
    if not isinstance(tree, exp.Select):
        return "is no single SELECT"
    if not tree.args.get("group"):
        return "has no GROUP BY"
    for node in tree.walk():
        for find in (_in_source, _in_clauses, _in_expression):
            if found := find(node, tree, models):
                return found
    return None


def _in_source(node: exp.Expr, _: exp.Select, models: Collection[str]) -> str | None:
    if isinstance(node, exp.Table) and node.name.lower() in models:
        return f"reads the model {node.name.lower()}"
    if isinstance(node, exp.Join) and not isinstance(node.this, exp.Unnest):
        return "joins"
    if isinstance(node, exp.SetOperation) and (not isinstance(node, exp.Union) or node.args.get("distinct")):
        return "puts rows together other than by UNION ALL"
    return None


def _in_clauses(node: exp.Expr, tree: exp.Select, _: Collection[str]) -> str | None:
    if isinstance(node, exp.Select):
        for clause, words in _CLAUSES.items():
            if node.args.get(clause):
                return f"has {words}"
        if node is not tree and node.args.get("group"):
            return "groups twice"
    if isinstance(node, exp.Group) and any(isinstance(key, _GROUPINGS) for key in _groupings(node)):
        return "groups by several sets of keys"
    return None


def _in_expression(node: exp.Expr, _: exp.Select, __: Collection[str]) -> str | None:
    if isinstance(node, exp.Window):
        return "has a window function"
    if isinstance(node, exp.Explode):
        return "unnests in a SELECT"
    if isinstance(node, exp.Count | exp.Sum) and isinstance(node.this, exp.Distinct):
        return "sums or counts distinct values"
    if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Sum | exp.Count):
        return f"has {node.sql_name().lower()}, which cannot be added up load by load"
    if isinstance(node, exp.Query) and not isinstance(node.parent, exp.From | exp.SetOperation | exp.Subquery | None):
        return "has a query inside an expression"
    return None


def _groupings(group: exp.Group) -> list[exp.Expr]:
    return [*group.expressions, *(one for value in group.args.values() if isinstance(value, list) for one in value)]
