"""Follows currencies through any SELECT: joins, common table expressions, set operations, windows.

What a column is made of says its currency. Where nobody could say it, the model is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from tillage.errors import ModelError
from tillage.models.currency import currency_of, merged
from tillage.models.followed import refuse_what_is_not_followed
from tillage.models.rows import named_by, passed_on, renamed
from tillage.models.scope import BY, Columns, Currency, Relation, Scope, is_by_column, path_of, placed, placed_elements

_Named = Mapping[str, Relation]
_GROUPINGS = (exp.Rollup, exp.Cube, exp.GroupingSets)


def relation_of(model: str, query: exp.Query, relations: _Named) -> Relation:
    """The columns of a query, with their currencies, in order.

    Raises:
        ModelError: an unknown table or column, two currencies in one column, or a column without a name.
    """
    refuse_what_is_not_followed(model, query)
    return _query(model, query, relations, None)


def _query(model: str, node: exp.Expr, named: _Named, outer: Scope | None) -> Relation:
    named = _with(model, node, named)
    if isinstance(node, exp.Subquery):
        return _query(model, node.this, named, outer)
    if isinstance(node, exp.SetOperation):
        return _set_operation(model, node, named)
    if isinstance(node, exp.Select):
        return _select(model, node, named, outer)
    raise ModelError(f"models/{model}.sql: '{node.sql(dialect='duckdb')[:60]}' is no SELECT")


def _with(model: str, node: exp.Expr, named: _Named) -> _Named:
    """What may be named inside a query: what it got, and its common table expressions, each seeing those before."""
    clause = node.args.get("with_")
    if not isinstance(clause, exp.With):
        return named
    if clause.args.get("recursive"):
        raise ModelError(f"models/{model}.sql: WITH RECURSIVE cannot be used in a model")
    known = dict(named)
    for one in clause.expressions:
        if one.alias in named:  # the names in a model's text say what its builds wait for
            raise ModelError(f"models/{model}.sql: WITH {one.alias} hides what has that name; give it another one")
        if one.args["alias"].columns:
            raise ModelError(f"models/{model}.sql: WITH {one.alias} renames columns; name them in its select: `x as y`")
        known[one.alias] = _query(model, one.this, known, None)
    return known


def _set_operation(model: str, node: exp.SetOperation, named: _Named) -> Relation:
    left, right = (_query(model, side, named, None) for side in (node.left, node.right))
    if len(left.columns) != len(right.columns):
        raise ModelError(
            f"models/{model}.sql: the sides of a union have {len(left.columns)} and {len(right.columns)} columns"
        )
    names = dict(zip(right.columns, left.columns, strict=True))
    for column, other in zip(left.columns, right.columns, strict=True):
        # Of structs and lists the members meet by their names, wherever they stand.
        if column.partition(".")[2] != other.partition(".")[2] or left.lists.get(column) != right.lists.get(other):
            raise ModelError(
                f"models/{model}.sql: structs or lists with other members meet in column '{column.partition('.')[0]}' "
                "of the union; select their members instead"
            )
    columns = {
        column: merged(model, currency, renamed(other, names), f"column '{column}' of the union")
        for (column, currency), other in zip(left.columns.items(), right.columns.values(), strict=True)
    }
    return Relation(columns, {name: elements for name, elements in left.lists.items() if name in columns})


def _select(model: str, node: exp.Select, named: _Named, outer: Scope | None) -> Relation:
    scope = Scope(outer=outer)
    source = node.args.get("from_")
    if isinstance(source, exp.From):
        _add(model, source.this, scope, named)
    for join in node.args.get("joins") or ():
        if str(join.args.get("kind", "")).upper() in {"SEMI", "ANTI"}:
            _query_of(model, join.this, named, scope)  # its columns are not to be had afterwards
            continue
        _add(model, join.this, scope, named)
        scope.shared |= {column.name for column in join.args.get("using") or ()}
    for query in _inner_queries(node):
        _query(model, query, named, scope)
    columns: dict[str, Currency] = {}
    lists: dict[str, Columns] = {}
    for projection in node.expressions:
        _project(model, projection, scope, columns, lists)
    kept = passed_on(model, node, scope)
    _refuse_mixing_windows(model, node, scope)
    _refuse_mixing_groups(model, node, columns)
    return Relation(
        {column: named_by(model, currency, kept) for column, currency in columns.items()},
        {column: _without_row(elements, scope) for column, elements in lists.items()},
    )


def _without_row(elements: Columns, scope: Scope) -> Columns:
    """Elements of a list that a SELECT passes on: a currency that their row names is not beside them any more."""
    found = dict(elements)
    for name, currency in elements.items():
        if currency is None or not is_by_column(currency):
            continue
        table, _, column = currency.removeprefix(BY).partition(".")
        if table in scope.tables and currency.removeprefix(BY) not in elements:
            found[name] = f"{BY}?.{column}"
    return found


def _add(model: str, node: exp.Expr, scope: Scope, named: _Named) -> None:
    """Puts what a FROM or JOIN names into the scope."""
    if isinstance(node, exp.Unnest):
        alias = node.args.get("alias")
        if not isinstance(alias, exp.TableAlias) or len(alias.columns) != 1 or len(node.expressions) != 1:
            raise ModelError(f"models/{model}.sql: an unnest needs one list and one name: `unnest(o.lines) as t(l)`")
        name = alias.columns[0].name
        elements = _list(model, node.expressions[0], scope)
        found = Relation({name: elements[""]} if "" in elements else elements)
        alias_name = alias.name if "" in elements else name
    else:
        found = _query_of(model, node, named, scope)
        alias_name = node.alias_or_name
    if not alias_name:
        raise ModelError(f"models/{model}.sql: '{node.sql(dialect='duckdb')[:40]}' needs a name: `(..) as x`")
    if alias_name in scope.tables:
        raise ModelError(f"models/{model}.sql: two tables have the name '{alias_name}'")
    scope.tables[alias_name] = placed(found.columns, alias_name)
    lists = {column: placed_elements(elements, found.columns, alias_name) for column, elements in found.lists.items()}
    scope.lists.update({(alias_name, column): elements for column, elements in lists.items()})


def _query_of(model: str, node: exp.Expr, named: _Named, scope: Scope) -> Relation:
    if isinstance(node, exp.Table):
        if node.name not in named or node.db:
            raise ModelError(
                f"models/{model}.sql reads '{node.sql(dialect='duckdb')}'; there are: {', '.join(sorted(named))}"
            )
        return named[node.name]
    if isinstance(node, exp.Lateral):
        return _query(model, node.this, named, scope)
    return _query(model, node, named, None)


def _list(model: str, node: exp.Expr, scope: Scope) -> Columns:
    """The columns of the elements of a list that an unnest names."""
    if isinstance(node, exp.Column | exp.Dot):
        found = scope.list_of(model, node)
        if found is not None:
            return found
    raise ModelError(f"models/{model}.sql: '{node.sql(dialect='duckdb')[:60]}' is no list of what it reads")


def _project(
    model: str, projection: exp.Expr, scope: Scope, columns: dict[str, Currency], lists: dict[str, Columns]
) -> None:
    """Adds a column of the SELECT, with its members or elements if it has some."""
    is_named = isinstance(projection, exp.Alias | exp.Column | exp.Dot)
    value, name = projection.unalias(), projection.alias_or_name if is_named else f"column{len(columns)}"
    if name in columns:
        raise ModelError(f"models/{model}.sql: two columns of a select have the name '{name}'")
    if isinstance(value, exp.Explode):
        elements = _list(model, value.this, scope)
        columns[name] = elements.get("")
        columns |= {} if "" in elements else _members(name, elements)
        return
    columns[name] = currency_of(model, value, scope)
    if isinstance(value, exp.Column | exp.Dot):
        table, whole = scope.resolve(model, value)
        before = f"{whole}."
        inside = {
            key.removeprefix(before): one for key, one in scope.columns_of(table).items() if key.startswith(before)
        }
        columns |= _members(name, inside)
        elements_of = scope.list_of(model, value)
        if elements_of is not None:
            lists[name] = elements_of


def _members(name: str, inside: Columns) -> dict[str, Currency]:
    return {f"{name}.{member}": currency for member, currency in inside.items()}


def _inner_queries(select: exp.Select) -> list[exp.Expr]:
    """Queries inside its expressions, not those that it reads from, nor those inside of them."""
    found: list[exp.Expr] = []
    for part in ("expressions", "where", "having", "qualify", "joins"):
        value = select.args.get(part)
        for one in value if isinstance(value, list) else [value] if value is not None else []:
            root = one.args.get("on") if isinstance(one, exp.Join) else one
            if root is None:
                continue
            nodes = root.walk(prune=lambda node: isinstance(node, exp.Query))
            found += [node for node in nodes if isinstance(node, exp.Query)]
    return found


def _refuse_mixing_windows(model: str, node: exp.Select, scope: Scope) -> None:
    """A window over amounts whose currency a column names sees one currency at a time.

    Raises:
        ModelError: it is not partitioned by that column.
    """
    named = {one.name: one for one in node.args.get("windows") or ()}
    for window in _windows(node):
        currency = currency_of(model, window.this, scope)
        if currency is None or not is_by_column(currency):
            continue
        partition = window.args.get("partition_by") or ()
        if not partition and window.alias in named:
            partition = named[window.alias].args.get("partition_by") or ()
        by = {".".join(path_of(one)) for one in partition if isinstance(one, exp.Column)}
        column = currency.removeprefix(BY)
        if not by & {column, column.partition(".")[2]}:
            raise ModelError(
                f"models/{model}.sql: '{window.sql(dialect='duckdb')[:60]}' sees amounts of several currencies; "
                f"add {column} to its partition by"
            )


def _windows(select: exp.Select) -> list[exp.Window]:
    """Those of the SELECT itself; what it reads, and a query inside of it, sees to its own."""
    parts = [*select.expressions, select.args.get("qualify"), select.args.get("order")]
    nodes = [node for part in parts if part is not None for node in part.walk(prune=_is_query)]
    return [node for node in nodes if isinstance(node, exp.Window)]


def _is_query(node: exp.Expr) -> bool:
    return isinstance(node, exp.Query)


def _refuse_mixing_groups(model: str, node: exp.Select, columns: Columns) -> None:
    """Of several sets of keys some leave the column out that names the currency of an amount.

    Raises:
        ModelError: there are such amounts.
    """
    group = node.args.get("group")
    if not isinstance(group, exp.Group) or not group.find(*_GROUPINGS):
        return
    for column, currency in columns.items():
        if currency is not None and is_by_column(currency):
            raise ModelError(
                f"models/{model}.sql: '{column}' would add up amounts of several currencies, since it groups by "
                "several sets of keys; group by one set, with the column that names the currency"
            )
