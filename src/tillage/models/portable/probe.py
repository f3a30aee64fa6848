"""Queries whose last columns are expressions of a model, so that an engine that describes them says their types.

An expression means what it means where it stands: the probe keeps the FROM of its SELECT, the common table expressions
before it, and of SELECTs around it what they read, which a query in an expression or a lateral join may name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

_VALUE, _INNER = "#value", "#inner"


def probes(node: exp.Expr) -> Iterator[str]:
    """Queries to describe, one after the other until one binds.

    Whichever binds finds the same columns under the same names, so it gives the same type.
    """
    select = node.find_ancestor(exp.Select)
    if select is None or (before := _before(select)) is None:
        return
    around = _around(select)
    for query in (_beside(select, [node]), _alone(select, [node])):
        yield _with(before, query)
        inner = query
        for outer in around:
            inner = _lateral(outer, inner)
            yield _with(before, inner)


def batches(nodes: Sequence[exp.Expr]) -> Iterator[tuple[list[exp.Expr], str]]:
    """Queries whose last columns are several of the expressions; one costs as much as that of a single one."""
    groups: dict[tuple[int, bool], list[exp.Expr]] = {}
    for node in nodes:
        select = node.find_ancestor(exp.Select)
        if select is not None:
            groups.setdefault((id(select), node.find_ancestor(exp.Where, exp.Join, exp.Select) is select), []).append(
                node
            )
    for (_, is_beside), group in groups.items():
        select = group[0].find_ancestor(exp.Select)
        if select is not None and (before := _before(select)) is not None:
            yield group, _with(before, _beside(select, group) if is_beside else _alone(select, group))


def _beside(select: exp.Select, nodes: Sequence[exp.Expr]) -> exp.Select:
    """The whole SELECT with the expressions as more columns: they may name others, and be of a group."""
    found = select.copy()
    for part in ("with_", "order", "limit", "offset", "distinct", "qualify"):
        found.set(part, None)
    found.set("expressions", [*found.expressions, *_named(nodes)])
    return found


def _alone(select: exp.Select, nodes: Sequence[exp.Expr]) -> exp.Select:
    """What the SELECT reads, and the expressions: as in WHERE or in a join, before anything is grouped."""
    found = exp.Select(expressions=_named(nodes))
    for part in ("from_", "joins", "windows"):
        value = select.args.get(part)
        if value:
            found.set(part, [one.copy() for one in value] if isinstance(value, list) else value.copy())
    for join in found.args.get("joins") or ():
        if str(join.args.get("kind") or "").upper() in {"SEMI", "ANTI"}:
            join.set("kind", None)  # its condition may name what afterwards nothing may
    return found


def _lateral(outer: exp.Select, inner: exp.Select) -> exp.Select:
    """The value of `inner`, which may name what `outer` reads."""
    read = _alone(outer, [exp.null()])
    value = exp.column(exp.to_identifier(_VALUE, quoted=True), table=exp.to_identifier(_INNER, quoted=True))
    read.set("expressions", [value])
    alias = exp.TableAlias(this=exp.to_identifier(_INNER, quoted=True))
    if read.args.get("from_"):
        join = exp.Join(this=exp.Lateral(this=exp.Subquery(this=inner), alias=alias), kind="CROSS")
        read.set("joins", [*(read.args.get("joins") or ()), join])
    else:
        read.set("from_", exp.From(this=exp.Subquery(this=inner, alias=alias)))
    return read


def _named(nodes: Sequence[exp.Expr]) -> list[exp.Expr]:
    names = [_VALUE if index == 0 else f"{_VALUE}{index}" for index in range(len(nodes))]
    return [
        exp.Alias(this=node.copy(), alias=exp.to_identifier(name, quoted=True))
        for node, name in zip(nodes, names, strict=True)
    ]


def _around(select: exp.Select) -> list[exp.Select]:
    """SELECTs around one whose names it may see, innermost first; a common table expression sees none."""
    found = []
    node: exp.Expr | None = select
    while node is not None and not isinstance(node, exp.CTE):
        node = node.parent
        if isinstance(node, exp.Select):
            found.append(node)
    return found


def _before(select: exp.Select) -> list[exp.Expr] | None:
    """Common table expressions that a SELECT may name, outermost first; None if two of them have one name."""
    found = _own(select)
    inner: exp.Expr = select
    while (outer := inner.parent) is not None:
        if isinstance(outer, exp.With):
            earlier = [id(one) for one in outer.expressions].index(id(inner))
            found = [*outer.expressions[:earlier], *found]
            if outer.parent is None:
                break
            inner = outer.parent
            continue
        found = [*_own(outer), *found]
        inner = outer
    names = [one.alias.lower() for one in found]
    return found if len(set(names)) == len(names) else None


def _own(node: exp.Expr) -> list[exp.Expr]:
    clause = node.args.get("with_")
    return list(clause.expressions) if isinstance(clause, exp.With) else []


def _with(before: list[exp.Expr], query: exp.Select) -> str:
    if before:
        query = query.copy()
        query.set("with_", exp.With(expressions=[one.copy() for one in before]))
    sql: str = query.sql(dialect="duckdb")
    return sql
